#pragma once

/// \file
/// Pixels repeated.

#include <algorithm>
#include <array>
#include <cstddef>
#include <vector>

#include "tconv/core/eigen.hpp"
#include "tconv/core/isa.hpp"
#include "tconv/simd/packet.hpp"
#include "tconv/upsampling/grid.hpp"
#include "tconv/upsampling/interleave.hpp"
#include "tconv/upsampling/rows.hpp"

namespace tconv::inline TCONV_ISA::upsampling {

/// Repeats each pixel of a grid. Rows that registers interleave are all made of the input row,
/// which is at hand where the result may not be; others are copies of the first.
template <class Scalar>
void repeat_pixels(const Scalar* x, const Grid& grid, const std::array<Index, 3>& scale,
                   Scalar* y) {
  const auto& [n0, n1, n2] = grid.extents;
  const Index x_row = n2 * grid.inner, y_row = x_row * scale[2];
  const Index y_plane = n1 * scale[1] * y_row;
  const Index planes = grid.outer * n0;
  const bool streams = streams_rows(y, y_row, planes * scale[0] * y_plane);
  const bool copies = grid.inner > 1 && scale[2] > 1;
  std::vector<const Scalar*> rows(static_cast<std::size_t>(scale[2]));
  const auto interleave = find_interleave<Scalar, Scalar>(rows.size(), n2, grid.inner, streams);
  for (Index plane = 0; plane < planes; ++plane, y += scale[0] * y_plane) {
    for (Index i1 = 0; copies && i1 < n1; ++i1, x += x_row) {
      std::fill(rows.begin(), rows.end(), x);
      Scalar* const first = y + i1 * scale[1] * y_row;
      interleave(rows, {}, n2, grid.inner, first);
      for (Index p0 = 0; p0 < scale[0]; ++p0)
        for (Index p1 = 0; p1 < scale[1]; ++p1)
          if (p0 + p1 > 0) std::copy_n(first, y_row, first + p0 * y_plane + p1 * y_row);
    }
    if (copies) continue;
    std::fill(rows.begin(), rows.end(), x);
    for (Index p0 = 0; p0 < scale[0]; ++p0)
      interleave(rows, {{n1, scale[1]}, {x_row, 0}}, n2, grid.inner, y + p0 * y_plane);
    x += n1 * x_row;
  }
  if (streams) simd::finish_streaming();
}

}  // namespace tconv::inline TCONV_ISA::upsampling
