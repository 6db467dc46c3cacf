#pragma once

/// \file
/// Channels moved to pixels.

#include <algorithm>
#include <array>
#include <cstddef>
#include <span>

#include "tconv/core/accumulator.hpp"
#include "tconv/core/axis.hpp"
#include "tconv/core/eigen.hpp"
#include "tconv/core/isa.hpp"
#include "tconv/core/view.hpp"
#include "tconv/options.hpp"
#include "tconv/runtime/execution.hpp"
#include "tconv/simd/packet.hpp"
#include "tconv/simd/stride.hpp"
#include "tconv/upsampling/grid.hpp"
#include "tconv/upsampling/interleave.hpp"
#include "tconv/upsampling/parts.hpp"
#include "tconv/upsampling/rows.hpp"

namespace tconv::inline TCONV_ISA::upsampling {

/// Elements from one channel of `x` to the channel of the next phase, for each axis.
template <int R>
std::array<Index, 3> phase_steps(const PerAxis<R, Index>& r, Index channel_stride, int layout) {
  Extents<R> steps{};
  for (std::size_t a = steps.size(); a-- > 0; channel_stride *= r[a]) steps[a] = channel_stride;
  return memory_order<R>(steps, layout, Index{0});
}

/// Rows of pixels whose channels lie inside them, each a block of `batch` elements. Output pixel `i
/// * phases + p` has every channel number `channel_step` of input pixel `i`, from `p * phase_step`
/// on; steps count elements.
struct ChannelPick {
  Index phases, channels, batch, pixel_step, phase_step, channel_step;

  /// Writes the row of `count` input pixels.
  template <class Scalar>
  void operator()(const Scalar* from, Index count, Scalar* to) const {
    if (batch == 1) switch (channels) {
        case 1:
          return pick_few<1>(from, count, to);
        case 2:
          return pick_few<2>(from, count, to);
        case 3:
          return pick_few<3>(from, count, to);
        case 4:
          return pick_few<4>(from, count, to);
        default:
          break;
      }
    for (Index i = 0; i < count; ++i)
      for (Index p = 0; p < phases; ++p)
        pick(from + i * pixel_step + p * phase_step, to + (i * phases + p) * channels * batch);
  }

 private:
  /// Pixels of a few channels, without a loop over these.
  template <std::size_t channels_, class Scalar>
  void pick_few(const Scalar* from, Index count, Scalar* to) const {
    for (Index i = 0; i < count; ++i)
      for (Index p = 0; p < phases; ++p, to += channels_)
        for (std::size_t m = 0; m < channels_; ++m)
          to[m] = from[i * pixel_step + p * phase_step + static_cast<Index>(m) * channel_step];
  }

  /// One output pixel.
  template <class Scalar>
  void pick(const Scalar* from, Scalar* to) const {
    if constexpr (core::EngineScalar<Scalar>) {
      if (batch == 1)
        simd::copy_row(from, channel_step, channels, to);
      else
        simd::copy_rows_apart(from, channel_step, channels, batch, to, batch);
    } else {
      for (Index m = 0; m < channels; ++m)
        std::copy_n(from + m * channel_step, batch, to + m * batch);
    }
  }
};

/// Moves channels to pixels. Rows of one channel interleave; channels that lie inside the pixels
/// are picked from them.
template <int R, class Scalar>
void shuffle_pixels(const TensorView<const Scalar, R + 2>& x, const TensorView<Scalar, R + 2>& y,
                    const PerAxis<R, Index>& r, DataFormat format, int layout,
                    runtime::Execution& execution) {
  const auto scale = grid_scale(r, layout);
  const auto steps = phase_steps(r, x.strides[1], layout);
  const auto strides = memory_strides<R>(x, layout);
  const bool inside = channels_inside(format, layout), row_major = layout == Eigen::RowMajor;
  const Index phases = scale[0] * scale[1] * scale[2];
  const Index inner_batch = row_major ? 1 : y.extents[0];
  const Index outer_channels = inside ? 1 : y.extents[1];
  // The result before it is enlarged.
  Grid grid = grid_of<R>(x, format, layout);
  (inside ? grid.inner : grid.outer) /= phases;
  const Index n0 = grid.extents[0], n1 = grid.extents[1], n2 = grid.extents[2];
  const Index y_pixel = scale[2] * grid.inner, y_row = n2 * y_pixel;
  const Index y_plane = n1 * scale[1] * y_row;
  const bool streams = streams_rows(y.data, y_row, grid.outer * n0 * scale[0] * y_plane);

  const ChannelPick pick{scale[2], grid.inner / inner_batch, inner_batch, strides[2],
                         steps[2], phases * x.strides[1]};
  const auto shuffle = [&](const Part& part, std::byte* scratch) {
    const Index count = part.columns.size();
    const std::span rows(reinterpret_cast<const Scalar**>(scratch),
                         static_cast<std::size_t>(scale[2]));
    const auto interleave =
        find_interleave<Scalar, Scalar>(rows.size(), count, grid.inner, streams);
    for (Index plane = part.planes.first; plane < part.planes.end; ++plane)
      for (Index p0 = 0; p0 < scale[0]; ++p0) {
        const Index outer = plane / n0, n = outer / outer_channels, c = outer % outer_channels;
        const Scalar* const from = x.data + n * x.strides[0] + c * phases * x.strides[1] +
                                   plane % n0 * strides[0] + p0 * steps[0] +
                                   part.rows.first * strides[1] + part.columns.first * strides[2];
        for (std::size_t p2 = 0; p2 < rows.size(); ++p2)
          rows[p2] = from + static_cast<Index>(p2) * steps[2];
        Scalar* to = y.data + (plane * scale[0] + p0) * y_plane +
                     part.rows.first * scale[1] * y_row + part.columns.first * y_pixel;
        if (!inside) {
          interleave(rows, {{part.rows.size(), scale[1]}, {strides[1], steps[1]}, y_row}, count,
                     grid.inner, to);
          continue;
        }
        for (Index i1 = 0; i1 < part.rows.size(); ++i1)
          for (Index p1 = 0; p1 < scale[1]; ++p1, to += y_row)
            pick(from + i1 * strides[1] + p1 * steps[1], count, to);
      }
    if (streams) simd::finish_streaming();
  };
  const auto pixel_bytes = static_cast<Index>(sizeof(Scalar)) * scale[0] * scale[1] * y_pixel;
  for_each_part(Parts::by_threads(grid, pixel_bytes, execution.threads()),
                static_cast<std::size_t>(scale[2]) * sizeof(const Scalar*), execution, shuffle);
}

}  // namespace tconv::inline TCONV_ISA::upsampling
