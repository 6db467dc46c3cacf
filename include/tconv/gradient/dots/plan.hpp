#pragma once

/// \file
/// The weight gradient of few channels, depthwise layers above all: dot products of image rows,
/// with pixels in the lanes. Channels would fill no panel.
///
/// On a tile of pixels the coarse channel is copied into rows that are as far apart as those of the
/// fine spans, with zeros between, so that a tap is one long dot product with a shift:
///
///     coarse  x x x x 0 0 x x x x 0 0 x x x x 0 0
///     fine    o o o o o o o o o o o o o o o o o o     tap 0
///               o o o o o o o o o o ...               tap 1

#include <algorithm>
#include <array>
#include <cstddef>
#include <vector>

#include "tconv/core/eigen.hpp"
#include "tconv/core/integer.hpp"
#include "tconv/core/isa.hpp"
#include "tconv/core/tile.hpp"
#include "tconv/gradient/tap_spans.hpp"
#include "tconv/gradient/target.hpp"
#include "tconv/gradient/tile.hpp"

namespace tconv::inline TCONV_ISA::gradient {

/// How the gradient is cut: tiles of pixels, and spans of which all have unit steps.
class DotPlan {
 public:
  DotPlan(const ConvShape& shape, Index lane_count) : shape_(shape), lane_count_(lane_count) {
    for (std::size_t a = 0; a < 3; ++a) {
      spans_[a] = make_tap_spans(shape.axes[a], true);
      taps_ *= count_taps(spans_[a]);
      span_count_ *= static_cast<Index>(spans_[a].size());
    }
    Index pixels = 1024;
    for (std::size_t a = 3; a-- > 0;) {
      tile_.q[a] = Split::into_at_most(shape.axes[a].coarse, std::max<Index>(pixels, 1)).largest();
      pixels /= tile_.q[a];
    }
    tile_.batch =
        Split::into_at_most(std::max<Index>(shape.batch, 1), std::max<Index>(pixels, 1)).largest();
    tiles_ = count_tiles(shape, tile_);
    // Few groups leave threads nothing else to share. Independent of the number of threads, as the
    // order of the sums is.
    parts_ = {tiles_, shape.groups < 8 ? std::clamp<Index>(tiles_ / 4, 1, 8) : 1};
  }

  const ConvShape& shape() const { return shape_; }
  const std::vector<TapSpan>& spans(std::size_t axis) const { return spans_[axis]; }
  const Tile& tile() const { return tile_; }
  Index tiles() const { return tiles_; }
  const Split& parts() const { return parts_; }
  Index taps() const { return taps_; }
  Index span_count() const { return span_count_; }

  /// Extents that hold any span of `pixels`.
  std::array<Index, 3> extents(const std::array<Index, 3>& pixels) const {
    std::array<Index, 3> result{1, 1, 1};
    for (std::size_t a = 0; a < 3; ++a)
      for (const TapSpan& span : spans_[a]) result[a] = std::max(result[a], span.extent(pixels[a]));
    return result;
  }
  /// Elements of a copy of a span, which taps read beyond its end by whole packets.
  Index span_size() const {
    const auto e = extents(tile_.q);
    return round_up(tile_.batch * e[0] * e[1] * e[2], lane_count_) + lane_count_;
  }
  /// Elements of the sums of a group: a packet each.
  Index sums_size() const {
    return shape_.coarse_per_group() * shape_.fine_per_group() * taps_ * lane_count_;
  }

  /// Cycles of a pixel's products. Packets of other channels' rows are loaded once for four.
  double cycles() const {
    const auto e = extents(tile_.q);
    const double filled = static_cast<double>(tile_.q[0] * tile_.q[1] * tile_.q[2]) /
                          static_cast<double>(e[0] * e[1] * e[2]);
    const auto products =
        static_cast<double>(shape_.coarse_per_group() * shape_.fine_per_group() * taps_) /
        static_cast<double>(lane_count_);
    return products * (shape_.coarse_per_group() == 1 ? 1.0 : 0.6) / filled;
  }
  /// Whether the scratch fits the second-level cache.
  bool is_small() const {
    return sums_size() <= Index{1} << 17 &&
           (shape_.coarse_per_group() + span_count_) * span_size() <= Index{1} << 17;
  }

 private:
  ConvShape shape_;
  Index lane_count_;
  std::array<std::vector<TapSpan>, 3> spans_;
  Index taps_ = 1, span_count_ = 1;
  Tile tile_;
  Index tiles_ = 1;
  Split parts_;
};

}  // namespace tconv::inline TCONV_ISA::gradient
