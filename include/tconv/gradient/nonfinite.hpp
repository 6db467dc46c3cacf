#pragma once

/// \file
/// Weight gradients of images in which elements are infinite or no number. Zeros take their places
/// first, as padding makes a NaN of them in sums that do not hold them. What they add to the sums
/// that hold them comes last, one by one.

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <vector>

#include "tconv/core/axis.hpp"
#include "tconv/core/eigen.hpp"
#include "tconv/core/integer.hpp"
#include "tconv/core/isa.hpp"
#include "tconv/core/view.hpp"
#include "tconv/gradient/target.hpp"
#include "tconv/runtime/execution.hpp"
#include "tconv/simd/finite.hpp"

namespace tconv::inline TCONV_ISA::gradient {

/// One side of the convolution.
template <class Scalar>
struct NonfiniteSide {
  Image<const Scalar> image;  // dense
  Index channels;
  std::array<Index, 3> extents;
  std::vector<char> spoiled = std::vector<char>(static_cast<std::size_t>(channels));

  Index size(Index batch) const { return batch * channels * extents[0] * extents[1] * extents[2]; }

  /// Copies the image with zeros in place of what is not finite, and finds the channels that hold
  /// some.
  Image<const Scalar> copy_finite(Index size, Scalar* to) {
    constexpr Index block = 1024;
    Index channel_end = 0;  // of the elements whose channel is marked already
    for (Index first = 0; first < size; first += block) {
      const Index end = std::min(first + block, size);
      std::copy(image.data + first, image.data + end, to + first);
      if (simd::all_finite(image.data + first, end - first)) continue;
      for (Index i = first; i < end; ++i) {
        if (std::isfinite(image.data[i])) continue;
        to[i] = Scalar(0);
        if (i < channel_end) continue;
        const Index row = i / image.channel_stride;
        spoiled[static_cast<std::size_t>(row % channels)] = true;
        channel_end = (row + 1) * image.channel_stride;
      }
    }
    return {to, image.batch_stride, image.channel_stride, image.strides};
  }
};

/// Adds the products of elements that are not finite to the sums that hold them.
template <class Scalar>
class NonfiniteTerms {
 public:
  NonfiniteTerms(const ConvShape& shape, const NonfiniteSide<Scalar>& coarse,
                 const NonfiniteSide<Scalar>& fine, const GradientTarget<Scalar>& target)
      : shape_(shape), coarse_(coarse), fine_(fine), target_(target) {}

  /// On the threads of `execution`, which share the channels of one side, then of the other: no two
  /// channels of a side have a sum in common.
  void add(runtime::Execution& execution) const {
    const Index coarse_per_group = shape_.coarse_per_group();
    const Index fine_per_group = shape_.fine_per_group();
    execution.parallel_for(coarse_.channels, execution.threads(), [&](Index c, int) {
      for_some(coarse_, c, [&](const Some& some) {
        const Index first = c / coarse_per_group * fine_per_group;
        for (Index m = first; m < first + fine_per_group; ++m) add_terms(true, c, m, some);
      });
    });
    execution.parallel_for(fine_.channels, execution.threads(), [&](Index m, int) {
      for_some(fine_, m, [&](const Some& some) {
        const Index first = m / fine_per_group * coarse_per_group;
        for (Index c = first; c < first + coarse_per_group; ++c) add_terms(false, c, m, some);
      });
    });
  }

 private:
  struct Position {
    Index entry = 0;
    std::array<Index, 3> at{};

    const Scalar& in(const NonfiniteSide<Scalar>& side, Index channel) const {
      const Image<const Scalar>& image = side.image;
      return image
          .data[entry * image.batch_stride + channel * image.channel_stride +
                at[0] * image.strides[0] + at[1] * image.strides[1] + at[2] * image.strides[2]];
    }
  };

  /// As many as make it cheap to pass by sums that are no numbers already.
  struct Some {
    std::array<Position, 512> positions;
    std::size_t count = 0;

    auto begin() const { return positions.begin(); }
    auto end() const { return positions.begin() + static_cast<std::ptrdiff_t>(count); }
  };

  /// Calls `f` for the elements of a channel that are not finite, some at a time.
  template <class F>
  void for_some(const NonfiniteSide<Scalar>& side, Index channel, const F& f) const {
    if (!side.spoiled[static_cast<std::size_t>(channel)]) return;
    Some some;
    Position p;
    for (p.entry = 0; p.entry < shape_.batch; ++p.entry)
      for (p.at[0] = 0; p.at[0] < side.extents[0]; ++p.at[0])
        for (p.at[1] = 0; p.at[1] < side.extents[1]; ++p.at[1])
          for (p.at[2] = 0; p.at[2] < side.extents[2]; ++p.at[2]) {
            if (std::isfinite(p.in(side, channel))) continue;
            some.positions[some.count++] = p;
            if (some.count < some.positions.size()) continue;
            f(some);
            some.count = 0;
          }
    if (some.count > 0) f(some);
  }

  /// Adds the products of two channels in which positions of one, the coarse one or not, meet the
  /// other.
  void add_terms(bool of_coarse, Index coarse_channel, Index fine_channel, const Some& some) const {
    for_each_sum(coarse_channel, fine_channel, [&](const std::array<Index, 3>& k, Scalar& sum) {
      for (const Position& own : some) {
        if (std::isnan(sum)) return;
        Position met = own;
        if (!(of_coarse ? find_fine(k, met.at) : find_coarse(k, met.at))) continue;
        const Position &coarse = of_coarse ? own : met, &fine = of_coarse ? met : own;
        sum += coarse.in(coarse_, coarse_channel) * fine.in(fine_, fine_channel);
      }
    });
  }

  /// Calls `f(k, sum)` for the taps of two channels of one group.
  template <class F>
  void for_each_sum(Index coarse_channel, Index fine_channel, const F& f) const {
    Scalar* const sums = target_.data +
                         coarse_channel / shape_.coarse_per_group() * target_.group_stride +
                         coarse_channel % shape_.coarse_per_group() * target_.coarse_stride +
                         fine_channel % shape_.fine_per_group() * target_.fine_stride;
    std::array<Index, 3> k{};
    for (k[0] = 0; k[0] < shape_.axes[0].kernel; ++k[0])
      for (k[1] = 0; k[1] < shape_.axes[1].kernel; ++k[1])
        for (k[2] = 0; k[2] < shape_.axes[2].kernel; ++k[2])
          f(k, sums[k[0] * target_.tap_strides[0] + k[1] * target_.tap_strides[1] +
                    k[2] * target_.tap_strides[2]]);
  }

  /// Makes the fine position of a coarse one. Returns whether the tap meets it.
  bool find_fine(const std::array<Index, 3>& k, std::array<Index, 3>& at) const {
    for (std::size_t a = 0; a < 3; ++a) {
      at[a] = shape_.axes[a].fine_position(at[a], k[a]);
      if (!shape_.axes[a].has_fine(at[a])) return false;
    }
    return true;
  }
  /// Makes the coarse position of a fine one. Returns whether the tap meets it.
  bool find_coarse(const std::array<Index, 3>& k, std::array<Index, 3>& at) const {
    for (std::size_t a = 0; a < 3; ++a) {
      const Axis& axis = shape_.axes[a];
      const Index distance = at[a] - axis.fine_position(0, k[a]);
      at[a] = floor_div(distance, axis.stride);
      if (at[a] < 0 || at[a] >= axis.coarse || at[a] * axis.stride != distance) return false;
    }
    return true;
  }

  const ConvShape& shape_;
  const NonfiniteSide<Scalar>& coarse_;
  const NonfiniteSide<Scalar>& fine_;
  const GradientTarget<Scalar>& target_;
};

}  // namespace tconv::inline TCONV_ISA::gradient
