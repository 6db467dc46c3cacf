#pragma once

/// \file
/// What a correlation by Winograd's transform is expected to cost, and the choice of one.

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <vector>

#include "tconv/core/eigen.hpp"
#include "tconv/core/integer.hpp"
#include "tconv/core/isa.hpp"
#include "tconv/core/tile.hpp"
#include "tconv/engine/correlation.hpp"
#include "tconv/engine/layout.hpp"
#include "tconv/engine/planning/cost.hpp"
#include "tconv/engine/planning/plan.hpp"
#include "tconv/engine/sets.hpp"
#include "tconv/engine/tile.hpp"
#include "tconv/engine/winograd/filter.hpp"
#include "tconv/engine/winograd/lines.hpp"
#include "tconv/engine/winograd/parts.hpp"
#include "tconv/engine/winograd/schedule.hpp"
#include "tconv/simd/tile_shape.hpp"

namespace tconv::inline TCONV_ISA::engine {

/// Estimated cycles, as `CostModel`'s.
class WinogradCost {
 public:
  /// `budget` as in `Resources`.
  WinogradCost(const Correlation& terms, const WinogradShape& lines, const WeightShape& shape,
               const Packing& packing, const Tile& image, const Tile& tile,
               const WinogradFootprint& footprint, const Resources& resources)
      : c_(terms),
        lines_(lines),
        shape_(shape),
        packing_(packing),
        image_(image),
        tile_(tile),
        resources_(resources),
        lanes_(resources.lane_count),
        budget_(resources.budget),
        footprint_(footprint) {}

  /// Of all tiles, whose rows `parts` tasks share, until the last thread is done.
  double cycles(int threads, Index parts) const {
    const CostModel direct(c_, shape_, packing_, image_, tile_, resources_, footprint_.size());
    const Index lines = lines_.lines(), units = lines * shape_.chunks().parts;
    const double products = direct.products(), arrival = weights_arrive();
    double fill = fill_windows();
    double rest = stream_weights() + reload_sums() + return_scratch() + store() +
                  std::max(products, arrival) + shown_arrival * std::min(products, arrival);
    // Each part fills the inputs of its lines.
    if (lines % parts == 0) fill /= static_cast<double>(parts);
    rest *= static_cast<double>(ceil_div(units, parts)) / static_cast<double>(units);
    const auto turns =
        static_cast<double>(ceil_div(c_.groups * count_tiles(image_, tile_) * parts, threads));
    // Of several threads one is late: a core may be shared.
    return (turns + (threads > 1 ? 0.1 : 0)) * (fill + rest);
  }

 private:
  /// Of weights that arrive while others are multiplied, and of products while weights arrive: the
  /// share that is not hidden.
  static constexpr double shown_arrival = 0.2;

  double packets(Index elements) const { return static_cast<double>(ceil_div(elements, lanes_)); }
  double planes() const { return static_cast<double>(tile_.batch * tile_.q[0]); }
  double rows() const { return planes() * static_cast<double>(tile_.q[1]); }

  /// Loads, and a store for each of some sums.
  double combine(Index parts, Index sums, double load) const {
    return packets(tile_.pixels()) *
           (load * static_cast<double>(parts) + 1.5 * static_cast<double>(sums));
  }

  /// Weights that the second-level cache does not hold, whatever there is to multiply with them.
  double weights_arrive() const {
    return shape_.size() > budget_ ? machine_.third_level * packets(shape_.size()) : 0;
  }

  /// Weights come the slower the more there are. Narrow panels that serve few pixels wait for them.
  double stream_weights() const {
    const Index weights = c_.groups * shape_.size();
    const double share = static_cast<double>(weights) / static_cast<double>(25 * budget_);
    const bool waits =
        !packing_.weights_in_lanes() && packing_.vectors > 1 && tile_.pixels() <= 4 * lanes_;
    return machine_.third_level * packets(shape_.size()) * std::clamp(share - 0.3, 0.1, 2.0) *
           (waits ? 1.5 : 1);
  }

  /// Sums that wait for the next block of channels.
  double reload_sums() const {
    const double sums =
        static_cast<double>(shape_.products() * shape_.total_rows(1)) * packets(tile_.pixels());
    const double packet = footprint_.inputs + footprint_.sums > budget_ ? 1.2 * machine_.third_level
                                                                        : 2 * machine_.transforms;
    return 2 * packet * sums * static_cast<double>(shape_.channel_blocks().parts - 1);
  }

  /// Inputs and sums that the second-level cache does not hold. Each chunk reads the inputs.
  double return_scratch() const {
    const double excess = static_cast<double>(footprint_.size()) / static_cast<double>(budget_) - 1;
    const Index reads = shape_.chunks().parts * shape_.channel_blocks().parts;
    const double moved =
        static_cast<double>(reads) * packets(footprint_.inputs) + packets(footprint_.sums);
    return machine_.third_level * std::clamp(excess, 0.0, 1.0) *
           static_cast<double>(lines_.lines()) * moved;
  }

  /// Rows of pixels, copied for each shift, and their sums.
  double fill_windows() const {
    const Index size = input_size(c_), period = lines_.period();
    const double packet = size < cached_budgets * budget_ ? 3 : 12;
    const double arrival = size < budget_ ? 0 : 1.8 * machine_.third_level;
    const double row_packets = packets(period * tile_.q[2]);
    // Rows are split in registers for periods up to four.
    const double row =
        period <= 4 ? packet * row_packets : 3 * static_cast<double>(period * tile_.q[2]);
    const double copy =
        30 + rows() * (3 + row) + 3 * static_cast<double>(period) * packets(tile_.pixels());
    const Index blocks = lines_.all(&WinogradCounts::shifts) / period;  // of copies
    const auto staged = static_cast<double>(footprint_.staged * shape_.channel_blocks().parts);
    const double combining =
        combine(lines_.all(&WinogradCounts::input_parts), lines_.all(&WinogradCounts::inputs), 0.5);
    return machine_.transforms * machine_.strip_pixel * staged +
           static_cast<double>(c_.in_channels) *
               (machine_.transforms * (static_cast<double>(blocks) * copy + combining) +
                static_cast<double>(lines_.lines()) * rows() * row_packets * arrival);
  }

  /// Sums of terms, and their way to the result.
  double store() const {
    const bool in_cache = output_size(c_) < cached_budgets * budget_;
    const double element =
        (lines_.out_stride() <= max_interleaved ? 5 / static_cast<double>(lanes_) : 1.2) +
        (packing_.weights_in_lanes() ? 0.2 : 0) + (in_cache ? 0 : 0.5) +
        (c_.writes_strips ? machine_.store_strip : 0);
    const Index sums = lines_.all(&WinogradCounts::outputs);
    // Terms of few inputs are joined as fast as the second level gives them.
    const double load = footprint_.sums > resources_.first_level ? 2 : 1;
    const double outputs = static_cast<double>(tile_.pixels()) * static_cast<double>(sums);
    const double row = (in_cache ? 0 : planes() * 300) + rows() * 40;
    const double joining = combine(lines_.all(&WinogradCounts::output_parts), sums, load);
    const double storing = static_cast<double>(lines_.rows()) * row + outputs * element;
    return machine_.transforms * (static_cast<double>(shape_.total_rows(1)) * joining +
                                  static_cast<double>(c_.out_channels) * storing);
  }

  const Correlation& c_;
  const WinogradShape& lines_;
  const WeightShape& shape_;
  const Packing& packing_;
  const Tile& image_;
  const Tile& tile_;
  const Resources& resources_;
  const Machine& machine_ = *resources_.machine;
  Index lanes_, budget_;
  const WinogradFootprint& footprint_;
};

/// Cycles below which a transform is not worth its while, and what it may take of those of the
/// direct products: it asks more of the caches, which others may use.
inline constexpr double winograd_cycles = 60e3, winograd_share = 0.95;

/// Outputs of a phase between two that are computed together, at most: each makes terms of its own.
inline constexpr Index max_winograd_distance = 4;

/// A transform, how it is cut, and its expected cycles.
struct WinogradChoice {
  std::shared_ptr<const WinogradProblem> problem;
  Plan plan;
  Index parts = 1;
  /// Estimated cycles of one core to pack the weights and compute a call. As `plan.cycles`, those
  /// of the best cut for one thread, so that what is chosen by them does not depend on the threads.
  double cycles_once = 0;
};

/// Steps of the depth that a channel block may have. They decide the order of a sum, unless each
/// term has one tap.
using Steps = std::vector<Index>;

/// Products beyond which a plan would take longer to find than to follow: phases of a large stride
/// are many.
inline constexpr Index max_winograd_products = 400;

/// Whether each term sums the products of one tap.
inline bool has_single_taps(const Correlation& terms) {
  return std::all_of(terms.axes.begin(), terms.axes.end(), [](const PhasedAxis& axis) {
    return std::all_of(axis.phases.begin(), axis.phases.end(),
                       [](const Phase& phase) { return phase.taps.size() <= 1; });
  });
}

/// Looks for the cheapest transform of a correlation.
class WinogradSearch {
 public:
  /// `c` must outlive the search.
  WinogradSearch(const Correlation& c, const Resources& resources)
      : c_(c), resources_(resources), lanes_(resources.lane_count), budget_(resources.budget) {
    for (std::size_t a = 0; a < 3; ++a) {
      ways_[a].reserve(2);
      ways_[a].emplace_back(c.axes[a], 0);
      const Index distance = winograd_distance(c.axes[a]);
      if (0 < distance && distance <= max_winograd_distance)
        ways_[a].emplace_back(c.axes[a], distance);
    }
  }

  /// The cheapest transform, unless the direct products, which take one thread `cycles`, are to be
  /// preferred. Whether there is one, of which axes and in which channel blocks, does not depend on
  /// the number of threads, and so neither do results.
  std::optional<WinogradChoice> find(double cycles) {
    best_.plan.cycles = cycles * winograd_share;
    const Steps all_depths{2048, 512, 256, 128};
    Ways best_ways{};
    for_each_ways([&](const Ways& ways) {
      const double before = best_.plan.cycles;
      choose_cut(ways, 1, all_depths);
      if (best_.plan.cycles < before) best_ways = ways;
    });
    if (!best_ways[0]) return std::nullopt;
    const double cycles_of_one = best_.plan.cycles;
    const Correlation terms = transformed(c_, axes_of(best_ways));
    const double cycles_once =
        cycles_of_one + transform_cycles(terms, shape_of(best_ways, terms, best_.plan.packing));
    if (resources_.threads > 1) {
      best_.plan.cycles = std::numeric_limits<double>::infinity();
      choose_cut(best_ways, resources_.threads,
                 has_single_taps(terms) ? all_depths : Steps{best_.plan.packing.steps});
    }
    best_.problem = std::make_shared<const WinogradProblem>(c_, axes_of(best_ways), one_line_);
    best_.plan.cycles = cycles_of_one;
    best_.plan.streams = output_image_size(c_) >= streamed_budgets * budget_;
    best_.cycles_once = cycles_once;
    return best_;
  }

 private:
  /// An axis, transformed or not.
  struct Way {
    Way(const PhasedAxis& outputs, Index distance)
        : axis(WinogradBuilder(outputs, distance).result()),
          kinds(axis.terms, make_phase_sets(axis.terms, Merge::none)) {}

    /// The counts of lines, of which there may be only one.
    WinogradAxisCounts counts(bool one_line, bool innermost) const {
      return WinogradAxisCounts(axis, list_parts(axis, one_line || innermost, innermost));
    }

    WinogradAxis axis;
    SetKinds kinds;
  };
  using Ways = std::array<const Way*, 3>;

  /// Calls `visit(ways)` for every choice of axes to transform that may be worth its while.
  template <class Visit>
  void for_each_ways(const Visit& visit) const {
    for (const Way& x : ways_[2])
      for (const Way& y : ways_[1])
        for (const Way& z : ways_[0]) {
          const bool transforms =
              &z != &ways_[0].front() || &y != &ways_[1].front() || &x != &ways_[2].front();
          const Index products = z.kinds.sets * y.kinds.sets * x.kinds.sets;
          if (transforms && products <= max_winograd_products &&
              least_cycles({&z, &y, &x}) < best_.plan.cycles)
            visit({&z, &y, &x});
        }
  }

  /// Of the products, if all registers are full, and of what makes their inputs and joins them.
  double least_cycles(const Ways& ways) const {
    double taps = 1, inputs = 1, terms = 1, outputs = 1;
    auto pixels = static_cast<double>(std::max<Index>(c_.batch, 1) * c_.groups);
    for (const Way* way : ways) {
      Index axis_taps = 0;
      for (const SetKind& kind : way->kinds.kinds) axis_taps += kind.sets * kind.taps;
      taps *= static_cast<double>(axis_taps);
      inputs *= static_cast<double>(way->axis.inputs.size());
      terms *= static_cast<double>(way->kinds.sets);
      outputs *= static_cast<double>(way->axis.outputs.phases.size());
      pixels *= static_cast<double>(way->kinds.q);
    }
    const auto in_channels = static_cast<double>(c_.in_channels);
    const auto out_channels = static_cast<double>(c_.out_channels);
    return pixels / static_cast<double>(lanes_) *
           (in_channels * out_channels * taps / 2 + 2 * in_channels * inputs +
            out_channels * (terms + 1.5 * outputs));
  }

  WeightShape shape_of(const Ways& ways, const Correlation& terms, const Packing& packing) const {
    return {terms, {&ways[0]->kinds, &ways[1]->kinds, &ways[2]->kinds}, packing, lanes_};
  }

  static std::array<const WinogradAxis*, 3> axes_of(const Ways& ways) {
    return {&ways[0]->axis, &ways[1]->axis, &ways[2]->axis};
  }

  /// Replaces the best choice by a cheaper cut for some threads, if there is one.
  void choose_cut(const Ways& ways, int threads, const Steps& depths) {
    const Correlation terms = transformed(c_, axes_of(ways));
    for (const bool one_line : {false, true}) {
      const WinogradShape lines(ways[2]->axis,
                                {ways[0]->counts(one_line, false), ways[1]->counts(one_line, false),
                                 ways[2]->counts(one_line, true)});
      const double before = best_.plan.cycles;
      choose_cut(terms, lines, ways, threads, depths);
      if (best_.plan.cycles < before) one_line_ = one_line;
      if (lines.lines() == 1) break;
    }
  }

  void choose_cut(const Correlation& c, const WinogradShape& lines, const Ways& ways, int threads,
                  const Steps& depths) {
    const Tile image = whole_image(c);
    for (const auto& [lanes, vectors] : micro_tiles) {
      if (vectors > simd::max_vectors) continue;
      Index blocks = 0;
      for (const Index steps : depths) {
        const Packing packing{lanes, vectors, 3, Merge::none, Merge::none, steps};
        const WeightShape shape = shape_of(ways, c, packing);
        // Fewer steps that make as many channel blocks are the same packing.
        if (shape.channel_blocks().parts == blocks) continue;
        blocks = shape.channel_blocks().parts;
        // More tiles copy more pixels and bring more weights, and scratch costs more.
        const WinogradFootprint nothing;
        const WinogradCost least(c, lines, shape, packing, image, image, nothing, resources_);
        if (threads == 1 && least.cycles(1, 1) >= best_.plan.cycles) continue;
        if (choose_cut(c, lines, image, packing, shape, threads)) break;
      }
    }
  }

  /// Returns whether the whole image is one tile.
  bool choose_cut(const Correlation& c, const WinogradShape& lines, const Tile& image,
                  const Packing& packing, const WeightShape& shape, int threads) {
    const auto footprint = [&](const Tile& tile) {
      return WinogradFootprint(c, lines, shape, packing, tile, lanes_);
    };
    const Index units = lines.lines() * shape.chunks().parts;
    for (const Index scratch_size : {budget_ / 2, budget_, 2 * budget_, 3 * budget_}) {
      const Tile whole = choose_tile(c, image, scratch_size, lanes_, [&](const Tile& candidate) {
        return footprint(candidate).size();
      });
      // Tiles for each thread, or parts of one.
      for (int share = 0; share <= (threads > 1 ? 2 : 0); ++share) {
        const Tile tile = share_tile(c, whole, threads, share * threads, 2 * lanes_);
        const WinogradFootprint scratch = footprint(tile);
        if (scratch.inputs > std::numeric_limits<std::int32_t>::max()) continue;
        const WinogradCost cost(c, lines, shape, packing, image, tile, scratch, resources_);
        for (Index parts = 1; parts <= std::min<Index>(threads, units); ++parts) {
          const double cycles = cost.cycles(threads, parts);
          if (cycles < best_.plan.cycles)
            best_ = {nullptr, {packing, tile, false, cycles}, parts, 0};
        }
      }
      if (whole == image) return true;
    }
    return false;
  }

  const Correlation& c_;
  Resources resources_;
  Index lanes_, budget_;
  std::array<std::vector<Way>, 3> ways_;  // first those that are not transformed
  WinogradChoice best_;
  bool one_line_ = false;  // of the best choice
};

/// The cheapest transform of a correlation whose direct products take one thread `cycles`, if one
/// is expected to take less.
inline std::optional<WinogradChoice> find_winograd(const Correlation& c, const Resources& resources,
                                                   double cycles) {
  if (cycles < winograd_cycles) return std::nullopt;
  return WinogradSearch(c, resources).find(cycles);
}

}  // namespace tconv::inline TCONV_ISA::engine
