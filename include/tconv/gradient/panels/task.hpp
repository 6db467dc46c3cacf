#pragma once

/// \file
/// One task of a weight gradient: some panels of coarse and of fine channels, some tiles of pixels.
///
///     for each tile of pixels
///       copy the coarse channels into panels                          [pixel][c]
///       for each span of taps
///         copy the fine channels of the span into panels            [position][m]
///         for each coarse panel, fine panel, tap: sums += product     micro_kernel
///         with the last products of a pair of panels: hand its sums over

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "tconv/core/eigen.hpp"
#include "tconv/core/integer.hpp"
#include "tconv/core/isa.hpp"
#include "tconv/core/view.hpp"
#include "tconv/gradient/panels/plan.hpp"
#include "tconv/gradient/tap_spans.hpp"
#include "tconv/gradient/target.hpp"
#include "tconv/gradient/tile.hpp"
#include "tconv/runtime/arena.hpp"
#include "tconv/simd/micro_kernel.hpp"
#include "tconv/simd/packet.hpp"
#include "tconv/simd/tile_shape.hpp"
#include "tconv/simd/transpose_rows.hpp"

namespace tconv::inline TCONV_ISA::gradient {

/// A coarse and a fine panel, and their sums of all taps.
template <class Scalar>
struct PanelPair {
  Index coarse = 0, fine = 0;
  const Scalar* sums = nullptr;
};

template <class Scalar>
class GradientTask {
 public:
  static constexpr Index lanes = simd::Packet<Scalar>::size;

  GradientTask(const GradientPlan& plan, const Image<const Scalar>& coarse,
               const Image<const Scalar>& fine, std::byte* scratch)
      : plan_(plan), coarse_(coarse), fine_(fine), scratch_(carve(plan, runtime::Arena(scratch))) {
    const ConvShape& shape = plan.shape();
    std::array<Index, 3> coarse_extents{}, fine_extents{};
    for (std::size_t a = 0; a < 3; ++a) {
      coarse_extents[a] = shape.axes[a].coarse;
      fine_extents[a] = shape.axes[a].fine;
    }
    coarse_end_ =
        end_of(coarse, shape.batch, shape.groups * shape.coarse_per_group(), coarse_extents);
    fine_end_ = end_of(fine, shape.batch, shape.groups * shape.fine_per_group(), fine_extents);
  }

  static std::size_t scratch_bytes(const GradientPlan& plan) {
    return carve(plan, runtime::Arena(nullptr)).bytes;
  }

  /// Sums the tiles `[first_tile, end_tile)` of the panels of a block pair into `sums`, `[coarse
  /// panel][fine panel][slot]`, of as many pairs as the plan keeps. Calls `store(pair)` when the
  /// sums of one are complete.
  template <class Store>
  void run(Index group, Range coarse_panels, Range fine_panels, Index first_tile, Index end_tile,
           Scalar* sums, const Store& store) {
    group_ = group;
    coarse_panels_ = coarse_panels;
    fine_panels_ = fine_panels;
    sums_ = sums;
    for (Index tile = first_tile; tile < end_tile; ++tile) {
      box_ = find_tile(plan_.shape(), plan_.tile(), tile);
      accumulate_ = tile > first_tile;
      pack_coarse();
      slot_ = 0;
      for (const TapSpan& z : plan_.spans(0))
        for (const TapSpan& y : plan_.spans(1))
          for (const TapSpan& x : plan_.spans(2))
            compute_spans({&z, &y, &x}, tile + 1 == end_tile, store);
    }
  }

 private:
  using Spans = std::array<const TapSpan*, 3>;

  struct Scratch {
    Scalar *coarse, *fine;
    std::int32_t* offsets;
    std::size_t bytes;
  };

  static Scratch carve(const GradientPlan& plan, runtime::Arena arena) {
    // Packets are written and read up to the end.
    const Index spare = 2 * lanes * simd::max_vectors;
    Scratch s{};
    s.coarse = arena.take<Scalar>(
        plan.coarse_blocks().largest() * plan.coarse_width() * plan.tile().pixels() + spare);
    s.fine = arena.take<Scalar>(
        plan.fine_blocks().largest() * plan.fine_width() * plan.span_elements() + spare);
    s.offsets = arena.take<std::int32_t>(plan.tile().pixels());
    s.bytes = arena.used();
    return s;
  }

  void pack_coarse() {
    const auto& axes = plan_.shape().axes;
    // Rows and planes that follow one another without a gap are one row.
    Index row = box_.q[2].size();
    std::array<Index, 2> outer{box_.q[0].size(), box_.q[1].size()};
    for (std::size_t a = 2; a-- > 0;) {
      const Index inner_stride =
          a == 1 ? coarse_.strides[2] * axes[2].coarse : coarse_.strides[1] * axes[1].coarse;
      const bool whole = box_.q[a + 1].size() == axes[a + 1].coarse && (a == 1 || outer[1] == 1);
      if (!whole || coarse_.strides[a] != inner_stride) break;
      row *= outer[a];
      outer[a] = 1;
    }
    Scalar* to = scratch_.coarse;
    for (Index p = coarse_panels_.first; p < coarse_panels_.end; ++p) {
      const Index first = plan_.coarse_panels().begin(p);
      const simd::RowSource<Scalar> source{coarse_.channel_stride, coarse_.strides[2],
                                           plan_.coarse_panels().end(p) - first, coarse_end_};
      const Scalar* channel = coarse_.data + (group_ * plan_.shape().coarse_per_group() + first) *
                                                 coarse_.channel_stride;
      for (Index n = box_.n.first; n < box_.n.end; ++n)
        for (Index z = 0; z < outer[0]; ++z)
          for (Index y = 0; y < outer[1]; ++y) {
            simd::transpose_row(channel + n * coarse_.batch_stride +
                                    (box_.q[0].first + z) * coarse_.strides[0] +
                                    (box_.q[1].first + y) * coarse_.strides[1] +
                                    box_.q[2].first * coarse_.strides[2],
                                source, row, to, plan_.coarse_width());
            to += row * plan_.coarse_width();
          }
    }
  }

  /// The first fine position of a span.
  Index first_position(const Spans& spans, std::size_t axis) const {
    return spans[axis]->origin + box_.q[axis].first * plan_.shape().axes[axis].stride;
  }

  void pack_fine(const Spans& spans, const std::array<Index, 3>& extents) {
    const auto& axes = plan_.shape().axes;
    const Index width = plan_.fine_width();
    const std::array<Index, 3> first{first_position(spans, 0), first_position(spans, 1),
                                     first_position(spans, 2)};
    const Index step = spans[2]->fine_step;
    const Index left = std::clamp<Index>(ceil_div(-first[2], step), 0, extents[2]);
    const Index right =
        std::clamp<Index>(ceil_div(axes[2].fine - first[2], step), left, extents[2]);
    Scalar* to = scratch_.fine;
    for (Index p = fine_panels_.first; p < fine_panels_.end; ++p) {
      const Index channel = plan_.fine_panels().begin(p);
      const simd::RowSource<Scalar> source{fine_.channel_stride, step * fine_.strides[2],
                                           plan_.fine_panels().end(p) - channel, fine_end_};
      const Scalar* from =
          fine_.data + (group_ * plan_.shape().fine_per_group() + channel) * fine_.channel_stride;
      for (Index n = box_.n.first; n < box_.n.end; ++n)
        for (Index iz = 0; iz < extents[0]; ++iz)
          for (Index iy = 0; iy < extents[1]; ++iy, to += extents[2] * width) {
            const Index z = first[0] + iz * spans[0]->fine_step;
            const Index y = first[1] + iy * spans[1]->fine_step;
            if (!axes[0].has_fine(z) || !axes[1].has_fine(y) || left == right) {
              std::fill_n(to, extents[2] * width, Scalar(0));
              continue;
            }
            std::fill_n(to, left * width, Scalar(0));
            simd::transpose_row(from + n * fine_.batch_stride + z * fine_.strides[0] +
                                    y * fine_.strides[1] +
                                    (first[2] + left * step) * fine_.strides[2],
                                source, right - left, to + left * width, width);
            std::fill(to + right * width, to + extents[2] * width, Scalar(0));
          }
    }
  }

  /// Where the pixels find their first position in a panel of the span.
  void list_offsets(const Spans& spans, const std::array<Index, 3>& extents) {
    std::int32_t* offset = scratch_.offsets;
    const Index width = plan_.fine_width();
    for (Index n = 0; n < box_.n.size(); ++n)
      for (Index z = 0; z < box_.q[0].size(); ++z)
        for (Index y = 0; y < box_.q[1].size(); ++y) {
          const Index row = ((n * extents[0] + z * spans[0]->pixel_step) * extents[1] +
                             y * spans[1]->pixel_step) *
                            extents[2];
          for (Index x = 0; x < box_.q[2].size(); ++x)
            *offset++ = static_cast<std::int32_t>((row + x * spans[2]->pixel_step) * width);
        }
  }

  template <class Store>
  void compute_spans(const Spans& spans, bool last_tile, const Store& store) {
    std::array<Index, 3> extents{};
    for (std::size_t a = 0; a < 3; ++a) extents[a] = spans[a]->extent(box_.q[a].size());
    pack_fine(spans, extents);
    list_offsets(spans, extents);
    const bool folds = plan_.cut().folds;
    const Index width = plan_.fine_width();
    const Index coarse_panel = plan_.coarse_width() * box_.pixels();
    const Index fine_panel = box_.n.size() * extents[0] * extents[1] * extents[2] * width;
    const SpanTap one{0, 0};
    const std::span x_taps(folds ? &one : spans[2]->taps.data(), folds ? 1 : spans[2]->taps.size());
    const auto slots =
        static_cast<Index>(spans[0]->taps.size() * spans[1]->taps.size() * x_taps.size());
    const bool completes = last_tile && slot_ + slots == plan_.slots();
    Index slot = slot_;
    for (Index c = 0; c < coarse_panels_.size(); ++c) {
      const Index channels = plan_.coarse_panels().end(coarse_panels_.first + c) -
                             plan_.coarse_panels().begin(coarse_panels_.first + c);
      for (Index m = 0; m < fine_panels_.size(); ++m) {
        const Index items = folds ? spans[2]->reach * width
                                  : plan_.fine_panels().end(fine_panels_.first + m) -
                                        plan_.fine_panels().begin(fine_panels_.first + m);
        Scalar* const pair = sums_ + (c * fine_panels_.size() + m) % plan_.kept_pairs() *
                                         plan_.slots() * plan_.slot_size();
        slot = slot_;
        for (const SpanTap& z : spans[0]->taps)
          for (const SpanTap& y : spans[1]->taps)
            for (const SpanTap& x : x_taps) {
              const Index shift =
                  ((z.element * extents[1] + y.element) * extents[2] + x.element) * width;
              multiply(scratch_.coarse + c * coarse_panel, channels,
                       scratch_.fine + m * fine_panel + shift, items,
                       pair + slot++ * plan_.slot_size());
            }
        if (completes)
          store(PanelPair<Scalar>{coarse_panels_.first + c, fine_panels_.first + m, pair});
      }
    }
    slot_ = slot;
  }

  /// One slot: `channels` of a coarse panel times `items` of a fine one.
  void multiply(const Scalar* coarse, Index channels, const Scalar* fine, Index items,
                Scalar* sums) const {
    if (plan_.coarse_in_lanes())
      multiply<simd::LaneOperand::weights>(coarse, fine, items, channels, sums);
    else
      multiply<simd::LaneOperand::pixels>(coarse, fine, channels, items, sums);
  }

  template <simd::LaneOperand held>
  void multiply(const Scalar* coarse, const Scalar* fine, Index rows, Index lane_items,
                Scalar* sums) const {
    constexpr bool coarse_lanes = held == simd::LaneOperand::weights;
    Index vectors = plan_.cut().vectors;
    const Split blocks = Split::into_at_most(rows, plan_.cut().rows());
    for (Index done = 0; done < lane_items; done += vectors * lanes) {
      while (vectors > 1 && vectors * lanes >= lane_items - done + lanes) vectors /= 2;
      for (Index b = 0; b < blocks.parts; ++b) {
        const Index row = blocks.begin(b);
        simd::find_micro_kernel<Scalar, held>(blocks.end(b) - row, vectors)(
            box_.pixels(), scratch_.offsets, fine + (coarse_lanes ? row : done), 1,
            coarse + (coarse_lanes ? done : row), plan_.coarse_width(),
            sums + row * plan_.row_step() + done, plan_.row_step(), accumulate_,
            simd::Ahead<Scalar>::nothing(coarse));
      }
    }
  }

  const GradientPlan& plan_;
  const Image<const Scalar>& coarse_;
  const Image<const Scalar>& fine_;
  const Scalar *coarse_end_, *fine_end_;
  Scratch scratch_;
  Index group_ = 0;
  Range coarse_panels_, fine_panels_;
  PixelBox box_;  // of the present tile
  Index slot_ = 0;
  bool accumulate_ = false;
  Scalar* sums_ = nullptr;
};

}  // namespace tconv::inline TCONV_ISA::gradient
