#pragma once

/// \file
/// Windows: the boxes of input pixels that the taps of a product read, and the scratch of a tile.
/// Plain integers.

#include <algorithm>
#include <array>
#include <cstddef>
#include <limits>
#include <vector>

#include "tconv/core/eigen.hpp"
#include "tconv/core/integer.hpp"
#include "tconv/core/isa.hpp"
#include "tconv/core/tile.hpp"
#include "tconv/engine/correlation.hpp"
#include "tconv/engine/input/stage.hpp"
#include "tconv/engine/layout.hpp"
#include "tconv/engine/tile.hpp"

namespace tconv::inline TCONV_ISA::engine {

/// A box of input pixels, of all batch entries of a tile. It may reach beyond the image, where
/// pixels are zero.
struct Window {
  std::array<Index, 3> first{};    // input position of the first pixel
  std::array<Index, 3> extents{};  // pixels
  std::array<Index, 3> steps{};    // input positions from pixel to pixel
  std::array<Range, 3> inside{};   // its pixels that an image has

  bool operator==(const Window&) const = default;

  /// Finds which pixels an image of extents `in` has.
  void meet_image(const std::array<Index, 3>& in) {
    for (std::size_t a = 0; a < 3; ++a) {
      Range& range = inside[a];
      range.first = std::clamp<Index>(ceil_div(-first[a], steps[a]), 0, extents[a]);
      range.end = std::clamp<Index>(ceil_div(in[a] - first[a], steps[a]), range.first, extents[a]);
    }
  }
};

/// The elements of a window, if they lie one after another in the image, or zero.
inline Index dense_size(const Window& window, const std::array<Index, 3>& strides) {
  Index size = 1;
  for (std::size_t a = 3; a-- > 0;) {
    const Index extent = window.extents[a];
    if (window.inside[a].size() != extent) return 0;
    if (extent > 1 && window.steps[a] * strides[a] != size) return 0;
    size *= extent;
  }
  return size;
}

/// From one of some windows to the next in memory, if all are single pixels of the image at equal
/// distances, or zero.
inline Index pixel_distance(const Window* windows, Index count,
                            const std::array<Index, 3>& strides) {
  Index distance = 0, last = 0;
  for (Index i = 0; i < count; ++i) {
    Index at = 0;
    for (std::size_t a = 0; a < 3; ++a) {
      if (windows[i].extents[a] != 1 || windows[i].inside[a].size() != 1) return 0;
      at += windows[i].first[a] * strides[a];
    }
    if (i > 1 && at - last != distance) return 0;
    distance = at - last;
    last = at;
  }
  return count > 1 ? std::max<Index>(distance, 0) : 0;
}

/// Extents of the windows that a product reads on a tile, at most.
inline std::array<Index, 3> window_extents(const Correlation& c, const WeightShape& shape,
                                           const Packing& packing,
                                           const std::array<Index, 3>& count, const Tile& tile) {
  std::array<Index, 3> extents{};
  for (std::size_t a = 0; a < 3; ++a) {
    extents[a] = packing.copies(a) ? count[a] : shape.axis(a).halo_extent(tile.q[a]);
    if (packing.clips) extents[a] = std::min(extents[a], c.axes[a].in);
  }
  return extents;
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

  /// `z` and `y` are the sets of the line.
  WindowCount(const WeightShape& shape, const Packing& packing, const SetKind& z,
              const SetKind& y) {
    const bool copied = packing.copies(2);
    Index places = 0, most_places = 0;
    for (const SetKind& x : shape.axis(2).kinds) {
      places += x.sets * x.windows(copied);
      most_places = std::max(most_places, x.windows(copied));
    }
    const Index outer = z.windows(packing.copies(0)) * y.windows(packing.copies(1));
    most = outer * places;
    // Without copies all products of a line read the same, those without taps nothing.
    usual = outer * (copied ? shape.axis(2).windows : most_places);
  }
};

/// Scratch of a tile, in elements: the packed pixels of one block of channels, sums of a chunk, or
/// of a line if there are several blocks, those of a chunk once more if they are turned, the
/// weights of a chunk and block if they are packed with it, and inputs that are staged.
struct Footprint {
  Index pixels = 0;
  Index most_pixels = 0;
  Index most_windows = 1;
  Index sums = 0;
  Index turned = 0;
  Index weights = 0;
  Index staged = 0;  // inputs, of one block of channels

  Footprint() = default;
  /// Counts no further where it is larger than `most`.
  Footprint(const Correlation& c, const WeightShape& shape, const Packing& packing,
            const Tile& tile, Index lane_count, Index most = std::numeric_limits<Index>::max()) {
    const bool one_block = shape.channel_blocks().parts == 1;
    const Index channels = shape.channel_blocks().largest();
    const auto packed = [&](Index places) {
      return packing.channels_inside ? places * channel_plane(channels, lane_count)
                                     : channels * channel_plane(places, lane_count);
    };
    if (c.reads_strips && !packing.channels_inside)
      staged = staged_size(reach_of(c), tile, channels, c.entries_inside, lane_count);
    for (const SetKind& z : shape.axis(0).largest)
      for (const SetKind& y : shape.axis(1).largest) {
        Index line_sums = 0, line_turned = 0, window = 0;
        for (const SetKind& x : shape.axis(2).kinds) {
          const ProductKind product{&z, &y, &x};
          const Index members = product.members();
          const auto count = pixel_counts(product, tile);
          const auto extents = window_extents(c, shape, packing, count, tile);
          const PixelRuns runs(packing, tile.batch, count, extents);
          // A tile at the border may have a gap between planes, or rows, where this one has none.
          const Index plane = (count[1] - 1) * runs.steps[2] + count[2];
          const Index computed =
              std::max(runs.size() * PixelBlocks::computed(packing, runs.length, lane_count),
                       tile.batch * count[0] * PixelBlocks::computed(packing, plane, lane_count));
          const Index chunk = shape.chunk_rows(members);
          line_sums += x.sets * (one_block ? chunk : shape.total_rows(members)) * computed;
          if (shape.turns_sums()) line_turned += x.sets * chunk * round_up(computed, lane_count);
          window = std::max(window, tile.batch * runs.steps[0]);
          if (packing.packs_chunks) weights = std::max(weights, channels * product.taps() * chunk);
        }
        const WindowCount windows(shape, packing, z, y);
        most_windows = std::max(most_windows, windows.most);
        // Packets are read up to the end.
        const Index spare = 2 * lane_count;
        pixels = std::max(pixels, packed(windows.usual * window));
        most_pixels = std::max(most_pixels, packed(windows.most * window) + spare);
        sums = std::max(sums, line_sums);
        turned = std::max(turned, line_turned);
        if (size() > most) return;
      }
  }

  bool operator==(const Footprint&) const = default;
  Index size() const { return pixels + sums + turned + weights + staged; }
};

}  // namespace tconv::inline TCONV_ISA::engine
