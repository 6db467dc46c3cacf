#pragma once

/// \file
/// The plan of a correlation by Winograd's transform, and what it is expected to cost.

#include <algorithm>
#include <array>
#include <cstdint>
#include <limits>
#include <memory>
#include <vector>

#include "tconv/engine/plan.hpp"
#include "tconv/engine/store.hpp"
#include "tconv/engine/winograd_lines.hpp"

namespace tconv::engine {

/// How one tile lies in scratch, in elements.
struct WinogradFootprint {
  Index pixels = 0;    // in whole packets
  Index span = 0;      // pixels of which sums are kept
  Index channels = 1;  // that are copied at a time
  Index copied_rows = 0;
  Index copies = 0;   // by shift
  Index windows = 0;  // of a block of channels
  Index sums = 0;     // of a chunk, or of a line if there are several blocks of channels
  Index joined = 0;   // outputs of one phase of the outer axes, of a chunk
  Index turned = 0;   // the same, if they are turned

  WinogradFootprint() = default;
  WinogradFootprint(const WinogradProblem& problem, const WeightLayout& layout,
                    const Packing& packing, const Tile& tile, Index lane_count)
      : pixels(round_up(tile.pixels(), lane_count)),
        span(packing.weights_in_lanes() ? tile.pixels() : pixels) {
    constexpr Index copied_at_once = 256;
    channels = std::clamp<Index>(copied_at_once / pixels, 1, layout.channel_blocks().largest());
    const bool one_block = layout.channel_blocks().parts == 1;
    const Index chunk = layout.chunk_rows(0);
    const Index rows = one_block ? chunk : layout.total_rows(0);
    const auto phases = static_cast<Index>(problem.axis(2).outputs.phases.size());
    for (const WinogradLine& line : problem.lines()) {
      const auto shifts = static_cast<Index>(line.shifts[0].size() * line.shifts[1].size());
      copied_rows = std::max(copied_rows, shifts * tile.pixels() / tile.q[2]);
      copies = std::max(copies, (channels * pixels + lane_count) * line.copies());
      windows = std::max(windows, layout.channel_blocks().largest() * pixels *
                                      static_cast<Index>(line.windows.size()));
      sums = std::max(sums, static_cast<Index>(line.products.size()) * rows * span);
    }
    joined = phases * round_up(chunk * span, lane_count);
    if (packing.weights_in_lanes()) turned = phases * chunk * pixels;
  }

  Index size() const { return copies + windows + sums + joined + turned; }
};

/// A correlation with transformed axes, and the cut that was chosen for it.
class WinogradSchedule {
 public:
  WinogradSchedule(std::unique_ptr<const WinogradProblem> problem, const Plan& plan,
                   Index lane_count, int threads)
      : problem_(std::move(problem)),
        plan_(plan),
        layout_(problem_->terms(), plan_.packing, lane_count),
        lane_count_(lane_count),
        threads_(threads) {
    plan_.tile = share_tile(correlation(), plan_.tile, threads_, lane_count);
    footprint_ = {*problem_, layout_, plan_.packing, plan_.tile, lane_count};
  }

  const WinogradProblem& problem() const { return *problem_; }
  /// What is multiplied.
  const Correlation& correlation() const { return problem_->terms(); }
  const Plan& plan() const { return plan_; }
  const WeightLayout& layout() const { return layout_; }
  const WinogradFootprint& footprint() const { return footprint_; }
  Index lane_count() const { return lane_count_; }
  int threads() const { return threads_; }
  /// Parts that the rows of a tile may be computed in: chunks of lines.
  Index units() const {
    return static_cast<Index>(problem_->lines().size()) * layout_.chunks().parts;
  }
  /// Elements of the packed weights of all groups.
  Index weight_size() const { return correlation().groups * layout_.size(); }
  /// Equal where weights are transformed and packed alike.
  const std::vector<Index>& signature() const { return signature_; }

 private:
  std::vector<Index> make_signature() const {
    std::vector<Index> numbers = layout_.signature();
    for (std::size_t a = 0; a < 3; ++a)
      for (const Combination& kernel : problem_->axis(a).kernels) {
        numbers.push_back(static_cast<Index>(kernel.size()));
        for (const Multiple& part : kernel)
          numbers.insert(numbers.end(), {part.index, static_cast<Index>(2 * part.factor)});
      }
    return numbers;
  }

  std::unique_ptr<const WinogradProblem> problem_;
  Plan plan_;
  WeightLayout layout_;
  Index lane_count_;
  int threads_;
  WinogradFootprint footprint_;
  std::vector<Index> signature_ = make_signature();
};

/// Estimated cycles of a tile for what surrounds the products.
inline double winograd_transforms(const WinogradProblem& problem, const WeightLayout& layout,
                                  const Packing& packing, const Tile& tile, Index lane_count,
                                  bool input_in_cache, bool output_in_cache) {
  const Correlation& c = problem.terms();
  const auto packets = [&](Index elements) {
    return static_cast<double>(ceil_div(elements, lane_count));
  };
  const auto parts = [](const std::vector<Combination>& sums) {
    std::size_t count = 0;
    for (const Combination& sum : sums) count += sum.size();
    return static_cast<double>(count) / 2 + 1.5 * static_cast<double>(sums.size());
  };
  const double pixels = packets(tile.pixels());
  const auto planes = static_cast<double>(tile.batch * tile.q[0]);
  const auto rows = planes * static_cast<double>(tile.q[1]);
  double sum = 0;
  for (const WinogradLine& line : problem.lines()) {
    const auto copies = static_cast<double>(line.copies() / line.period);
    const double packet = input_in_cache ? 3 : 15;
    const double copy = planes * 30 + rows * (2 + packet * packets(line.period * tile.q[2])) +
                        pixels * 3 * static_cast<double>(line.period);
    sum += static_cast<double>(c.in_channels) * (copies * copy + pixels * parts(line.windows));
    for (const WinogradLine::Rows& outputs : line.rows) {
      const auto phases = static_cast<double>(outputs.sums.size());
      const Index stride = problem.axis(2).outputs.out_stride;
      const double element =
          (stride <= max_interleaved ? 3 / static_cast<double>(lane_count) : 1.2) +
          (packing.weights_in_lanes() ? 0.2 : 0);
      sum += static_cast<double>(layout.total_rows(0)) * pixels * parts(outputs.sums);
      sum += static_cast<double>(c.out_channels) *
             ((output_in_cache ? 0 : planes * 300) + rows * 10 +
              static_cast<double>(tile.pixels()) * phases * element);
    }
  }
  return sum;
}

/// Cycles below which a transform is not worth its while, and how much fewer it should take than
/// the direct products: it asks more of the caches, which others may use.
inline constexpr double winograd_cycles = 60e3, winograd_gain = 0.88;

/// The cheapest transform of a correlation, or null if none is expected to take fewer than
/// `cycles`.
inline std::unique_ptr<const WinogradSchedule> find_winograd(const Correlation& c, Index lane_count,
                                                             Index budget, double cycles,
                                                             int threads) {
  if (cycles < winograd_cycles) return nullptr;
  std::array<Index, 3> distances{};
  for (std::size_t a = 0; a < 3; ++a) distances[a] = winograd_distance(c.axes[a]);
  const bool input_in_cache = input_size(c) < cached_budgets * budget;
  const bool output_in_cache = output_size(c) < cached_budgets * budget;
  Plan best;
  best.cycles = cycles * winograd_gain;
  std::array<Index, 3> best_distances{};
  for (int axes = 1; axes < 8; ++axes) {
    std::array<Index, 3> chosen{};
    bool possible = true;
    for (std::size_t a = 0; a < 3; ++a)
      if (axes >> a & 1) {
        chosen[a] = distances[a];
        possible = possible && distances[a] > 0 && distances[a] <= 4;
      }
    if (!possible) continue;
    const WinogradProblem problem(c, chosen);
    for (const auto& [lanes, vectors] : micro_tiles)
      for (const Index steps : {2048, 512, 256, 128}) {
        if (vectors > max_vectors) continue;
        const Packing packing{lanes, vectors, 3, Merge::none, Merge::none, steps};
        const WeightLayout layout(problem.terms(), packing, lane_count);
        const auto scratch = [&](const Tile& tile) {
          return WinogradFootprint(problem, layout, packing, tile, lane_count).size();
        };
        for (const Index scratch_size : {budget / 3, budget, 2 * budget}) {
          // Only the sums that wait for the next channel block may lie in the third-level cache.
          if (scratch_size > budget && layout.channel_blocks().parts == 1) continue;
          const Tile tile = choose_tile(problem.terms(), scratch_size, lane_count, scratch);
          const double estimate =
              (CostModel(problem.terms(), layout, packing, tile, lane_count, budget, scratch(tile))
                   .products() +
               winograd_transforms(problem, layout, packing, tile, lane_count, input_in_cache,
                                   output_in_cache)) *
              static_cast<double>(count_tiles(problem.terms(), tile));
          if (estimate < best.cycles) {
            best = {packing, tile, false, estimate};
            best_distances = chosen;
          }
        }
      }
  }
  if (best_distances == std::array<Index, 3>{}) return nullptr;
  best.streams = output_size(c) >= streamed_budgets * budget;
  return std::make_unique<const WinogradSchedule>(
      std::make_unique<const WinogradProblem>(c, best_distances), best, lane_count, threads);
}

}  // namespace tconv::engine
