#pragma once

/// \file
/// Dot products of rows with rows.

#include <algorithm>
#include <type_traits>
#include <utility>

#include "tconv/core/eigen.hpp"
#include "tconv/core/isa.hpp"
#include "tconv/simd/packet.hpp"

namespace tconv::inline TCONV_ISA::simd {

/// Packets of partial sums in registers, of `rows` times `others` dot products. Loops are folds
/// over compile-time indices, as in `RegisterTile`: with lambdas clang++ stores every sum in every
/// step.
template <class Scalar, int rows, int others>
class DotTile {
 public:
  template <int... i>
  EIGEN_ALWAYS_INLINE void load(const Scalar* from, Index step, std::integer_sequence<int, i...>) {
    ((sums_[i] = P::load(from + i / others * step + i % others * P::size)), ...);
  }
  template <int... i>
  EIGEN_ALWAYS_INLINE void store(Scalar* to, Index step, std::integer_sequence<int, i...>) const {
    (P::store(to + i / others * step + i % others * P::size, sums_[i]), ...);
  }
  /// Adds the products of one packet of each row, `step` apart, and of each other, `at` elements
  /// on.
  template <int... r, int... t>
  EIGEN_ALWAYS_INLINE void add_products(const Scalar* row, Index step,
                                        const Scalar* const (&other)[others], Index at,
                                        std::integer_sequence<int, r...> all,
                                        std::integer_sequence<int, t...>) {
    const typename P::Type packets[] = {P::load(row + r * step + at)...};
    (add_column<t>(P::load(other[t] + at), packets, all), ...);
  }

 private:
  using P = Packet<Scalar>;

  template <int t, int... r>
  EIGEN_ALWAYS_INLINE void add_column(const typename P::Type& packet,
                                      const typename P::Type (&packets)[rows],
                                      std::integer_sequence<int, r...>) {
    ((sums_[r * others + t] = P::multiply_add(packets[r], packet, sums_[r * others + t])), ...);
  }

  typename P::Type sums_[rows * others];
};

/// Adds the products of `rows` rows, `row_step` apart, with `others` rows to packets of partial
/// sums, at `sums + row * sums_step + other * packet`. All rows have `packets` packets.
template <class Scalar, int rows, int others>
void dot_kernel(Index packets, const Scalar* row, Index row_step, const Scalar* const* other,
                Scalar* sums, Index sums_step) {
  constexpr Index size = Packet<Scalar>::size;
  constexpr auto all = std::make_integer_sequence<int, rows * others>{};
  DotTile<Scalar, rows, others> tile;
  tile.load(sums, sums_step, all);
  const Scalar* from[others];
  std::copy_n(other, others, from);
  for (Index at = 0; at < packets * size; at += size)
    tile.add_products(row, row_step, from, at, std::make_integer_sequence<int, rows>{},
                      std::make_integer_sequence<int, others>{});
  tile.store(sums, sums_step, all);
}

/// The same for any number of others: eight products at least hide the latency of their sums.
template <class Scalar, int rows>
void dot_products(Index packets, const Scalar* row, Index row_step, const Scalar* const* other,
                  Index others, Scalar* sums, Index sums_step) {
  constexpr int most = rows == 4 ? 4 : 8;
  const auto run = [&](auto count) {
    for (; others >= count();
         others -= count(), other += count(), sums += count() * Packet<Scalar>::size)
      dot_kernel<Scalar, rows, count()>(packets, row, row_step, other, sums, sums_step);
  };
  run(std::integral_constant<int, most>());
  run(std::integral_constant<int, 4>());
  run(std::integral_constant<int, 2>());
  run(std::integral_constant<int, 1>());
}

}  // namespace tconv::inline TCONV_ISA::simd
