#pragma once

/// \file
/// Channels moved to pixels.

#include <array>
#include <cstddef>
#include <vector>

#include "tconv/core/axis.hpp"
#include "tconv/core/eigen.hpp"
#include "tconv/core/isa.hpp"
#include "tconv/core/view.hpp"
#include "tconv/options.hpp"
#include "tconv/simd/packet.hpp"
#include "tconv/upsampling/grid.hpp"
#include "tconv/upsampling/interleave.hpp"
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
                    const PerAxis<R, Index>& r, DataFormat format, int layout) {
  const Grid grid = grid_of<R>(x, format, layout);
  const auto scale = grid_scale(r, layout);
  const auto steps = phase_steps(r, x.strides[1], layout);
  const auto strides = memory_strides<R>(x, layout);
  const bool inside = channels_inside(format, layout), row_major = layout == Eigen::RowMajor;
  const Index phases = scale[0] * scale[1] * scale[2];
  const Index outer_batch = row_major ? y.extents[0] : 1, inner_batch = y.extents[0] / outer_batch;
  const Index outer_channels = inside ? 1 : y.extents[1],
              inner_channels = y.extents[1] / outer_channels;
  const Index pixel = inner_batch * inner_channels;
  const Index y_row = grid.extents[2] * scale[2] * pixel;
  const Index y_rows =
      outer_batch * outer_channels * grid.extents[0] * scale[0] * grid.extents[1] * scale[1];
  const bool streams = streams_rows(y.data, y_row, y_rows * y_row);
  std::vector<const Scalar*> rows(static_cast<std::size_t>(scale[2]));
  const auto interleave =
      find_interleave<Scalar, Scalar>(rows.size(), grid.extents[2], pixel, streams);
  Scalar* to = y.data;
  for (Index n = 0; n < outer_batch; ++n)
    for (Index c = 0; c < outer_channels; ++c)
      for (Index i0 = 0; i0 < grid.extents[0]; ++i0)
        for (Index p0 = 0; p0 < scale[0]; ++p0) {
          const Scalar* const from = x.data + n * x.strides[0] + c * phases * x.strides[1] +
                                     i0 * strides[0] + p0 * steps[0];
          for (Index p2 = 0; p2 < scale[2]; ++p2)
            rows[static_cast<std::size_t>(p2)] = from + p2 * steps[2];
          if (!inside) {
            interleave(rows, {{grid.extents[1], scale[1]}, {strides[1], steps[1]}}, grid.extents[2],
                       pixel, to);
            to += grid.extents[1] * scale[1] * y_row;
            continue;
          }
          for (Index i1 = 0; i1 < grid.extents[1]; ++i1)
            for (Index p1 = 0; p1 < scale[1]; ++p1)
              for (Index i2 = 0; i2 < grid.extents[2]; ++i2)
                for (const Scalar* row : rows)
                  for (Index m = 0; m < inner_channels; ++m) {
                    const Scalar* const source = row + i1 * strides[1] + p1 * steps[1] +
                                                 i2 * strides[2] + m * phases * x.strides[1];
                    for (Index b = 0; b < inner_batch; ++b) *to++ = source[b];
                  }
        }
  if (streams) simd::finish_streaming();
}

}  // namespace tconv::inline TCONV_ISA::upsampling
