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
#include "tconv/simd/tile_shape.hpp"

namespace tconv::inline TCONV_ISA::engine {

struct PhaseSet {
  Index first = 0;
  Index count = 0;
  std::vector<Tap> taps;
  std::vector<Index> remainders;  // of the taps' shifts by the input's stride, in order
  std::vector<const Phase*> members;

  Index end() const { return first + count; }
  Index size() const { return static_cast<Index>(members.size()); }
};

/// Which phases of an axis share a set.
enum class Merge {
  none,    ///< each phase is a set
  equal,   ///< phases that read the same taps for the same q
  unequal  ///< phases that read the same taps; q spans all, a few pixels computed for nothing
};

/// Whether two phases read the same taps, so that their rows can share one product.
inline bool same_shifts(const std::vector<Tap>& a, const std::vector<Tap>& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](const Tap& s, const Tap& t) { return s.shift == t.shift; });
}

/// The positions that the taps read, from one q to the next, where they repeat.
inline std::vector<Index> shift_remainders(const PhasedAxis& axis, const std::vector<Tap>& taps) {
  std::vector<Index> remainders;
  remainders.reserve(taps.size());
  for (const Tap& tap : taps) remainders.push_back(floor_mod(tap.shift, axis.in_stride));
  sort_unique(remainders);
  return remainders;
}

inline std::vector<PhaseSet> make_phase_sets(const PhasedAxis& axis, Merge merge) {
  std::vector<PhaseSet> sets;
  for (const Phase& phase : axis.phases) {
    const auto fits = [&](const PhaseSet& set) {
      return merge != Merge::none && same_shifts(set.taps, phase.taps) &&
             (merge == Merge::unequal || (set.first == phase.first && set.count == phase.count));
    };
    auto set = std::find_if(sets.begin(), sets.end(), fits);
    if (set == sets.end())
      set = sets.insert(
          sets.end(),
          {phase.first, phase.count, phase.taps, shift_remainders(axis, phase.taps), {}});
    const Index end = std::max(set->end(), phase.end());
    set->first = std::min(set->first, phase.first);
    set->count = end - set->first;
    set->members.push_back(&phase);
  }
  return sets;
}

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

/// Weights in the order in which the micro-kernel reads them, `[product][channel block][chunk]
/// [panel][channel][tap][row]`. Depends on the layer and on `Packing`, not on the image's extents
/// beyond which taps it can reach.
class WeightLayout {
 public:
  /// `c` must outlive the layout.
  WeightLayout(const Correlation& c, const Packing& packing, Index lane_count) {
    const Merge outer = packing.outer;
    for (std::size_t a = 0; a < 3; ++a)
      sets_[a] = make_phase_sets(c.axes[a], a == 2 ? packing.inner : outer);
    Index members = 1, taps = 1;
    for (const PhaseSet& z : sets_[0])
      for (const PhaseSet& y : sets_[1])
        for (const PhaseSet& x : sets_[2]) {
          const std::size_t z_taps = z.taps.size(), y_taps = y.taps.size(), x_taps = x.taps.size();
          const Product& product = products_.emplace_back(
              c.order == TermOrder::backward ? Product{&z, &y, &x, {1, z_taps, z_taps * y_taps}}
                                             : Product{&z, &y, &x, {y_taps * x_taps, x_taps, 1}});
          if (product.taps() > 0) members = std::max(members, product.members());
          taps = std::max(taps, product.taps());
        }
    weights_in_lanes_ = packing.weights_in_lanes();
    panel_ = weights_in_lanes_ ? packing.vectors * lane_count : simd::max_rows(packing.vectors);
    lane_multiple_ = packing.weights_in_lanes() ? lane_count : 1;
    turns_sums_ = packing.weights_in_lanes() &&
                  std::all_of(sets_[2].begin(), sets_[2].end(),
                              [](const PhaseSet& set) { return set.size() < joined_phases; });
    // A chunk fills its panels, so that the micro-tile is as large as the registers allow. Channels
    // that lie side by side leave in whole packets.
    chunks_ = Split::into_at_most(c.out_channels,
                                  std::max<Index>(1, packing.chunk_panels * panel_ / members),
                                  c.writes_channels ? lane_count : 1);
    // More would leave the second-level cache no room for more than one micro-tile of pixels.
    channel_blocks_ = Split::into_at_most(c.in_channels, std::max<Index>(1, packing.steps / taps));

    for (std::size_t p = 0; p < products_.size(); ++p) {
      Index row = 0;
      for (Index chunk = 0; chunk < chunks_.parts; ++chunk) {
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

  /// Output channels whose rows are computed and stored together.
  const Split& chunks() const { return chunks_; }
  /// Input channels that one call of the micro-kernel sums over.
  const Split& channel_blocks() const { return channel_blocks_; }
  bool weights_in_lanes() const { return weights_in_lanes_; }
  /// Rows of a chunk are padded to this.
  Index lane_multiple() const { return lane_multiple_; }
  /// Most rows of a panel.
  Index panel() const { return panel_; }

  /// Rows of a chunk in a product, before padding.
  Index rows(std::size_t p, Index chunk) const {
    return (chunks_.end(chunk) - chunks_.begin(chunk)) * products_[p].members();
  }
  Index padded_rows(std::size_t p, Index chunk) const {
    return round_up(rows(p, chunk), lane_multiple_);
  }
  /// Padded rows of a product before a chunk.
  Index rows_before(std::size_t p, Index chunk) const {
    return row_begin_[p * static_cast<std::size_t>(chunks_.parts + 1) +
                      static_cast<std::size_t>(chunk)];
  }
  Index total_rows(std::size_t p) const { return rows_before(p, chunks_.parts); }
  /// Padded rows of the largest chunk.
  Index chunk_rows(std::size_t p) const {
    return round_up(chunks_.largest() * products_[p].members(), lane_multiple_);
  }
  /// The panels of a chunk, in units of `lane_multiple()` rows.
  Split panels(std::size_t p, Index chunk) const {
    return Split::into_at_most(padded_rows(p, chunk) / lane_multiple_, panel_ / lane_multiple_);
  }

  /// Whether sums lie `[pixel][row]` and must be turned to be stored: few of a row's phases lie
  /// side by side in the output.
  bool turns_sums() const { return turns_sums_; }

  /// Where the weights of a product, channel block and chunk begin, in elements of a group.
  Index offset(std::size_t p, Index block, Index chunk) const {
    const Index channels = channel_blocks_.end(block) - channel_blocks_.begin(block);
    return offset_[p] + products_[p].taps() * (channel_blocks_.begin(block) * total_rows(p) +
                                               channels * rows_before(p, chunk));
  }
  /// Elements of one group.
  Index size() const { return size_; }

  /// Whether the weights are a matrix of rows and steps, each of which says by itself where it lies
  /// in a tensor.
  bool is_matrix() const {
    return products_.size() == 1 && (products_[0].taps() == 1 || products_[0].members() == 1) &&
           products_[0].taps() > 0;
  }

  /// Numbers that are equal where weights are packed alike.
  std::vector<Index> signature() const {
    std::vector<Index> numbers{panel_, lane_multiple_, chunks_.parts, chunks_.unit,
                               channel_blocks_.parts};
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
  std::array<std::vector<PhaseSet>, 3> sets_;
  std::vector<Product> products_;
  Split chunks_, channel_blocks_;
  Index panel_ = 1, lane_multiple_ = 1;
  bool weights_in_lanes_ = false, turns_sums_ = false;
  std::vector<Index> offset_, row_begin_;
  Index size_ = 0;
};

}  // namespace tconv::inline TCONV_ISA::engine
