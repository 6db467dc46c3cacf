#pragma once

/// \file
/// Dot products of rows with rows, and the copies of rows that they read.

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstring>
#include <utility>

#include "tconv/detail/stride.hpp"
#include "tconv/engine/pack.hpp"

namespace tconv::engine {

/// Calls `f` with the compile-time numbers 0 to `count - 1`. With a loop in its place g++ keeps the
/// tile in memory.
template <int count, class F>
EIGEN_ALWAYS_INLINE void unrolled(const F& f) {
  [&]<int... i>(std::integer_sequence<int, i...>) { (f(std::integral_constant<int, i>{}), ...); }
  (std::make_integer_sequence<int, count>{});
}

/// Adds the products of `rows` rows, `row_step` apart, with `others` rows to packets of partial
/// sums, at `sums + row * sums_step + other * packet`. All rows have `packets` packets.
template <class Scalar, int rows, int others>
void dot_kernel(Index packets, const Scalar* row, Index row_step, const Scalar* const* other,
                Scalar* sums, Index sums_step) {
  using P = detail::Packet<Scalar>;
  typename P::Type tile[rows * others];
  const auto sum = [&](auto i) { return sums + i / others * sums_step + i % others * P::size; };
  unrolled<rows * others>([&](auto i) { tile[i] = P::load(sum(i)); });
  std::array<const Scalar*, static_cast<std::size_t>(others)> from;
  std::copy_n(other, others, from.begin());
  for (Index p = 0; p < packets; ++p) {
    typename P::Type x[rows];
    unrolled<rows>([&](auto r) { x[r] = P::load(row + r * row_step + p * P::size); });
    unrolled<others>([&](auto t) {
      const auto y = P::load(from[static_cast<std::size_t>(t())] + p * P::size);
      unrolled<rows>([&](auto r) {
        auto& element = tile[r * others + t];
        element = P::multiply_add(x[r], y, element);
      });
    });
  }
  unrolled<rows * others>([&](auto i) { P::store(sum(i), tile[i]); });
}

/// The same for any number of others: eight products at least hide the latency of their sums.
template <class Scalar, int rows>
void dot_products(Index packets, const Scalar* row, Index row_step, const Scalar* const* other,
                  Index others, Scalar* sums, Index sums_step) {
  constexpr int most = rows == 4 ? 4 : 8;
  const auto run = [&](auto count) {
    for (; others >= count();
         others -= count(), other += count(), sums += count() * detail::Packet<Scalar>::size)
      dot_kernel<Scalar, rows, count()>(packets, row, row_step, other, sums, sums_step);
  };
  run(std::integral_constant<int, most>());
  run(std::integral_constant<int, 4>());
  run(std::integral_constant<int, 2>());
  run(std::integral_constant<int, 1>());
}

/// Every `step`-th element. Nothing is read from `end` on.
template <class Scalar>
void copy_strided(const Scalar* from, Index step, Index count, Scalar* to, const Scalar* end) {
  constexpr Index size = detail::Packet<Scalar>::size;
  const auto packets = [&](auto stride) {
    for (; count >= size && from + size * stride() <= end;
         count -= size, to += size, from += size * stride())
      detail::load_strided<Scalar, static_cast<std::size_t>(size), stride()>(from, to);
  };
  if (step == 2) packets(std::integral_constant<int, 2>());
  if (step == 3) packets(std::integral_constant<int, 3>());
  if (step == 4) packets(std::integral_constant<int, 4>());
  copy_row(from, step, count, to);
}

}  // namespace tconv::engine
