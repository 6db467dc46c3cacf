#pragma once

/// \file
/// Transposed convolution as a matrix product and col2im, for few output channels or small images.
///
/// Products of few rows leave the micro-kernel waiting for pixels, and the windows of small images
/// are mostly border. Here every tap has rows of its own: a product with `(output channel, tap)`
/// rows gives what each pixel adds to the outputs around it, and an output is the sum of one
/// element of each of its taps' rows. Pixels are read where they lie, without a border, and once
/// for all taps. The products are those of a correlation with as many phases as there are taps,
/// which read one pixel each.

#include <algorithm>
#include <array>
#include <cstddef>
#include <optional>
#include <utility>
#include <vector>

#include "tconv/core/eigen.hpp"
#include "tconv/core/integer.hpp"
#include "tconv/core/isa.hpp"
#include "tconv/core/tile.hpp"
#include "tconv/engine/correlation.hpp"
#include "tconv/engine/direct/schedule.hpp"
#include "tconv/engine/input/window.hpp"
#include "tconv/engine/layout.hpp"
#include "tconv/engine/planning/cost.hpp"
#include "tconv/engine/planning/plan.hpp"
#include "tconv/engine/sets.hpp"
#include "tconv/engine/tile.hpp"
#include "tconv/simd/tile_shape.hpp"

namespace tconv::inline TCONV_ISA::engine {

/// The elements of the kernel from the first to the last that an axis has taps for.
inline Range kernel_range(const PhasedAxis& axis) {
  Range range;
  for (const Phase& phase : axis.phases)
    for (const Tap& tap : phase.taps)
      range = range.size() == 0
                  ? Range{tap.kernel, tap.kernel + 1}
                  : Range{std::min(range.first, tap.kernel), std::max(range.end, tap.kernel + 1)};
  return range;
}

/// The correlation whose phases are the elements of the kernel of `c`, in their order, at every
/// pixel.
inline Correlation tap_rows(const Correlation& c) {
  Correlation rows = c;
  for (PhasedAxis& axis : rows.axes) {
    const Range kernel = kernel_range(axis);
    std::vector<Phase> phases;
    for (Index k = kernel.first; k < kernel.end; ++k) phases.push_back({0, 0, axis.in, {{k, 0}}});
    axis = {axis.in, axis.in, 1, 1, std::move(phases)};
  }
  return rows;
}

/// The pixels that outputs of an axis read.
inline Range read_pixels(const PhasedAxis& axis, const Range& q) {
  const Range shifts = shift_range(axis);
  const Index first = std::clamp<Index>(q.first + shifts.first, 0, axis.in);
  return {first, std::clamp<Index>(q.end + shifts.end - 1, first, axis.in)};
}

/// The pixels that a tile of outputs reads, at most.
class ReadTile {
 public:
  explicit ReadTile(const Correlation& c) {
    for (std::size_t a = 0; a < 3; ++a) {
      in_[a] = c.axes[a].in;
      reach_[a] = shift_range(c.axes[a]).size();
    }
  }
  Tile operator()(Tile outputs) const {
    for (std::size_t a = 0; a < 3; ++a)
      outputs.q[a] = std::min(in_[a], outputs.q[a] + reach_[a] - 1);
    return outputs;
  }

 private:
  std::array<Index, 3> in_, reach_;
};

/// What is computed once for a shape.
class Col2imSchedule {
 public:
  /// `plan`'s tile is one of outputs, its packing that of the tap rows.
  Col2imSchedule(const Correlation& c, const Plan& plan, Index lane_count, int threads)
      : outputs_(c),
        plan_(plan),
        products_(tap_rows(c),
                  Plan{plan.packing, ReadTile(c)(plan.tile), plan.streams, plan.cycles}, lane_count,
                  threads) {}

  /// Whose outputs are computed.
  const Correlation& correlation() const { return outputs_; }
  const Plan& plan() const { return plan_; }
  /// The products, on the pixels that a tile reads.
  const DirectSchedule& products() const { return products_; }
  Index units() const { return products_.units(); }
  Index parts() const {
    const Index each = threads() > 1 && plan_.packing.packs_chunks ? 4 : 1;
    return share_units(outputs_, plan_.tile, units(), each * threads());
  }
  int threads() const { return products_.threads(); }

 private:
  Correlation outputs_;
  Plan plan_;
  DirectSchedule products_;
};

/// Whether an output has several taps, all of which read the pixels where they lie.
inline bool has_tap_rows(const Correlation& c) {
  bool several = false;
  for (const PhasedAxis& axis : c.axes) {
    if (axis.in_stride != 1 || kernel_range(axis).size() == 0) return false;
    for (const Phase& phase : axis.phases) several = several || phase.taps.size() > 1;
  }
  return several;
}

/// Estimated cycles of one core to sum the taps' rows of a tile, and to store them.
class JoinCost {
 public:
  JoinCost(const Correlation& c, const Resources& resources)
      : lanes_(resources.lane_count), scale_(resources.machine->joins) {
    if (c.writes_strips) strip_ = resources.machine->store_strip;
    const PhasedAxis& x = c.axes[2];
    phases_ = number(x.phases.size());
    taps_ = number(kernel_range(x).size());
    interleaves_ = x.out_stride <= max_interleaved;
    rows_of_a_pixel_ = number(c.out_channels);
    for (const std::size_t a : {std::size_t{0}, std::size_t{1}}) {
      const double phases = number(c.axes[a].phases.size());
      rows_of_a_pixel_ *= phases;
      outer_taps_ *= number(kernel_range(c.axes[a]).size()) / phases;
    }
  }

  double operator()(const Tile& tile) const {
    const double rows = rows_of_a_pixel_ * number(tile.batch * tile.q[0] * tile.q[1]);
    const double packets = number(ceil_div(tile.q[2], lanes_));
    const double element = interleaves_ ? 4 / number(lanes_) : 3;
    const double outputs = phases_ * number(tile.q[2]);
    return scale_ * rows *
               (15 + 5 * outer_taps_ + (8 * phases_ + outer_taps_ * taps_) * packets +
                element * outputs) +
           strip_ * rows * outputs;
  }

 private:
  static double number(auto value) { return static_cast<double>(value); }

  Index lanes_;
  double scale_, strip_ = 0;
  double phases_, taps_, rows_of_a_pixel_, outer_taps_ = 1;
  bool interleaves_;
};

/// The cheapest plan with tap rows, if it is expected to take one thread less than `limit` cycles.
/// The packing, and so the order of a sum, does not depend on the number of threads.
inline std::optional<Plan> find_col2im(const Correlation& c, const Resources& resources,
                                       bool packs_chunks, double limit) {
  const Index lane_count = resources.lane_count, budget = resources.budget;
  if (!has_tap_rows(c)) return std::nullopt;
  const Correlation rows = tap_rows(c);
  std::array<SetKinds, 3> kinds;
  for (std::size_t a = 0; a < 3; ++a)
    kinds[a] = SetKinds(rows.axes[a], make_phase_sets(rows.axes[a], Merge::equal));
  const Tile image = whole_image(c), pixels_of_image = whole_image(rows);
  const ReadTile read_tile(c);
  const JoinCost join_cost(c, resources);
  Plan best;
  best.cycles = limit;
  Index units = 1;  // parts that a tile's rows may be computed in
  for (const int vectors : {2, 1})
    for (const Index chunk_panels : {1, 4, 16}) {
      Index blocks = 0;
      for (const Index steps : {2048, 512, 128, 32}) {
        const Packing packing{
            simd::LaneOperand::pixels, vectors,     3, Merge::equal, Merge::equal, steps,
            chunk_panels * vectors,    packs_chunks};
        const WeightShape shape(rows, {&kinds[0], &kinds[1], &kinds[2]}, packing, lane_count);
        if (shape.channel_blocks().parts == blocks) continue;
        blocks = shape.channel_blocks().parts;
        const auto scratch_of = [&](const Tile& outputs) {
          return Footprint(rows, shape, packing, read_tile(outputs), lane_count).size();
        };
        for (const double share : scratch_shares) {
          const auto scratch_size = static_cast<Index>(share * static_cast<double>(budget));
          const Tile tile = choose_tile(c, image, scratch_size, lane_count, scratch_of);
          // The pixels around the outputs of a large kernel do not shrink with the tile.
          const Index scratch = scratch_of(tile);
          if (scratch > 2 * budget) continue;
          const Tile pixels = read_tile(tile);
          const CostModel products(rows, shape, packing, pixels_of_image, pixels, resources,
                                   scratch);
          const double cycles = static_cast<double>(c.groups * count_tiles(image, tile)) *
                                (products.tile_sums() + join_cost(tile));
          if (cycles < best.cycles) {
            best = {packing, tile, streams(c, resources), cycles};
            units = shape.chunks().parts;
          }
          if (tile == image) break;
        }
      }
    }
  if (best.cycles == limit) return std::nullopt;
  const int threads = resources.threads_for(best.cycles);
  // Tasks that pack weights by chunks share the chunks, if there are enough.
  if (!packs_chunks)
    best.tile = share_tile(c, best.tile, threads, 2 * threads, 16 * lane_count);
  else if (units < threads)
    best.tile = share_tile(c, best.tile, threads, threads, 2 * lane_count);
  return best;
}

}  // namespace tconv::inline TCONV_ISA::engine
