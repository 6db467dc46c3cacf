#pragma once

/// \file
/// The transposition of a square of registers.
///
/// A step takes rows `i` and `i + size / 2` to rows `2 * i` and `2 * i + 1`: it makes the highest
/// bit of the row a bit of the column, and the other way round. As many steps as a row has bits
/// transpose the square, but for the order of those bits. The first ones exchange the bits of the
/// place in a 16-byte lane, the last ones those of the lane: the hardware has an instruction for
/// both, and several cycles for what crosses lanes otherwise.

#include <algorithm>
#include <cstddef>
#include <utility>

#include "tconv/detail/block.hpp"

namespace tconv::detail {

/// A square of `size` rows of `size` scalars, a power of two.
template <class Scalar, int size>
class Transposition {
 public:
  using Row = typename Block<Scalar, static_cast<std::size_t>(size)>::Type;

  static EIGEN_ALWAYS_INLINE void run(Row (&rows)[size]) { enter(rows, all); }

 private:
  static constexpr auto all = std::make_integer_sequence<int, size>{};
  static constexpr auto pairs = std::make_integer_sequence<int, size / 2>{};
  /// Scalars of a lane.
  static constexpr int lane = std::min(size, std::max(16 / static_cast<int>(sizeof(Scalar)), 1));
  static constexpr int lanes = size / lane;

  /// Where a row begins, and where that of a position ends: the bits of the place in a lane come
  /// first, then those of the lane in reverse order.
  static constexpr int place(int i) {
    int reversed = 0;
    for (int bit = 1; bit < lanes; bit *= 2) reversed = 2 * reversed + (i / lane / bit) % 2;
    return i % lane * lanes + reversed;
  }

  /// Which element of two rows, one behind the other, element `i` of the first or second of the
  /// new rows is.
  static constexpr int source(bool in_lane, int second, int i) {
    if (in_lane) return i / lane * lane + second * lane / 2 + i % lane / 2 + i % 2 * size;
    const int from = i / lane * 2 + second;
    return from / lanes * size + from % lanes * lane + i % lane;
  }

  template <bool in_lane, int second, int... i>
  static EIGEN_ALWAYS_INLINE Row shuffle(const Row& a, const Row& b,
                                         std::integer_sequence<int, i...>) {
#ifdef TCONV_HAS_SHUFFLEVECTOR
    return __builtin_shufflevector(a, b, source(in_lane, second, i)...);
#else
    const auto element = [&](int from) {
      const auto at = static_cast<std::size_t>(from % size);
      return from < size ? a[at] : b[at];
    };
    return {element(source(in_lane, second, i))...};
#endif
  }

  template <int done, int... i>
  static EIGEN_ALWAYS_INLINE void step(const Row (&from)[size], Row (&to)[size],
                                       std::integer_sequence<int, i...>) {
    constexpr bool in_lane = done < lane;
    ((to[2 * i] = shuffle<in_lane, 0>(from[i], from[i + size / 2], all),
      to[2 * i + 1] = shuffle<in_lane, 1>(from[i], from[i + size / 2], all)),
     ...);
  }

  template <int... i>
  static EIGEN_ALWAYS_INLINE void enter(Row (&rows)[size], std::integer_sequence<int, i...>) {
    Row placed[size];
    ((placed[place(i)] = rows[i]), ...);
    finish<1>(placed, rows, all);
  }
  /// The steps from the one that follows `done`, a power of two.
  template <int done, int... i>
  static EIGEN_ALWAYS_INLINE void finish(const Row (&from)[size], Row (&rows)[size],
                                         std::integer_sequence<int, i...>) {
    if constexpr (done < size) {
      Row to[size];
      step<done>(from, to, pairs);
      finish<2 * done>(to, rows, all);
    } else {
      ((rows[i] = from[place(i)]), ...);
    }
  }
};

}  // namespace tconv::detail
