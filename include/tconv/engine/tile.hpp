#pragma once

/// \file
/// Tiles: the part of the image that one task computes, and how its pixels lie in memory. Plain
/// integers.

#include <algorithm>
#include <array>
#include <cstddef>
#include <limits>

#include "tconv/core/eigen.hpp"
#include "tconv/core/function_ref.hpp"
#include "tconv/core/integer.hpp"
#include "tconv/core/isa.hpp"
#include "tconv/core/tile.hpp"
#include "tconv/engine/correlation.hpp"
#include "tconv/engine/layout.hpp"
#include "tconv/simd/tile_shape.hpp"

namespace tconv::inline TCONV_ISA::engine {

/// A tile in its place: `batch` entries of a group from `n` on, and the q of each axis.
struct TileBox {
  Index group = 0, n = 0, batch = 0;
  std::array<Range, 3> q{};

  bool operator==(const TileBox&) const = default;
};

/// Calls `compute(line, chunks)` for the lines that some units, chunks of lines, belong to.
inline void for_each_line(const Range& units, Index chunks,
                          const FunctionRef<void(Index line, const Range& chunks)>& compute) {
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

/// Tiles of an image, of one group.
inline Index count_tiles(const Tile& image, const Tile& tile) {
  Index count = ceil_div(image.batch, tile.batch);
  for (std::size_t a = 0; a < 3; ++a) count *= ceil_div(image.q[a], tile.q[a]);
  return count;
}

/// The same of all groups.
inline Index count_tiles(const Correlation& c, const Tile& tile) {
  Index count = ceil_div(c.batch, tile.batch) * c.groups;
  for (std::size_t a = 0; a < 3; ++a) count *= ceil_div(q_range(c.axes[a]).size(), tile.q[a]);
  return count;
}

/// The pixels of a product, `[n][z][y][x]` in packed windows whose rows are `steps[2]` apart,
/// planes `steps[1]` and batch entries `steps[0]`. Rows make one run, with what lies between them
/// computed for nothing; planes and batch entries join it where nothing lies between. Where pixels
/// are no lanes, and rows not too short, each row is a run if anything lies between them.
struct PixelRuns {
  std::array<Index, 3> steps{};   // of n, z, y in the window
  std::array<Index, 3> counts{};  // of runs, by n, z and y
  Index length = 0;               // of a run

  PixelRuns() = default;
  /// `count` pixels of each axis, in a window of the given extents.
  PixelRuns(const Packing& packing, Index batch, const std::array<Index, 3>& count,
            const std::array<Index, 3>& extents) {
    steps = {extents[0] * extents[1] * extents[2], extents[1] * extents[2], extents[2]};
    if (packing.clips ||
        (packing.weights_in_lanes() && count[2] >= shortest_run && count[2] < steps[2])) {
      counts = {batch, count[0], count[1]};
      length = count[2];
      return;
    }
    counts = {batch, count[0], 1};
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

  Index size() const { return counts[0] * counts[1] * counts[2]; }

  /// Fewer pixels at a time leave the arithmetic waiting for their sums.
  static constexpr Index shortest_run = 4;
};

/// The pixels of a run in blocks, each the width of a micro-tile.
struct PixelBlocks {
  Index pixels = 0;   // that are computed
  Index width = 1;    // of all blocks but the last, or at most where pixels are broadcast
  bool even = false;  // all widths nearly equal

  PixelBlocks() = default;
  PixelBlocks(const Packing& packing, Index length, Index panel_rows, Index lane_count)
      : pixels(computed(packing, length, lane_count)), even(packing.weights_in_lanes()) {
    width = even ? simd::max_rows(packing.lanes, packing.vectors)
                 : simd::vectors_for(panel_rows) * lane_count;
  }

  /// The pixels of a run that are computed: whole packets, if they are lanes.
  static Index computed(const Packing& packing, Index length, Index lane_count) {
    return packing.weights_in_lanes() ? length : round_up(length, lane_count);
  }

  Index parts() const { return ceil_div(pixels, width); }
  Index begin(Index block) const {
    return even ? Split{pixels, parts()}.begin(block) : std::min(block * width, pixels);
  }
  Index size(Index block) const { return begin(block + 1) - begin(block); }
};

/// Pixels of a product on a whole tile.
inline std::array<Index, 3> pixel_counts(const ProductKind& product, const Tile& tile) {
  return {std::min(tile.q[0], product.z->count), std::min(tile.q[1], product.y->count),
          std::min(tile.q[2], product.x->count)};
}

/// The extents of a tile, outermost first. Entries that lie side by side stay together the longest.
inline std::array<Index*, 4> extents_of(Tile& tile, const Correlation& c) {
  std::array<Index*, 4> extents{&tile.batch, &tile.q[0], &tile.q[1], &tile.q[2]};
  if (c.entries_inside) std::rotate(extents.begin(), extents.begin() + 1, extents.end());
  return extents;
}

/// Shrinks the tile from the whole image until its scratch, `scratch_size(tile)`, fits the budget,
/// outermost extent first, so that rows stay long.
inline Tile choose_tile(const Correlation& c, const Tile& image, Index budget, Index lane_count,
                        const FunctionRef<Index(const Tile&)>& scratch_size) {
  Tile tile = image;
  // So many side by side fill a cache line.
  if (c.entries_inside) tile.batch = std::min<Index>(tile.batch, 16);
  const auto fits = [&] { return tile.pixels() <= 2 * lane_count || scratch_size(tile) <= budget; };
  if (fits()) return tile;
  for (Index* const extent : extents_of(tile, c)) {
    const Index whole = *extent;
    if (whole == 1) continue;
    *extent = 1;
    if (!fits()) continue;
    // Fewer parts are too large, as many fit.
    Index fewer = 1, parts = whole;
    while (parts - fewer > 1) {
      const Index middle = (fewer + parts) / 2;
      *extent = ceil_div(whole, middle);
      (fits() ? parts : fewer) = middle;
    }
    *extent = ceil_div(whole, parts);
    break;
  }
  return tile;
}

/// Whether tiles are so few that one thread would have noticeably more of them than another.
inline bool are_uneven(Index tiles, int threads, Index wanted) {
  return tiles < 4 * wanted && tiles % threads != 0;
}

/// Shrinks a tile until there are `wanted`, and as many for each thread where they are few, unless
/// parts of their rows even them out; but not below `fewest` pixels.
inline Tile share_tile(const Correlation& c, Tile tile, int threads, Index wanted, Index fewest,
                       bool rows_even_out = false) {
  if (threads == 1) return tile;
  const auto unfair = [&] {
    const Index count = count_tiles(c, tile);
    return count < wanted || (!rows_even_out && are_uneven(count, threads, wanted));
  };
  Tile image = whole_image(c);
  const auto whole = extents_of(image, c), extents = extents_of(tile, c);
  for (std::size_t a = 0; a < extents.size(); ++a)
    for (Index parts = ceil_div(*whole[a], *extents[a]) + 1;
         *extents[a] > 1 && unfair() && tile.pixels() >= fewest; ++parts)
      *extents[a] = ceil_div(*whole[a], parts);
  return tile;
}

/// Tasks that share the `units` of a tile where tiles are fewer than `wanted`, or uneven for
/// `threads`: never for one.
inline Index share_units(const Correlation& c, const Tile& tile, Index units, Index wanted,
                         int threads = 1) {
  const Index count = count_tiles(c, tile);
  if (wanted == 1 || count == 0) return 1;
  if (count < wanted) return std::clamp<Index>(ceil_div(wanted, count), 1, units);
  return are_uneven(count, threads, wanted) ? std::min<Index>(threads, units) : 1;
}

}  // namespace tconv::inline TCONV_ISA::engine
