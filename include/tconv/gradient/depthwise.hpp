#pragma once

/// \file
/// The weight gradient of a depthwise convolution whose channels lie side by side: the lanes hold
/// channels, and the gradient of a tap is summed over the pixels that it meets. Where the entries
/// of a batch are denser still, as in ColMajor tensors, the lanes hold the entries of a channel,
/// then those of the next one.
///
/// A row of the coarse side meets some rows of the fine side, one for each tap of the outer axes.
/// Along them the sums of a few taps and channels stay in registers.

#include <algorithm>
#include <array>
#include <cstddef>
#include <utility>

#include "tconv/core/axis.hpp"
#include "tconv/core/eigen.hpp"
#include "tconv/core/integer.hpp"
#include "tconv/core/isa.hpp"
#include "tconv/core/view.hpp"
#include "tconv/gradient/partial_sums.hpp"
#include "tconv/gradient/target.hpp"
#include "tconv/runtime/execution.hpp"
#include "tconv/simd/packet.hpp"

namespace tconv::inline TCONV_ISA::gradient {

/// Adds to the sums of `taps` taps, `tap_step` apart on the fine side, and `vectors` packets of
/// channels, of which only `part` counts if it is given.
template <int taps, int vectors, class Scalar>
EIGEN_ALWAYS_INLINE void add_pixels(const Scalar* coarse, Index coarse_step, const Scalar* fine,
                                    Index fine_step, Index tap_step, Index count, Scalar* sums,
                                    Index sums_step, const simd::PacketPart<Scalar>* part) {
  using P = simd::Packet<Scalar>;
  const auto load = [part](const Scalar* from) { return part ? part->load(from) : P::load(from); };
  typename P::Type tile[taps * vectors];
  for (int i = 0; i < taps * vectors; ++i)
    tile[i] = P::load(sums + i / vectors * sums_step + i % vectors * P::size);
  for (; count > 0; --count, coarse += coarse_step, fine += fine_step) {
    typename P::Type pixels[vectors];
    for (int v = 0; v < vectors; ++v) pixels[v] = load(coarse + v * P::size);
    for (int i = 0; i < taps * vectors; ++i)
      tile[i] =
          P::multiply_add(pixels[i % vectors],
                          load(fine + i / vectors * tap_step + i % vectors * P::size), tile[i]);
  }
  for (int i = 0; i < taps * vectors; ++i)
    P::store(sums + i / vectors * sums_step + i % vectors * P::size, tile[i]);
}

/// A depthwise convolution on images with channels, and `entries` of the batch, side by side.
template <class Scalar>
class DepthwiseGradient {
 public:
  DepthwiseGradient(const ConvShape& shape, const Image<const Scalar>& coarse,
                    const Image<const Scalar>& fine)
      : shape_(shape),
        coarse_(coarse),
        fine_(fine),
        entries_(coarse.batch_stride == 1 && fine.batch_stride == 1 ? shape.batch : 1),
        width_(shape.groups * entries_),
        padded_width_(round_up(width_, lanes)) {
    // Independent of the number of threads, as the order of the sums is.
    constexpr Index pixels_per_part = 256, most_parts = 16;
    const Index rows = batch() * axis(0).coarse * axis(1).coarse;
    parts_ = {rows, std::clamp<Index>(rows * axis(2).coarse / pixels_per_part, 1, most_parts)};
  }

  /// Whether each channel is a group of its own, and channels lie side by side in both images.
  bool applies() const {
    return shape_.groups > 1 && shape_.groups == shape_.coarse_channels &&
           shape_.groups == shape_.fine_channels && coarse_.channel_stride == entries_ &&
           fine_.channel_stride == entries_;
  }

  /// Computes the gradient on the threads of `execution`.
  void run(const GradientTarget<Scalar>& target, runtime::Execution& execution) const {
    const Index size = axis(0).kernel * axis(1).kernel * axis(2).kernel * padded_width_;
    const PartialSums<Scalar> partial(parts_.parts, parts_.parts, 0, size, execution);
    execution.parallel_for(parts_.parts, partial.workers(), [&](Index part, int worker) {
      Scalar* const sums = partial.of_task(part, worker);
      std::fill_n(sums, size, Scalar(0));
      for (Index row = parts_.begin(part); row < parts_.end(part); ++row) add_row(row, sums);
      if (parts_.parts == 1) store(sums, 0, target);
    });
    if (parts_.parts > 1) store(partial.of_part(0, 0), partial.step(), target);
  }

 private:
  static constexpr Index lanes = simd::Packet<Scalar>::size;

  const Axis& axis(std::size_t a) const { return shape_.axes[a]; }
  Index batch() const { return entries_ == shape_.batch ? 1 : shape_.batch; }

  /// Adds the products of a coarse row, a number among all, to the sums `[tap][channel, entry]`.
  void add_row(Index row, Scalar* sums) const {
    const Index y = row % axis(1).coarse, z = row / axis(1).coarse % axis(0).coarse;
    const Index n = row / axis(1).coarse / axis(0).coarse;
    const Scalar* const coarse =
        coarse_.data + n * coarse_.batch_stride + z * coarse_.strides[0] + y * coarse_.strides[1];
    for (Index c = 0; c < width_;) {
      const Index rest = width_ - c;
      Scalar* to = sums + c;
      for (Index kz = 0; kz < axis(0).kernel; ++kz)
        for (Index ky = 0; ky < axis(1).kernel; ++ky, to += axis(2).kernel * padded_width_) {
          const Index fine_z = axis(0).fine_position(z, kz), fine_y = axis(1).fine_position(y, ky);
          if (!axis(0).has_fine(fine_z) || !axis(1).has_fine(fine_y)) continue;
          const Scalar* const fine = fine_.data + c + n * fine_.batch_stride +
                                     fine_z * fine_.strides[0] + fine_y * fine_.strides[1];
          if (rest >= 2 * lanes) {
            add_row_of_taps<2>(coarse + c, fine, to, nullptr);
          } else {
            const simd::PacketPart<Scalar> part(0, std::min(rest, lanes));
            add_row_of_taps<1>(coarse + c, fine, to, &part);
          }
        }
      c += rest >= 2 * lanes ? 2 * lanes : lanes;
    }
  }

  /// Adds the products of a coarse and a fine row to the sums of their taps.
  template <int vectors>
  void add_row_of_taps(const Scalar* coarse, const Scalar* fine, Scalar* sums,
                       const simd::PacketPart<Scalar>* part) const {
    const Axis& x = axis(2);
    const auto add = [&]<int taps>(std::integral_constant<int, taps>, Index k, const Range& i) {
      add_pixels<taps, vectors>(coarse + i.first * coarse_.strides[2], coarse_.strides[2],
                                fine + x.fine_position(i.first, k) * fine_.strides[2],
                                x.stride * fine_.strides[2], x.dilation * fine_.strides[2],
                                i.size(), sums + k * padded_width_, padded_width_, part);
    };
    const auto add_together = [&]<int taps>(std::integral_constant<int, taps> together, Index k) {
      // Pixels that all of these taps meet; before and behind them each tap has its own.
      const Index first = pixels_of(k).first;
      const Range all{first, std::max(first, pixels_of(k + taps - 1).end)};
      constexpr std::integral_constant<int, 1> alone;
      for (Index t = k; t < k + taps; ++t)
        add(alone, t, {pixels_of(t).first, std::min(all.first, pixels_of(t).end)});
      add(together, k, all);
      for (Index t = k; t < k + taps; ++t) add(alone, t, {all.end, pixels_of(t).end});
    };
    Index k = 0;
    for (; k + 4 <= x.kernel; k += 4) add_together(std::integral_constant<int, 4>{}, k);
    for (; k + 2 <= x.kernel; k += 2) add_together(std::integral_constant<int, 2>{}, k);
    if (k < x.kernel) add(std::integral_constant<int, 1>{}, k, pixels_of(k));
  }

  /// Coarse positions of the last axis that a tap meets, further to the left with each tap.
  Range pixels_of(Index k) const {
    const Axis& x = axis(2);
    const Index first = std::clamp<Index>(ceil_div(-x.fine_position(0, k), x.stride), 0, x.coarse);
    return {first, std::clamp<Index>(floor_div(x.fine - 1 - x.fine_position(0, k), x.stride) + 1,
                                     first, x.coarse)};
  }

  /// Writes the sums of all parts, `step` apart.
  void store(const Scalar* sums, Index step, const GradientTarget<Scalar>& target) const {
    for (Index z = 0; z < axis(0).kernel; ++z)
      for (Index y = 0; y < axis(1).kernel; ++y)
        for (Index x = 0; x < axis(2).kernel; ++x, sums += padded_width_)
          for (Index c = 0; c < shape_.groups; ++c) {
            Scalar sum(0);
            for (Index part = 0; part < parts_.parts; ++part)
              for (Index n = 0; n < entries_; ++n) sum += sums[part * step + c * entries_ + n];
            target.data[c * target.group_stride + z * target.tap_strides[0] +
                        y * target.tap_strides[1] + x * target.tap_strides[2]] = sum;
          }
  }

  const ConvShape& shape_;
  const Image<const Scalar>& coarse_;
  const Image<const Scalar>& fine_;
  Index entries_, width_, padded_width_;
  Split parts_;
};

}  // namespace tconv::inline TCONV_ISA::gradient
