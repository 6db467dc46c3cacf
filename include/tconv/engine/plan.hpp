#pragma once

/// \file
/// The cost model, and the plan it chooses.

#include <algorithm>
#include <array>
#include <cstdint>
#include <initializer_list>
#include <limits>
#include <utility>
#include <vector>

#include "tconv/engine/store.hpp"
#include "tconv/engine/tile.hpp"

namespace tconv::engine {

/// Everything decided about one call.
struct Plan {
  Packing packing;
  Tile tile;
  /// The result passes the caches by, where its rows are dense: it would push out what the next
  /// tiles need, and each line would be read before it is written.
  bool streams = false;
  double cycles = 0;
};

/// Tensors of so many scratch budgets, some 6 MiB, come from memory.
inline constexpr Index cached_budgets = 10;

/// Larger ones, of some 16 MiB, pass even the third-level cache by: results are streamed.
inline constexpr Index streamed_budgets = 25;

/// Estimated cycles of one core. The unit is a cycle of two fused multiply-adds of a packet, or two
/// loads. Constants are fitted to measurements on AVX-512; what matters is their ratio.
class CostModel {
 public:
  /// `budget` as in `make_plan`, of which a tile takes `scratch`.
  CostModel(const Correlation& c, const WeightLayout& layout, const Packing& packing,
            const Tile& tile, Index lane_count, Index budget, Index scratch)
      : c_(c), layout_(layout), packing_(packing), tile_(tile), lanes_(lane_count) {
    crowding_ = std::min(static_cast<double>(scratch) / static_cast<double>(budget), 1.0);
    input_in_cache_ = input_size(c) < cached_budgets * budget;
    output_in_cache_ = output_size(c) < cached_budgets * budget;
    weights_in_cache_ = c.groups * layout.size() < streamed_budgets * budget;
  }

  /// Of all tiles.
  double cycles() const {
    double stores = 0;
    for (std::size_t p = 0; p < layout_.products().size(); ++p) stores += store(p, box_of(p));
    return (tile_sums() + stores) * static_cast<double>(count_tiles(c_, tile_));
  }

  /// Until the sums of a tile are complete.
  double tile_sums() const {
    double sum = products();
    bool packed = false;
    for (std::size_t p = 0; p < layout_.products().size(); ++p) {
      if (p % layout_.line_size() == 0) {
        // A line finds the pixels that the one before it has left.
        const bool same = packing_.copied_axes < 2 && layout_.channel_blocks().parts == 1;
        const double cost = packed && same ? 0 : pack(p);
        packed = packed || cost > 0;
        sum += cost;
      }
      sum += bring_weights(p);
    }
    return sum;
  }

  /// Of the products of a tile, their operands being at hand.
  double products() const {
    double sum = 0;
    for (std::size_t p = 0; p < layout_.products().size(); ++p) sum += multiply(p, box_of(p));
    return sum;
  }

 private:
  struct Box {
    std::array<Index, 3> count;
    std::array<Index, 3> extents;
    double rows, pixels;
  };

  Box box_of(std::size_t p) const {
    const auto count = pixel_counts(layout_.product(p), tile_);
    const auto rows = static_cast<double>(tile_.batch * count[0] * count[1]);
    return {count, window_extents(c_, packing_, count, tile_), rows,
            rows * static_cast<double>(count[2])};
  }

  double packets(Index elements) const { return static_cast<double>(ceil_div(elements, lanes_)); }

  /// One copy of each window of a line, plane by plane.
  double pack(std::size_t line) const {
    const auto extents = box_of(line).extents;
    const auto planes = static_cast<double>(WindowCount(c_, layout_, packing_, line).usual *
                                            c_.in_channels * tile_.batch * extents[0]);
    // The taps of one output lie in a row, and are transposed with the batch.
    const bool row_of_pixels = c_.axes[0].in == 1 && c_.axes[1].in == 1 && extents[2] == 1;
    if (row_of_pixels && planes > static_cast<double>(c_.in_channels * tile_.batch))
      return 30 * static_cast<double>(c_.in_channels) + 0.5 * planes;
    const double packet = 3 + 3 * crowding_ + (input_in_cache_ ? 0 : whole_planes() ? 6 : 15);
    // Elements apart are loaded in packets up to a stride of four, then one by one.
    const Index stride = c_.axes[2].in_stride;
    const double element = stride == 1 ? 0 : stride <= 4 ? 0.6 : 2.5;
    const double row = packet * packets(extents[2]) + element * static_cast<double>(extents[2]);
    return planes * (30 + static_cast<double>(extents[1]) * (2 + row));
  }

  /// Whether the input is read in the order of memory, as the hardware expects it.
  bool whole_planes() const {
    const Tile image = whole_image(c_);
    return tile_.q == image.q && (tile_.batch == 1 || c_.in_channels == 1);
  }

  /// Steps of a micro-tile: as many sums as the arithmetic, the loads or their latency allow.
  double step(Index rows, Index vectors, bool aligned) const {
    const auto r = static_cast<double>(rows), v = static_cast<double>(vectors);
    // Loads across cache lines count twice; two are for the step's offset and what is as slow.
    const double loads = r + (aligned ? v : 1.8 * v) + 2;
    return std::max({r * v / 2, loads / 2, 4.0});
  }

  double tile_overhead(Index rows, Index vectors) const {
    const double reload = layout_.channel_blocks().parts > 1 ? 4 : 2;
    return 25 + reload * static_cast<double>(rows * vectors);
  }

  double multiply(std::size_t p, const Box& box) const {
    const PixelRuns runs(tile_.batch, box.count, box.extents);
    const double steps = static_cast<double>(c_.in_channels * layout_.product(p).taps());
    const double calls = static_cast<double>(layout_.channel_blocks().parts);
    const bool aligned =
        packing_.weights_in_lanes() || (packing_.copied_axes > 0 && box.extents[2] % lanes_ == 0);
    const auto micro_tile = [&](Index rows, Index vectors) {
      return steps * step(rows, vectors, aligned) + calls * tile_overhead(rows, vectors);
    };
    const Split panels = layout_.panels(p, 0);
    const PixelBlocks blocks(packing_, runs.length, panels.largest(), lanes_);
    double panel = 0;
    if (packing_.weights_in_lanes()) {
      const Index block = ceil_div(runs.length, blocks.parts());
      // A wide panel leaves the first-level cache, and comes back for each block.
      const double reload = blocks.parts() > 1 ? 2 * static_cast<double>(panels.largest()) : 0;
      double width = 0;
      for (Index done = 0, v = packing_.vectors; done < panels.largest(); done += v) {
        while (v > panels.largest() - done) v /= 2;
        width += micro_tile(block, v);
      }
      panel = static_cast<double>(blocks.parts()) * std::max(width, steps * reload);
    } else {
      Index vectors = blocks.pixels / lanes_;
      const Index widest = blocks.width / lanes_;
      panel = static_cast<double>(vectors / widest) * micro_tile(panels.largest(), widest);
      vectors %= widest;
      for (Index v = widest; vectors > 0; v /= 2)
        for (; vectors >= v; vectors -= v) panel += micro_tile(panels.largest(), v);
    }
    // What lies far apart, or left the cache for weights and results, comes late.
    panel *= 1 + 0.1 * crowding_;
    // Panels are nearly equal.
    const double average = static_cast<double>(layout_.total_rows(p)) /
                           static_cast<double>(layout_.chunks().parts * panels.parts *
                                               panels.largest() * layout_.lane_multiple());
    return panel * average * static_cast<double>(runs.size()) *
           static_cast<double>(layout_.chunks().parts * panels.parts);
  }

  /// Weights come from the third-level cache or beyond for each tile, some five cycles a packet.
  /// Those that are packed with their chunk cost no more then but for a leap from channel to
  /// channel if their rows lie side by side, and half as much again if they are turned. Tensors in
  /// row-major order are assumed, where it depends on the taps.
  double bring_weights(std::size_t p) const {
    const auto steps = static_cast<double>(c_.in_channels * layout_.product(p).taps());
    const double packets =
        steps * static_cast<double>(layout_.total_rows(p)) / static_cast<double>(lanes_);
    if (!packing_.packs_chunks) return 5 * packets;
    if (layout_.product(p).taps() > 1) return (weights_in_cache_ ? 8 : 18) * packets;
    const double leaps = steps * static_cast<double>(layout_.chunks().parts);
    return weights_in_cache_ ? 5 * packets + 6 * leaps : 15 * packets + 13 * leaps;
  }

  double store(std::size_t p, const Box& box) const {
    const Product& product = layout_.product(p);
    const double channels = static_cast<double>(c_.out_channels);
    const double outputs = channels * box.pixels * static_cast<double>(product.members());
    const double rows =
        channels * box.rows * static_cast<double>(product.z->size() * product.y->size());
    double element = 1.2;  // one by one
    if (product.taps() == 0)
      element = 1 / static_cast<double>(lanes_);
    else if (packing_.weights_in_lanes())
      element = layout_.turns_sums() ? 0.5 : product.x->size() >= joined_phases ? 0.4 : 3;
    else if (c_.axes[2].out_stride <= max_interleaved)
      element = 3 / static_cast<double>(lanes_);
    // A result that comes from memory lies on pages, of some 1024 elements, that take their time.
    const double planes = channels * static_cast<double>(tile_.batch * box.count[0]);
    const auto plane = static_cast<double>(c_.axes[1].out * c_.axes[2].out);
    const double pages = output_in_cache_ ? 0 : planes * std::min(1.0, plane / 1024);
    return pages * 300 + rows * 10 + outputs * element;
  }

  const Correlation& c_;
  const WeightLayout& layout_;
  const Packing& packing_;
  const Tile& tile_;
  Index lanes_;
  double crowding_ = 0;  // share of the cache that the tile's scratch takes
  bool input_in_cache_ = true, output_in_cache_ = true, weights_in_cache_ = true;
};

/// Whether output rows are worth streaming: cache lines that two rows share are fetched back.
inline bool streams_well(const Correlation& c, Index lane_count) {
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
inline constexpr std::pair<Lanes, int> micro_tiles[] = {{Lanes::pixels, 2},
                                                        {Lanes::pixels, 1},
                                                        {Lanes::weights, 2},
                                                        {Lanes::weights, 4},
                                                        {Lanes::weights, 8}};

/// Calls `visit(packing)` for every packing worth a look.
template <class Visit>
void for_each_packing(const Correlation& c, const Visit& visit) {
  // Phases of the innermost axis that could share a product always should.
  const auto inner_merges = differing_merges(c, 2, 3, {Merge::equal, Merge::unequal});
  const auto outer_merges = differing_merges(c, 0, 2, {Merge::none, Merge::equal, Merge::unequal});
  for (const Merge outer : outer_merges)
    for (const Merge inner : inner_merges)
      for (int copied_axes = 0; copied_axes <= 3; ++copied_axes)
        for (const auto& [lanes, vectors] : micro_tiles)
          for (const Index steps : {2048, 512, 128, 32})
            if (vectors <= max_vectors) visit({lanes, vectors, copied_axes, inner, outer, steps});
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

/// The cheapest plan. `budget` is what scratch may take of the second-level cache, in elements. If
/// weights are to be packed by chunks, there may be no plan, and its cycles are infinite.
inline Plan make_plan(const Correlation& c, Index lane_count, Index budget,
                      bool packs_chunks = false) {
  Plan best;
  best.cycles = std::numeric_limits<double>::infinity();
  if (packs_chunks && !may_be_matrix(c)) return best;
  const auto consider = [&](const Packing& packing, const WeightLayout& layout) {
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
  };
  Index blocks = 0;
  for_each_packing(c, [&](Packing packing) {
    const WeightLayout layout(c, packing, lane_count);
    // Fewer steps that make as many channel blocks are the same packing.
    const Index parts = layout.channel_blocks().parts;
    if (packing.steps < 2048 && parts == blocks) return;
    blocks = parts;
    packing.packs_chunks = packs_chunks;
    if (!packs_chunks || layout.is_matrix()) consider(packing, layout);
    if (!packs_chunks || !layout.is_matrix() || layout.product(0).taps() > 1) return;
    for (const Index panels : {4, 16}) {
      packing.chunk_panels = panels;
      consider(packing, WeightLayout(c, packing, lane_count));
    }
  });
  best.streams = output_size(c) >= streamed_budgets * budget && streams_well(c, lane_count);
  return best;
}

}  // namespace tconv::engine
