#pragma once

/// \file
/// What is computed once for a shape, and the packing of all its weights.

#include <algorithm>
#include <utility>

#include "tconv/engine/pack.hpp"
#include "tconv/engine/plan.hpp"

namespace tconv::engine {

/// Elements of scratch that a tile may take: five eighths of the second-level cache, which leaves
/// room for the weights that stream past.
template <class Scalar>
Index scratch_budget() {
  return std::max<Index>(Eigen::l2CacheSize(), 256 * 1024) * 5 / 8 /
         static_cast<Index>(sizeof(Scalar));
}

/// What is computed once for a shape: the taps, their layout as matrices and the chosen cut.
class Schedule {
 public:
  Schedule(Correlation correlation, Index lane_count, Index budget)
      : correlation_(std::move(correlation)),
        plan_(make_plan(correlation_, lane_count, budget)),
        layout_(make_weight_layout(correlation_, plan_.packing, lane_count)) {}
  // The layout points into the correlation.
  Schedule(const Schedule&) = delete;
  Schedule& operator=(const Schedule&) = delete;

  const Correlation& correlation() const { return correlation_; }
  const Plan& plan() const { return plan_; }
  const WeightLayout& layout() const { return layout_; }
  /// Elements of the packed weights of all groups.
  Index weight_size() const { return correlation_.groups * layout_.size; }

 private:
  Correlation correlation_;
  Plan plan_;
  WeightLayout layout_;
};

/// Packs the weights of all groups.
template <class Scalar>
void pack_all_weights(const Schedule& schedule, WeightSource<Scalar> source, Scalar* to) {
  const WeightLayout& layout = schedule.layout();
  for (Index g = 0; g < schedule.correlation().groups; ++g, source.data += source.group_stride) {
    std::size_t part = 0;
    for (const Line& line : layout.lines)
      for (const PhaseSet& set : layout.sets)
        pack_weights(schedule.correlation(), layout, line, set, source,
                     to + g * layout.size + layout.offset[part++]);
  }
}

}  // namespace tconv::engine
