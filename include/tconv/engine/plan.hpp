#pragma once

/// \file
/// The cost model, and the plan it chooses.

#include <algorithm>
#include <array>
#include <cstdint>
#include <limits>
#include <utility>

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

/// Estimated cycles of one core. The unit is a cycle of two fused multiply-adds of a packet, or two
/// loads. Constants are measured on AVX-512; what matters is their ratio.
class CostModel {
 public:
  CostModel(const Correlation& c, const WeightLayout& layout, const Packing& packing,
            const Tile& tile, Index lane_count)
      : c_(c), layout_(layout), packing_(packing), tile_(tile), lanes_(lane_count) {}

  double cycles() const {
    double sum = 0;
    for (std::size_t p = 0; p < layout_.products().size(); ++p) {
      if (p % layout_.line_size() == 0) sum += pack(p);
      const Box box = box_of(p);
      sum += multiply(p, box) + stream_weights(p) + store(p, box);
    }
    return sum * static_cast<double>(count_tiles(c_, tile_));
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

  /// One copy of each window of a line, row by row. A line finds the pixels that the one before it
  /// has left.
  double pack(std::size_t line) const {
    if (line > 0 && packing_.copied_axes < 2 && layout_.channel_blocks().parts == 1) return 0;
    const auto extents = box_of(line).extents;
    const auto rows = static_cast<double>(WindowCount(c_, layout_, packing_, line).usual *
                                          c_.in_channels * tile_.batch * extents[0] * extents[1]);
    const double row =
        c_.axes[2].in_stride == 1 ? 4 * packets(extents[2]) : 2 * static_cast<double>(extents[2]);
    return rows * (14 + row);
  }

  /// Steps of a micro-tile: as many sums as the arithmetic, the loads or their latency allow.
  double step(Index rows, Index vectors, bool aligned) const {
    const auto r = static_cast<double>(rows), v = static_cast<double>(vectors);
    // Loads across cache lines count twice; one prefetch and two offsets.
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
    // Panels are nearly equal.
    const double average = static_cast<double>(layout_.total_rows(p)) /
                           static_cast<double>(layout_.chunks().parts * panels.parts *
                                               panels.largest() * layout_.lane_multiple());
    return panel * average * static_cast<double>(runs.size()) *
           static_cast<double>(layout_.chunks().parts * panels.parts);
  }

  /// Weights come from the third-level cache or beyond for each tile, half hidden by prefetching.
  double stream_weights(std::size_t p) const {
    const double elements =
        static_cast<double>(c_.in_channels * layout_.product(p).taps() * layout_.total_rows(p));
    return elements / static_cast<double>(lanes_);
  }

  double store(std::size_t p, const Box& box) const {
    const Product& product = layout_.product(p);
    const double channels = static_cast<double>(c_.out_channels);
    const double outputs = channels * box.pixels * static_cast<double>(product.members());
    const double rows =
        channels * box.rows * static_cast<double>(product.z->size() * product.y->size());
    double element = 1.2;  // one by one
    if (packing_.weights_in_lanes())
      // Phases side by side; else a cache line apart.
      element = product.x->size() >= 8 ? 0.4 : product.x->size() >= 4 ? 1.0 : 3;
    else if (c_.axes[2].out_stride <= 4)
      element = 3 / static_cast<double>(lanes_);
    return rows * 25 + outputs * element;
  }

  const Correlation& c_;
  const WeightLayout& layout_;
  const Packing& packing_;
  const Tile& tile_;
  Index lanes_;
};

/// The innermost axes up to the last strided one: they are copied, so that pixels lie side by side.
inline int strided_axes(const Correlation& c) {
  for (std::size_t a = 0; a < 3; ++a)
    if (c.axes[a].in_stride > 1) return 3 - static_cast<int>(a);
  return 0;
}

/// Results are streamed from this size on, in units of a tile's scratch: some 16 MiB.
inline constexpr Index streamed_budgets = 25;

/// The cheapest plan. `budget` bounds the scratch of a tile, in elements.
inline Plan make_plan(const Correlation& c, Index lane_count, Index budget) {
  constexpr std::pair<Lanes, int> micro_tiles[] = {{Lanes::pixels, 2},
                                                   {Lanes::pixels, 1},
                                                   {Lanes::weights, 2},
                                                   {Lanes::weights, 4},
                                                   {Lanes::weights, 8}};
  Plan best;
  best.cycles = std::numeric_limits<double>::infinity();
  for (const Merge outer : {Merge::none, Merge::equal, Merge::unequal})
    for (const Merge inner : {Merge::equal, Merge::unequal})
      for (int copied_axes = strided_axes(c); copied_axes <= 3; ++copied_axes)
        for (const auto& [lanes, vectors] : micro_tiles) {
          if (vectors > max_vectors) continue;
          const Packing packing{lanes, vectors, copied_axes, inner, outer};
          const WeightLayout layout(c, packing, lane_count);
          for (const Index part : {1, 3}) {
            const Tile tile = choose_tile(c, layout, packing, budget / part, lane_count);
            const Footprint scratch(c, layout, packing, tile, lane_count);
            if (scratch.most_pixels > std::numeric_limits<std::int32_t>::max()) continue;
            // Weights and results pass through the second-level cache too: of tiles that cost the
            // same a small one is better.
            const double crowded =
                static_cast<double>(scratch.pixels + scratch.sums) / static_cast<double>(budget);
            const double cycles = CostModel(c, layout, packing, tile, lane_count).cycles() *
                                  (1 + 0.06 * std::min(crowded, 1.0));
            if (cycles < best.cycles) best = {packing, tile, false, cycles};
          }
        }
  best.streams = output_size(c) >= streamed_budgets * budget;
  return best;
}

}  // namespace tconv::engine
