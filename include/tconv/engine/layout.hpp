#pragma once

/// \file
/// The weights of a correlation as matrices.
///
/// A *phase set* is the phases of one axis that are computed together because they read the same
/// taps. A set of each axis makes a *product*: one matrix
///
///     rows (output channel, members of the three sets)  x  depth (input channel, tap),
///
/// multiplied with the pixels q that the sets span. The products that share the sets of the two
/// outer axes are a *line*: together they make whole output rows, and are stored together.

#include <algorithm>
#include <array>
#include <cstddef>
#include <vector>

#include "tconv/core/eigen.hpp"
#include "tconv/core/integer.hpp"
#include "tconv/core/isa.hpp"
#include "tconv/engine/correlation.hpp"
#include "tconv/engine/sets.hpp"
#include "tconv/simd/tile_shape.hpp"

namespace tconv::inline TCONV_ISA::engine {

/// The choices that decide how weights are packed.
struct Packing {
  /// Few pixels, or many phases that lie side by side in the output, want weights in the lanes.
  simd::LaneOperand lanes = simd::LaneOperand::pixels;
  /// Packets in the lanes of the largest micro-tile, which decide how many rows a panel has: with
  /// pixels in lanes `max_rows(vectors)`, otherwise as many as lanes.
  int vectors = 2;
  /// The innermost axes whose pixels are copied for each shift, dense; on the others taps are
  /// offsets into one copy with a halo, or one for each remainder of a shift by the input's stride.
  int copied_axes = 0;
  Merge inner = Merge::equal;
  Merge outer = Merge::none;
  /// Most products of an output that one call of the micro-kernel sums. Input channels beyond these
  /// come in further blocks, between which the sums of a whole line wait.
  Index steps = 2048;
  /// Most panels of a chunk of output channels, whose rows are computed and stored together.
  Index chunk_panels = 1;
  /// Whether the weights of a chunk are packed when its products are computed, for that tile only.
  bool packs_chunks = false;
  /// Whether packed pixels have their channels side by side, as in the image, and the sums of each
  /// pixel are written so: nothing is transposed. Weights must be in the lanes, and no phases share
  /// a product.
  bool channels_inside = false;
  /// Whether taps are multiplied one after another, each with the pixels for which it reads inside
  /// the image: small images have many taps that do not. Weights must be in the lanes, and are not
  /// packed by chunks.
  bool by_taps = false;
  /// Whether windows end where the image does, and each row is a run of its own: taps that are
  /// multiplied one after another read nothing else. No axis is copied, none has an input stride.
  bool clips = false;

  bool weights_in_lanes() const { return lanes == simd::LaneOperand::weights; }
  bool copies(std::size_t axis) const { return axis + static_cast<std::size_t>(copied_axes) >= 3; }
};

/// From so many on, phases that lie side by side are stored as they are summed.
inline constexpr Index joined_phases = 8;

/// Up to so many phases are interleaved in registers.
inline constexpr Index max_interleaved = 8;

/// The sets of one product.
struct Product {
  const PhaseSet* z;
  const PhaseSet* y;
  const PhaseSet* x;
  std::array<std::size_t, 3> tap_steps;  // from tap to tap of each axis, among all taps

  const PhaseSet& set(std::size_t axis) const { return axis == 0 ? *z : axis == 1 ? *y : *x; }
  Index taps() const {
    return static_cast<Index>(z->taps.size() * y->taps.size() * x->taps.size());
  }
  /// The place of a tap of each axis in the order of summation.
  std::size_t tap_number(std::size_t z_tap, std::size_t y_tap, std::size_t x_tap) const {
    return z_tap * tap_steps[0] + y_tap * tap_steps[1] + x_tap * tap_steps[2];
  }
  /// Rows of an output channel.
  Index members() const { return z->size() * y->size() * x->size(); }
};

/// Products that cost the same, one of each axis' kinds.
struct ProductKind {
  const SetKind* z;
  const SetKind* y;
  const SetKind* x;

  const SetKind& set(std::size_t axis) const { return axis == 0 ? *z : axis == 1 ? *y : *x; }
  Index taps() const { return z->taps * y->taps * x->taps; }
  Index members() const { return z->members * y->members * x->members; }
  /// Output rows of an output channel.
  Index rows() const { return z->members * y->members; }
  /// Products that there are in a line, and lines.
  Index products() const { return x->sets; }
  Index lines() const { return z->sets * y->sets; }
};

/// How the weights are cut, as far as a plan depends on it: what `WeightLayout` says of products,
/// here for all products of a kind at once.
class WeightShape {
 public:
  using Axes = std::array<const SetKinds*, 3>;

  /// `axes` must outlive the shape.
  WeightShape(const Correlation& c, const Axes& axes, const Packing& packing, Index lane_count)
      : axes_(axes), in_channels_(c.in_channels), out_channels_(c.out_channels) {
    Index taps = 1;
    for_each_kind([&](const ProductKind& kind) {
      if (kind.taps() > 0) members_ = std::max(members_, kind.members());
      taps = std::max(taps, kind.taps());
    });
    weights_in_lanes_ = packing.weights_in_lanes();
    panel_ = weights_in_lanes_ ? packing.vectors * lane_count : simd::max_rows(packing.vectors);
    lane_multiple_ = weights_in_lanes_ ? lane_count : 1;
    const auto& x = axes[2]->kinds;
    turns_sums_ = weights_in_lanes_ && !packing.channels_inside &&
                  std::all_of(x.begin(), x.end(),
                              [](const SetKind& kind) { return kind.members < joined_phases; });
    // A chunk fills its panels, so that the micro-tile is as large as the registers allow. Channels
    // that lie side by side leave in whole packets, and those that come in pairs in pairs.
    const Index packet = c.writes_channels  ? lane_count
                         : c.entries_inside ? ceil_div(lane_count, c.batch)
                                            : 1;
    chunks_ = Split::into_at_most(c.out_channels,
                                  std::max<Index>(1, packing.chunk_panels * panel_ / members_),
                                  std::max<Index>(packet, c.writes_pairs ? 2 : 1));
    largest_chunk_ = chunks_.largest();
    // More would leave the second-level cache no room for more than one micro-tile of pixels.
    const Index steps_of_channel = packing.by_taps ? 1 : taps;
    channel_blocks_ =
        Split::into_at_most(c.in_channels, std::max<Index>(1, packing.steps / steps_of_channel));
  }

  const SetKinds& axis(std::size_t a) const { return *axes_[a]; }
  /// Output channels whose rows are computed and stored together.
  const Split& chunks() const { return chunks_; }
  /// Input channels that one call of the micro-kernel sums over.
  const Split& channel_blocks() const { return channel_blocks_; }
  bool weights_in_lanes() const { return weights_in_lanes_; }
  /// Rows of a chunk are padded to this.
  Index lane_multiple() const { return lane_multiple_; }
  /// Most rows of a panel.
  Index panel() const { return panel_; }
  /// Panels of the chunk whose rows fill them best, where that is worth a larger chunk: channels of
  /// several rows each may leave much of a single panel empty.
  Index panels_to_fill() const {
    constexpr Index most = 4;
    constexpr double worthwhile = 1.2;
    const auto fill = [&](Index panels) {
      const Index rows = std::max<Index>(1, panels * panel_ / members_) * members_;
      return static_cast<double>(rows) / static_cast<double>(round_up(rows, panel_));
    };
    Index best = 1;
    for (Index panels = 2; panels <= most; ++panels)
      if (fill(panels) > fill(best)) best = panels;
    return fill(best) > worthwhile * fill(1) ? best : 1;
  }
  /// Whether sums lie `[pixel][row]` and must be turned to be stored: few of a row's phases lie
  /// side by side in the output.
  bool turns_sums() const { return turns_sums_; }

  /// The rows of a chunk in a product whose output channels have `members` rows each, padded.
  Index padded_rows(Index members, Index chunk) const {
    return round_up((chunks_.end(chunk) - chunks_.begin(chunk)) * members, lane_multiple_);
  }
  /// Those of the largest chunk.
  Index chunk_rows(Index members) const {
    return round_up(largest_chunk_ * members, lane_multiple_);
  }
  /// Those of all chunks.
  Index total_rows(Index members) const {
    // Channels in whole packets need no padding but the last ones.
    if (chunks_.unit % lane_multiple_ == 0)
      return round_up(out_channels_ * members, lane_multiple_);
    Index rows = 0;
    if (chunks_.unit == 1) {
      const Index fewer = out_channels_ / chunks_.parts, larger = out_channels_ % chunks_.parts;
      rows = larger * round_up((fewer + 1) * members, lane_multiple_) +
             (chunks_.parts - larger) * round_up(fewer * members, lane_multiple_);
    } else {
      for (Index chunk = 0; chunk < chunks_.parts; ++chunk) rows += padded_rows(members, chunk);
    }
    return rows;
  }
  /// The panels of a chunk, in units of `lane_multiple()` rows.
  Split panels(Index members, Index chunk) const {
    return Split::into_at_most(padded_rows(members, chunk) / lane_multiple_,
                               panel_ / lane_multiple_);
  }

  Index lines() const { return axes_[0]->sets * axes_[1]->sets; }
  Index products() const { return lines() * axes_[2]->sets; }
  /// Elements of one group.
  Index size() const {
    Index size = 0;
    for_each_kind([&](const ProductKind& kind) {
      size +=
          kind.lines() * kind.products() * in_channels_ * kind.taps() * total_rows(kind.members());
    });
    return size;
  }
  /// Whether the weights are a matrix of rows and steps, each of which says by itself where it lies
  /// in a tensor.
  bool is_matrix() const {
    if (products() != 1) return false;
    const ProductKind only{&axes_[0]->kinds[0], &axes_[1]->kinds[0], &axes_[2]->kinds[0]};
    return only.taps() > 0 && (only.taps() == 1 || only.members() == 1);
  }

  /// Calls `visit(kind)` for each kind of product, line by line.
  template <class Visit>
  void for_each_kind(const Visit& visit) const {
    for (const SetKind& z : axes_[0]->kinds)
      for (const SetKind& y : axes_[1]->kinds)
        for (const SetKind& x : axes_[2]->kinds) visit(ProductKind{&z, &y, &x});
  }

 private:
  Axes axes_;
  Index in_channels_, out_channels_;
  Split chunks_, channel_blocks_;
  Index members_ = 1, largest_chunk_ = 1, panel_ = 1, lane_multiple_ = 1;
  bool weights_in_lanes_ = false, turns_sums_ = false;
};

/// Weights in the order in which the micro-kernel reads them, `[product][channel block][chunk]
/// [panel][channel][tap][row]`, or `[panel][tap][channel][row]` by taps. Depends on the layer and
/// on `Packing`, not on the image's extents beyond which taps it can reach.
class WeightLayout {
 public:
  /// `c` must outlive the layout.
  WeightLayout(const Correlation& c, const Packing& packing, Index lane_count)
      : sets_(make_sets(c, packing)),
        kinds_{SetKinds(c.axes[0], sets_[0]), SetKinds(c.axes[1], sets_[1]),
               SetKinds(c.axes[2], sets_[2])},
        shape_(c, {&kinds_[0], &kinds_[1], &kinds_[2]}, packing, lane_count),
        by_taps_(packing.by_taps) {
    for (const PhaseSet& z : sets_[0])
      for (const PhaseSet& y : sets_[1])
        for (const PhaseSet& x : sets_[2]) {
          const std::size_t z_taps = z.taps.size(), y_taps = y.taps.size(), x_taps = x.taps.size();
          products_.push_back(c.order == TermOrder::backward
                                  ? Product{&z, &y, &x, {1, z_taps, z_taps * y_taps}}
                                  : Product{&z, &y, &x, {y_taps * x_taps, x_taps, 1}});
        }
    for (std::size_t p = 0; p < products_.size(); ++p) {
      Index row = 0;
      for (Index chunk = 0; chunk < chunks().parts; ++chunk) {
        row_begin_.push_back(row);
        row += padded_rows(p, chunk);
      }
      row_begin_.push_back(row);
      offset_.push_back(size_);
      size_ += c.in_channels * products_[p].taps() * row;
    }
  }
  // Products point into the sets.
  WeightLayout(const WeightLayout&) = delete;
  WeightLayout& operator=(const WeightLayout&) = delete;

  /// All products, those of a line side by side.
  const std::vector<Product>& products() const { return products_; }
  const Product& product(std::size_t p) const { return products_[p]; }
  const std::vector<PhaseSet>& sets(std::size_t axis) const { return sets_[axis]; }
  std::size_t line_size() const { return sets_[2].size(); }
  Index lines() const { return static_cast<Index>(products_.size() / line_size()); }

  /// What all products of a kind have in common.
  const WeightShape& shape() const { return shape_; }
  const Split& chunks() const { return shape_.chunks(); }
  const Split& channel_blocks() const { return shape_.channel_blocks(); }
  bool weights_in_lanes() const { return shape_.weights_in_lanes(); }
  Index lane_multiple() const { return shape_.lane_multiple(); }
  Index panel() const { return shape_.panel(); }
  bool turns_sums() const { return shape_.turns_sums(); }
  bool is_matrix() const { return shape_.is_matrix(); }
  bool by_taps() const { return by_taps_; }

  /// Rows of a chunk in a product, before padding.
  Index rows(std::size_t p, Index chunk) const {
    return (chunks().end(chunk) - chunks().begin(chunk)) * products_[p].members();
  }
  Index padded_rows(std::size_t p, Index chunk) const {
    return shape_.padded_rows(products_[p].members(), chunk);
  }
  /// Padded rows of a product before a chunk.
  Index rows_before(std::size_t p, Index chunk) const {
    return row_begin_[p * static_cast<std::size_t>(chunks().parts + 1) +
                      static_cast<std::size_t>(chunk)];
  }
  Index total_rows(std::size_t p) const { return rows_before(p, chunks().parts); }
  /// Padded rows of the largest chunk.
  Index chunk_rows(std::size_t p) const { return shape_.chunk_rows(products_[p].members()); }
  /// The panels of a chunk, in units of `lane_multiple()` rows.
  Split panels(std::size_t p, Index chunk) const {
    return shape_.panels(products_[p].members(), chunk);
  }

  /// Where the weights of a product, channel block and chunk begin, in elements of a group.
  Index offset(std::size_t p, Index block, Index chunk) const {
    const Index channels = channel_blocks().end(block) - channel_blocks().begin(block);
    return offset_[p] + products_[p].taps() * (channel_blocks().begin(block) * total_rows(p) +
                                               channels * rows_before(p, chunk));
  }
  /// Elements of one group.
  Index size() const { return size_; }

  /// Numbers that are equal where weights are packed alike.
  std::vector<Index> signature() const {
    std::vector<Index> numbers{panel(),       lane_multiple(),        chunks().parts,
                               chunks().unit, channel_blocks().parts, by_taps_};
    for (const Product& product : products_)
      for (const std::size_t step : product.tap_steps) numbers.push_back(static_cast<Index>(step));
    for (const auto& sets : sets_) {
      numbers.push_back(static_cast<Index>(sets.size()));
      for (const PhaseSet& set : sets) {
        numbers.push_back(set.size());
        for (const Phase* phase : set.members) {
          numbers.push_back(static_cast<Index>(phase->taps.size()));
          for (const Tap& tap : phase->taps) numbers.push_back(tap.kernel);
        }
      }
    }
    return numbers;
  }

 private:
  static std::array<std::vector<PhaseSet>, 3> make_sets(const Correlation& c,
                                                        const Packing& packing) {
    return {make_phase_sets(c.axes[0], packing.outer), make_phase_sets(c.axes[1], packing.outer),
            make_phase_sets(c.axes[2], packing.inner)};
  }

  std::array<std::vector<PhaseSet>, 3> sets_;
  std::array<SetKinds, 3> kinds_;
  WeightShape shape_;
  bool by_taps_;
  std::vector<Product> products_;
  std::vector<Index> offset_, row_begin_;
  Index size_ = 0;
};

}  // namespace tconv::inline TCONV_ISA::engine
