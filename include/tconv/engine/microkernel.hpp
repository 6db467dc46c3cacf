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
/// enough. What remains is to fill the registers: all but the lane operand's `vectors`, one
/// broadcast and one spare hold sums: 14x2 or 6x4 with 32 registers, 6x2 with 16.

#include <algorithm>
#include <array>
#include <utility>

#include "tconv/detail/packet.hpp"

namespace tconv::engine {

/// Where an operand of the micro-kernel lies: channel `c`, tap `t` starts at
/// `data + c * channel_step + tap_offsets[t]`.
template <class Scalar>
struct Operand {
  const Scalar* data;
  const Index* tap_offsets;
  Index channel_step;
};

/// Rows of the largest tile with that many vectors.
constexpr int max_rows(int vectors) {
  return (detail::simd_registers - 2 - std::max(vectors, 2)) / std::max(vectors, 2);
}

/// How far ahead weights are fetched: they come from beyond the second-level cache, and the hardware
/// does not see that a stream of one cache line a step will go on.
inline constexpr Index prefetch_steps = 64;

inline constexpr int max_vectors = max_rows(8) > 0 ? 8 : 4;

/// Calls `f` with the compile-time numbers 0 to `count - 1`. With a loop in its place g++ keeps the
/// tile in memory.
template <int count, class F>
EIGEN_ALWAYS_INLINE void unrolled(const F& f) {
  [&]<int... i>(std::integer_sequence<int, i...>) {
    (f(std::integral_constant<int, i>{}), ...);
  }
  (std::make_integer_sequence<int, count>{});
}

/// Adds the products of all taps and `depth` channels to the tile `sums[row * sums_step + lane]`,
/// or overwrites it. Taps are inside, so that those of one channel find its pixels in the
/// first-level cache.
template <class Scalar, int rows, int vectors>
void micro_kernel(Index taps, Index depth, const Operand<Scalar>& lanes,
                  const Operand<Scalar>& broadcasts, Scalar* sums, Index sums_step,
                  bool accumulate) {
  using P = detail::Packet<Scalar>;
  constexpr auto row = [](auto i) { return i / vectors; };
  constexpr auto vector = [](auto i) { return i % vectors; };
  typename P::Type tile[rows * vectors];
  const auto sum = [&](auto i) { return sums + row(i) * sums_step + vector(i) * P::size; };
  if (accumulate)
    unrolled<rows * vectors>([&](auto i) { tile[i] = P::load(sum(i)); });
  else
    unrolled<rows * vectors>([&](auto i) { tile[i] = P::broadcast(Scalar(0)); });

  const Scalar *lane_channel = lanes.data, *broadcast_channel = broadcasts.data;
  for (Index c = 0; c < depth; ++c) {
    for (Index t = 0; t < taps; ++t) {
      const Scalar* lane = lane_channel + lanes.tap_offsets[t];
      const Scalar* broadcast = broadcast_channel + broadcasts.tap_offsets[t];
      detail::prefetch(broadcast + prefetch_steps * rows);
      typename P::Type x[vectors];
      unrolled<vectors>([&](auto v) { x[v] = P::load(lane + v * P::size); });
      unrolled<rows>([&](auto r) {
        const auto s = P::broadcast(broadcast[r]);
        unrolled<vectors>([&](auto v) {
          auto& element = tile[r * vectors + v];
          element = P::multiply_add(s, x[v], element);
        });
      });
    }
    lane_channel += lanes.channel_step;
    broadcast_channel += broadcasts.channel_step;
  }
  unrolled<rows * vectors>([&](auto i) { P::store(sum(i), tile[i]); });
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
      return table::kernels<Scalar, max_vectors>[row];
  }
}

}  // namespace tconv::engine
