#pragma once

/// \file
/// Pixels repeated.

#include <algorithm>
#include <array>
#include <cstddef>
#include <span>

#include "tconv/core/eigen.hpp"
#include "tconv/core/isa.hpp"
#include "tconv/runtime/execution.hpp"
#include "tconv/simd/packet.hpp"
#include "tconv/upsampling/grid.hpp"
#include "tconv/upsampling/interleave.hpp"
#include "tconv/upsampling/parts.hpp"
#include "tconv/upsampling/rows.hpp"

namespace tconv::inline TCONV_ISA::upsampling {

/// Repeats each pixel of a grid. Rows that registers interleave are all made of the input row,
/// which is at hand where the result may not be; others are copies of the first.
template <class Scalar>
void repeat_pixels(const Scalar* x, const Grid& grid, const std::array<Index, 3>& scale, Scalar* y,
                   runtime::Execution& execution) {
  const Index n0 = grid.extents[0], n1 = grid.extents[1], n2 = grid.extents[2];
  const Index x_row = n2 * grid.inner, y_pixel = scale[2] * grid.inner, y_row = n2 * y_pixel;
  const Index y_plane = n1 * scale[1] * y_row;
  const bool streams = streams_rows(y, y_row, grid.outer * n0 * scale[0] * y_plane);
  const bool copies = grid.inner > 1 && scale[2] > 1;
  const auto phases = static_cast<std::size_t>(scale[2]);
  // Pixels that are repeated in the first-level cache, from where all output rows are streamed.
  const Index at_once = aligned_pixels(y_pixel, 4096);
  const std::size_t pointer_bytes = runtime::whole_pages(phases * sizeof(const Scalar*));
  const std::size_t made_bytes =
      copies && streams ? static_cast<std::size_t>(at_once * y_pixel) * sizeof(Scalar) : 0;

  const auto repeat = [&](const Part& part, std::byte* scratch) {
    const Index count = part.columns.size();
    const auto interleave = find_interleave<Scalar, Scalar>(phases, count, grid.inner, streams);
    const std::span rows(reinterpret_cast<const Scalar**>(scratch), phases);
    auto* const made = reinterpret_cast<Scalar*>(scratch + pointer_bytes);
    for (Index plane = part.planes.first; plane < part.planes.end; ++plane) {
      const Scalar* from =
          x + (plane * n1 + part.rows.first) * x_row + part.columns.first * grid.inner;
      Scalar* to = y + plane * scale[0] * y_plane + part.rows.first * scale[1] * y_row +
                   part.columns.first * y_pixel;
      if (!copies) {
        std::fill(rows.begin(), rows.end(), from);
        for (Index p0 = 0; p0 < scale[0]; ++p0)
          interleave(rows, {{part.rows.size(), scale[1]}, {x_row, 0}, y_row}, count, grid.inner,
                     to + p0 * y_plane);
        continue;
      }
      for (Index i1 = 0; i1 < part.rows.size(); ++i1, from += x_row, to += scale[1] * y_row) {
        if (streams) {
          for (Index q = 0; q < count; q += at_once) {
            const Index now = std::min(at_once, count - q);
            std::fill(rows.begin(), rows.end(), from + q * grid.inner);
            interleave(rows, {}, now, grid.inner, made);
            for (Index p0 = 0; p0 < scale[0]; ++p0)
              for (Index p1 = 0; p1 < scale[1]; ++p1)
                simd::stream_row(made, now * y_pixel, to + p0 * y_plane + p1 * y_row + q * y_pixel);
          }
          continue;
        }
        std::fill(rows.begin(), rows.end(), from);
        interleave(rows, {}, count, grid.inner, to);
        for (Index p0 = 0; p0 < scale[0]; ++p0)
          for (Index p1 = 0; p1 < scale[1]; ++p1)
            if (p0 + p1 > 0) std::copy_n(to, count * y_pixel, to + p0 * y_plane + p1 * y_row);
      }
    }
    if (streams) simd::finish_streaming();
  };
  const auto pixel_bytes = static_cast<Index>(sizeof(Scalar)) * scale[0] * scale[1] * y_pixel;
  for_each_part(Parts::by_threads(grid, pixel_bytes, execution.threads()),
                pointer_bytes + made_bytes, execution, repeat);
}

}  // namespace tconv::inline TCONV_ISA::upsampling
