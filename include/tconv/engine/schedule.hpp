#pragma once

/// \file
/// What is computed once for a shape, and the packing of all its weights.

#include <algorithm>
#include <memory>
#include <utility>
#include <vector>

#include "tconv/engine/plan.hpp"
#include "tconv/engine/winograd_plan.hpp"

namespace tconv::engine {

/// Elements of scratch that a tile may take: five eighths of the second-level cache, which leaves
/// room for the weights that stream past.
template <class Scalar>
Index scratch_budget() {
  return std::max<Index>(Eigen::l2CacheSize(), 256 * 1024) * 5 / 8 /
         static_cast<Index>(sizeof(Scalar));
}

/// Cycles for which it pays to wake another thread, some 20 us.
inline constexpr double cycles_of_a_thread = 60e3;

/// What is computed once for a shape: the taps, their layout as matrices and the chosen cut.
class Schedule {
 public:
  /// The cheapest plan, its tiles shared by `threads`, or by fewer if there is little to do. The
  /// packing does not depend on `threads`, and so neither does the order of a sum.
  Schedule(Correlation correlation, Index lane_count, Index budget, int threads)
      : correlation_(std::move(correlation)),
        plan_(make_plan(correlation_, lane_count, budget)),
        layout_(correlation_, plan_.packing, lane_count),
        lane_count_(lane_count) {
    threads_ = 1 + static_cast<int>(std::min(plan_.cycles / cycles_of_a_thread, threads - 1.0));
    winograd_ = find_winograd(correlation_, lane_count, budget, plan_.cycles, threads_);
    footprint_ = Footprint(correlation_, layout_, plan_.packing, plan_.tile, lane_count);
    if (shares_rows()) return;
    plan_.tile = share_tile(correlation_, plan_.tile, threads_, 2 * threads_, 16 * lane_count);
    footprint_ = Footprint(correlation_, layout_, plan_.packing, plan_.tile, lane_count);
  }
  /// A given plan, on at most `threads`.
  Schedule(Correlation correlation, Index lane_count, const Plan& plan, int threads)
      : correlation_(std::move(correlation)),
        plan_(plan),
        layout_(correlation_, plan_.packing, lane_count),
        lane_count_(lane_count),
        threads_(threads),
        footprint_(correlation_, layout_, plan_.packing, plan_.tile, lane_count) {}

  const Correlation& correlation() const { return correlation_; }
  const Plan& plan() const { return plan_; }
  const WeightLayout& layout() const { return layout_; }
  /// Parts that the rows of a tile may be computed in: chunks of lines.
  Index units() const { return layout_.lines() * layout_.chunks().parts; }
  /// Tasks that share the rows of a tile where tiles are few.
  Index parts() const {
    const Index count = count_tiles(correlation_, plan_.tile);
    // A worker copies pixels anew for each part if they come in several blocks.
    const Index wanted = layout_.channel_blocks().parts > 1 ? threads_ : 2 * threads_;
    if (threads_ == 1 || count == 0 || count >= wanted) return 1;
    return std::clamp<Index>(ceil_div(wanted, count), 1, units());
  }
  Index lane_count() const { return lane_count_; }
  /// Threads that share the work.
  int threads() const { return threads_; }
  const Footprint& footprint() const { return footprint_; }
  /// A schedule expected to take less time where the weights are at hand transformed, or null.
  const WinogradSchedule* winograd() const { return winograd_.get(); }
  /// Whether it pays to transform the weights for one call: some three cycles an element, where
  /// they are packed directly in two.
  bool transforms_once() const {
    return winograd_ &&
           winograd_->plan().cycles + 3 * static_cast<double>(winograd_->weight_size()) <
               plan_.cycles + 2 * static_cast<double>(weight_size());
  }
  /// Equal where weights are packed alike.
  const std::vector<Index>& signature() const { return signature_; }
  /// Elements of the packed weights of all groups.
  Index weight_size() const { return correlation_.groups * layout_.size(); }

 private:
  /// Whether threads do better with all pixels of the one tile and some of its rows than the other
  /// way round: more weights are packed than pixels.
  bool shares_rows() const {
    return count_tiles(correlation_, plan_.tile) == 1 && units() >= 2 * threads_ &&
           layout_.size() > footprint_.pixels * layout_.channel_blocks().parts;
  }

  Correlation correlation_;
  Plan plan_;
  WeightLayout layout_;
  Index lane_count_;
  int threads_ = 1;
  Footprint footprint_;
  std::vector<Index> signature_ = layout_.signature();
  std::unique_ptr<const WinogradSchedule> winograd_;
};

}  // namespace tconv::engine
