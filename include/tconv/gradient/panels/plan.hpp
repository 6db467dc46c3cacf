#pragma once

/// \file
/// How a weight gradient is cut.
///
///     grad_weight(c, m, k) = sum over pixels (n, i) of  coarse(n, c, i) * fine(n, m, o(i, k))
///
/// is a matrix product whose depth is the pixels. A tile of pixels is copied into panels with dense
/// channels, `[pixel][c]` and `[position][m]`; in these a tap is a shift, so that one call of the
/// micro-kernel sums a tile of (c, m) for one tap over all pixels of the tile. Where there are few
/// fine channels the taps of a row lie side by side in the panel, and count as channels.

#include <algorithm>
#include <array>
#include <cstddef>
#include <limits>
#include <vector>

#include "tconv/core/axis.hpp"
#include "tconv/core/eigen.hpp"
#include "tconv/core/integer.hpp"
#include "tconv/core/isa.hpp"
#include "tconv/core/tile.hpp"
#include "tconv/gradient/tap_spans.hpp"
#include "tconv/gradient/target.hpp"
#include "tconv/gradient/tile.hpp"
#include "tconv/simd/tile_shape.hpp"

namespace tconv::inline TCONV_ISA::gradient {

/// Whose channels lie in the lanes of the micro-kernel.
enum class LaneSide { coarse, fine };

/// The choices that decide how fast a plan is.
struct GradientCut {
  LaneSide lanes = LaneSide::coarse;
  int vectors = 2;
  bool folds = false;  ///< the taps of a row count as fine channels

  /// Of the largest micro-tile.
  Index rows() const {
    return simd::max_rows(
        lanes == LaneSide::coarse ? simd::LaneOperand::weights : simd::LaneOperand::pixels,
        vectors);
  }
};

class GradientPlan {
 public:
  GradientPlan(const ConvShape& shape, Index lane_count, Index scratch_elements, int threads)
      : shape_(shape), lane_count_(lane_count) {
    for (std::size_t a = 0; a < 3; ++a) {
      const Axis& axis = shape.axes[a];
      // Rows are copied whole, unless most of their positions would be of no tap. Two rows that
      // alternate are copied together: memory is then read in one run.
      const Index reach = (axis.kernel - 1) * axis.dilation + 1;
      const Index most = a == 2 ? 2 * reach : a == 1 ? 2 : 1;
      spans_[a] = make_tap_spans(axis, axis.stride > most);
      all_taps_ = all_taps_ && count_taps(spans_[a]) == axis.kernel;
    }
    choose_cut();
    lay_out();
    choose_tile(scratch_elements);
    choose_blocks(scratch_elements);
    share(threads);
    kept_pairs_ = completes_pairs() ? 1 : coarse_blocks_.largest() * fine_blocks_.largest();
  }

  const ConvShape& shape() const { return shape_; }
  const GradientCut& cut() const { return cut_; }
  const std::vector<TapSpan>& spans(std::size_t axis) const { return spans_[axis]; }
  /// Whether every tap is in a span; the gradient of the others is zero.
  bool all_taps() const { return all_taps_; }

  /// Coarse and fine channels in panels, and the width of the widest.
  const Split& coarse_panels() const { return coarse_panels_; }
  const Split& fine_panels() const { return fine_panels_; }
  Index coarse_width() const { return coarse_width_; }
  Index fine_width() const { return fine_width_; }

  /// Panels that a task computes.
  const Split& coarse_blocks() const { return coarse_blocks_; }
  const Split& fine_blocks() const { return fine_blocks_; }

  /// Cycles of a pixel's products.
  double cycles() const {
    return cut_cycles(cut_) * static_cast<double>(count_taps(spans_[0]) * count_taps(spans_[1]));
  }

  const Tile& tile() const { return tile_; }
  Index tiles() const { return tiles_; }
  /// Tiles are summed in so many parts, which are added at the end.
  const Split& tile_parts() const { return tile_parts_; }

  /// The sums of a pair of panels are `slots()` matrices of `slot_size()`: one for each tap, or for
  /// the folded taps of a row.
  Index slots() const { return slots_; }
  Index slot_size() const { return slot_size_; }
  Index row_step() const { return row_step_; }
  /// Pairs of panels whose sums a task keeps: those of its block, or one, where those of each are
  /// complete before the next are begun.
  Index kept_pairs() const { return kept_pairs_; }
  /// Elements of the sums of a task.
  Index sums_size() const { return kept_pairs_ * slots_ * slot_size_; }
  /// From fine channel to fine channel in a slot.
  Index fine_step() const { return coarse_in_lanes() ? row_step_ : 1; }
  bool coarse_in_lanes() const { return cut_.lanes == LaneSide::coarse; }

  /// Elements of the spans of a tile of one panel, the largest.
  Index span_elements() const { return span_elements_; }

 private:
  /// Pixels of a tile: many, so that a slot is loaded and stored seldom, and few enough for a
  /// coarse panel to stay in the first-level cache while all taps pass.
  static constexpr Index wanted_pixels = 256;

  /// Of many channels the positions would lie far apart.
  bool can_fold() const {
    return shape_.fine_per_group() <= 24 &&
           std::all_of(spans_[2].begin(), spans_[2].end(), is_contiguous);
  }

  /// Cycles of one step of a micro-tile: two fused multiply-adds or two loads each, and no sum more
  /// often than every four.
  static double step_cycles(Index rows, Index vectors) {
    const auto r = static_cast<double>(rows), v = static_cast<double>(vectors);
    return std::max({r * v / 2, (r + v) / 2, 4.0});
  }

  /// Cycles of one pixel for `rows` times `lanes` sums.
  double matrix_cycles(const GradientCut& cut, Index rows, Index lanes) const {
    const Split blocks = Split::into_at_most(rows, cut.rows());
    Index vectors = cut.vectors;
    double cycles = 0;
    for (Index done = 0; done < lanes; done += vectors * lane_count_) {
      while (vectors > 1 && vectors * lane_count_ >= lanes - done + lane_count_) vectors /= 2;
      for (Index b = 0; b < blocks.parts; ++b) {
        const Index size = blocks.end(b) - blocks.begin(b);
        // Loading and storing the sums, once a tile.
        const double overhead = static_cast<double>(size * vectors) * 1.5 + 12;
        cycles += step_cycles(size, vectors) + overhead / static_cast<double>(wanted_pixels);
      }
    }
    return cycles;
  }

  double cut_cycles(const GradientCut& cut) const {
    const Index coarse = shape_.coarse_per_group(), fine = shape_.fine_per_group();
    double cycles = 0;
    const auto add = [&](Index items, Index times) {
      cycles += static_cast<double>(times) * (cut.lanes == LaneSide::coarse
                                                  ? matrix_cycles(cut, items, coarse)
                                                  : matrix_cycles(cut, coarse, items));
    };
    for (const TapSpan& span : spans_[2])
      if (cut.folds)
        add(span.reach * fine, 1);
      else
        add(fine, static_cast<Index>(span.taps.size()));
    return cycles;
  }

  /// Cycles of copying a pixel, of all its spans.
  double copy_cycles(const GradientCut& cut) const {
    const Index lanes = cut.vectors * lane_count_, rows = cut.rows();
    const bool coarse_lanes = cut.lanes == LaneSide::coarse;
    const auto panels = [&](Index channels, Index width) {
      const Split split = Split::into_at_most(channels, width);
      return static_cast<double>(split.parts * round_up(split.largest(), lane_count_));
    };
    double positions = 0;
    for (const TapSpan& z : spans_[0])
      for (const TapSpan& y : spans_[1])
        for (const TapSpan& x : spans_[2])
          positions += static_cast<double>(z.pixel_step * y.pixel_step * x.pixel_step);
    return 0.5 * (panels(shape_.coarse_per_group(), coarse_lanes ? lanes : rows) +
                  positions * panels(shape_.fine_per_group(), cut.folds ? shape_.fine_per_group()
                                                              : coarse_lanes ? rows
                                                                             : lanes));
  }

  void choose_cut() {
    double best = std::numeric_limits<double>::max();
    for (const LaneSide lanes : {LaneSide::coarse, LaneSide::fine})
      for (int vectors = 1; vectors <= simd::max_vectors; vectors *= 2)
        for (const bool folds : {false, true}) {
          const GradientCut cut{lanes, vectors, folds};
          if (cut.rows() < 1 || (folds && !can_fold())) continue;
          const auto calls = static_cast<double>(count_taps(spans_[0]) * count_taps(spans_[1]));
          const double cycles = cut_cycles(cut) * calls + copy_cycles(cut);
          if (cycles < best) {
            best = cycles;
            cut_ = cut;
          }
        }
  }

  void lay_out() {
    const Index lanes = cut_.vectors * lane_count_, rows = cut_.rows();
    coarse_panels_ =
        Split::into_at_most(shape_.coarse_per_group(), coarse_in_lanes() ? lanes : rows);
    fine_panels_ =
        cut_.folds ? Split{shape_.fine_per_group(), 1}
                   : Split::into_at_most(shape_.fine_per_group(), coarse_in_lanes() ? rows : lanes);
    coarse_width_ = coarse_in_lanes() ? round_up(coarse_panels_.largest(), lane_count_)
                                      : coarse_panels_.largest();
    fine_width_ = coarse_in_lanes() || cut_.folds ? fine_panels_.largest()
                                                  : round_up(fine_panels_.largest(), lane_count_);
    Index items = fine_width_, row_slots = 0;
    for (const TapSpan& span : spans_[2]) {
      if (cut_.folds) items = std::max(items, span.reach * fine_width_);
      row_slots += cut_.folds ? 1 : static_cast<Index>(span.taps.size());
    }
    slots_ = count_taps(spans_[0]) * count_taps(spans_[1]) * row_slots;
    row_step_ = coarse_in_lanes() ? coarse_width_ : round_up(items, lane_count_);
    slot_size_ = row_step_ * (coarse_in_lanes() ? items : coarse_width_);
  }

  /// Whether all products of a pair of panels follow one another.
  bool completes_pairs() const {
    return tiles_ == 1 &&
           std::all_of(spans_.begin(), spans_.end(), [](const auto& w) { return w.size() == 1; });
  }

  static Index largest_extent(const std::vector<TapSpan>& spans, Index pixels) {
    Index extent = 0;
    for (const TapSpan& span : spans) extent = std::max(extent, span.extent(pixels));
    return extent;
  }
  Index elements_of(const Tile& tile) const {
    Index elements = tile.batch;
    for (std::size_t a = 0; a < 3; ++a) elements *= largest_extent(spans_[a], tile.q[a]);
    return elements;
  }

  /// Nearly equal parts of at most `largest`.
  static Index even(Index size, Index largest) {
    return Split::into_at_most(std::max<Index>(size, 1), std::max<Index>(largest, 1)).largest();
  }

  /// Cycles of copying `rows` rows of `length` positions into panels of `width` channels.
  double copy_cycles(Index channels, Index width, Index rows, Index length) const {
    const auto number = [](Index n) { return static_cast<double>(n); };
    // Each channel of a row is in a page of its own.
    const double leaps = number(channels * rows) * 30;
    if (width <= lane_count_ / 4) return leaps + number(channels * rows * length);
    const Index squares = ceil_div(channels, width) * ceil_div(width, lane_count_) * rows *
                          ceil_div(length, lane_count_);
    return leaps + number(squares * lane_count_) * 9;
  }

  /// Cycles that a tile costs besides its fused multiply-adds.
  double tile_cycles(const Tile& tile) const {
    const Index calls = count_taps(spans_[0]) * count_taps(spans_[1]);
    const Index rows = tile.batch * tile.q[0];
    const bool joined = tile.q[2] == shape_.axes[2].coarse;
    double cycles = cut_cycles(cut_) * static_cast<double>(calls * 12);
    cycles +=
        copy_cycles(shape_.coarse_per_group(), coarse_width_, joined ? rows : rows * tile.q[1],
                    joined ? tile.q[1] * tile.q[2] : tile.q[2]);
    for (const TapSpan& z : spans_[0])
      for (const TapSpan& y : spans_[1])
        for (const TapSpan& x : spans_[2])
          cycles += copy_cycles(shape_.fine_per_group(), fine_width_,
                                tile.batch * z.extent(tile.q[0]) * y.extent(tile.q[1]),
                                x.extent(tile.q[2]));
    return cycles;
  }

  /// Of the tiles of about `wanted_pixels` whose spans fit, the one that copies least.
  void choose_tile(Index budget) {
    const auto& axes = shape_.axes;
    double best = std::numeric_limits<double>::max();
    for (Index parts = 1; parts <= axes[2].coarse; parts = parts < 8 ? parts + 1 : 2 * parts)
      for (Index pixels = wanted_pixels; pixels >= 1; pixels /= 2) {
        Tile tile;
        tile.q[2] = even(axes[2].coarse, std::min(pixels, ceil_div(axes[2].coarse, parts)));
        tile.q[1] = even(axes[1].coarse, pixels / tile.q[2]);
        tile.q[0] = even(axes[0].coarse, pixels / (tile.q[1] * tile.q[2]));
        tile.batch = even(shape_.batch, pixels / (tile.q[0] * tile.q[1] * tile.q[2]));
        const Index elements = elements_of(tile);
        const bool fits = fine_width_ * elements <= budget / 2;
        const double cost = tile_cycles(tile) / static_cast<double>(tile.pixels()) +
                            (fits ? 0 : static_cast<double>(elements) * 1e6);
        if (cost < best) {
          best = cost;
          tile_ = tile;
          span_elements_ = elements;
        }
        if (fits) break;
      }
    tiles_ = count_tiles(shape_, tile_);
  }

  /// Cycles of reading or writing an element of sums that are so many.
  static double sum_cycles(double sums) {
    return sums <= 0x1p17 ? 0.1 : sums <= 0x1p21 ? 0.35 : 1.2;
  }

  /// Blocks whose copies fit: with large ones panels are copied seldom, with small ones the sums
  /// stay in a near cache.
  void choose_blocks(Index budget) {
    const auto number = [](Index n) { return static_cast<double>(n); };
    const double copy_coarse = number(shape_.coarse_per_group() * tile_.pixels()) * 0.6;
    double copy_fine = 0;
    for (const TapSpan& z : spans_[0])
      for (const TapSpan& y : spans_[1])
        for (const TapSpan& x : spans_[2])
          copy_fine += number(shape_.fine_per_group() * tile_.batch * z.extent(tile_.q[0]) *
                              y.extent(tile_.q[1]) * x.extent(tile_.q[2])) *
                       0.6;
    const double sums = number(coarse_panels_.parts * fine_panels_.parts * slots_ * slot_size_);
    double best = std::numeric_limits<double>::max();
    const auto next = [](Index parts, Index all) {
      return parts == all ? all + 1 : std::min(all, parts + ceil_div(parts, 4));
    };
    for (Index c = 1; c <= coarse_panels_.parts; c = next(c, coarse_panels_.parts))
      for (Index m = 1; m <= fine_panels_.parts; m = next(m, fine_panels_.parts)) {
        const Split coarse{coarse_panels_.parts, c}, fine{fine_panels_.parts, m};
        const bool fits = coarse.largest() * coarse_width_ * tile_.pixels() <= budget / 2 &&
                          fine.largest() * fine_width_ * span_elements_ <= budget / 2;
        if (!fits && (c < coarse_panels_.parts || m < fine_panels_.parts)) continue;
        const double block =
            completes_pairs() ? number(slots_ * slot_size_) : sums / number(c) / number(m);
        const double cost = number(tiles_) * (number(m) * copy_coarse + number(c) * copy_fine +
                                              2 * sums * sum_cycles(block));
        if (cost < best) {
          best = cost;
          coarse_blocks_ = coarse;
          fine_blocks_ = fine;
        }
      }
    // Few sums of many pixels leave threads nothing else to share. The parts do not depend on the
    // number of threads, so that the order of the sums does not.
    const Index pairs = shape_.groups * coarse_panels_.parts * fine_panels_.parts;
    const Index kept = pairs * slots_ * slot_size_;
    const Index parts =
        std::min(tiles_ / 8, std::min<Index>(8, (Index{1} << 18) / std::max<Index>(kept, 1)));
    tile_parts_ = {tiles_, pairs < 8 ? std::max<Index>(1, parts) : 1};
  }

  /// Splits the blocks further, until there are two tasks a thread.
  void share(int threads) {
    if (threads <= 1) return;
    const auto few = [&] {
      return shape_.groups * coarse_blocks_.parts * fine_blocks_.parts * tile_parts_.parts <
             2 * threads;
    };
    while (few() && coarse_blocks_.parts < coarse_panels_.parts)
      coarse_blocks_.parts = std::min(coarse_panels_.parts, 2 * coarse_blocks_.parts);
    while (few() && fine_blocks_.parts < fine_panels_.parts)
      fine_blocks_.parts = std::min(fine_panels_.parts, 2 * fine_blocks_.parts);
  }

  ConvShape shape_;
  Index lane_count_;
  std::array<std::vector<TapSpan>, 3> spans_;
  bool all_taps_ = true;
  GradientCut cut_;
  Split coarse_panels_, fine_panels_, coarse_blocks_, fine_blocks_, tile_parts_;
  Index coarse_width_ = 1, fine_width_ = 1;
  Index slots_ = 0, slot_size_ = 0, row_step_ = 0, kept_pairs_ = 0;
  Tile tile_;
  Index tiles_ = 0, span_elements_ = 1;
};

}  // namespace tconv::inline TCONV_ISA::gradient
