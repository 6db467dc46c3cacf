#pragma once

/// \file
/// How a correlation is cut into matrix products, and the cost model that chooses the cut.
///
/// A *line* is one phase of each outer axis. A *phase set* is the phases of the innermost axis that
/// are computed together because they read the same taps: the product has a row for each output
/// channel and member. The weights of a line and set are one matrix
///
///     rows (channel, member)  x  depth (channel block, tap, channel),
///
/// multiplied with the pixels q of the set's box, one tile of the image at a time.

#include <algorithm>
#include <array>
#include <limits>
#include <vector>

#include "tconv/engine/microkernel.hpp"
#include "tconv/engine/taps.hpp"

namespace tconv::engine {

/// `size` things in `parts` nearly equal consecutive parts.
struct Split {
  Index size = 0;
  Index parts = 1;

  constexpr Index begin(Index part) const { return part * size / parts; }
  constexpr Index end(Index part) const { return begin(part + 1); }
  constexpr Index largest() const { return ceil_div(size, parts); }
  static constexpr Split into_at_most(Index size, Index part) {
    return {size, std::max<Index>(1, ceil_div(size, part))};
  }
};

constexpr Index round_up(Index value, Index multiple) {
  return ceil_div(value, multiple) * multiple;
}

struct PhaseSet {
  Index first = 0;
  Index count = 0;
  std::vector<Tap> taps;
  std::vector<const Phase*> members;

  Index end() const { return first + count; }
};

/// Whether two phases read the same taps, so that their rows can share one product.
inline bool same_shifts(const std::vector<Tap>& a, const std::vector<Tap>& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](const Tap& s, const Tap& t) { return s.shift == t.shift; });
}

/// The phases of the innermost axis in sets. With `merge`, phases whose q-ranges differ share a set
/// too, whose range is the union: more rows, at the price of a few pixels computed for nothing.
inline std::vector<PhaseSet> make_phase_sets(const PhasedAxis& axis, bool merge) {
  std::vector<PhaseSet> sets;
  for (const Phase& phase : axis.phases) {
    const auto fits = [&](const PhaseSet& set) {
      return same_shifts(set.taps, phase.taps) &&
             (merge || (set.first == phase.first && set.count == phase.count));
    };
    auto set = std::find_if(sets.begin(), sets.end(), fits);
    if (set == sets.end())
      set = sets.insert(sets.end(), {phase.first, phase.count, phase.taps, {}});
    const Index end = std::max(set->end(), phase.end());
    set->first = std::min(set->first, phase.first);
    set->count = end - set->first;
    set->members.push_back(&phase);
  }
  return sets;
}

struct Line {
  const Phase* z;
  const Phase* y;
};

/// The choices that decide how weights are packed.
struct Packing {
  /// 0: pixels are the lanes of the micro-kernel, and weights are broadcast. Else weights are the
  /// lanes, this many packets of them, and pixels are broadcast: the fewer pixels, the more
  /// packets.
  int weight_packets = 0;
  /// See `make_phase_sets`.
  bool merge = false;

  bool weights_in_lanes() const { return weight_packets > 0; }
};

/// Weights in the order in which the micro-kernel reads them; depends on the layer and on
/// `Packing`, not on the image's extents beyond which taps it can reach.
struct WeightLayout {
  std::vector<Line> lines;
  std::vector<PhaseSet> sets;
  Split chunks;                  // output channels whose rows are computed and stored together
  Index channel_block = 1;       // input channels that one call of the micro-kernel sums over
  Index panel = 1;               // most rows of a panel
  Index lane_multiple = 1;       // rows of a chunk are padded to this
  std::vector<Index> offset;     // first element of (line, set)
  std::vector<Index> row_begin;  // first padded row of (set, chunk), with the end of each set
  Index size = 0;                // elements of one group
  std::vector<Index> signature;  // equal where weights are packed alike

  Index depth(const Correlation& c, const Line& line, const PhaseSet& set) const {
    return c.in_channels * taps(line, set);
  }
  static Index taps(const Line& line, const PhaseSet& set) {
    return static_cast<Index>(line.z->taps.size() * line.y->taps.size() * set.taps.size());
  }
  /// Rows of a chunk in a set, before padding.
  Index rows(Index chunk, const PhaseSet& set) const {
    return (chunks.end(chunk) - chunks.begin(chunk)) * static_cast<Index>(set.members.size());
  }
  Index padded_rows(Index chunk, const PhaseSet& set) const {
    return round_up(rows(chunk, set), lane_multiple);
  }
  /// Padded rows of a set before a chunk; `chunks.parts` asks for all.
  Index rows_before(std::size_t set, Index chunk) const {
    return row_begin[set * static_cast<std::size_t>(chunks.parts + 1) +
                     static_cast<std::size_t>(chunk)];
  }
  Index total_rows(std::size_t set) const { return rows_before(set, chunks.parts); }
  /// The panels of a chunk. In lanes, whole packets.
  Split panels(Index chunk, const PhaseSet& set) const {
    return Split::into_at_most(padded_rows(chunk, set) / lane_multiple, panel / lane_multiple);
  }
};

inline WeightLayout make_weight_layout(const Correlation& c, const Packing& packing,
                                       Index lane_count) {
  WeightLayout layout;
  for (const Phase& z : c.axes[0].phases)
    for (const Phase& y : c.axes[1].phases) layout.lines.push_back({&z, &y});
  layout.sets = make_phase_sets(c.axes[2], packing.merge);

  std::size_t members = 1, taps = 1;
  for (const PhaseSet& set : layout.sets) {
    members = std::max(members, set.members.size());
    for (const Line& line : layout.lines)
      taps = std::max(taps, static_cast<std::size_t>(WeightLayout::taps(line, set)));
  }
  layout.panel = packing.weights_in_lanes() ? packing.weight_packets * lane_count : max_rows(2);
  layout.lane_multiple = packing.weights_in_lanes() ? lane_count : 1;
  // A chunk fills a panel, so that the micro-tile is as large as the registers allow.
  layout.chunks = Split::into_at_most(
      c.out_channels, std::max<Index>(1, layout.panel / static_cast<Index>(members)));
  // 256 steps keep a weight panel in a third of the first-level cache, and make reloading the sums
  // 2 % of the work.
  layout.channel_block = std::clamp<Index>(256 / static_cast<Index>(taps), 1, c.in_channels);

  for (const PhaseSet& set : layout.sets) {
    Index row = 0;
    for (Index chunk = 0; chunk < layout.chunks.parts; ++chunk) {
      layout.row_begin.push_back(row);
      row += layout.padded_rows(chunk, set);
    }
    layout.row_begin.push_back(row);
  }
  for (const Line& line : layout.lines)
    for (std::size_t s = 0; s < layout.sets.size(); ++s) {
      layout.offset.push_back(layout.size);
      layout.size += layout.depth(c, line, layout.sets[s]) * layout.total_rows(s);
    }
  layout.signature = {layout.panel, layout.lane_multiple, layout.chunks.parts};
  const auto sign = [&](const std::vector<Tap>& list) {
    layout.signature.push_back(static_cast<Index>(list.size()));
    for (const Tap& tap : list) layout.signature.push_back(tap.kernel);
  };
  for (const Line& line : layout.lines) {
    sign(line.z->taps);
    sign(line.y->taps);
  }
  for (const PhaseSet& set : layout.sets) {
    layout.signature.push_back(static_cast<Index>(set.members.size()));
    for (const Phase* phase : set.members) sign(phase->taps);
  }
  return layout;
}

/// The part of the image that one task computes: batch entries and a box of q.
struct Tile {
  Index batch = 1;
  std::array<Index, 3> q{1, 1, 1};
};

/// Everything decided about one call.
struct Plan {
  Packing packing;
  /// Pixels are copied out for each tap; otherwise taps are offsets into one copy with a halo.
  bool gather = false;
  Tile tile;
  double cycles = 0;
};

/// Bounds of q over all phases of an axis.
struct Range {
  Index first = 0;
  Index end = 0;
  Index size() const { return end - first; }
};

inline Range q_range(const PhasedAxis& axis) {
  Range range{std::numeric_limits<Index>::max(), std::numeric_limits<Index>::min()};
  for (const Phase& phase : axis.phases) {
    range.first = std::min(range.first, phase.first);
    range.end = std::max(range.end, phase.end());
  }
  return range;
}

/// Smallest and largest shift over all taps of an axis, as [first, end).
inline Range shift_range(const PhasedAxis& axis) {
  Range range{0, 1};
  bool any = false;
  for (const Phase& phase : axis.phases)
    for (const Tap& tap : phase.taps) {
      range = any ? Range{std::min(range.first, tap.shift), std::max(range.end, tap.shift + 1)}
                  : Range{tap.shift, tap.shift + 1};
      any = true;
    }
  return range;
}

/// Input extent that `q` consecutive outputs of every phase read.
inline Index halo_extent(const PhasedAxis& axis, Index q) {
  return (q - 1) * axis.in_stride + shift_range(axis).size();
}

/// Scratch of a tile, in elements: the pixels with their halo, the sums of a line, and the pixels
/// gathered for one channel block.
inline Index tile_elements(const Correlation& c, const WeightLayout& layout, bool gather,
                           const Tile& tile) {
  Index halo = tile.batch, pixels = tile.batch, rows = 0;
  for (std::size_t a = 0; a < 3; ++a) {
    halo *= halo_extent(c.axes[a], tile.q[a]);
    pixels *= tile.q[a];
  }
  for (std::size_t s = 0; s < layout.sets.size(); ++s) rows += layout.total_rows(s);
  return c.in_channels * halo + (rows + (gather ? 256 : 0)) * pixels;
}

/// Shrinks the tile from the whole image until its scratch fits the budget, outermost axis first,
/// so that rows stay long.
inline Tile choose_tile(const Correlation& c, const WeightLayout& layout, bool gather, Index budget,
                        Index lane_count) {
  Tile tile{std::max<Index>(c.batch, 1),
            {q_range(c.axes[0]).size(), q_range(c.axes[1]).size(), q_range(c.axes[2]).size()}};
  const auto too_large = [&] {
    return tile.batch * tile.q[0] * tile.q[1] * tile.q[2] > 2 * lane_count &&
           tile_elements(c, layout, gather, tile) > budget;
  };
  for (Index* extent : {&tile.batch, &tile.q[0], &tile.q[1], &tile.q[2]}) {
    const Index whole = *extent;
    for (Index parts = 2; too_large() && *extent > 1; ++parts) *extent = ceil_div(whole, parts);
  }
  return tile;
}

/// Estimated cycles of one core. The unit is a cycle of two fused multiply-adds of a packet, or two
/// loads.
inline double estimate_cycles(const Correlation& c, const WeightLayout& layout,
                              const Packing& packing, bool gather, const Tile& tile,
                              Index lane_count) {
  const auto lanes = static_cast<double>(lane_count);
  const Index pitch = halo_extent(c.axes[2], tile.q[2]);
  double tiles = static_cast<double>(ceil_div(c.batch, tile.batch));
  double halo_rows = static_cast<double>(tile.batch);
  for (std::size_t a = 0; a < 3; ++a) {
    tiles *= static_cast<double>(ceil_div(q_range(c.axes[a]).size(), tile.q[a]));
    if (a < 2) halo_rows *= static_cast<double>(halo_extent(c.axes[a], tile.q[a]));
  }
  const auto channels = static_cast<double>(c.in_channels);
  double cycles = channels * halo_rows * (4 + static_cast<double>(ceil_div(pitch, lane_count)));
  for (const Line& line : layout.lines)
    for (const PhaseSet& set : layout.sets) {
      const Index nz = std::min(tile.q[0], line.z->count), ny = std::min(tile.q[1], line.y->count);
      const Index nx = std::min(tile.q[2], set.count);
      const auto rows = static_cast<double>(tile.batch * nz * ny);
      const auto depth = static_cast<double>(layout.depth(c, line, set));
      const Index runs = gather ? 1 : tile.batch * nz;
      const Index length = gather ? tile.batch * nz * ny * nx : (ny - 1) * pitch + nx;
      if (gather) cycles += depth * rows * (3 + 1.2 * static_cast<double>(nx) / lanes);
      for (Index chunk = 0; chunk < layout.chunks.parts; chunk += layout.chunks.parts - 1) {
        // Chunks differ by one channel at most: the first and last stand for all.
        const double weight =
            layout.chunks.parts == 1 ? 1 : static_cast<double>(layout.chunks.parts) / 2;
        const Split panels = layout.panels(chunk, set);
        const auto rows_of_panel = static_cast<double>(panels.largest());
        double product = static_cast<double>(runs);
        if (packing.weights_in_lanes()) {
          const Split blocks = Split::into_at_most(length, max_rows(packing.weight_packets));
          const auto block = static_cast<double>(length) / static_cast<double>(blocks.parts);
          product *= static_cast<double>(blocks.parts) *
                     std::max({rows_of_panel * block / 2, (rows_of_panel + block) / 2, 4.0,
                               // Wide panels pass from the second-level cache for each block.
                               rows_of_panel > 2 && blocks.parts > 1 ? 2 * rows_of_panel : 0});
        } else {
          const auto vectors = static_cast<double>(ceil_div(length, lane_count));
          const double block = rows_of_panel > 7 ? 2 : rows_of_panel > 3 ? 4 : 8;
          const double used = std::min(block, vectors);
          product *= vectors / used *
                     std::max({rows_of_panel * used / 2,
                               (rows_of_panel + used * (gather ? 1 : 2)) / 2, 4.0});
        }
        const double outputs =
            rows * static_cast<double>(nx) * static_cast<double>(layout.rows(chunk, set));
        // Phases interleave by packets, or lie side by side in lanes; else one by one, and out of
        // lanes a cache line apart.
        const double store = packing.weights_in_lanes() ? (set.members.size() >= 8 ? 0.5 : 4)
                             : layout.sets.size() == 1 && c.axes[2].out_stride <= 4 ? 0.4
                                                                                    : 1.5;
        // Weights come from beyond the second-level cache, at 8 bytes a cycle or so.
        const double weights_streamed =
            depth * static_cast<double>(layout.padded_rows(chunk, set)) / 2;
        cycles += weight *
                  (std::max(product * depth * static_cast<double>(panels.parts), weights_streamed) +
                   outputs * store + 30 * rows);
        if (layout.chunks.parts == 1) break;
      }
    }
  return cycles * tiles * static_cast<double>(c.groups);
}

/// The cheapest plan. `budget` bounds the scratch of a tile, in elements.
inline Plan make_plan(const Correlation& c, Index lane_count, Index budget) {
  Plan best;
  best.cycles = std::numeric_limits<double>::infinity();
  const bool unit_stride = std::all_of(c.axes.begin(), c.axes.end(),
                                       [](const PhasedAxis& axis) { return axis.in_stride == 1; });
  for (const int weight_packets : {0, 2, 4, 8})
    for (const bool merge : {false, true}) {
      const Packing packing{weight_packets, merge};
      const WeightLayout layout = make_weight_layout(c, packing, lane_count);
      for (const bool gather : {false, true}) {
        if (!gather && !unit_stride) continue;
        const Tile tile = choose_tile(c, layout, gather, budget, lane_count);
        const double cycles = estimate_cycles(c, layout, packing, gather, tile, lane_count);
        if (cycles < best.cycles) best = {packing, gather, tile, cycles};
      }
    }
  return best;
}

}  // namespace tconv::engine
