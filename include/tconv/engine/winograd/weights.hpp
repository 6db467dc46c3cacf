#pragma once

/// \file
/// Transforms weights and packs them in the order in which the micro-kernel reads them.

#include <algorithm>
#include <array>
#include <cstddef>
#include <vector>

#include "tconv/core/eigen.hpp"
#include "tconv/core/isa.hpp"
#include "tconv/engine/weights/pack.hpp"
#include "tconv/engine/winograd/filter.hpp"
#include "tconv/engine/winograd/lines.hpp"
#include "tconv/engine/winograd/schedule.hpp"
#include "tconv/runtime/arena.hpp"

namespace tconv::inline TCONV_ISA::engine {

template <class Scalar>
class WinogradPacker {
 public:
  /// The schedule must outlive the packer. Of the source the strides matter.
  WinogradPacker(const WinogradSchedule& schedule, const WeightSource<Scalar>& source)
      : source_(source),
        out_channels_(schedule.layout().chunks().size),
        panels_(schedule.layout(), transformed_source(schedule)) {
    const WinogradProblem& problem = schedule.problem();
    std::array<Index, 3> extents{};
    for (std::size_t a = 0; a < 3; ++a)
      for (const Combination& kernel : problem.axis(a).kernels)
        for (const Multiple& part : kernel) extents[a] = std::max(extents[a], part.index + 1);
    const std::array<Index, 3>& strides = source.tap_strides;
    taps_ = extents[0] * extents[1] * extents[2];
    reach_ = taps_ == 0 ? 0
                        : (extents[0] - 1) * strides[0] + (extents[1] - 1) * strides[1] +
                              (extents[2] - 1) * strides[2] + 1;
    turns_ = reach_ <= 2 * taps_;
    if (!turns_)
      for (Index z = 0; z < extents[0]; ++z)
        for (Index y = 0; y < extents[1]; ++y)
          for (Index x = 0; x < extents[2]; ++x)
            offsets_.push_back(z * strides[0] + y * strides[1] + x * strides[2]);
    for (const Combination& z : problem.axis(0).kernels)
      for (const Combination& y : problem.axis(1).kernels)
        for (const Combination& x : problem.axis(2).kernels)
          kernels_.push_back(
              combine_axes({&z, &y, &x}, turns_ ? strides : row_major_steps(extents)));
  }

  /// As `WeightPacker::scratch_bytes`.
  std::size_t scratch_bytes() const {
    runtime::Arena arena(nullptr);
    carve(arena);
    return arena.used() + panels_.places_bytes();
  }

  /// As `WeightPacker::pack`.
  void pack(const Scalar* group, const Scalar* source_end, Index first, Index end, Scalar* to,
            std::byte* scratch) const {
    const Index pitch = turned_pitch<Scalar>(out_channels_);
    runtime::Arena arena(scratch);
    const auto [turned, transformed] = carve(arena);
    std::fill_n(turned, (turns_ ? reach_ : taps_) * pitch, Scalar(0));
    std::fill_n(transformed, kernels() * pitch + panels_.spare(), Scalar(0));
    panels_.pack_turned(first, end, to, scratch + arena.used(),
                        [&, turned = turned, transformed = transformed](Index c) -> const Scalar* {
                          const Scalar* from = group + c * source_.in_stride;
                          if (turns_)
                            turn_weights(source_, from, source_end, out_channels_, reach_, turned);
                          else
                            gather_weights(from, turned);
                          for (Index k = 0; k < kernels(); ++k)
                            combine(kernels_[static_cast<std::size_t>(k)], turned, pitch, pitch,
                                    transformed + k * pitch);
                          return transformed;
                        });
  }

 private:
  Index kernels() const { return static_cast<Index>(kernels_.size()); }

  /// The weights of an input channel turned, and transformed.
  std::array<Scalar*, 2> carve(runtime::Arena& arena) const {
    const Index pitch = turned_pitch<Scalar>(out_channels_);
    Scalar* const turned = arena.take<Scalar>((turns_ ? reach_ : taps_) * pitch);
    return {turned, arena.take<Scalar>(kernels() * pitch + panels_.spare())};
  }

  /// Numbers the elements of transformed kernels.
  static WeightSource<Scalar> transformed_source(const WinogradSchedule& schedule) {
    const std::array<Index, 3> counts = schedule.problem().kernel_counts();
    WeightSource<Scalar> source;
    source.tap_strides = row_major_steps(counts);
    source.out_stride = counts[0] * counts[1] * counts[2];
    return source;
  }

  /// The weights of an input channel whose taps lie apart, `[tap][output channel]`.
  void gather_weights(const Scalar* from, Scalar* turned) const {
    for (const Index offset : offsets_) {
      for (Index m = 0; m < out_channels_; ++m) turned[m] = from[m * source_.out_stride + offset];
      turned += turned_pitch<Scalar>(out_channels_);
    }
  }

  WeightSource<Scalar> source_;
  Index out_channels_;
  WeightPacker<Scalar> panels_;       // of transformed kernels
  Index taps_ = 1, reach_ = 1;        // of an output channel, and the elements that hold them
  bool turns_ = true;                 // side by side
  std::vector<Index> offsets_;        // of the taps, otherwise
  std::vector<Combination> kernels_;  // of elements, or of taps
};

}  // namespace tconv::inline TCONV_ISA::engine
