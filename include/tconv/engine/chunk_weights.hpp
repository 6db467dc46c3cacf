#pragma once

/// \file
/// Weights that are packed a chunk at a time, when its products are computed: for calls that use
/// them once, on few pixels. Packed all at once, they would be written to memory and read again.
///
/// It takes a layout whose weights lie in the tensor as a matrix (weight_layout.hpp).

#include <algorithm>
#include <array>
#include <cstddef>

#include "tconv/engine/copy_row.hpp"
#include "tconv/engine/pack_weights.hpp"
#include "tconv/engine/transpose.hpp"

namespace tconv::engine {

/// Whether a tensor has the weights of a layout as the matrix that it expects.
template <class Scalar>
bool lies_as_matrix(const WeightLayout& layout, const WeightSource<Scalar>& source) {
  if (layout.matrix() == WeightMatrix::none) return false;
  Index size = 1;
  for (std::size_t a = 3; a-- > 0;) {
    const Index extent = kernel_elements(layout.sets(a));
    if (extent > 1 && source.tap_strides[a] != size) return false;
    size *= extent;
  }
  // With fewer taps than the kernel has elements these strides are larger.
  return size ==
         (layout.matrix() == WeightMatrix::rows_dense ? source.out_stride : source.in_stride);
}

/// Copies rows that lie side by side for each of `depth` channels into panels.
template <class Scalar>
void pack_dense_rows(const Scalar* from, Index channel_stride, Index depth, Index rows,
                     const Split& panels, Index lane_multiple, Scalar* to) {
  constexpr Index line = detail::cache_line / static_cast<Index>(sizeof(Scalar));
  // Rows of channels that are a power of two apart share a few sets of the cache.
  constexpr Index together = 8;
  for (Index begin = 0; begin < depth; begin += together, from += together * channel_stride) {
    const Index count = std::min(together, depth - begin);
    const Index ahead = begin + together < depth ? together * channel_stride : 0;
    for (Index i = 0; i < panels.parts; ++i) {
      const Index first = panels.begin(i) * lane_multiple;
      const Index width = panels.end(i) * lane_multiple - first;
      const Index used = std::min(width, rows - first);
      Scalar* panel = to + first * depth + begin * width;
      if (used == width && width <= 32) {
        copy_short_rows(from + first, channel_stride, count, width, ahead, panel);
        continue;
      }
      for (Index c = 0; c < count; ++c, panel += width) {
        const Scalar* const row = from + c * channel_stride + first;
        for (Index j = 0; j < used; j += line) detail::prefetch(row + ahead + j);
        copy_dense(row, used, panel);
        std::fill(panel + used, panel + width, Scalar(0));
      }
    }
  }
}

/// Turns rows of `depth` weights into panels. Writes up to a packet behind the last one.
template <class Scalar>
void pack_dense_channels(const WeightSource<Scalar>& source, const Scalar* from, Index depth,
                         Index rows, const Split& panels, Index lane_multiple, Scalar* to) {
  for (Index i = 0; i < panels.parts; ++i) {
    const Index first = panels.begin(i) * lane_multiple;
    const Index width = panels.end(i) * lane_multiple - first;
    transpose_row(from + first * source.out_stride,
                  {source.out_stride, 1, std::min(width, rows - first), source.end}, depth,
                  to + first * depth, width);
  }
}

/// Packs the weights of a chunk and channel block of a group as the micro-kernel reads them, and up
/// to a packet more. The tensor has them as the layout's matrix.
template <class Scalar>
void pack_chunk(const WeightLayout& layout, const WeightSource<Scalar>& source, Index group,
                Index chunk, Index block, Scalar* to) {
  const Split& blocks = layout.channel_blocks();
  const Index channels = blocks.end(block) - blocks.begin(block);
  const Scalar* const from = source.data + group * source.group_stride +
                             layout.chunks().begin(chunk) * source.out_stride +
                             blocks.begin(block) * source.in_stride;
  const Split panels = layout.panels(0, chunk);
  const Index rows = layout.rows(0, chunk), taps = layout.product(0).taps();
  if (layout.matrix() == WeightMatrix::rows_dense)
    pack_dense_rows(from, source.in_stride, channels, rows, panels, layout.lane_multiple(), to);
  else
    pack_dense_channels(source, from, channels * taps, rows, panels, layout.lane_multiple(), to);
}

}  // namespace tconv::engine
