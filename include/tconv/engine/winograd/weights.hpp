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

namespace tconv::inline TCONV_ISA::engine {

template <class Scalar>
class WinogradPacker {
 public:
  /// Both must outlive the packer. The source's `data` does not matter.
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

  /// Packs the input channels `[first, end)` of the group whose weights begin at `group`, and whose
  /// packed weights begin at `to`.
  void pack(const Scalar* group, Index first, Index end, Scalar* to) const {
    const Index pitch = turned_pitch<Scalar>(out_channels_);
    std::vector<Scalar> turned(static_cast<std::size_t>((turns_ ? reach_ : taps_) * pitch));
    std::vector<Scalar> transformed(kernels_.size() * static_cast<std::size_t>(pitch) +
                                    static_cast<std::size_t>(panels_.spare()));
    panels_.pack_turned(first, end, to, [&](Index c) -> const Scalar* {
      const Scalar* from = group + c * source_.in_stride;
      if (turns_)
        turn_weights(source_, from, out_channels_, reach_, turned.data());
      else
        gather_weights(from, turned.data());
      for (std::size_t k = 0; k < kernels_.size(); ++k)
        combine(kernels_[k], turned.data(), pitch, pitch,
                transformed.data() + static_cast<Index>(k) * pitch);
      return transformed.data();
    });
  }

 private:
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
