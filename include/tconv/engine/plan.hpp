#pragma once

/// \file
/// The search for the cheapest plan.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <utility>
#include <vector>

#include "tconv/core/eigen.hpp"
#include "tconv/core/function_ref.hpp"
#include "tconv/core/isa.hpp"
#include "tconv/core/tile.hpp"
#include "tconv/engine/correlation.hpp"
#include "tconv/engine/cost.hpp"
#include "tconv/engine/input/window.hpp"
#include "tconv/engine/layout.hpp"
#include "tconv/engine/tile.hpp"
#include "tconv/simd/tile_shape.hpp"

namespace tconv::inline TCONV_ISA::engine {

/// What a plan may use.
struct Resources {
  Index lane_count = 1;  ///< elements of a packet
  Index budget = 1;      ///< elements of scratch that may lie in the second-level cache
  int threads = 1;
};

/// Everything decided about one call.
struct Plan {
  Packing packing;
  Tile tile;
  /// The result passes the caches by, where its rows are dense: it would push out what the next
  /// tiles need, and each line would be read before it is written. So does a small part of a large
  /// image, of which no line is in a cache.
  bool streams = false;
  double cycles = 0;
};

/// Whether output rows are worth streaming: cache lines that two rows share are fetched back.
inline bool streams_well(const Correlation& c, Index lane_count) {
  if (c.writes_channels) return c.groups * c.out_channels % 16 == 0;
  if (c.writes_strips) return false;
  const Index row = c.axes[2].out;
  return row >= (row % lane_count == 0 ? 4 : 16) * lane_count;
}

/// Those of the candidates, each coarser than the one before, that differ on the axes `[first,
/// end)`.
inline std::vector<Merge> differing_merges(const Correlation& c, std::size_t first, std::size_t end,
                                           std::initializer_list<Merge> candidates) {
  std::vector<Merge> merges;
  Index before = -1;
  for (const Merge merge : candidates) {
    Index sets = 0;
    for (std::size_t a = first; a < end; ++a)
      sets += static_cast<Index>(make_phase_sets(c.axes[a], merge).size());
    if (sets != before) merges.push_back(merge);
    before = sets;
  }
  return merges;
}

/// What the lanes hold, and packets of it, in the micro-tiles worth a look.
inline constexpr std::pair<simd::LaneOperand, int> micro_tiles[] = {
    {simd::LaneOperand::pixels, 2},
    {simd::LaneOperand::pixels, 1},
    {simd::LaneOperand::weights, 2},
    {simd::LaneOperand::weights, 4},
    {simd::LaneOperand::weights, 8}};

/// Calls `visit(packing)` for every packing worth a look.
inline void for_each_packing(const Correlation& c, const FunctionRef<void(const Packing&)>& visit) {
  // Phases of the innermost axis that could share a product always should.
  const auto inner_merges = differing_merges(c, 2, 3, {Merge::equal, Merge::unequal});
  const auto outer_merges = differing_merges(c, 0, 2, {Merge::none, Merge::equal, Merge::unequal});
  for (const Merge outer : outer_merges)
    for (const Merge inner : inner_merges)
      for (int copied_axes = 0; copied_axes <= 3; ++copied_axes)
        for (const auto& [lanes, vectors] : micro_tiles)
          for (const Index steps : {2048, 512, 128, 32})
            if (vectors <= simd::max_vectors)
              visit(Packing{lanes, vectors, copied_axes, inner, outer, steps});
}

/// Whether a layout of the weights could be a matrix.
inline bool may_be_matrix(const Correlation& c) {
  const auto one_phase = [](const PhasedAxis& axis) { return axis.phases.size() == 1; };
  const auto one_tap = [](const PhasedAxis& axis) {
    return std::all_of(axis.phases.begin(), axis.phases.end(),
                       [](const Phase& phase) { return phase.taps.size() == 1; });
  };
  return std::all_of(c.axes.begin(), c.axes.end(), one_phase) ||
         std::all_of(c.axes.begin(), c.axes.end(), one_tap);
}

/// Replaces `best` by a plan with the given packing, if one is cheaper.
inline void consider_packing(const Correlation& c, const Packing& packing,
                             const WeightLayout& layout, const Resources& resources, Plan& best) {
  const Index lane_count = resources.lane_count, budget = resources.budget;
  for (const Index scratch_size : {budget / 3, budget, 2 * budget}) {
    // Only the sums that wait for the next channel block may lie in the third-level cache.
    if (scratch_size > budget && layout.channel_blocks().parts == 1) continue;
    const Tile tile = choose_tile(c, scratch_size, lane_count, [&](const Tile& candidate) {
      return Footprint(c, layout, packing, candidate, lane_count).size();
    });
    const Footprint scratch(c, layout, packing, tile, lane_count);
    if (scratch.most_pixels > std::numeric_limits<std::int32_t>::max()) continue;
    const double cycles =
        CostModel(c, layout, packing, tile, lane_count, budget, scratch.size()).cycles();
    if (cycles < best.cycles) best = {packing, tile, false, cycles};
  }
}

/// The cheapest plan for one thread. If weights are to be packed by chunks, there may be none, and
/// its cycles are infinite.
inline Plan make_plan(const Correlation& c, const Resources& resources, bool packs_chunks = false) {
  const Index lane_count = resources.lane_count, budget = resources.budget;
  Plan best;
  best.cycles = std::numeric_limits<double>::infinity();
  if (packs_chunks && !may_be_matrix(c)) return best;
  Index blocks = 0;
  for_each_packing(c, [&](Packing packing) {
    const WeightLayout layout(c, packing, lane_count);
    // Fewer steps that make as many channel blocks are the same packing.
    const Index parts = layout.channel_blocks().parts;
    if (packing.steps < 2048 && parts == blocks) return;
    blocks = parts;
    packing.packs_chunks = packs_chunks;
    if (!packs_chunks || layout.is_matrix()) consider_packing(c, packing, layout, resources, best);
    if (!packs_chunks || !layout.is_matrix() || layout.product(0).taps() > 1) return;
    for (const Index panels : {4, 16}) {
      packing.chunk_panels = panels;
      consider_packing(c, packing, WeightLayout(c, packing, lane_count), resources, best);
    }
  });
  best.streams = output_image_size(c) >= streamed_budgets * budget && streams_well(c, lane_count);
  return best;
}

}  // namespace tconv::inline TCONV_ISA::engine
