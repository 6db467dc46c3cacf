#pragma once

/// \file
/// Copies of exactly so many elements of a row, one after another or each second, third, fourth
/// one. Image rows are short, and many: a call for each would cost more than the copy.

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <type_traits>
#include <utility>

#include "tconv/core/eigen.hpp"
#include "tconv/core/isa.hpp"
#include "tconv/simd/packet.hpp"
#include "tconv/simd/register.hpp"

namespace tconv::inline TCONV_ISA::simd {

#ifdef TCONV_HAS_SHUFFLEVECTOR
/// `result` with those of its elements replaced whose place in the row, `i * step + first`, is in
/// `from`, the packet number `source`. Before the first one it is packet number 0 as it lies.
template <int step, int first, int source, class Row, int... i>
EIGEN_ALWAYS_INLINE Row take_strided(const Row& result, const Row& from,
                                     std::integer_sequence<int, i...>) {
  constexpr int size = sizeof...(i);
  constexpr auto element = [](int index) {
    const int place = index * step + first;
    if (place / size == source) return size + place % size;
    return source == 1 && place < size ? place : index;
  };
  return __builtin_shufflevector(result, from, element(i)...);
}

/// The same for the packets from number `source` on.
template <class Scalar, std::size_t size, int step, int first, int source, class Row>
EIGEN_ALWAYS_INLINE Row take_strided(const Scalar* from, const Row& result) {
  if constexpr (source == step) {
    return result;
  } else {
    const Row taken = take_strided<step, first, source>(
        result, Register<Scalar, size>::load(from + source * static_cast<int>(size)),
        std::make_integer_sequence<int, static_cast<int>(size)>{});
    return take_strided<Scalar, size, step, first, source + 1>(from, taken);
  }
}
#endif

/// Writes `from[first], from[first + step], ...`, `size` elements, of `size * step` that are read.
/// `step` is 2 or more.
template <class Scalar, std::size_t size, int step, int first = 0>
EIGEN_ALWAYS_INLINE void load_strided(const Scalar* from, Scalar* to) {
#ifdef TCONV_HAS_SHUFFLEVECTOR
  using Row = Register<Scalar, size>;
  Row::store(to, take_strided<Scalar, size, step, first, 1>(from, Row::load(from)));
#else
  for (std::size_t i = 0; i < size; ++i) to[i] = from[first + i * static_cast<std::size_t>(step)];
#endif
}

/// Exactly `count` elements, at least `size` and at most twice as many, as two blocks that overlap.
template <std::size_t size, class Scalar>
EIGEN_ALWAYS_INLINE void copy_overlapping(const Scalar* from, Index count, Scalar* to) {
  std::array<Scalar, size> head, tail;
  std::memcpy(head.data(), from, sizeof(head));
  std::memcpy(tail.data(), from + count - static_cast<Index>(size), sizeof(tail));
  std::memcpy(to, head.data(), sizeof(head));
  std::memcpy(to + count - static_cast<Index>(size), tail.data(), sizeof(tail));
}

/// Exactly `count` elements, at most `2 * size`.
template <std::size_t size, class Scalar>
EIGEN_ALWAYS_INLINE void copy_part(const Scalar* from, Index count, Scalar* to) {
  if constexpr (size == 1) {
    copy_overlapping<1>(from, count, to);
  } else {
    if (count >= static_cast<Index>(size))
      copy_overlapping<size>(from, count, to);
    else
      copy_part<size / 2>(from, count, to);
  }
}

/// Exactly `count` elements.
template <class Scalar>
EIGEN_ALWAYS_INLINE void copy_dense(const Scalar* from, Index count, Scalar* to) {
  using P = Packet<Scalar>;
  for (; count >= P::size; count -= P::size, from += P::size, to += P::size)
    P::store(to, P::load(from));
  if (count > 0) copy_part<static_cast<std::size_t>(std::max(P::size / 2, 1))>(from, count, to);
}

/// Copies a row past the caches.
template <class Scalar>
void stream_row(const Scalar* row, Index count, Scalar* y) {
  using P = Packet<Scalar>;
  constexpr std::uintptr_t alignment = P::size * sizeof(Scalar);
  Index i = 0;
  for (; i < count && reinterpret_cast<std::uintptr_t>(y + i) % alignment != 0; ++i) y[i] = row[i];
  for (; i + P::size <= count; i += P::size) stream(y + i, P::load(row + i));
  for (; i < count; ++i) y[i] = row[i];
}

/// `count` rows of exactly `width` elements, at least `size` and at most twice as many, from
/// `from_step` apart to `to_step` apart.
template <std::size_t size, class Scalar>
void copy_overlapping_rows(const Scalar* from, Index from_step, Index count, Index width,
                           Scalar* to, Index to_step) {
  for (Index i = 0; i < count; ++i, from += from_step, to += to_step)
    copy_overlapping<size>(from, width, to);
}

/// `count` rows of exactly `width` elements. Branches in the loop would double its time for short
/// rows.
template <class Scalar>
void copy_rows_apart(const Scalar* from, Index from_step, Index count, Index width, Scalar* to,
                     Index to_step) {
  if (width > 32 || width < 2)
    for (Index i = 0; i < count; ++i, from += from_step, to += to_step) copy_dense(from, width, to);
  else if (width >= 16)
    copy_overlapping_rows<16>(from, from_step, count, width, to, to_step);
  else if (width >= 8)
    copy_overlapping_rows<8>(from, from_step, count, width, to, to_step);
  else if (width >= 4)
    copy_overlapping_rows<4>(from, from_step, count, width, to, to_step);
  else
    copy_overlapping_rows<2>(from, from_step, count, width, to, to_step);
}

/// Every element number `step` of a row, `count` of them. Reads no further than the last one.
template <int step, class Scalar>
void copy_strided(const Scalar* from, Index count, Scalar* to) {
  constexpr int lanes = Packet<Scalar>::size, half = lanes / 2;
  Index i = 0;
  if constexpr (half > 1) {
    const auto copy = [&](auto size) {
      for (; i + size < count; i += size)
        load_strided<Scalar, static_cast<std::size_t>(size), step>(from + i * step, to + i);
    };
    copy(std::integral_constant<int, lanes>{});
    copy(std::integral_constant<int, half>{});
    if (i > 0) {
      // The last ones are the last of `step` elements each, as nothing behind them may be read.
      i = count - half;
      load_strided<Scalar, half, step, step - 1>(from + i * step - (step - 1), to + i);
      return;
    }
  }
  for (; i < count; ++i) to[i] = from[i * step];
}

/// Every element number `step` of a row, `count` of them. Reads no further than the last one.
template <class Scalar>
EIGEN_ALWAYS_INLINE void copy_row(const Scalar* from, Index step, Index count, Scalar* to) {
  if (step == 1)
    copy_dense(from, count, to);
  else if (step == 2)
    copy_strided<2>(from, count, to);
  else if (step == 3)
    copy_strided<3>(from, count, to);
  else if (step == 4)
    copy_strided<4>(from, count, to);
  else
    for (Index i = 0; i < count; ++i) to[i] = from[i * step];
}

}  // namespace tconv::inline TCONV_ISA::simd
