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
#include <array>
#include <bit>
#include <cstddef>
#include <cstring>
#include <utility>

#include "tconv/core/eigen.hpp"
#include "tconv/core/isa.hpp"
#include "tconv/simd/packet.hpp"
#include "tconv/simd/register.hpp"
#include "tconv/simd/stride.hpp"

namespace tconv::inline TCONV_ISA::simd {

/// A square of `size` rows of `size` scalars, a power of two.
template <class Scalar, int size>
class Transposition {
 public:
  using Row = typename Register<Scalar, static_cast<std::size_t>(size)>::Type;

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

/// A square of elements in registers, as many rows as a packet has lanes.
template <class Scalar>
class Square {
 public:
  static constexpr int size = Packet<Scalar>::size;
  using Offsets = std::array<Index, static_cast<std::size_t>(size)>;

  /// Of `count` columns `step` apart, and those of the last one for the others: without a branch
  /// the loads of several squares are in flight at once.
  static Offsets offsets(Index step, Index count) {
    Offsets result;
    for (Index i = 0; i < size; ++i)
      result[static_cast<std::size_t>(i)] = std::min(i, count - 1) * step;
    return result;
  }

  /// Columns from `from` on.
  EIGEN_ALWAYS_INLINE void load_transposed(const Scalar* from, const Offsets& offsets) {
    for (std::size_t i = 0; i < offsets.size(); ++i)
      std::memcpy(&rows_[i], from + offsets[i], sizeof(Row));
    Transposition<Scalar, size>::run(rows_);
  }
  /// The same of which only the first `height` elements, fewer than a packet, are read.
  EIGEN_ALWAYS_INLINE void load_part_transposed(const Scalar* from, const Offsets& offsets,
                                                Index height) {
    const PacketPart<Scalar> part(0, height);
    for (std::size_t i = 0; i < offsets.size(); ++i)
      rows_[i] = std::bit_cast<Row>(part.load(from + offsets[i]));
    Transposition<Scalar, size>::run(rows_);
  }
  /// The first `width` elements, fewer than a row, of `count` rows.
  EIGEN_ALWAYS_INLINE void store_part(Scalar* to, Index step, Index count, Index width) const {
    using P = Packet<Scalar>;
    const PacketPart<Scalar> part(0, width);
    for (int i = 0; i < count; ++i, to += step)
      part.store(to, std::bit_cast<typename P::Type>(rows_[i]));
  }
  /// Row `i` to `to + i * step`, one after the other, of `count` rows.
  EIGEN_ALWAYS_INLINE void store(Scalar* to, Index step, Index count) const {
    for (int i = 0; i < size; ++i)
      if (i < count) std::memcpy(to + i * step, &rows_[i], sizeof(Row));
  }
  /// The same past the caches. Rows begin at multiples of a packet.
  EIGEN_ALWAYS_INLINE void stream(Scalar* to, Index step, Index count) const {
    using P = Packet<Scalar>;
    for (int i = 0; i < size; ++i)
      if (i < count) simd::stream(to + i * step, std::bit_cast<typename P::Type>(rows_[i]));
  }

 private:
  using Row = typename Register<Scalar, static_cast<std::size_t>(size)>::Type;
  Row rows_[size];
};

/// Up to a packet of positions of a packet of channels, which begin at `offsets` from `from` on, of
/// which `largest` is the largest, in a tensor that ends at `end`, to `[position][channel]`. Writes
/// whole packets.
template <class Scalar>
void transpose_square(const Scalar* from, const typename Square<Scalar>::Offsets& offsets,
                      Index largest, const Scalar* end, Index count, Scalar* to, Index pitch) {
  constexpr auto size = static_cast<std::size_t>(Square<Scalar>::size);
  if (end - from < largest + Square<Scalar>::size) {
    alignas(64) std::array<Scalar, size * size> rows{};
    for (std::size_t c = 0; c < size; ++c)
      std::copy_n(from + offsets[c], count, rows.data() + c * size);
    const auto dense = Square<Scalar>::offsets(Square<Scalar>::size, Square<Scalar>::size);
    return transpose_square<Scalar>(rows.data(), dense, dense.back(), rows.data() + rows.size(),
                                    count, to, pitch);
  }
  Square<Scalar> square;
  square.load_transposed(from, offsets);
  square.store(to, pitch, count);
}

/// Turns `count` rows of `width` elements, a multiple of the packet: `from[i * width + j]` to `to[j
/// * to_step + i]`. Writes whole packets.
template <class Scalar>
void turn_rows(const Scalar* from, Index width, Index count, Scalar* to, Index to_step) {
  constexpr Index lanes = Packet<Scalar>::size;
  for (Index i = 0; i < count; i += lanes) {
    const auto offsets = Square<Scalar>::offsets(width, std::min(lanes, count - i));
    for (Index j = 0; j < width; j += lanes)
      transpose_square(from + i * width + j, offsets, offsets.back(), from + count * width, lanes,
                       to + j * to_step + i, to_step);
  }
}

}  // namespace tconv::inline TCONV_ISA::simd
