#pragma once

/// \file
/// The transposition of a square of registers.

#include <array>
#include <cstddef>
#include <utility>

#include "tconv/detail/block.hpp"

namespace tconv::detail {

/// The elements of `a` and `b` in turn: of their lower half, or of their upper half.
template <class Scalar, int size, int half>
EIGEN_ALWAYS_INLINE typename Block<Scalar, static_cast<std::size_t>(size)>::Type interleave_half(
    const typename Block<Scalar, static_cast<std::size_t>(size)>::Type& a,
    const typename Block<Scalar, static_cast<std::size_t>(size)>::Type& b) {
#ifdef TCONV_HAS_SHUFFLEVECTOR
  return [&]<int... i>(std::integer_sequence<int, i...>) {
    return __builtin_shufflevector(a, b, (half * size / 2 + i / 2 + i % 2 * size)...);
  }
  (std::make_integer_sequence<int, size>{});
#else
  typename Block<Scalar, static_cast<std::size_t>(size)>::Type result;
  for (std::size_t i = 0; i < result.size(); ++i)
    result[i] = (i % 2 == 0 ? a : b)[half * result.size() / 2 + i / 2];
  return result;
#endif
}

/// Transposes `size` rows of `size` elements, a power of two. Interleaving row `i` with row
/// `i + size / 2` rotates the bits of (row, column) by one; as many steps as a row has bits
/// exchange them.
template <class Scalar, int size>
EIGEN_ALWAYS_INLINE void transpose(
    typename Block<Scalar, static_cast<std::size_t>(size)>::Type (&rows)[size]) {
  using Row = typename Block<Scalar, static_cast<std::size_t>(size)>::Type;
  const auto step = [](const Row(&from)[size], Row(&to)[size]) {
    [&]<int... i>(std::integer_sequence<int, i...>) {
      ((to[2 * i] = interleave_half<Scalar, size, 0>(from[i], from[i + size / 2]),
        to[2 * i + 1] = interleave_half<Scalar, size, 1>(from[i], from[i + size / 2])),
       ...);
    }
    (std::make_integer_sequence<int, size / 2>{});
  };
  Row other[size];
  int steps = 0;
  for (int n = size; n > 1; n /= 2) ++steps;
  // In pairs of steps, so that the result is in `rows`.
  for (int i = 0; i < steps / 2; ++i) {
    step(rows, other);
    step(other, rows);
  }
  if (steps % 2 == 1) {
    step(rows, other);
    for (int i = 0; i < size; ++i) rows[i] = other[i];
  }
}

}  // namespace tconv::detail
