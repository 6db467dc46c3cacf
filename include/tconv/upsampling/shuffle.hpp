#pragma once

/// \file
/// Channels moved to pixels.

#include <array>
#include <cstddef>
#include <span>

#include "tconv/core/axis.hpp"
#include "tconv/core/eigen.hpp"
#include "tconv/core/isa.hpp"
#include "tconv/core/view.hpp"
#include "tconv/options.hpp"
#include "tconv/runtime/execution.hpp"
#include "tconv/simd/packet.hpp"
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

/// Moves channels to pixels. Rows of one channel interleave; channels that lie inside the pixels
/// are picked one by one.
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
  const Index inner_channels = y.extents[1] / outer_channels;
  // The result before it is enlarged.
  Grid grid = grid_of<R>(x, format, layout);
  (inside ? grid.inner : grid.outer) /= phases;
  const auto& [n0, n1, n2] = grid.extents;
  const Index y_pixel = scale[2] * grid.inner, y_row = n2 * y_pixel;
  const Index y_plane = n1 * scale[1] * y_row;
  const bool streams = streams_rows(y.data, y_row, grid.outer * n0 * scale[0] * y_plane);

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
          for (Index p1 = 0; p1 < scale[1]; ++p1, to += y_row) {
            Scalar* next = to;
            for (Index i2 = 0; i2 < count; ++i2)
              for (const Scalar* row : rows)
                for (Index m = 0; m < inner_channels; ++m) {
                  const Scalar* const source = row + i1 * strides[1] + p1 * steps[1] +
                                               i2 * strides[2] + m * phases * x.strides[1];
                  for (Index b = 0; b < inner_batch; ++b) *next++ = source[b];
                }
          }
      }
    if (streams) simd::finish_streaming();
  };
  const auto pixel_bytes = static_cast<Index>(sizeof(Scalar)) * scale[0] * scale[1] * y_pixel;
  for_each_part(Parts::by_threads(grid, pixel_bytes, execution.threads()),
                static_cast<std::size_t>(scale[2]) * sizeof(const Scalar*), execution, shuffle);
}

}  // namespace tconv::inline TCONV_ISA::upsampling
