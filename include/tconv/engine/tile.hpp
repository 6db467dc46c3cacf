#pragma once

/// \file
/// Tiles: the part of the image that one task computes, how its pixels lie in memory, and the
/// scratch they take.

#include <algorithm>
#include <array>
#include <limits>

#include "tconv/engine/weight_layout.hpp"

namespace tconv::engine {

struct Range {
  Index first = 0;
  Index end = 0;
  Index size() const { return end - first; }
  bool operator==(const Range&) const = default;
};

/// Bounds of q over all phases of an axis.
inline Range q_range(const PhasedAxis& axis) {
  Range range{std::numeric_limits<Index>::max(), std::numeric_limits<Index>::min()};
  for (const Phase& phase : axis.phases) {
    range.first = std::min(range.first, phase.first);
    range.end = std::max(range.end, phase.end());
  }
  return range;
}

/// Smallest and largest shift over all taps of an axis.
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

/// The first and the last shift in units of the input's stride.
inline Range stride_range(const PhasedAxis& axis) {
  const Range shifts = shift_range(axis);
  return {floor_div(shifts.first, axis.in_stride), floor_div(shifts.end - 1, axis.in_stride) + 1};
}

/// Pixels of equal remainder that `q` consecutive outputs of every phase read.
inline Index halo_extent(const PhasedAxis& axis, Index q) {
  return q - 1 + stride_range(axis).size();
}

/// Batch entries and a box of q.
struct Tile {
  Index batch = 1;
  std::array<Index, 3> q{1, 1, 1};

  Index pixels() const { return batch * q[0] * q[1] * q[2]; }
};

/// A tile in its place: `batch` entries of a group from `n` on, and the q of each axis.
struct TileBox {
  Index group = 0, n = 0, batch = 0;
  std::array<Range, 3> q{};

  bool operator==(const TileBox&) const = default;
};

/// Calls `compute(line, chunks)` for the lines that some units, chunks of lines, belong to.
template <class Compute>
void for_each_line(const Range& units, Index chunks, const Compute& compute) {
  for (Index unit = units.first, next = 0; unit < units.end; unit = next) {
    const Index line = unit / chunks;
    next = std::min(units.end, (line + 1) * chunks);
    compute(line, Range{unit - line * chunks, next - line * chunks});
  }
}

inline Tile whole_image(const Correlation& c) {
  return {std::max<Index>(c.batch, 1),
          {q_range(c.axes[0]).size(), q_range(c.axes[1]).size(), q_range(c.axes[2]).size()}};
}

/// Tiles of an image, of all groups.
inline Index count_tiles(const Correlation& c, const Tile& tile) {
  Index count = ceil_div(c.batch, tile.batch) * c.groups;
  for (std::size_t a = 0; a < 3; ++a) count *= ceil_div(q_range(c.axes[a]).size(), tile.q[a]);
  return count;
}

/// The pixels of a product, `[n][z][y][x]` in packed windows whose rows are `steps[2]` apart,
/// planes `steps[1]` and batch entries `steps[0]`. Rows make one run of lanes, with what lies
/// between them computed for nothing; planes and batch entries join it where nothing lies between.
struct PixelRuns {
  std::array<Index, 3> steps{};   // of n, z, y in the window
  std::array<Index, 2> counts{};  // of runs, by n and z
  Index length = 0;               // of a run

  PixelRuns() = default;
  /// `count` pixels of each axis, in a window of the given extents.
  PixelRuns(Index batch, const std::array<Index, 3>& count, const std::array<Index, 3>& extents) {
    steps = {extents[0] * extents[1] * extents[2], extents[1] * extents[2], extents[2]};
    counts = {batch, count[0]};
    length = (count[1] - 1) * steps[2] + count[2];
    if (length == steps[1] || count[0] == 1) {
      length += (count[0] - 1) * steps[1];
      counts[1] = 1;
      if (length == steps[0] || batch == 1) {
        length += (batch - 1) * steps[0];
        counts[0] = 1;
      }
    }
  }

  Index size() const { return counts[0] * counts[1]; }
};

/// Packets of pixels in a micro-tile, the most that leave registers for a panel's rows.
inline Index vectors_for(Index rows) {
  Index vectors = 1;
  while (vectors < max_vectors && max_rows(static_cast<int>(2 * vectors)) >= rows) vectors *= 2;
  return vectors;
}

/// The pixels of a run in blocks, each the width of a micro-tile.
struct PixelBlocks {
  Index pixels = 0;   // a multiple of the packet where pixels are lanes
  Index width = 1;    // of all blocks but the last, or at most where pixels are broadcast
  bool even = false;  // all widths nearly equal

  PixelBlocks() = default;
  PixelBlocks(const Packing& packing, Index length, Index panel_rows, Index lane_count)
      : even(packing.weights_in_lanes()) {
    pixels = even ? length : round_up(length, lane_count);
    width = even ? max_rows(packing.vectors) : vectors_for(panel_rows) * lane_count;
  }

  Index parts() const { return ceil_div(pixels, width); }
  Index begin(Index block) const {
    return even ? Split{pixels, parts()}.begin(block) : std::min(block * width, pixels);
  }
  Index size(Index block) const { return begin(block + 1) - begin(block); }
};

/// Pixels of a product on a whole tile.
inline std::array<Index, 3> pixel_counts(const Product& product, const Tile& tile) {
  return {std::min(tile.q[0], product.z->count), std::min(tile.q[1], product.y->count),
          std::min(tile.q[2], product.x->count)};
}

/// Extents of the windows that a product reads on a tile.
inline std::array<Index, 3> window_extents(const Correlation& c, const Packing& packing,
                                           const std::array<Index, 3>& count, const Tile& tile) {
  std::array<Index, 3> extents{};
  for (std::size_t a = 0; a < 3; ++a)
    extents[a] = packing.copies(a) ? count[a] : halo_extent(c.axes[a], tile.q[a]);
  return extents;
}

/// Windows that differ in their first pixel or extent.
inline Index count_windows(const PhasedAxis& axis, const std::vector<PhaseSet>& sets) {
  std::vector<std::array<Index, 2>> windows;
  for (const PhaseSet& set : sets)
    for (const Tap& tap : set.taps)
      windows.push_back({set.first * axis.in_stride + tap.shift, set.count});
  std::sort(windows.begin(), windows.end());
  return std::unique(windows.begin(), windows.end()) - windows.begin();
}

/// Windows that a product has on an axis.
inline Index window_places(const Packing& packing, const Product& product, std::size_t axis) {
  const PhaseSet& set = product.set(axis);
  return static_cast<Index>(packing.copies(axis) ? set.taps.size() : set.remainders.size());
}

/// Packed windows of a line of products: equal ones are one, but for tiles at the border of the
/// image fewer are equal.
struct WindowCount {
  Index usual = 1;
  Index most = 1;

  WindowCount(const Correlation& c, const WeightLayout& layout, const Packing& packing,
              std::size_t line) {
    Index places = 0, most_places = 0;
    for (std::size_t p = line; p < line + layout.line_size(); ++p) {
      const Index count = window_places(packing, layout.product(p), 2);
      places += count;
      most_places = std::max(most_places, count);
    }
    for (const std::size_t a : {std::size_t{0}, std::size_t{1}})
      usual *= window_places(packing, layout.product(line), a);
    most = usual * places;
    // Without copies all products of a line read the same, those without taps nothing.
    usual *= packing.copies(2) ? count_windows(c.axes[2], layout.sets(2)) : most_places;
  }
};

/// From channel to channel of the packed pixels: an odd number of cache lines, so that the channels
/// of a pixel do not meet in one set of the cache.
constexpr Index channel_plane(Index elements, Index lane_count) {
  return (ceil_div(elements, lane_count) | 1) * lane_count;
}

/// Scratch of a tile, in elements: the packed pixels of one block of channels, sums of a chunk, or
/// of a line if there are several blocks, those of a chunk once more if they are turned, and the
/// weights of a chunk and block if they are packed with it.
struct Footprint {
  Index pixels = 0;
  Index most_pixels = 0;
  Index most_windows = 1;
  Index sums = 0;
  Index turned = 0;
  Index weights = 0;

  Footprint() = default;
  Footprint(const Correlation& c, const WeightLayout& layout, const Packing& packing,
            const Tile& tile, Index lane_count) {
    const bool one_block = layout.channel_blocks().parts == 1;
    const Index channels = layout.channel_blocks().largest();
    for (std::size_t line = 0; line < layout.products().size(); line += layout.line_size()) {
      Index line_sums = 0, line_turned = 0, window = 0;
      for (std::size_t p = line; p < line + layout.line_size(); ++p) {
        const auto count = pixel_counts(layout.product(p), tile);
        const auto extents = window_extents(c, packing, count, tile);
        const PixelRuns runs(tile.batch, count, extents);
        const Index panel = layout.panels(p, 0).largest();
        // A tile at the border may have a gap between planes where this one has none.
        const Index plane = (count[1] - 1) * runs.steps[2] + count[2];
        const Index most =
            std::max(runs.size() * PixelBlocks(packing, runs.length, panel, lane_count).pixels,
                     tile.batch * count[0] * PixelBlocks(packing, plane, panel, lane_count).pixels);
        line_sums += (one_block ? layout.chunk_rows(p) : layout.total_rows(p)) * most;
        if (layout.turns_sums()) line_turned += layout.chunk_rows(p) * round_up(most, lane_count);
        window = std::max(window, tile.batch * runs.steps[0]);
        if (packing.packs_chunks)
          weights = std::max(weights, channels * layout.product(p).taps() * layout.chunk_rows(p));
      }
      const WindowCount windows(c, layout, packing, line);
      most_windows = std::max(most_windows, windows.most);
      // Packets are read up to the end.
      const Index spare = 2 * lane_count;
      pixels = std::max(pixels, channels * channel_plane(windows.usual * window, lane_count));
      most_pixels = std::max(most_pixels,
                             channels * channel_plane(windows.most * window, lane_count) + spare);
      sums = std::max(sums, line_sums);
      turned = std::max(turned, line_turned);
    }
  }

  Index size() const { return pixels + sums + turned + weights; }
};

/// Shrinks the tile from the whole image until its scratch, `scratch_size(tile)`, fits the budget,
/// outermost axis first, so that rows stay long.
template <class ScratchSize>
Tile choose_tile(const Correlation& c, Index budget, Index lane_count,
                 const ScratchSize& scratch_size) {
  Tile tile = whole_image(c);
  const auto too_large = [&] {
    return tile.pixels() > 2 * lane_count && scratch_size(tile) > budget;
  };
  for (Index* extent : {&tile.batch, &tile.q[0], &tile.q[1], &tile.q[2]}) {
    const Index whole = *extent;
    for (Index parts = 2; *extent > 1 && too_large(); ++parts) *extent = ceil_div(whole, parts);
  }
  return tile;
}

/// Shrinks a tile until there are `wanted`, and as many for each thread where they are few, but not
/// below `fewest` pixels.
inline Tile share_tile(const Correlation& c, Tile tile, int threads, Index wanted, Index fewest) {
  if (threads == 1) return tile;
  const auto unfair = [&] {
    const Index count = count_tiles(c, tile);
    return count < wanted || (count < 4 * wanted && count % threads != 0);
  };
  const Tile image = whole_image(c);
  const auto shrink = [&](Index whole, Index& extent) {
    for (Index parts = ceil_div(whole, extent) + 1;
         extent > 1 && unfair() && tile.pixels() >= fewest; ++parts)
      extent = ceil_div(whole, parts);
  };
  shrink(image.batch, tile.batch);
  for (std::size_t a = 0; a < 3; ++a) shrink(image.q[a], tile.q[a]);
  return tile;
}

}  // namespace tconv::engine
