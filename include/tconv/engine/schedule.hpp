#pragma once

/// \file
/// What is computed once for a shape: which way its products are computed, and how they are cut.

#include <algorithm>
#include <memory>

#include "tconv/core/eigen.hpp"
#include "tconv/core/isa.hpp"
#include "tconv/engine/col2im/schedule.hpp"
#include "tconv/engine/correlation.hpp"
#include "tconv/engine/direct/schedule.hpp"
#include "tconv/engine/plan.hpp"
#include "tconv/engine/winograd/plan.hpp"
#include "tconv/engine/winograd/schedule.hpp"

namespace tconv::inline TCONV_ISA::engine {

/// Cycles for which it pays to wake another thread, some 20 us.
inline constexpr double cycles_of_a_thread = 60e3;

/// The ways to compute a shape.
class Schedule {
 public:
  /// The cheapest plans, on fewer threads than there are if there is little to do.
  Schedule(const Correlation& c, const Resources& resources)
      : Schedule(c, make_plan(c, resources), resources) {}

  const DirectSchedule& direct() const { return direct_; }
  /// Expected to take less time than the direct products, or null.
  const Col2imSchedule* col2im() const { return col2im_.get(); }
  /// Expected to take less time than the others where the weights are at hand transformed, or null.
  const WinogradSchedule* winograd() const { return winograd_.get(); }
  /// Expected to take less time than all others where weights serve one call and lie as a matrix,
  /// or both null.
  const DirectSchedule* direct_once() const { return direct_once_.get(); }
  const Col2imSchedule* col2im_once() const { return col2im_once_.get(); }
  /// Whether it pays to transform the weights for one call.
  bool transforms_once() const { return winograd_ && transforming() < once_share * packing(); }

 private:
  static constexpr Index few_channels = 16;
  /// Transformed weights are many times as large, and come from another core's cache if threads
  /// have packed them together.
  static constexpr double once_share = 0.9;

  Schedule(const Correlation& c, const Plan& plan, Resources resources)
      : direct_(c, resources.lane_count, plan, threads_for(plan.cycles, resources.threads)) {
    resources.threads = direct_.threads();
    winograd_ = find_winograd(c, resources, plan.cycles);
    Plan limit = plan;
    // Direct products of few channels take longer than estimated, on most shapes.
    limit.cycles *= c.out_channels <= few_channels ? 1.02 : 0.95;
    col2im_ = find_col2im(c, resources, limit, false);
    if (winograd_ && col2im_ && col2im_->plan().cycles < winograd_->plan().cycles)
      winograd_.reset();
    find_once(c, resources);
    direct_.share();
  }

  static int threads_for(double cycles, int threads) {
    return 1 + static_cast<int>(std::min(cycles / cycles_of_a_thread, threads - 1.0));
  }

  void find_once(const Correlation& c, const Resources& resources) {
    Plan limit = direct_.plan();
    limit.cycles = transforms_once() ? transforming() : packing();
    const auto weights = static_cast<double>(direct_.weight_size());
    if (weights < limit.cycles / 64) return;
    col2im_once_ = find_col2im(c, resources, limit, true);
    if (col2im_once_) limit = col2im_once_->plan();
    const Plan once = make_plan(c, resources, true);
    if (once.cycles >= limit.cycles) return;
    direct_once_ =
        std::make_unique<DirectSchedule>(c, resources.lane_count, once, resources.threads);
    direct_once_->share();
    col2im_once_.reset();
  }

  /// Cycles of a call that packs, or transforms, its weights.
  double packing() const {
    return col2im_ ? col2im_->plan().cycles + col2im_->products().packing_cycles()
                   : direct_.plan().cycles + direct_.packing_cycles();
  }
  double transforming() const { return winograd_->plan().cycles + winograd_->packing_cycles(); }

  DirectSchedule direct_;
  std::unique_ptr<const Col2imSchedule> col2im_, col2im_once_;
  std::unique_ptr<DirectSchedule> direct_once_;
  std::unique_ptr<const WinogradSchedule> winograd_;
};

}  // namespace tconv::inline TCONV_ISA::engine
