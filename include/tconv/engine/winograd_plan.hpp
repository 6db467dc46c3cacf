#pragma once

/// \file
/// What a correlation by Winograd's transform is expected to cost, and the choice of one.

#include <algorithm>
#include <array>
#include <cstddef>
#include <memory>
#include <vector>

#include "tconv/engine/store.hpp"
#include "tconv/engine/winograd_schedule.hpp"

namespace tconv::engine {

/// Estimated cycles, as `CostModel`'s.
class WinogradCost {
 public:
  /// `budget` as in `make_plan`.
  WinogradCost(const WinogradProblem& problem, const WeightLayout& layout, const Packing& packing,
               const Tile& tile, Index lane_count, Index budget)
      : problem_(problem),
        c_(problem.terms()),
        layout_(layout),
        packing_(packing),
        tile_(tile),
        lanes_(lane_count),
        budget_(budget),
        footprint_(problem, layout, packing, tile, lane_count) {}

  /// Of all tiles.
  double cycles() const {
    const CostModel direct(c_, layout_, packing_, tile_, lanes_, budget_, footprint_.size());
    double sum = direct.products() + stream_weights() + reload_sums();
    for (const WinogradLine& line : problem_.lines()) {
      sum += fill_windows(line);
      for (const WinogradLine::Rows& rows : line.rows) sum += store(rows);
    }
    return sum * static_cast<double>(count_tiles(c_, tile_));
  }

 private:
  double packets(Index elements) const { return static_cast<double>(ceil_div(elements, lanes_)); }
  double planes() const { return static_cast<double>(tile_.batch * tile_.q[0]); }
  double rows() const { return planes() * static_cast<double>(tile_.q[1]); }

  /// Two loads a cycle, and a store for each sum.
  double combine(const std::vector<Combination>& sums) const {
    std::size_t parts = 0;
    for (const Combination& sum : sums) parts += sum.size();
    return packets(tile_.pixels()) *
           (static_cast<double>(parts) / 2 + 1.5 * static_cast<double>(sums.size()));
  }

  /// Weights come the slower the more there are. Narrow panels that serve few pixels wait for them.
  double stream_weights() const {
    const Index weights = c_.groups * layout_.size();
    const double share = static_cast<double>(weights) / static_cast<double>(25 * budget_);
    const bool waits =
        !packing_.weights_in_lanes() && packing_.vectors > 1 && tile_.pixels() <= 4 * lanes_;
    return packets(layout_.size()) * std::clamp(share - 0.3, 0.1, 1.5) * (waits ? 9.5 : 6.5);
  }

  /// Sums that wait for the next block of channels.
  double reload_sums() const {
    double sums = 0;
    for (std::size_t p = 0; p < layout_.products().size(); ++p)
      sums += static_cast<double>(layout_.total_rows(p)) * packets(tile_.pixels());
    const double packet = footprint_.windows + footprint_.sums > budget_ ? 8 : 2;
    return 2 * packet * sums * static_cast<double>(layout_.channel_blocks().parts - 1);
  }

  /// Rows of pixels, copied for each shift, and their sums.
  double fill_windows(const WinogradLine& line) const {
    const bool in_cache = input_size(c_) < cached_budgets * budget_;
    const auto period = static_cast<double>(line.period);
    const double row = 8 + (in_cache ? 3 : 15) * packets(line.period * tile_.q[2]);
    const double copy = 30 + rows() * row + 3 * period * packets(tile_.pixels());
    return static_cast<double>(c_.in_channels) *
           (static_cast<double>(line.copies()) / period * copy + combine(line.windows));
  }

  /// Sums of terms, and their way to the result.
  double store(const WinogradLine::Rows& rows_of_phases) const {
    const bool in_cache = output_size(c_) < cached_budgets * budget_;
    const Index stride = problem_.axis(2).outputs.out_stride;
    const double element = (stride <= max_interleaved ? 4 / static_cast<double>(lanes_) : 1.2) +
                           (packing_.weights_in_lanes() ? 0.2 : 0);
    const double outputs =
        static_cast<double>(tile_.pixels()) * static_cast<double>(rows_of_phases.sums.size());
    return static_cast<double>(layout_.total_rows(0)) * combine(rows_of_phases.sums) +
           static_cast<double>(c_.out_channels) *
               ((in_cache ? 0 : planes() * 300) + rows() * 25 + outputs * element);
  }

  const WinogradProblem& problem_;
  const Correlation& c_;
  const WeightLayout& layout_;
  const Packing& packing_;
  const Tile& tile_;
  Index lanes_, budget_;
  WinogradFootprint footprint_;
};

/// Cycles below which a transform is not worth its while, and what it may take of those of the
/// direct products: it asks more of the caches, which others may use.
inline constexpr double winograd_cycles = 60e3, winograd_share = 0.9;

/// Outputs of a phase between two that are computed together, at most: each makes terms of its own.
inline constexpr Index max_winograd_distance = 4;

/// Calls `visit(problem)` for every choice of axes to transform.
template <class Visit>
void for_each_winograd(const Correlation& c, const Visit& visit) {
  std::array<Index, 3> distances{};
  for (std::size_t a = 0; a < 3; ++a) distances[a] = winograd_distance(c.axes[a]);
  for (int axes = 1; axes < 8; ++axes) {
    std::array<Index, 3> chosen{};
    bool possible = true;
    for (std::size_t a = 0; a < 3; ++a)
      if (axes >> a & 1) {
        chosen[a] = distances[a];
        possible = possible && 0 < chosen[a] && chosen[a] <= max_winograd_distance;
      }
    if (!possible) continue;
    const auto problem = std::make_shared<const WinogradProblem>(c, chosen, false);
    visit(problem);
    if (problem->lines().size() > 1)
      visit(std::make_shared<const WinogradProblem>(c, chosen, true));
  }
}

/// The cheapest transform of a correlation, or null if the direct products, which take `cycles`,
/// are to be preferred.
inline std::unique_ptr<const WinogradSchedule> find_winograd(const Correlation& c, Index lane_count,
                                                             Index budget, double cycles,
                                                             int threads) {
  if (cycles < winograd_cycles) return nullptr;
  std::shared_ptr<const WinogradProblem> best_problem;
  Plan best;
  best.cycles = cycles * winograd_share;
  for_each_winograd(c, [&](const std::shared_ptr<const WinogradProblem>& problem) {
    for (const auto& [lanes, vectors] : micro_tiles)
      for (const Index steps : {2048, 512, 256, 128}) {
        if (vectors > max_vectors) continue;
        const Packing packing{lanes, vectors, 3, Merge::none, Merge::none, steps};
        const WeightLayout layout(problem->terms(), packing, lane_count);
        for (const Index scratch_size : {budget / 2, budget, 2 * budget, 3 * budget}) {
          const Tile tile =
              choose_tile(problem->terms(), scratch_size, lane_count, [&](const Tile& candidate) {
                return WinogradFootprint(*problem, layout, packing, candidate, lane_count).size();
              });
          const double estimate =
              WinogradCost(*problem, layout, packing, tile, lane_count, budget).cycles();
          if (estimate < best.cycles) {
            best = {packing, tile, false, estimate};
            best_problem = problem;
          }
        }
      }
  });
  if (!best_problem) return nullptr;
  best.streams = output_size(c) >= streamed_budgets * budget;
  return std::make_unique<const WinogradSchedule>(best_problem, best, lane_count, threads);
}

}  // namespace tconv::engine
