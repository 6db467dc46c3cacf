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
    const bool coarse_lanes = plan_.coarse_in_lanes();
    const Matrix matrix{coarse_lanes ? items : channels, coarse_lanes ? channels : items,
                        coarse_lanes ? target_.fine_stride : target_.coarse_stride,
                        coarse_lanes ? target_.coarse_stride : target_.fine_stride};
    simd::FiniteCheck<Scalar> check;
    for (const StoredTap& tap : taps_)
      for (Index row = 0; row < matrix.rows; ++row)
        for (Index lane = 0; lane < matrix.lanes; lane += size)
          check.add(sums + row * plan_.row_step() + lane + tap.sum,
                    std::min(size, matrix.lanes - lane));
    if (matrix.row_step == 1 || matrix.lane_step == 1)
      for (const StoredTap& tap : taps_) store_tap(matrix, sums + tap.sum, to + tap.target);
    else
      for (Index lane = 0; lane < matrix.lanes; lane += size)
        store_lanes(matrix, lane, sums + lane, to + lane * matrix.lane_step);
    return check.passed();
  }

 private:
  static constexpr Index size = StoredTaps<Scalar>::size;

  /// The sums of a tap, and their distances in the gradient.
  struct Matrix {
    Index rows, lanes;
    Index row_step, lane_step;
  };

  /// One tap of a gradient whose rows or lanes lie side by side.
  void store_tap(const Matrix& matrix, const Scalar* sums, Scalar* to) const {
    if (matrix.lane_step == 1) {
      for (Index row = 0; row < matrix.rows; ++row)
        simd::copy_dense(sums + row * plan_.row_step(), matrix.lanes, to + row * matrix.row_step);
      return;
    }
    for (Index row = 0; row < matrix.rows; row += size) {
      const Index height = std::min(size, matrix.rows - row);
      const auto offsets = simd::Square<Scalar>::offsets(plan_.row_step(), height);
      for (Index lane = 0; lane < matrix.lanes; lane += size) {
        simd::Square<Scalar> square;
        square.load_transposed(sums + row * plan_.row_step() + lane, offsets);
        Scalar* const first = to + row + lane * matrix.lane_step;
        const Index width = std::min(size, matrix.lanes - lane);
        if (height == size)
          square.store(first, matrix.lane_step, width);
        else
          square.store_part(first, matrix.lane_step, width, height);
      }
    }
  }

  /// A packet of lanes from `lane` on, of all rows and taps.
  void store_lanes(const Matrix& matrix, Index lane, const Scalar* sums, Scalar* to) const {
    const Index width = std::min(size, matrix.lanes - lane);
    const auto count = static_cast<Index>(taps_.size());
    // Rows that are dense in the gradient are joined first: lanes may be a power of two apart, and
    // would meet in one set of the cache as often as there are rows.
    constexpr Index most = 256;
    if (!dense_ || matrix.row_step != count || count > most / 2) {
      for (Index row = 0; row < matrix.rows; ++row)
        store_taps(sums + row * plan_.row_step(), width, to + row * matrix.row_step,
                   matrix.lane_step, taps_.front().target);
      return;
    }
    alignas(64) std::array<Scalar, static_cast<std::size_t>(size * (most + size))> joined;
    const Index at_once = most / count;
    for (Index row = 0; row < matrix.rows; row += at_once) {
      const Index end = std::min(row + at_once, matrix.rows);
      for (Index r = row; r < end; ++r)
        store_taps(sums + r * plan_.row_step(), width, joined.data() + (r - row) * count,
                   most + size, 0);
      for (Index j = 0; j < width; ++j)
        simd::copy_row(joined.data() + j * (most + size), 1, (end - row) * count,
                       to + j * matrix.lane_step + row * matrix.row_step + taps_.front().target);
    }
  }

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
