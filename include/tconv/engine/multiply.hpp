#pragma once

/// \file
/// The product of a chunk's weights with packed pixels: panels of rows, times blocks of pixels.

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>

#include "tconv/core/eigen.hpp"
#include "tconv/core/integer.hpp"
#include "tconv/core/isa.hpp"
#include "tconv/engine/layout.hpp"
#include "tconv/engine/tile.hpp"
#include "tconv/simd/micro_kernel.hpp"
#include "tconv/simd/prefetch.hpp"
#include "tconv/simd/tile_shape.hpp"

namespace tconv::inline TCONV_ISA::engine {

/// The sums of a chunk, `[row][pixel]` or `[pixel][row]`.
template <class Scalar>
struct Sums {
  Scalar* first;
  Index row_step, pixel_step;
};

/// Runs of pixels that a product reads, three levels of them, and where those of their sums begin.
struct PixelSteps {
  std::array<Index, 3> counts{1, 1, 1};
  std::array<Index, 3> pixels{};  // from run to run, among the packed pixels
  std::array<Index, 3> sums{};    // and among the sums

  Index size() const { return counts[0] * counts[1] * counts[2]; }
};

/// What is multiplied: the rows of a chunk, one product's, with `steps` pixels each, which begin at
/// `pixels + offsets[step]` and are `pixel_step` apart, or one if they are the lanes.
template <class Scalar>
struct ChunkProduct {
  Index steps;
  const std::int32_t* offsets;
  const Scalar* pixels;
  Index pixel_step;
  const Scalar* weights;
  const Scalar* next_weights;         // that are multiplied after these, or null
  simd::Prefetches<Scalar>* outputs;  // that will be stored, or null
  bool accumulates;                   // adds to the sums
};

/// What is prefetched while the weights of a panel are multiplied: the next weights and, in turns
/// with them, outputs. Weights come from the second-level cache for each block of pixels but the
/// first one, and so the third-level cache has time for it.
template <class Scalar>
class PanelPrefetches {
 public:
  /// The panel has `size` weights, and so many blocks of pixels. `next` and `outputs` may be null.
  PanelPrefetches(const Scalar* present, const Scalar* next, Index size, Index blocks,
                  simd::Prefetches<Scalar>* outputs)
      : present_(present), outputs_(outputs) {
    if (next) weights_ = {{next, 1, size, 0}, outputs ? ceil_div(blocks, 2) : blocks};
  }

  /// For the next block of pixels, of so many steps.
  simd::Ahead<Scalar> take(Index steps) {
    takes_outputs_ = outputs_ && !takes_outputs_;
    if (!takes_outputs_ && !weights_.done()) return weights_.take(steps);
    if (takes_outputs_ && !outputs_->done()) return outputs_->take(steps);
    return simd::Ahead<Scalar>::nothing(present_);
  }

 private:
  const Scalar* present_;
  simd::Prefetches<Scalar> weights_;
  simd::Prefetches<Scalar>* outputs_;
  bool takes_outputs_ = true;
};

/// Multiplies the rows of a chunk with blocks of pixels. A panel's weights stay in the first-level
/// cache while the pixels pass.
template <class Scalar>
void multiply_chunk(const WeightLayout& layout, std::size_t product, Index chunk,
                    const ChunkProduct<Scalar>& operands, const PixelSteps& runs,
                    const PixelBlocks& blocks, const Sums<Scalar>& sums) {
  const auto& [steps, offsets, pixels, pixel_step, weights, next_weights, outputs, accumulates] =
      operands;
  const Split panels = layout.panels(product, chunk);
  for (Index p = 0; p < panels.parts; ++p) {
    const Index row = panels.begin(p) * layout.lane_multiple();
    const Index width = panels.end(p) * layout.lane_multiple() - row;
    const Scalar* const panel = weights + steps * row;
    PanelPrefetches<Scalar> prefetches(panel,
                                       p + 1 < panels.parts ? panel + steps * width : next_weights,
                                       steps * width, runs.size() * blocks.parts(), outputs);
    for (Index i = 0; i < runs.counts[0]; ++i)
      for (Index j = 0; j < runs.counts[1]; ++j)
        for (Index k = 0; k < runs.counts[2]; ++k) {
          const auto place = [&](const std::array<Index, 3>& run_steps) {
            return i * run_steps[0] + j * run_steps[1] + k * run_steps[2];
          };
          const Scalar* run = pixels + place(runs.pixels) * pixel_step;
          Scalar* const run_sums =
              sums.first + row * sums.row_step + place(runs.sums) * sums.pixel_step;
          for (Index block = 0; block < blocks.parts(); ++block) {
            const Index first = blocks.begin(block), size = blocks.size(block);
            if (layout.weights_in_lanes())
              simd::multiply_block<simd::LaneOperand::weights>(
                  steps, offsets, run + first * pixel_step, pixel_step, panel, width, size,
                  run_sums + first * sums.pixel_step, sums.pixel_step, accumulates,
                  prefetches.take(steps));
            else
              simd::multiply_block<simd::LaneOperand::pixels>(
                  steps, offsets, run + first, 1, panel, width, size, run_sums + first,
                  sums.row_step, accumulates, prefetches.take(steps));
          }
        }
  }
}

/// The pixels for which a tap reads inside the image.
struct TapPixels {
  std::int32_t first_pixel = 0;  // that the first pixel of all reads, among the packed ones
  std::array<Range, 3> runs{};
  Range pixels{};  // of each of these runs, and perhaps others that read zeros

  Index run_count() const { return runs[0].size() * runs[1].size() * runs[2].size(); }
  bool empty() const { return run_count() == 0 || pixels.size() == 0; }
};

/// The same as `multiply_chunk`, tap by tap, with weights in the lanes. `operands` have the steps
/// of all `taps` and offsets from channel to channel.
template <class Scalar>
void multiply_chunk_by_taps(const WeightLayout& layout, std::size_t product, Index chunk,
                            const ChunkProduct<Scalar>& operands, const TapPixels* taps,
                            Index tap_count, const PixelSteps& runs, const PixelBlocks& blocks,
                            const Sums<Scalar>& sums) {
  const Index channels = operands.steps / tap_count;
  const Split panels = layout.panels(product, chunk);
  for (Index p = 0; p < panels.parts; ++p) {
    const Index row = panels.begin(p) * layout.lane_multiple();
    const Index width = panels.end(p) * layout.lane_multiple() - row;
    const Scalar* weights = operands.weights + operands.steps * row;
    for (Index t = 0; t < tap_count; ++t, weights += channels * width) {
      const TapPixels& tap = taps[t];
      if (tap.empty()) continue;
      const Split parts = Split::into_at_most(tap.pixels.size(), blocks.width);
      const bool last = t + 1 == tap_count && p + 1 == panels.parts;
      PanelPrefetches<Scalar> prefetches(
          weights, last ? operands.next_weights : weights + channels * width, channels * width,
          tap.run_count() * parts.parts, operands.outputs);
      for (Index i = tap.runs[0].first; i < tap.runs[0].end; ++i)
        for (Index j = tap.runs[1].first; j < tap.runs[1].end; ++j)
          for (Index k = tap.runs[2].first; k < tap.runs[2].end; ++k)
            for (Index part = 0; part < parts.parts; ++part) {
              const Index first = tap.pixels.first + parts.begin(part);
              const Index size = parts.end(part) - parts.begin(part);
              const Index from = tap.first_pixel + first + i * runs.pixels[0] + j * runs.pixels[1] +
                                 k * runs.pixels[2];
              const Index to = first + i * runs.sums[0] + j * runs.sums[1] + k * runs.sums[2];
              simd::multiply_block<simd::LaneOperand::weights>(
                  channels, operands.offsets, operands.pixels + from * operands.pixel_step,
                  operands.pixel_step, weights, width, size,
                  sums.first + row + to * sums.pixel_step, sums.pixel_step, true,
                  prefetches.take(channels));
            }
    }
  }
}

}  // namespace tconv::inline TCONV_ISA::engine
