#pragma once

/// \file
/// Every second, third or fourth element of a row, by shuffles of whole registers.

#include <cstddef>
#include <utility>

#include "tconv/detail/block.hpp"

namespace tconv::detail {

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
        result, Block<Scalar, size>::load(from + source * static_cast<int>(size)),
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
  using Row = Block<Scalar, size>;
  Row::store(to, take_strided<Scalar, size, step, first, 1>(from, Row::load(from)));
#else
  for (std::size_t i = 0; i < size; ++i) to[i] = from[first + i * static_cast<std::size_t>(step)];
#endif
}

}  // namespace tconv::detail
