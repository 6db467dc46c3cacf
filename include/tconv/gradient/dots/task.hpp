#pragma once

/// \file
/// One task of a gradient by dot products: some tiles of one group.

#include <algorithm>
#include <array>
#include <cstddef>
#include <type_traits>

#include "tconv/core/eigen.hpp"
#include "tconv/core/integer.hpp"
#include "tconv/core/isa.hpp"
#include "tconv/core/view.hpp"
#include "tconv/gradient/dots/plan.hpp"
#include "tconv/gradient/tap_spans.hpp"
#include "tconv/gradient/target.hpp"
#include "tconv/gradient/tile.hpp"
#include "tconv/runtime/arena.hpp"
#include "tconv/simd/dot_kernel.hpp"
#include "tconv/simd/packet.hpp"
#include "tconv/simd/stride.hpp"

namespace tconv::inline TCONV_ISA::gradient {

/// One task: some tiles of one group.
template <class Scalar>
class DotTask {
 public:
  static constexpr Index lanes = simd::Packet<Scalar>::size;

  DotTask(const DotPlan& plan, const Image<const Scalar>& coarse, const Image<const Scalar>& fine,
          std::byte* scratch)
      : plan_(plan), coarse_(coarse), fine_(fine), scratch_(carve(plan, runtime::Arena(scratch))) {}

  static std::size_t scratch_bytes(const DotPlan& plan) {
    return carve(plan, runtime::Arena(nullptr)).bytes;
  }

  /// Sums `[coarse channel][fine channel][tap]`, a packet of partial sums each.
  void run(Index group, Index first_tile, Index end_tile, Scalar* sums) {
    const ConvShape& shape = plan_.shape();
    std::fill_n(sums, plan_.sums_size(), Scalar(0));
    for (Index tile = first_tile; tile < end_tile; ++tile) {
      place(tile);
      for (Index c = 0; c < shape.coarse_per_group(); ++c)
        copy_coarse(group * shape.coarse_per_group() + c, scratch_.coarse + c * plan_.span_size());
      for (Index m = 0; m < shape.fine_per_group(); ++m) {
        copy_fine(group * shape.fine_per_group() + m);
        multiply(sums + m * plan_.taps() * lanes);
      }
    }
  }

 private:
  struct Scratch {
    Scalar *coarse, *fine;
    const Scalar** taps;
    std::size_t bytes;
  };

  static Scratch carve(const DotPlan& plan, runtime::Arena arena) {
    Scratch s{};
    s.coarse = arena.take<Scalar>(plan.shape().coarse_per_group() * plan.span_size());
    // The last tap reads beyond its span by what lies before its first element.
    s.fine = arena.take<Scalar>((plan.span_count() + 1) * plan.span_size());
    s.taps = arena.take<const Scalar*>(plan.taps());
    s.bytes = arena.used();
    return s;
  }

  void place(Index tile) {
    box_ = find_tile(plan_.shape(), plan_.tile(), tile);
    extents_ = plan_.extents({box_.q[0].size(), box_.q[1].size(), box_.q[2].size()});
    const Index run = (((box_.n.size() - 1) * extents_[0] + box_.q[0].size() - 1) * extents_[1] +
                       box_.q[1].size() - 1) *
                          extents_[2] +
                      box_.q[2].size();
    packets_ = ceil_div(run, lanes);
  }

  void copy_coarse(Index channel, Scalar* to) const {
    Scalar* const end = to + packets_ * lanes;
    const Scalar* const from = coarse_.data + channel * coarse_.channel_stride;
    for (Index n = box_.n.first; n < box_.n.end; ++n)
      for (Index z = 0; z < extents_[0]; ++z)
        for (Index y = 0; y < extents_[1]; ++y, to += extents_[2]) {
          if (to >= end) return;
          if (z >= box_.q[0].size() || y >= box_.q[1].size()) {
            std::fill(to, std::min(to + extents_[2], end), Scalar(0));
            continue;
          }
          simd::copy_row(
              from + n * coarse_.batch_stride + (box_.q[0].first + z) * coarse_.strides[0] +
                  (box_.q[1].first + y) * coarse_.strides[1] + box_.q[2].first * coarse_.strides[2],
              coarse_.strides[2], box_.q[2].size(), to);
          std::fill(to + box_.q[2].size(),
                    std::max(to + box_.q[2].size(), std::min(to + extents_[2], end)), Scalar(0));
        }
    std::fill(to, std::max(to, end), Scalar(0));
  }

  /// Copies all spans of a channel, and finds their taps.
  void copy_fine(Index channel) const {
    const auto& axes = plan_.shape().axes;
    const Scalar* const from = fine_.data + channel * fine_.channel_stride;
    Scalar* to = scratch_.fine;
    const Scalar** tap = scratch_.taps;
    for (const TapSpan& wz : plan_.spans(0))
      for (const TapSpan& wy : plan_.spans(1))
        for (const TapSpan& wx : plan_.spans(2)) {
          for (const SpanTap& z : wz.taps)
            for (const SpanTap& y : wy.taps)
              for (const SpanTap& x : wx.taps)
                *tap++ = to + (z.element * extents_[1] + y.element) * extents_[2] + x.element;
          const Index step = wx.fine_step;
          const Index first = wx.origin + box_.q[2].first * axes[2].stride;
          const Index left = std::clamp<Index>(ceil_div(-first, step), 0, extents_[2]);
          const Index right =
              std::clamp<Index>(ceil_div(axes[2].fine - first, step), left, extents_[2]);
          for (Index n = box_.n.first; n < box_.n.end; ++n)
            for (Index iz = 0; iz < extents_[0]; ++iz)
              for (Index iy = 0; iy < extents_[1]; ++iy, to += extents_[2]) {
                const Index z = wz.origin + box_.q[0].first * axes[0].stride + iz * wz.fine_step;
                const Index y = wy.origin + box_.q[1].first * axes[1].stride + iy * wy.fine_step;
                if (!axes[0].has_fine(z) || !axes[1].has_fine(y) || left == right) {
                  std::fill_n(to, extents_[2], Scalar(0));
                  continue;
                }
                std::fill_n(to, left, Scalar(0));
                simd::copy_row(from + n * fine_.batch_stride + z * fine_.strides[0] +
                                   y * fine_.strides[1] + (first + left * step) * fine_.strides[2],
                               step * fine_.strides[2], right - left, to + left);
                std::fill(to + right, to + extents_[2], Scalar(0));
              }
        }
    // Whole packets of the last taps.
    std::fill_n(to, plan_.span_size(), Scalar(0));
  }

  void multiply(Scalar* sums) const {
    const ConvShape& shape = plan_.shape();
    const Index step = plan_.span_size();
    const Index sums_step = shape.fine_per_group() * plan_.taps() * lanes;
    Index c = 0;
    const auto run = [&](auto rows) {
      for (; c + rows() <= shape.coarse_per_group(); c += rows())
        simd::dot_products<Scalar, rows()>(packets_, scratch_.coarse + c * step, step,
                                           scratch_.taps, plan_.taps(), sums + c * sums_step,
                                           sums_step);
    };
    run(std::integral_constant<int, 4>());
    run(std::integral_constant<int, 2>());
    run(std::integral_constant<int, 1>());
  }

  const DotPlan& plan_;
  const Image<const Scalar>& coarse_;
  const Image<const Scalar>& fine_;
  Scratch scratch_;
  PixelBox box_;  // of the present tile
  std::array<Index, 3> extents_{};
  Index packets_ = 0;
};

}  // namespace tconv::inline TCONV_ISA::gradient
