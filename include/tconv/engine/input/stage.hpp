#pragma once

/// \file
/// The input of a tile where the image has no rows of the engine's elements: strips of it are read
/// once into rows, from which windows are copied as from any other image.

#include <algorithm>
#include <array>
#include <cstddef>

#include "tconv/core/eigen.hpp"
#include "tconv/core/integer.hpp"
#include "tconv/core/isa.hpp"
#include "tconv/core/tile.hpp"
#include "tconv/core/view.hpp"
#include "tconv/engine/correlation.hpp"
#include "tconv/engine/operands.hpp"
#include "tconv/engine/tile.hpp"
#include "tconv/simd/packet.hpp"
#include "tconv/simd/strip.hpp"

namespace tconv::inline TCONV_ISA::engine {

/// What outputs read on an axis: from `q * in_stride + shifts.first` on, as far as the image goes.
struct AxisReach {
  Index in = 1, in_stride = 1;
  Range shifts;

  Range inputs(const Range& q) const {
    const Index first = std::clamp<Index>(q.first * in_stride + shifts.first, 0, in);
    return {first, std::clamp<Index>((q.end - 1) * in_stride + shifts.end, first, in)};
  }
  Index most_inputs(Index q) const { return std::min(in, (q - 1) * in_stride + shifts.size()); }
};
using Reach = std::array<AxisReach, 3>;

/// What windows reach, which begin at multiples of the stride.
inline Reach reach_of(const Correlation& c) {
  Reach reach;
  for (std::size_t a = 0; a < 3; ++a) {
    const PhasedAxis& axis = c.axes[a];
    const Range strides = stride_range(axis);
    reach[a] = {
        axis.in, axis.in_stride, {strides.first * axis.in_stride, strides.end * axis.in_stride}};
  }
  return reach;
}

/// From channel to channel of packed pixels or staged inputs: an odd number of cache lines, so that
/// the channels of a pixel do not meet in one set of the cache.
constexpr Index channel_plane(Index elements, Index lane_count) {
  return (ceil_div(elements, lane_count) | 1) * lane_count;
}

/// Elements of the staged inputs of some channels of a tile, at most.
inline Index staged_size(const Reach& reach, const Tile& tile, Index channels, bool entries_inside,
                         Index lane_count) {
  Index positions = 1;
  for (std::size_t a = 0; a < 3; ++a) positions *= reach[a].most_inputs(tile.q[a]);
  (entries_inside ? channels : positions) *= tile.batch;
  // Packets are read up to the end.
  return channels * channel_plane(positions, lane_count) + lane_count;
}

/// An image of the engine's elements, in rows, that may be read up to `end`.
template <class Scalar>
struct InputRows {
  Image<const Scalar> image;
  const Scalar* end = nullptr;
};

/// The rows of `channels`, numbered through all groups, that a tile reads: of `x` itself, unless
/// that has strips. These are copied to `scratch`.
template <class Scalar>
InputRows<Scalar> input_rows(const Correlation& c, const Operands<Scalar>& operands,
                             const Reach& reach, const TileBox& box, const Range& channels,
                             Scalar* scratch) {
  const Image<const void>& x = operands.x;
  if (!c.reads_strips) {
    const Image<const Scalar> image{static_cast<const Scalar*>(x.data), x.batch_stride,
                                    x.channel_stride, x.strides};
    return {image, end_of(image, c.batch, c.groups * c.in_channels,
                          {reach[0].in, reach[1].in, reach[2].in})};
  }
  std::array<Range, 3> in;
  for (std::size_t a = 0; a < 3; ++a) in[a] = reach[a].inputs(box.q[a]);
  const auto& [z, y, xs] = in;
  const Index row = xs.size(), plane = y.size() * row, entry = z.size() * plane;
  // Staged rows are those of a channel, or of an entry of a channel where these lie side by side.
  const Index together = c.entries_inside ? box.batch : 1, apart = box.batch / together;
  const Index pitch = channel_plane(apart * entry, simd::Packet<Scalar>::size);
  // Rows that follow one another in the image are one.
  const bool joins = xs.size() == reach[2].in && x.strides[1] == row * x.strides[2];
  const auto read = [&](const simd::Strip& strip, Scalar* to) {
    if (operands.reader.read)
      operands.reader.read(operands.reader.context, x.data, strip, to, pitch);
    else
      simd::read_strip(x.data, strip, to, pitch);
  };
  for (Index n = 0; n < apart && row > 0; ++n)
    for (Index i = 0; i < z.size(); ++i)
      for (Index j = 0; j < (joins ? std::min<Index>(y.size(), 1) : y.size()); ++j)
        simd::for_each_strip(
            {(box.n + n) * x.batch_stride + (z.first + i) * x.strides[0] +
                 (y.first + j) * x.strides[1] + xs.first * x.strides[2],
             channels.first, channels.size(), x.channel_stride, joins ? plane : row, x.strides[2]},
            together, [&](const simd::Strip& strip, Index first_row) {
              read(strip, scratch + n * entry + i * plane + j * row + first_row * pitch);
            });
  // Positions count from the image's first one, which need not be here.
  const Index entry_stride = together > 1 ? pitch : entry, channel_stride = together * pitch;
  const Index first = box.n * entry_stride + channels.first * channel_stride + z.first * plane +
                      y.first * row + xs.first;
  return {{scratch - first, entry_stride, channel_stride, {plane, row, 1}},
          scratch + channels.size() * channel_stride};
}

}  // namespace tconv::inline TCONV_ISA::engine
