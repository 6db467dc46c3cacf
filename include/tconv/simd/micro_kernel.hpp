#pragma once

/// \file
/// The micro-kernel: a register tile of `rows * vectors` packets that sums products of weights and
/// pixels.
///
///                        lanes (contiguous in memory)
///                     +--------+--------+
///       lane operand  |   v0   |   v1   |   one load each
///                     +--------+--------+
///        broadcast    +--------+--------+
///           b0        | s00    | s01    |
///           b1        | s10    | s11    |   one broadcast a row, then `vectors`
///           b2        | s20    | s21    |   fused multiply-adds
///           ...       +--------+--------+
///
/// Usually the pixels are the lanes and the weights are broadcast; for few pixels, or many phases
/// that lie side by side in the output, it is the other way round.
///
/// Size of the tile: two FMA units of latency 4 need 8 independent sums or more. Two loads a cycle
/// feed two FMAs a cycle if `rows + vectors <= rows * vectors`, so one vector is slow and two are
/// enough. What remains is to fill the registers: all but the lane operand's `vectors`, one
/// broadcast and one spare hold sums: 14x2, 6x4 or 28x1 with 32 registers, 6x2 with 16.

#include <array>
#include <cstddef>
#include <cstdint>
#include <type_traits>
#include <utility>

#include "tconv/core/eigen.hpp"
#include "tconv/core/isa.hpp"
#include "tconv/simd/packet.hpp"
#include "tconv/simd/prefetch.hpp"
#include "tconv/simd/tile_shape.hpp"

namespace tconv::inline TCONV_ISA::simd {

/// The sums in registers. Loops are folds over compile-time indices: with a loop in their place g++
/// keeps the tile in memory, and with lambdas clang++ does.
template <class Scalar, int rows, int vectors>
class RegisterTile {
 public:
  template <int... i>
  EIGEN_ALWAYS_INLINE void clear(std::integer_sequence<int, i...>) {
    ((sums_[i] = P::broadcast(Scalar(0))), ...);
  }
  template <int... i>
  EIGEN_ALWAYS_INLINE void load(const Scalar* from, Index step, std::integer_sequence<int, i...>) {
    ((sums_[i] = P::load(from + i / vectors * step + i % vectors * P::size)), ...);
  }
  template <int... i>
  EIGEN_ALWAYS_INLINE void store(Scalar* to, Index step, std::integer_sequence<int, i...>) const {
    (P::store(to + i / vectors * step + i % vectors * P::size, sums_[i]), ...);
  }
  /// Adds the products of `vectors` packets of lanes and `rows` numbers, `step` apart. Every third
  /// number has an address of its own, from which the next two are reached in one instruction.
  template <int... v, int... r>
  EIGEN_ALWAYS_INLINE void add_products(const Scalar* lanes, const Scalar* numbers, auto step,
                                        std::integer_sequence<int, v...> all,
                                        std::integer_sequence<int, r...>) {
    const typename P::Type packets[] = {P::load_to_register(lanes + v * P::size)...};
    (add_row<r>(P::broadcast((numbers + r / 3 * (3 * step))[r % 3 * step]), packets, all), ...);
  }

 private:
  using P = Packet<Scalar>;

  template <int r, int... v>
  EIGEN_ALWAYS_INLINE void add_row(const typename P::Type& number,
                                   const typename P::Type (&packets)[vectors],
                                   std::integer_sequence<int, v...>) {
    ((sums_[r * vectors + v] = P::multiply_add(number, packets[v], sums_[r * vectors + v])), ...);
  }

  typename P::Type sums_[rows * vectors];
};

/// Adds the products of all steps to the tile `sums[row * sums_step + lane]`, or overwrites it. The
/// weights of a step follow those of the step before, `weight_step` on; its pixels begin at
/// `pixels + offsets[step]`, and are `pixel_step` apart, or one if they are the lanes. Each step
/// prefetches some of `ahead`.
template <class Scalar, LaneOperand lanes, int rows, int vectors>
void micro_kernel(Index steps, const std::int32_t* offsets, const Scalar* pixels, Index pixel_step,
                  const Scalar* weights, Index weight_step, Scalar* sums, Index sums_step,
                  bool accumulate, Ahead<Scalar> ahead) {
  RegisterTile<Scalar, rows, vectors> tile;
  constexpr auto all = std::make_integer_sequence<int, rows * vectors>{};
  if (accumulate)
    tile.load(sums, sums_step, all);
  else
    tile.clear(all);
  for (Index step = 0; step < steps; ++step, weights += weight_step, ahead.first += ahead.step) {
    prefetch(ahead.first);
    const Scalar* const pixel = pixels + offsets[step];
    constexpr auto all_vectors = std::make_integer_sequence<int, vectors>{};
    constexpr auto all_rows = std::make_integer_sequence<int, rows>{};
    if constexpr (lanes == LaneOperand::pixels)
      tile.add_products(pixel, weights, std::integral_constant<Index, 1>{}, all_vectors, all_rows);
    else
      tile.add_products(weights, pixel, pixel_step, all_vectors, all_rows);
  }
  tile.store(sums, sums_step, all);
}

template <class Scalar>
using MicroKernel = void (*)(Index, const std::int32_t*, const Scalar*, Index, const Scalar*, Index,
                             Scalar*, Index, bool, Ahead<Scalar>);

namespace table {

template <class Scalar, LaneOperand lanes, int vectors, std::size_t... row>
constexpr auto column(std::index_sequence<row...>) {
  return std::array<MicroKernel<Scalar>, sizeof...(row)>{
      &micro_kernel<Scalar, lanes, static_cast<int>(row) + 1, vectors>...};
}

template <class Scalar, LaneOperand lanes, int vectors>
inline constexpr auto kernels =
    column<Scalar, lanes, vectors>(std::make_index_sequence<max_rows(lanes, vectors)>{});

}  // namespace table

/// The micro-kernel of 1, 2, 4 or 8 vectors, at most `max_vectors`, and `rows <=
/// max_rows(lanes, vectors)`.
template <class Scalar, LaneOperand lanes>
MicroKernel<Scalar> find_micro_kernel(Index rows, Index vectors) {
  const auto row = static_cast<std::size_t>(rows - 1);
  switch (vectors) {
    case 1:
      return table::kernels<Scalar, lanes, 1>[row];
    case 2:
      return table::kernels<Scalar, lanes, 2>[row];
    case 4:
      return table::kernels<Scalar, lanes, 4>[row];
    default:
      return table::kernels<Scalar, lanes, max_vectors>[row];
  }
}

/// One panel of `width` rows times one block of `size` pixels: whole micro-tiles, then halves of
/// what the lanes hold. Without steps there may be no weights to point at. Pixels are `pixel_step`
/// apart, or one if they are the lanes.
template <LaneOperand held, class Scalar>
void multiply_block(Index steps, const std::int32_t* offsets, const Scalar* pixels,
                    Index pixel_step, const Scalar* weights, Index width, Index size, Scalar* sums,
                    Index sums_step, bool accumulate, Ahead<Scalar> ahead) {
  constexpr Index lanes = Packet<Scalar>::size;
  const Index total = held == LaneOperand::weights ? width : size;
  const Index rows = held == LaneOperand::weights ? size : width;
  for (Index done = 0, vectors = max_vectors; done < total; done += vectors * lanes) {
    while (vectors * lanes > total - done || max_rows(held, static_cast<int>(vectors)) < rows)
      vectors /= 2;
    find_micro_kernel<Scalar, held>(rows, vectors)(
        steps, offsets, held == LaneOperand::pixels ? pixels + done : pixels, pixel_step,
        held == LaneOperand::weights && steps > 0 ? weights + done : weights, width, sums + done,
        sums_step, accumulate, ahead);
  }
}

}  // namespace tconv::inline TCONV_ISA::simd
