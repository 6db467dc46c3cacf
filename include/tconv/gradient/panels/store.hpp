#pragma once

/// \file
/// Writes the sums of a weight gradient where they belong.

#include <algorithm>
#include <array>
#include <cstddef>
#include <vector>

#include "tconv/core/eigen.hpp"
#include "tconv/core/isa.hpp"
#include "tconv/gradient/panels/plan.hpp"
#include "tconv/gradient/tap_spans.hpp"
#include "tconv/gradient/target.hpp"
#include "tconv/simd/finite.hpp"
#include "tconv/simd/stride.hpp"
#include "tconv/simd/transpose.hpp"

namespace tconv::inline TCONV_ISA::gradient {

/// A tap among the sums of a pair of panels, and in the gradient.
struct StoredTap {
  Index sum = 0;
  Index target = 0;
};

/// All taps in spans, in the order of the gradient's memory.
inline std::vector<StoredTap> list_stored_taps(const GradientPlan& plan,
                                               const std::array<Index, 3>& tap_strides) {
  std::vector<StoredTap> taps;
  Index slot = 0;
  for (const TapSpan& wz : plan.spans(0))
    for (const TapSpan& wy : plan.spans(1))
      for (const TapSpan& wx : plan.spans(2))
        for (const SpanTap& z : wz.taps)
          for (const SpanTap& y : wy.taps) {
            for (const SpanTap& x : wx.taps) {
              // Folded taps lie in one slot, like further fine channels.
              const Index folded =
                  plan.cut().folds ? x.element * plan.fine_width() * plan.fine_step() : 0;
              taps.push_back({slot * plan.slot_size() + folded, z.kernel * tap_strides[0] +
                                                                    y.kernel * tap_strides[1] +
                                                                    x.kernel * tap_strides[2]});
              if (!plan.cut().folds) ++slot;
            }
            if (plan.cut().folds) ++slot;
          }
  std::sort(taps.begin(), taps.end(),
            [](const StoredTap& a, const StoredTap& b) { return a.target < b.target; });
  return taps;
}

/// The taps of a gradient, and how they lie in it: made once for a plan and the gradient's strides.
template <class Scalar>
class StoredTaps {
 public:
  static constexpr Index size = simd::Square<Scalar>::size;

  /// Taps that lie side by side in the gradient, at most a packet.
  struct Run {
    typename simd::Square<Scalar>::Offsets sums;
    Index target, count;
  };

  StoredTaps(const GradientPlan& plan, const std::array<Index, 3>& tap_strides)
      : taps_(list_stored_taps(plan, tap_strides)) {
    for (std::size_t t = 1; t < taps_.size(); ++t)
      dense_ = dense_ && taps_[t].target == taps_[t - 1].target + 1;
    for (std::size_t t = 0; t < taps_.size(); t += static_cast<std::size_t>(runs_.back().count))
      runs_.push_back(run_from(t));
  }

  const std::vector<StoredTap>& taps() const { return taps_; }
  const std::vector<Run>& runs() const { return runs_; }
  bool dense() const { return dense_; }

 private:
  Run run_from(std::size_t t) const {
    const StoredTap* const tap = taps_.data() + t;
    const Index left = std::min(size, static_cast<Index>(taps_.size() - t));
    Run run{{}, tap->target, 1};
    while (run.count < left && tap[run.count].target == tap->target + run.count) ++run.count;
    for (Index i = 0; i < size; ++i)
      run.sums[static_cast<std::size_t>(i)] = tap[std::min(i, run.count - 1)].sum;
    return run;
  }

  std::vector<StoredTap> taps_;
  std::vector<Run> runs_;
  bool dense_ = true;
};

/// Writes the sums of one pair of panels.
template <class Scalar>
class GradientStore {
 public:
  GradientStore(const GradientPlan& plan, const StoredTaps<Scalar>& taps,
                const GradientTarget<Scalar>& target)
      : plan_(plan),
        taps_(taps.taps()),
        runs_(taps.runs()),
        target_(target),
        dense_(taps.dense()) {}

  /// `channels` coarse and `items` fine channels, the first ones at `to`. Returns whether all are
  /// finite, which costs little here, where they are in the cache.
  bool store(Index channels, Index items, const Scalar* sums, Scalar* to) const {
    simd::FiniteCheck<Scalar> check;
    const bool coarse_lanes = plan_.coarse_in_lanes();
    const Index lanes = coarse_lanes ? channels : items, rows = coarse_lanes ? items : channels;
    const Index lane_step = coarse_lanes ? target_.coarse_stride : target_.fine_stride;
    const Index row_step = coarse_lanes ? target_.fine_stride : target_.coarse_stride;
    const auto count = static_cast<Index>(taps_.size());
    for (Index lane = 0; lane < lanes; lane += size) {
      const Index width = std::min(size, lanes - lane);
      for (Index row = 0; row < rows; ++row)
        for (const StoredTap& tap : taps_)
          check.add(sums + row * plan_.row_step() + lane + tap.sum, width);
      Scalar* const first = to + lane * lane_step;
      // Rows that are dense in the gradient are joined first: lanes may be a power of two apart,
      // and would meet in one set of the cache as often as there are rows.
      constexpr Index most = 256;
      if (dense_ && row_step == count && count <= most / 2) {
        alignas(64) std::array<Scalar, static_cast<std::size_t>(size * (most + size))> joined;
        const Index at_once = most / count;
        for (Index row = 0; row < rows; row += at_once) {
          const Index end = std::min(row + at_once, rows);
          for (Index r = row; r < end; ++r)
            store_taps(sums + r * plan_.row_step() + lane, width, joined.data() + (r - row) * count,
                       most + size, 0);
          for (Index j = 0; j < width; ++j)
            simd::copy_row(joined.data() + j * (most + size), 1, (end - row) * count,
                           first + j * lane_step + row * row_step + taps_.front().target);
        }
        continue;
      }
      for (Index row = 0; row < rows; ++row)
        store_taps(sums + row * plan_.row_step() + lane, width, first + row * row_step, lane_step,
                   taps_.front().target);
    }
    return check.passed();
  }

 private:
  static constexpr Index size = StoredTaps<Scalar>::size;

  /// All taps of `width` lanes, the first tap at `to + front`.
  void store_taps(const Scalar* sums, Index width, Scalar* to, Index lane_step, Index front) const {
    to += front - taps_.front().target;
    for (const auto& run : runs_) {
      if (run.count == 1) {
        for (Index j = 0; j < width; ++j) to[run.target + j * lane_step] = sums[run.sums[0] + j];
        continue;
      }
      simd::Square<Scalar> square;
      square.load_transposed(sums, run.sums);
      if (run.count == size)
        square.store(to + run.target, lane_step, width);
      else
        square.store_part(to + run.target, lane_step, width, run.count);
    }
  }

  const GradientPlan& plan_;
  const std::vector<StoredTap>& taps_;
  const std::vector<typename StoredTaps<Scalar>::Run>& runs_;
  const GradientTarget<Scalar>& target_;
  const bool dense_;
};

}  // namespace tconv::inline TCONV_ISA::gradient
