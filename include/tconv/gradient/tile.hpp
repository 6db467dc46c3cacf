#pragma once

/// \file
/// Tiles of pixels, of which a gradient sums one after another. Plain integers.

#include <algorithm>
#include <array>
#include <cstddef>

#include "tconv/core/axis.hpp"
#include "tconv/core/eigen.hpp"
#include "tconv/core/integer.hpp"
#include "tconv/core/isa.hpp"
#include "tconv/core/tile.hpp"

namespace tconv::inline TCONV_ISA::gradient {

/// A tile in its place: batch entries and coarse positions.
struct PixelBox {
  Range n;
  std::array<Range, 3> q;

  Index pixels() const { return n.size() * q[0].size() * q[1].size() * q[2].size(); }
};

/// Tiles that cover the coarse side.
inline Index count_tiles(const ConvShape& shape, const Tile& tile) {
  Index count = ceil_div(shape.batch, tile.batch);
  for (std::size_t a = 0; a < 3; ++a) count *= ceil_div(shape.axes[a].coarse, tile.q[a]);
  return count;
}

/// Tile number `number`.
inline PixelBox find_tile(const ConvShape& shape, const Tile& tile, Index number) {
  const auto next = [&number](Index size, Index part) {
    const Index parts = ceil_div(size, part), i = number % parts;
    number /= parts;
    return Range{i * part, std::min((i + 1) * part, size)};
  };
  PixelBox box;
  for (std::size_t a = 3; a-- > 0;) box.q[a] = next(shape.axes[a].coarse, tile.q[a]);
  box.n = next(shape.batch, tile.batch);
  return box;
}

}  // namespace tconv::inline TCONV_ISA::gradient
