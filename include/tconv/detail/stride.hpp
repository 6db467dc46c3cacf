#pragma once

/// \file
/// Every second, third or fourth element of a row, by shuffles of whole registers.

#include <cstddef>
#include <cstring>
#include <utility>

#include "tconv/detail/block.hpp"

namespace tconv::detail {

#ifdef TCONV_HAS_SHUFFLEVECTOR
/// `result` with those of its elements replaced whose place in the row, `i * step + first`, is in
/// `from`, the packet number `source`.
template <int step, int first, int source, class Row, int... i>
EIGEN_ALWAYS_INLINE Row take_strided(const Row& result, const Row& from,
                                     std::integer_sequence<int, i...>) {
  constexpr int size = sizeof...(i);
  return __builtin_shufflevector(
      result, from,
      ((i * step + first) / size == source ? size + (i * step + first) % size : i)...);
}
#endif

/// Writes `from[first], from[first + step], ...`, `size` elements, of `size * step` that are read.
template <class Scalar, std::size_t size, int step, int first = 0>
EIGEN_ALWAYS_INLINE void load_strided(const Scalar* from, Scalar* to) {
#ifdef TCONV_HAS_SHUFFLEVECTOR
  using Row = typename Block<Scalar, size>::Type;
  Row rows[step];
  std::memcpy(rows, from, sizeof(rows));
  Row result = rows[0];
  [&]<int... source>(std::integer_sequence<int, source...>) {
    ((result = take_strided<step, first, source>(
          result, rows[source], std::make_integer_sequence<int, static_cast<int>(size)>{})),
     ...);
  }
  (std::make_integer_sequence<int, step>{});
  Block<Scalar, size>::store(to, result);
#else
  for (std::size_t i = 0; i < size; ++i) to[i] = from[first + i * static_cast<std::size_t>(step)];
#endif
}

}  // namespace tconv::detail
