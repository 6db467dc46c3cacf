#pragma once

/// \file
/// What is computed once for a shape that takes Winograd's transform.

#include <algorithm>
#include <cstddef>
#include <memory>
#include <utility>
#include <vector>

#include "tconv/core/eigen.hpp"
#include "tconv/core/integer.hpp"
#include "tconv/core/isa.hpp"
#include "tconv/core/tile.hpp"
#include "tconv/engine/correlation.hpp"
#include "tconv/engine/input/stage.hpp"
#include "tconv/engine/layout.hpp"
#include "tconv/engine/planning/plan.hpp"
#include "tconv/engine/winograd/filter.hpp"
#include "tconv/engine/winograd/lines.hpp"

namespace tconv::inline TCONV_ISA::engine {

/// How one tile lies in scratch, in elements.
struct WinogradFootprint {
  Index pixels = 0;    // in whole packets
  Index span = 0;      // pixels of which sums are kept
  Index channels = 1;  // that are copied at a time
  Index copied_rows = 0;
  Index copies = 0;  // by shift
  Index inputs = 0;  // of a block of channels
  Index sums = 0;    // of a chunk, or of a line if there are several blocks of channels
  Index joined = 0;  // outputs of one phase of the outer axes, of a chunk
  Index turned = 0;  // the same, if they are turned
  Index staged = 0;  // inputs of a block of channels as they lie in the image

  WinogradFootprint() = default;
  /// `terms` are what is multiplied, in the given lines.
  WinogradFootprint(const Correlation& terms, const WinogradShape& lines, const WeightShape& shape,
                    const Packing& packing, const Tile& tile, Index lane_count)
      : pixels(round_up(tile.pixels(), lane_count)),
        span(packing.weights_in_lanes() ? tile.pixels() : pixels) {
    constexpr Index copied_at_once = 256;
    channels = std::clamp<Index>(copied_at_once / pixels, 1, shape.channel_blocks().largest());
    const bool one_block = shape.channel_blocks().parts == 1;
    const Index chunk = shape.chunk_rows(1);
    const Index rows = one_block ? chunk : shape.total_rows(1);
    copied_rows = lines.outer_shifts() * tile.pixels() / tile.q[2];
    copies = (channels * pixels + lane_count) * lines.most(&WinogradCounts::shifts);
    inputs = shape.channel_blocks().largest() * pixels * lines.most(&WinogradCounts::inputs);
    sums = lines.most(&WinogradCounts::terms) * rows * span;
    joined = lines.phases() * round_up(chunk * span, lane_count);
    if (packing.weights_in_lanes()) turned = lines.phases() * chunk * pixels;
    if (terms.reads_strips)
      staged = staged_size(lines.reach(), tile, shape.channel_blocks().largest(),
                           terms.entries_inside, lane_count);
  }

  Index size() const { return copies + inputs + sums + joined + turned + staged; }
};

/// Estimated cycles of one core to transform and pack the weights of all groups.
inline double transform_cycles(const Correlation& terms, const WeightShape& shape) {
  const Index panel = shape.panels(1, 0).largest() * shape.lane_multiple();
  return (2 + 32 / static_cast<double>(panel)) * static_cast<double>(terms.groups * shape.size());
}

/// A correlation with transformed axes, and the cut that was chosen for it.
class WinogradSchedule {
 public:
  /// `parts` tasks share the rows of a tile.
  WinogradSchedule(std::shared_ptr<const WinogradProblem> problem, const Plan& plan,
                   Index lane_count, int threads, Index parts)
      : problem_(std::move(problem)),
        plan_(plan),
        layout_(problem_->terms(), plan_.packing, lane_count),
        threads_(threads),
        parts_(parts),
        footprint_(problem_->terms(), problem_->shape(), layout_.shape(), plan_.packing, plan_.tile,
                   lane_count) {}

  const WinogradProblem& problem() const { return *problem_; }
  /// What is multiplied.
  const Correlation& correlation() const { return problem_->terms(); }
  const Plan& plan() const { return plan_; }
  const WeightLayout& layout() const { return layout_; }
  const WinogradFootprint& footprint() const { return footprint_; }
  int threads() const { return threads_; }
  /// Parts that the rows of a tile may be computed in: chunks of lines.
  Index units() const {
    return static_cast<Index>(problem_->lines().size()) * layout_.chunks().parts;
  }
  Index parts() const { return parts_; }
  /// Elements of the packed weights of all groups.
  Index weight_size() const { return correlation().groups * layout_.size(); }
  double packing_cycles() const { return transform_cycles(correlation(), layout_.shape()); }
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

  std::shared_ptr<const WinogradProblem> problem_;
  Plan plan_;
  WeightLayout layout_;
  int threads_;
  Index parts_;
  WinogradFootprint footprint_;
  std::vector<Index> signature_ = make_signature();
};

}  // namespace tconv::inline TCONV_ISA::engine
