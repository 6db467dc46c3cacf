#pragma once

/// \file
/// Transforms weights and packs them in the order in which the micro-kernel reads them.

#include <algorithm>
#include <array>
#include <vector>

#include "tconv/engine/combine.hpp"
#include "tconv/engine/pack_weights.hpp"
#include "tconv/engine/winograd_schedule.hpp"

namespace tconv::engine {

template <class Scalar>
class WinogradPacker {
 public:
  /// Both must outlive the packer. The source's `data` does not matter.
  WinogradPacker(const WinogradSchedule& schedule, const WeightSource<Scalar>& source)
      : schedule_(schedule), source_(source) {
    const WinogradProblem& problem = schedule.problem();
    for (std::size_t a = 0; a < 3; ++a)
      for (const Combination& kernel : problem.axis(a).kernels)
        for (const Multiple& part : kernel) extents_[a] = std::max(extents_[a], part.index + 1);
    for (const Combination& z : problem.axis(0).kernels)
      for (const Combination& y : problem.axis(1).kernels)
        for (const Combination& x : problem.axis(2).kernels)
          kernels_.push_back(combine_axes({&z, &y, &x}, extents_));
  }

  /// Packs the input channels `[first, end)` of the group whose weights begin at `group`, and whose
  /// packed weights begin at `to`.
  void pack(const Scalar* group, Index first, Index end, Scalar* to) const {
    const Index taps = extents_[0] * extents_[1] * extents_[2];
    std::vector<Scalar> turned(static_cast<std::size_t>(taps * pitch()));
    std::vector<Scalar> kernels(kernels_.size() * static_cast<std::size_t>(pitch()));
    for (Index c = first; c < end; ++c) {
      turn(group + c * source_.in_stride, turned.data());
      for (std::size_t k = 0; k < kernels_.size(); ++k)
        combine(kernels_[k], turned.data(), pitch(), pitch(),
                kernels.data() + static_cast<Index>(k) * pitch());
      for (std::size_t p = 0; p < layout().products().size(); ++p)
        copy_product(p, c, kernels.data(), to);
    }
  }

 private:
  static constexpr Index lanes = detail::Packet<Scalar>::size;

  const WeightLayout& layout() const { return schedule_.layout(); }

  /// From kernel element to kernel element of all output channels.
  Index pitch() const { return round_up(layout().chunks().size, lanes); }

  /// The weights of an input channel as `[tap][output channel]`.
  void turn(const Scalar* from, Scalar* turned) const {
    const Index channels = layout().chunks().size;
    for (Index z = 0; z < extents_[0]; ++z)
      for (Index y = 0; y < extents_[1]; ++y)
        for (Index x = 0; x < extents_[2]; ++x, turned += pitch()) {
          const Scalar* tap = from + z * source_.tap_strides[0] + y * source_.tap_strides[1] +
                              x * source_.tap_strides[2];
          for (Index m = 0; m < channels; ++m) turned[m] = tap[m * source_.out_stride];
        }
  }

  /// What a product reads of an input channel.
  void copy_product(std::size_t p, Index c, const Scalar* kernels, Scalar* to) const {
    const Product& product = layout().product(p);
    const std::array<Index, 3> counts = schedule_.problem().kernel_counts();
    const Split &blocks = layout().channel_blocks(), &chunks = layout().chunks();
    Index b = c * blocks.parts / blocks.size;
    while (c >= blocks.end(b)) ++b;
    const Index depth = blocks.end(b) - blocks.begin(b), taps = product.taps();
    for (Index chunk = 0; chunk < chunks.parts; ++chunk) {
      Scalar* const packed = to + layout().offset(p, b, chunk);
      const Split panels = layout().panels(p, chunk);
      for (Index i = 0; i < panels.parts; ++i) {
        const Index row = panels.begin(i) * layout().lane_multiple();
        const Index width = panels.end(i) * layout().lane_multiple() - row;
        const Index used = std::clamp<Index>(layout().rows(p, chunk) - row, 0, width);
        const Scalar* const from = kernels + chunks.begin(chunk) + row;
        Scalar* out = packed + taps * (depth * row + (c - blocks.begin(b)) * width);
        for (const Tap& z : product.z->taps)
          for (const Tap& y : product.y->taps)
            for (const Tap& x : product.x->taps) {
              const Index kernel = (z.kernel * counts[1] + y.kernel) * counts[2] + x.kernel;
              copy_dense(from + kernel * pitch(), used, out);
              std::fill(out + used, out + width, Scalar(0));
              out += width;
            }
      }
    }
  }

  const WinogradSchedule& schedule_;
  WeightSource<Scalar> source_;
  std::array<Index, 3> extents_{0, 0, 0};  // of the taps that are read
  std::vector<Combination> kernels_;       // of taps
};

}  // namespace tconv::engine
