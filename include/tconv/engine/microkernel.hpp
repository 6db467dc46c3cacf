#pragma once

/// \file
/// The micro-kernel: a register tile of `rows * vectors` packets that sums products over taps and
/// channels.
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
/// Either operand may be the pixels: usually they are the lanes and the weights are broadcast; for
/// tiny images it is the other way round.
///
/// Size of the tile: two FMA units of latency 4 need 8 independent sums or more. Two loads a cycle
/// feed two FMAs a cycle if `rows + vectors <= rows * vectors`, so one vector is slow and two are
/// enough. What remains is to fill the registers: all but 4 (the lane operand's `vectors`, at most
/// two at once, one broadcast, one spare) hold sums: 14x2 with 32 registers, 6x2 with 16.

#include <array>
#include <utility>

#include "tconv/detail/packet.hpp"

namespace tconv::engine {

/// Where an operand of the micro-kernel lies: tap `t`, channel `c` starts at
/// `data + tap_offset(t) + c * channel_step`.
template <class Scalar>
struct Operand {
  const Scalar* data;
  const Index* tap_offsets;
  Index channel_step;
};

inline constexpr int max_sums = detail::simd_registers - 4;
inline constexpr int max_vectors = 8;

/// Rows of the largest tile with that many vectors.
constexpr int max_rows(int vectors) { return vectors == 1 ? max_sums / 2 : max_sums / vectors; }

/// Adds the products of all taps and `depth` channels to the tile `sums[row * sums_step + lane]`,
/// or overwrites it.
template <class Scalar, int rows, int vectors>
void micro_kernel(Index taps, Index depth, const Operand<Scalar>& lanes,
                  const Operand<Scalar>& broadcasts, Scalar* sums, Index sums_step,
                  bool accumulate) {
  using P = detail::Packet<Scalar>;
  typename P::Type tile[rows][vectors];
  if (accumulate)
    for (int r = 0; r < rows; ++r)
      for (int v = 0; v < vectors; ++v) tile[r][v] = P::load(sums + r * sums_step + v * P::size);
  else
    for (int r = 0; r < rows; ++r)
      for (int v = 0; v < vectors; ++v) tile[r][v] = P::broadcast(Scalar(0));

  for (Index t = 0; t < taps; ++t) {
    const Scalar* lane = lanes.data + lanes.tap_offsets[t];
    const Scalar* broadcast = broadcasts.data + broadcasts.tap_offsets[t];
    for (Index c = 0; c < depth; ++c) {
      typename P::Type x[vectors];
      for (int v = 0; v < vectors; ++v) x[v] = P::load(lane + v * P::size);
      for (int r = 0; r < rows; ++r) {
        const typename P::Type s = P::broadcast(broadcast[r]);
        for (int v = 0; v < vectors; ++v) tile[r][v] = P::multiply_add(s, x[v], tile[r][v]);
      }
      lane += lanes.channel_step;
      broadcast += broadcasts.channel_step;
    }
  }

  for (int r = 0; r < rows; ++r)
    for (int v = 0; v < vectors; ++v) P::store(sums + r * sums_step + v * P::size, tile[r][v]);
}

template <class Scalar>
using MicroKernel = void (*)(Index, Index, const Operand<Scalar>&, const Operand<Scalar>&, Scalar*,
                             Index, bool);

namespace table {

template <class Scalar, int vectors, std::size_t... row>
constexpr auto column(std::index_sequence<row...>) {
  std::array<MicroKernel<Scalar>, static_cast<std::size_t>(max_rows(1))> kernels{};
  ((kernels[row] = &micro_kernel<Scalar, static_cast<int>(row) + 1, vectors>), ...);
  return kernels;
}

template <class Scalar, int vectors>
inline constexpr auto kernels =
    column<Scalar, vectors>(std::make_index_sequence<max_rows(vectors)>{});

}  // namespace table

/// The micro-kernel of `rows <= max_rows(vectors)` and 1, 2, 4 or 8 vectors.
template <class Scalar>
MicroKernel<Scalar> find_micro_kernel(Index rows, Index vectors) {
  const auto row = static_cast<std::size_t>(rows - 1);
  switch (vectors) {
    case 1:
      return table::kernels<Scalar, 1>[row];
    case 2:
      return table::kernels<Scalar, 2>[row];
    case 4:
      return table::kernels<Scalar, 4>[row];
    default:
      return table::kernels<Scalar, 8>[row];
  }
}

}  // namespace tconv::engine
