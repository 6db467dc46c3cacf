#pragma once

/// \file
/// A correlation cut into tiles, with the layout of its weights.

#include <utility>
#include <vector>

#include "tconv/core/eigen.hpp"
#include "tconv/core/isa.hpp"
#include "tconv/engine/correlation.hpp"
#include "tconv/engine/input/stage.hpp"
#include "tconv/engine/input/window.hpp"
#include "tconv/engine/layout.hpp"
#include "tconv/engine/output_list.hpp"
#include "tconv/engine/planning/plan.hpp"
#include "tconv/engine/tile.hpp"

namespace tconv::inline TCONV_ISA::engine {

class DirectSchedule {
 public:
  /// On at most `threads`.
  DirectSchedule(Correlation correlation, const Plan& plan, Index lane_count, int threads)
      : correlation_(std::move(correlation)),
        plan_(plan),
        layout_(correlation_, plan_.packing, lane_count),
        lane_count_(lane_count),
        threads_(threads),
        footprint_(correlation_, layout_.shape(), plan_.packing, plan_.tile, lane_count) {}

  /// Cuts tiles until all threads have some. The packing does not depend on them, and so neither
  /// does the order of a sum.
  void share() {
    if (shares_rows()) return;
    // Where threads cannot share the rows of a tile, a small tile for each is better than none.
    const bool shares_tiles_only = units() < threads_;
    plan_.tile = share_tile(
        correlation_, plan_.tile, threads_, (shares_tiles_only ? 1 : 2) * threads_,
        (shares_tiles_only ? 2 : 16) * lane_count_, !shares_tiles_only && keeps_pixels());
    footprint_ = Footprint(correlation_, layout_.shape(), plan_.packing, plan_.tile, lane_count_);
  }

  const Correlation& correlation() const { return correlation_; }
  /// What has packed weights.
  const DirectSchedule& products() const { return *this; }
  const Plan& plan() const { return plan_; }
  const WeightLayout& layout() const { return layout_; }
  /// Parts that the rows of a tile may be computed in: chunks of lines.
  Index units() const { return layout_.lines() * layout_.chunks().parts; }
  /// Tasks that share the rows of a tile where tiles are few.
  Index parts() const {
    if (threads_ == 1) return 1;
    return keeps_pixels() ? share_units(correlation_, plan_.tile, units(), 2 * threads_, threads_)
                          : share_units(correlation_, plan_.tile, units(), threads_);
  }
  Index lane_count() const { return lane_count_; }
  /// Whether outputs are listed and written one by one.
  bool lists_outputs() const {
    return !plan_.streams && engine::lists_outputs(correlation_, plan_.packing, plan_.tile);
  }
  /// What the tiles read.
  const Reach& reach() const { return reach_; }
  /// Threads that share the work.
  int threads() const { return threads_; }
  const Footprint& footprint() const { return footprint_; }
  /// Equal where weights are packed alike.
  const std::vector<Index>& signature() const { return signature_; }
  /// Elements of the packed weights of all groups.
  Index weight_size() const { return correlation_.groups * layout_.size(); }
  /// Estimated cycles of one core to pack them.
  double packing_cycles() const { return 2 * static_cast<double>(weight_size()); }

 private:
  /// Whether a worker finds a tile's pixels again for each part: they come in one block.
  bool keeps_pixels() const { return layout_.channel_blocks().parts == 1; }

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
  int threads_;
  Footprint footprint_;
  Reach reach_ = reach_of(correlation_);
  std::vector<Index> signature_ = layout_.signature();
};

}  // namespace tconv::inline TCONV_ISA::engine
