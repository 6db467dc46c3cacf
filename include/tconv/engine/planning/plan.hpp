#pragma once

/// \file
/// The search for the cheapest plan.

#include <array>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <limits>
#include <optional>
#include <utility>
#include <vector>

#include "tconv/core/eigen.hpp"
#include "tconv/core/isa.hpp"
#include "tconv/core/tile.hpp"
#include "tconv/engine/correlation.hpp"
#include "tconv/engine/input/window.hpp"
#include "tconv/engine/layout.hpp"
#include "tconv/engine/planning/cost.hpp"
#include "tconv/engine/sets.hpp"
#include "tconv/engine/tile.hpp"
#include "tconv/simd/tile_shape.hpp"

namespace tconv::inline TCONV_ISA::engine {

/// Everything decided about one call.
struct Plan {
  Packing packing;
  Tile tile;
  /// The result passes the caches by, where its rows are dense: it would push out what the next
  /// tiles need, and each line would be read before it is written. So does a small part of a large
  /// image, of which no line is in a cache.
  bool streams = false;
  double cycles = 0;
  /// The result is larger than the second-level cache, and is prefetched before it is written.
  bool prefetches_outputs = false;
};

/// Whether output rows are worth streaming: cache lines that two rows share are fetched back.
inline bool streams_well(const Correlation& c, Index lane_count) {
  if (c.writes_channels) return c.groups * c.out_channels % 16 == 0;
  if (c.writes_strips) return false;
  const Index row = c.axes[2].out;
  return row >= (row % lane_count == 0 ? 4 : 16) * lane_count;
}

/// Whether the result of a plan passes the caches by.
inline bool streams(const Correlation& c, const Resources& resources) {
  return output_image_size(c) >= streamed_budgets * resources.budget &&
         streams_well(c, resources.lane_count);
}

/// What the lanes hold, and packets of it, in the micro-tiles worth a look.
inline constexpr std::pair<simd::LaneOperand, int> micro_tiles[] = {
    {simd::LaneOperand::pixels, 2},
    {simd::LaneOperand::pixels, 1},
    {simd::LaneOperand::weights, 2},
    {simd::LaneOperand::weights, 4},
    {simd::LaneOperand::weights, 8}};

/// Scratch that plans may take, as shares of the budget.
inline constexpr double scratch_shares[] = {1.0 / 3, 1, 2};

/// Looks for the cheapest plan of the direct products.
class PlanSearch {
 public:
  /// `c` must outlive the search.
  PlanSearch(const Correlation& c, const Resources& resources)
      : c_(c),
        resources_(resources),
        lanes_(resources.lane_count),
        budget_(resources.budget),
        image_(whole_image(c)),
        tries_taps_(may_leave_taps(c)) {
    for (std::size_t a = 0; a < 3; ++a)
      for (const Merge merge : {Merge::none, Merge::equal, Merge::unequal})
        if (a < 2 || merge != Merge::none || c.channels_inside)
          kinds(a, merge) = SetKinds(c.axes[a], make_phase_sets(c.axes[a], merge));
  }

  /// The cheapest plan for one thread, if it takes less than `limit` cycles.
  std::optional<Plan> find(bool packs_chunks,
                           double limit = std::numeric_limits<double>::infinity()) {
    best_ = {};
    best_.cycles = limit;
    // First what is mostly the best.
    if (c_.channels_inside)
      for (const auto& [lanes, vectors] : micro_tiles)
        for (int copied_axes = 0; copied_axes <= 3; ++copied_axes)
          if (lanes == simd::LaneOperand::weights && vectors <= simd::max_vectors &&
              differs(copied_axes, Merge::none))
            consider_with_taps({lanes, vectors, copied_axes, Merge::none, Merge::none, 2048, 1,
                                packs_chunks, true});
    // Phases of the innermost axis that could share a product always should.
    const auto inner_merges = differing_merges(2, 3, {Merge::equal, Merge::unequal});
    const auto outer_merges = differing_merges(0, 2, {Merge::none, Merge::equal, Merge::unequal});
    for (const Merge outer : outer_merges)
      for (const Merge inner : inner_merges)
        for (const auto& [lanes, vectors] : micro_tiles)
          for (int copied_axes = 0; copied_axes <= 3; ++copied_axes)
            if (vectors <= simd::max_vectors && differs(copied_axes, outer))
              consider_with_taps(
                  {lanes, vectors, copied_axes, inner, outer, 2048, 1, packs_chunks});
    if (best_.cycles == limit) return std::nullopt;
    best_.streams = streams(c_, resources_);
    best_.prefetches_outputs = !best_.streams && !c_.writes_strips && !c_.writes_channels &&
                               output_image_size(c_) > budget_;
    return best_;
  }

 private:
  /// Whether products may be computed tap by tap, and many of them would meet zeros.
  static bool may_leave_taps(const Correlation& c) {
    constexpr Index fewest_channels = 16;
    constexpr double worthwhile = 0.9;
    return (c.order == TermOrder::any || c.order == TermOrder::untransformed) && c.zeros_around &&
           c.in_channels >= fewest_channels &&
           inside_share(c.axes[0]) * inside_share(c.axes[1]) * inside_share(c.axes[2]) < worthwhile;
  }

  /// Whether windows may end where the image does: rows of fewer pixels are computed together.
  static bool may_clip(const Correlation& c) {
    constexpr Index shortest_row = 8;
    return c.axes[0].in_stride == 1 && c.axes[1].in_stride == 1 && c.axes[2].in_stride == 1 &&
           q_range(c.axes[2]).size() >= shortest_row;
  }

  /// Up to so many pixels of an image taps are multiplied one by one in other windows too.
  static constexpr Index most_whole_pixels = 64;

  SetKinds& kinds(std::size_t axis, Merge merge) {
    return kinds_[3 * axis + static_cast<std::size_t>(merge)];
  }

  /// Those of the candidates, each coarser than the one before, that differ on the axes `[first,
  /// end)`.
  std::vector<Merge> differing_merges(std::size_t first, std::size_t end,
                                      std::initializer_list<Merge> candidates) {
    std::vector<Merge> merges;
    Index before = -1;
    for (const Merge merge : candidates) {
      Index sets = 0;
      for (std::size_t a = first; a < end; ++a) sets += kinds(a, merge).sets;
      if (sets != before) merges.push_back(merge);
      before = sets;
    }
    return merges;
  }

  /// Whether one more axis that is copied for each shift makes a difference.
  bool differs(int copied_axes, Merge outer) {
    if (copied_axes < 2) return true;
    const SetKinds& axis = kinds(static_cast<std::size_t>(3 - copied_axes), outer);
    return axis.reach > 1 || axis.kinds.size() > 1 || axis.kinds[0].taps != 1;
  }

  WeightShape shape_of(const Packing& packing) {
    return {c_,
            {&kinds(0, packing.outer), &kinds(1, packing.outer), &kinds(2, packing.inner)},
            packing,
            lanes_};
  }

  /// Considers a packing, and the same with taps that are multiplied one by one.
  void consider_with_taps(Packing packing) {
    consider(packing);
    if (!tries_taps_ || packing.packs_chunks || !packing.weights_in_lanes()) return;
    packing.by_taps = true;
    if (image_.pixels() <= most_whole_pixels) consider(packing);
    packing.clips = true;
    if (packing.copied_axes == 0 && may_clip(c_)) consider(packing);
  }

  /// Replaces the best plan by one with the given packing, or fewer steps, if it is cheaper.
  void consider(Packing packing) {
    Index blocks = 0;
    const Index filling = packing.packs_chunks ? 1 : shape_of(packing).panels_to_fill();
    for (const Index steps : {2048, 512, 256, 128, 32}) {
      packing.steps = steps;
      packing.chunk_panels = filling;
      const WeightShape shape = shape_of(packing);
      // Fewer steps that make as many channel blocks are the same packing.
      if (shape.channel_blocks().parts == blocks) continue;
      blocks = shape.channel_blocks().parts;
      if (packing.packs_chunks && !shape.is_matrix()) return;
      // More tiles copy more pixels and bring more weights. More blocks only make more calls,
      // unless they keep weights in the first-level cache.
      const CostModel whole(c_, shape, packing, image_, image_, resources_, 0);
      if (!whole.takes_less(best_.cycles)) {
        if (whole.keeps_weights()) return;
        continue;
      }
      const bool fits = consider(packing, shape);
      const bool one_tap =
          shape.axis(0).kinds[0].taps * shape.axis(1).kinds[0].taps * shape.axis(2).kinds[0].taps ==
          1;
      if (packing.packs_chunks && one_tap)
        for (const Index panels : {4, 16}) {
          packing.chunk_panels = panels;
          consider(packing, shape_of(packing));
        }
      if (fits && whole.keeps_weights()) return;
    }
  }

  /// Returns whether the whole image is one tile, which leaves most of the cache to others.
  bool consider(const Packing& packing, const WeightShape& shape) {
    for (const double share : scratch_shares) {
      // Only the sums that wait for the next channel block may lie in the third-level cache.
      if (share > 1 && shape.channel_blocks().parts == 1) continue;
      const auto scratch_size = static_cast<Index>(share * static_cast<double>(budget_));
      const Tile tile = choose_tile(c_, image_, scratch_size, lanes_, [&](const Tile& candidate) {
        return Footprint(c_, shape, packing, candidate, lanes_, scratch_size).size();
      });
      const Footprint scratch(c_, shape, packing, tile, lanes_);
      if (scratch.most_pixels > std::numeric_limits<std::int32_t>::max()) continue;
      const CostModel cost(c_, shape, packing, image_, tile, resources_, scratch.size());
      const double cycles = cost.cycles();
      if (cycles < best_.cycles) best_ = {packing, tile, false, cycles};
      if (tile == image_) return 4 * scratch.size() <= budget_;
    }
    return false;
  }

  const Correlation& c_;
  Resources resources_;
  Index lanes_, budget_;
  Tile image_;
  bool tries_taps_;
  std::array<SetKinds, 9> kinds_;  // by axis and merge
  Plan best_;
};

/// The cheapest plan for one thread.
inline Plan make_plan(const Correlation& c, const Resources& resources) {
  return *PlanSearch(c, resources).find(false);
}

}  // namespace tconv::inline TCONV_ISA::engine
