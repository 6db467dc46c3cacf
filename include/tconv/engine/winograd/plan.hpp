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
#include "tconv/core/function_ref.hpp"
#include "tconv/core/integer.hpp"
#include "tconv/core/isa.hpp"
#include "tconv/core/tile.hpp"
#include "tconv/engine/correlation.hpp"
#include "tconv/engine/cost.hpp"
#include "tconv/engine/layout.hpp"
#include "tconv/engine/plan.hpp"
#include "tconv/engine/tile.hpp"
#include "tconv/engine/winograd/filter.hpp"
#include "tconv/engine/winograd/lines.hpp"
#include "tconv/engine/winograd/schedule.hpp"
#include "tconv/simd/tile_shape.hpp"

namespace tconv::inline TCONV_ISA::engine {

/// Estimated cycles, as `CostModel`'s.
class WinogradCost {
 public:
  /// `budget` as in `make_plan`.
  WinogradCost(const WinogradProblem& problem, const WeightLayout& layout, const Packing& packing,
               const Tile& tile, const WinogradFootprint& footprint, Index lane_count, Index budget)
      : problem_(problem),
        c_(problem.terms()),
        layout_(layout),
        packing_(packing),
        tile_(tile),
        lanes_(lane_count),
        budget_(budget),
        footprint_(footprint) {}

  /// Of all tiles, whose rows `parts` tasks share, until the last thread is done.
  double cycles(int threads, Index parts) const {
    const CostModel direct(c_, layout_, packing_, tile_, lanes_, budget_, footprint_.size());
    const auto lines = static_cast<Index>(problem_.lines().size());
    const Index units = lines * layout_.chunks().parts;
    double fill = 0;
    double rest = std::max(direct.products(), weights_arrive()) + stream_weights() + reload_sums();
    for (const WinogradLine& line : problem_.lines()) {
      fill += fill_windows(line);
      for (const WinogradLine::Rows& rows : line.rows) rest += store(rows);
    }
    // Each part fills the inputs of its lines.
    if (lines % parts == 0) fill /= static_cast<double>(parts);
    rest *= static_cast<double>(ceil_div(units, parts)) / static_cast<double>(units);
    const auto turns = static_cast<double>(ceil_div(count_tiles(c_, tile_) * parts, threads));
    // Of several threads one is late: a core may be shared.
    return (turns + (threads > 1 ? 0.2 : 0)) * (fill + rest);
  }

 private:
  double packets(Index elements) const { return static_cast<double>(ceil_div(elements, lanes_)); }
  double planes() const { return static_cast<double>(tile_.batch * tile_.q[0]); }
  double rows() const { return planes() * static_cast<double>(tile_.q[1]); }

  /// Loads, and a store for each sum.
  double combine(const std::vector<Combination>& sums, double load) const {
    std::size_t parts = 0;
    for (const Combination& sum : sums) parts += sum.size();
    return packets(tile_.pixels()) *
           (load * static_cast<double>(parts) + 1.5 * static_cast<double>(sums.size()));
  }

  /// Weights that the second-level cache does not hold, whatever there is to multiply with them.
  double weights_arrive() const {
    return layout_.size() > budget_ ? 6.5 * packets(layout_.size()) : 0;
  }

  /// Weights come the slower the more there are. Narrow panels that serve few pixels wait for them.
  double stream_weights() const {
    const Index weights = c_.groups * layout_.size();
    const double share = static_cast<double>(weights) / static_cast<double>(25 * budget_);
    const bool waits =
        !packing_.weights_in_lanes() && packing_.vectors > 1 && tile_.pixels() <= 4 * lanes_;
    return packets(layout_.size()) * std::clamp(share - 0.3, 0.1, 1.0) * (waits ? 9.5 : 6.5);
  }

  /// Sums that wait for the next block of channels.
  double reload_sums() const {
    double sums = 0;
    for (std::size_t p = 0; p < layout_.products().size(); ++p)
      sums += static_cast<double>(layout_.total_rows(p)) * packets(tile_.pixels());
    const double packet = footprint_.inputs + footprint_.sums > budget_ ? 8 : 2;
    return 2 * packet * sums * static_cast<double>(layout_.channel_blocks().parts - 1);
  }

  /// Rows of pixels, copied for each shift, and their sums.
  double fill_windows(const WinogradLine& line) const {
    const Index size = input_size(c_);
    const double packet = size < cached_budgets * budget_ ? 3 : 12;
    const double arrival = size < budget_ ? 0 : 12;
    const auto period = static_cast<double>(line.period);
    const double row_packets = packets(line.period * tile_.q[2]);
    // Rows are split in registers for periods up to four.
    const double row =
        line.period <= 4 ? packet * row_packets : 3 * period * static_cast<double>(tile_.q[2]);
    const double copy = 30 + rows() * (3 + row) + 3 * period * packets(tile_.pixels());
    return static_cast<double>(c_.in_channels) *
           (static_cast<double>(line.copies()) / period * copy + rows() * row_packets * arrival +
            combine(line.inputs, 0.5));
  }

  /// Sums of terms, and their way to the result.
  double store(const WinogradLine::Rows& rows_of_phases) const {
    const bool in_cache = output_size(c_) < cached_budgets * budget_;
    const Index stride = problem_.axis(2).outputs.out_stride;
    const double element = (stride <= max_interleaved ? 5 / static_cast<double>(lanes_) : 1.2) +
                           (packing_.weights_in_lanes() ? 0.2 : 0) + (in_cache ? 0 : 0.5);
    const double outputs =
        static_cast<double>(tile_.pixels()) * static_cast<double>(rows_of_phases.sums.size());
    return static_cast<double>(layout_.total_rows(0)) * combine(rows_of_phases.sums, 1.0) +
           static_cast<double>(c_.out_channels) *
               ((in_cache ? 0 : planes() * 300) + rows() * 40 + outputs * element);
  }

  const WinogradProblem& problem_;
  const Correlation& c_;
  const WeightLayout& layout_;
  const Packing& packing_;
  const Tile& tile_;
  Index lanes_, budget_;
  const WinogradFootprint& footprint_;
};

/// Cycles below which a transform is not worth its while, and what it may take of those of the
/// direct products: it asks more of the caches, which others may use.
inline constexpr double winograd_cycles = 60e3, winograd_share = 0.9;

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

/// The axes that are transformed, for outputs of these distances, zero for the others.
using Distances = std::array<Index, 3>;

/// Products beyond which a plan would take longer to find than to follow: phases of a large stride
/// are many.
inline constexpr std::size_t max_winograd_products = 400;

inline std::size_t count_products(const Correlation& c, const Distances& distances) {
  std::size_t count = 1;
  for (std::size_t a = 0; a < 3; ++a)
    count *= WinogradBuilder(c.axes[a], distances[a]).result().terms.phases.size();
  return count;
}

/// Calls `visit(distances)` for every choice of axes to transform.
inline void for_each_distances(const Correlation& c,
                               const FunctionRef<void(const Distances&)>& visit) {
  Distances all{};
  for (std::size_t a = 0; a < 3; ++a) all[a] = winograd_distance(c.axes[a]);
  for (int axes = 1; axes < 8; ++axes) {
    Distances chosen{};
    bool possible = true;
    for (std::size_t a = 0; a < 3; ++a)
      if (axes >> a & 1) {
        chosen[a] = all[a];
        possible = possible && 0 < chosen[a] && chosen[a] <= max_winograd_distance;
      }
    if (possible && count_products(c, chosen) <= max_winograd_products) visit(chosen);
  }
}

/// Replaces `best` by a cheaper cut of a transform for some threads, if there is one.
inline void choose_cut(const std::shared_ptr<const WinogradProblem>& problem,
                       const Resources& resources, const Steps& depths, WinogradChoice& best) {
  const Index lane_count = resources.lane_count, budget = resources.budget;
  const int threads = resources.threads;
  const Correlation& c = problem->terms();
  for (const auto& [lanes, vectors] : micro_tiles)
    for (const Index steps : depths) {
      if (vectors > simd::max_vectors) continue;
      const Packing packing{lanes, vectors, 3, Merge::none, Merge::none, steps};
      const WeightLayout layout(c, packing, lane_count);
      const Index units = static_cast<Index>(problem->lines().size()) * layout.chunks().parts;
      for (const Index scratch_size : {budget / 2, budget, 2 * budget, 3 * budget}) {
        const Tile whole = choose_tile(c, scratch_size, lane_count, [&](const Tile& candidate) {
          return WinogradFootprint(*problem, layout, packing, candidate, lane_count).size();
        });
        // Tiles for each thread, or parts of one.
        for (int share = 0; share <= (threads > 1 ? 2 : 0); ++share) {
          const Tile tile = share_tile(c, whole, threads, share * threads, 2 * lane_count);
          const WinogradFootprint scratch(*problem, layout, packing, tile, lane_count);
          if (scratch.inputs > std::numeric_limits<std::int32_t>::max()) continue;
          const WinogradCost cost(*problem, layout, packing, tile, scratch, lane_count, budget);
          for (Index parts = 1; parts <= std::min<Index>(threads, units); ++parts) {
            const double cycles = cost.cycles(threads, parts);
            if (cycles < best.plan.cycles)
              best = {problem, {packing, tile, false, cycles}, parts, 0};
          }
        }
      }
    }
}

inline void choose_cut(const Correlation& c, const Distances& distances, const Resources& resources,
                       const Steps& depths, WinogradChoice& best) {
  const auto lines = std::make_shared<const WinogradProblem>(c, distances, false);
  choose_cut(lines, resources, depths, best);
  if (lines->lines().size() > 1)
    choose_cut(std::make_shared<const WinogradProblem>(c, distances, true), resources, depths,
               best);
}

/// Whether each term sums the products of one tap.
inline bool has_single_taps(const Correlation& terms) {
  return std::all_of(terms.axes.begin(), terms.axes.end(), [](const PhasedAxis& axis) {
    return std::all_of(axis.phases.begin(), axis.phases.end(),
                       [](const Phase& phase) { return phase.taps.size() <= 1; });
  });
}

/// The cheapest transform of a correlation, unless the direct products, which take one thread
/// `cycles`, are to be preferred. Whether there is one, of which axes and in which channel blocks,
/// does not depend on the number of threads, and so neither do results.
inline std::optional<WinogradChoice> find_winograd(const Correlation& c, const Resources& resources,
                                                   double cycles) {
  if (cycles < winograd_cycles) return std::nullopt;
  const Steps all_depths{2048, 512, 256, 128};
  WinogradChoice best;
  best.plan.cycles = cycles * winograd_share;
  Distances best_distances{};
  for_each_distances(c, [&](const Distances& distances) {
    const double before = best.plan.cycles;
    choose_cut(c, distances, {resources.lane_count, resources.budget, 1}, all_depths, best);
    if (best.plan.cycles < before) best_distances = distances;
  });
  if (!best.problem) return std::nullopt;
  const Correlation& terms = best.problem->terms();
  const double cycles_of_one = best.plan.cycles;
  const double cycles_once =
      cycles_of_one +
      transform_cycles(terms, WeightLayout(terms, best.plan.packing, resources.lane_count));
  if (resources.threads > 1) {
    const Steps depths = has_single_taps(terms) ? all_depths : Steps{best.plan.packing.steps};
    best.plan.cycles = std::numeric_limits<double>::infinity();
    choose_cut(c, best_distances, resources, depths, best);
  }
  best.plan.cycles = cycles_of_one;
  best.plan.streams = output_image_size(c) >= streamed_budgets * resources.budget;
  best.cycles_once = cycles_once;
  return best;
}

}  // namespace tconv::inline TCONV_ISA::engine
