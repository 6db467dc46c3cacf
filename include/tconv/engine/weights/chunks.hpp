#pragma once

/// \file
/// Weights that are packed a chunk at a time, when its products are computed: for calls that use
/// them once, on few pixels. Packed all at once, they would be written to memory and read again.
///
/// A layout of one product whose rows have one tap each, or whose channels have one row each, is a
/// matrix of rows and steps (channels and taps): where a weight lies is the sum of a row's and a
/// step's offset. Either the rows or the steps lie side by side in a dense tensor.

#include <algorithm>
#include <cstddef>

#include "tconv/core/eigen.hpp"
#include "tconv/core/integer.hpp"
#include "tconv/core/isa.hpp"
#include "tconv/engine/correlation.hpp"
#include "tconv/engine/layout.hpp"
#include "tconv/engine/weights/pack.hpp"
#include "tconv/simd/packet.hpp"
#include "tconv/simd/stride.hpp"
#include "tconv/simd/transpose.hpp"

namespace tconv::inline TCONV_ISA::engine {

/// The matrix of a layout in the tensor of a call.
template <class Scalar>
class ChunkPacker {
 public:
  /// Both must outlive the packer. `layout` is a matrix.
  ChunkPacker(const WeightLayout& layout, const WeightSource<Scalar>& source)
      : layout_(layout), source_(source) {}

  /// Whether rows or steps lie side by side.
  bool fits() const { return rows_dense() || steps_dense(); }

  /// Packs the weights of a chunk and channel block of a group as the micro-kernel reads them, and
  /// up to a packet more.
  void pack(Index group, Index chunk, Index block, Scalar* to) const {
    const Split& blocks = layout_.channel_blocks();
    const Index channels = blocks.end(block) - blocks.begin(block);
    const Scalar* const from = source_.data + group * source_.group_stride +
                               layout_.chunks().begin(chunk) * source_.out_stride +
                               blocks.begin(block) * source_.in_stride;
    const Split panels = layout_.panels(0, chunk);
    if (rows_dense())
      pack_rows(from, channels, layout_.rows(0, chunk), panels, to);
    else
      pack_steps(from, channels * product_.taps(), layout_.rows(0, chunk), panels, to);
  }

 private:
  static constexpr Index lanes = simd::Packet<Scalar>::size;

  /// Whether the elements of the kernel, `stride` in all, lie side by side in the order of the rows
  /// or taps.
  bool kernel_dense(Index stride) const {
    Index size = 1;
    for (std::size_t a = 3; a-- > 0;) {
      Index extent = 0;
      for (const Phase* phase : product_.set(a).members)
        for (const Tap& tap : phase->taps)
          if (tap.kernel != extent++) return false;
      if (extent > 1 && source_.tap_strides[a] != size) return false;
      size *= extent;
    }
    return size == stride;
  }
  bool rows_dense() const {
    return members_ == 1 ? source_.out_stride == 1 : kernel_dense(source_.out_stride);
  }
  bool steps_dense() const {
    return taps_ == 1 ? source_.in_stride == 1 : kernel_dense(source_.in_stride);
  }

  /// Where the taps of one member, or those of all members that have one, lie in the kernel.
  Index kernel_offset(Index i) const {
    Index offset = 0;
    for (std::size_t a = 3; a-- > 0;) {
      const auto& members = product_.set(a).members;
      const auto count =
          static_cast<Index>(members_ > 1 ? members.size() : members[0]->taps.size());
      const auto digit = static_cast<std::size_t>(i % count);
      const Tap& tap = members_ > 1 ? members[digit]->taps[0] : members[0]->taps[digit];
      offset += tap.kernel * source_.tap_strides[a];
      i /= count;
    }
    return offset;
  }

  /// Copies rows that lie side by side.
  void pack_rows(const Scalar* from, Index channels, Index rows, const Split& panels,
                 Scalar* to) const {
    const Index depth = channels * taps_;
    // Rows of channels that are a power of two apart share a few sets of the cache.
    constexpr Index together = 8;
    for (Index t = 0; t < taps_; ++t)
      for (Index begin = 0; begin < channels; begin += together) {
        const Scalar* const row = from + kernel_offset(t) + begin * source_.in_stride;
        const Index count = std::min(together, channels - begin);
        for (Index i = 0; i < panels.parts; ++i) {
          const auto [first, width, used] = panel(panels, i, rows);
          Scalar* const place = to + first * depth + (begin * taps_ + t) * width;
          simd::copy_rows_apart(row + first, source_.in_stride, count, used, place, taps_ * width);
          for (Index c = 0; c < count && used < width; ++c)
            std::fill_n(place + c * taps_ * width + used, width - used, Scalar(0));
        }
      }
  }

  /// Turns steps that lie side by side. Packets of a step's last rows spill over the first ones of
  /// the next step, and so come first.
  void pack_steps(const Scalar* from, Index depth, Index rows, const Split& panels,
                  Scalar* to) const {
    typename simd::Square<Scalar>::Offsets offsets;
    for (Index i = 0; i < panels.parts; ++i) {
      const auto [first, width, used] = panel(panels, i, rows);
      for (Index r = (used - 1) / lanes * lanes; r >= 0; r -= lanes) {
        for (Index k = 0; k < lanes; ++k) {
          const Index row = first + std::min(r + k, used - 1);
          offsets[static_cast<std::size_t>(k)] = row / members_ * source_.out_stride +
                                                 (taps_ == 1 ? kernel_offset(row % members_) : 0);
        }
        const Index largest = *std::max_element(offsets.begin(), offsets.end());
        for (Index j = 0; j < depth; j += lanes)
          simd::transpose_square(from + j, offsets, largest, source_.end,
                                 std::min(lanes, depth - j), to + first * depth + j * width + r,
                                 width);
      }
    }
  }

  struct Panel {
    Index first, width, used;
  };
  Panel panel(const Split& panels, Index i, Index rows) const {
    const Index first = panels.begin(i) * layout_.lane_multiple();
    const Index width = panels.end(i) * layout_.lane_multiple() - first;
    return {first, width, std::min(width, rows - first)};
  }

  const WeightLayout& layout_;
  WeightSource<Scalar> source_;
  const Product& product_ = layout_.product(0);
  Index members_ = product_.members(), taps_ = product_.taps();
};

/// Whether a call can pack the weights of a layout by chunks.
template <class Scalar>
bool packs_by_chunks(const WeightLayout& layout, const WeightSource<Scalar>& source) {
  return layout.is_matrix() && ChunkPacker<Scalar>(layout, source).fits();
}

}  // namespace tconv::inline TCONV_ISA::engine
