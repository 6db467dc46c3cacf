#pragma once

/// \file
/// Depthwise convolution of images whose channels lie side by side: the lanes hold channels, and
/// there is no product of matrices. Where the entries of a batch are denser still, as in ColMajor
/// tensors, the lanes hold the entries of a channel, then those of the next one. Each output is
/// summed from the taps that reach it. Plain integers.

#include <algorithm>
#include <array>
#include <cstddef>
#include <vector>

#include "tconv/core/axis.hpp"
#include "tconv/core/eigen.hpp"
#include "tconv/core/integer.hpp"
#include "tconv/core/isa.hpp"
#include "tconv/core/view.hpp"
#include "tconv/engine/correlation.hpp"
#include "tconv/engine/operands.hpp"

namespace tconv::inline TCONV_ISA::engine {

/// Batch entries that lie side by side in each channel of both images.
template <class Scalar>
Index dense_entries(const ConvShape& shape, const Operands<Scalar>& operands) {
  if (shape.batch_is_axis) return shape.axes[2].coarse;
  const bool dense = operands.x.batch_stride == 1 && operands.y.batch_stride == 1;
  return dense ? std::max<Index>(shape.batch, 1) : 1;
}

/// Whether each channel is a group of its own, and channels lie side by side in both images.
template <class Scalar>
bool is_depthwise(const ConvShape& shape, const Operands<Scalar>& operands) {
  const Index entries = dense_entries(shape, operands);
  return shape.groups > 1 && shape.groups == shape.coarse_channels &&
         shape.groups == shape.fine_channels && operands.x.channel_stride == entries &&
         operands.y.channel_stride == entries &&
         (entries > 1 || (shape.reads_strips && shape.writes_strips)) && !operands.reader.read &&
         !operands.writer.write;
}

/// The shape of a depthwise convolution whose lanes hold `entries` of the batch, all of it if more
/// than one, and its three axes without the batch.
inline ConvShape without_entries(ConvShape shape, Index entries) {
  if (shape.batch_is_axis) shape.axes = {Axis{}, shape.axes[0], shape.axes[1]};
  shape.batch_is_axis = false;
  if (entries > 1) shape.batch = 1;
  return shape;
}

/// What is computed once for a shape.
struct DepthwisePlan {
  Correlation correlation;
  Index entries;  // of the batch, side by side in each channel
  Index width;    // elements side by side
  Index padded_width;
  std::array<Index, 3> kernel{};
  Index rows_per_task = 1;  // of outputs
  double cycles = 0;        // of one core

  /// `shape` is without the entries.
  DepthwisePlan(const ConvShape& shape, Index entries_, Index lanes)
      : correlation(make_correlation(shape)),
        entries(entries_),
        width(shape.groups * entries),
        padded_width(round_up(width, lanes)) {
    for (std::size_t a = 0; a < 3; ++a) kernel[a] = shape.axes[a].kernel;
    double taps = 1;
    for (const PhasedAxis& axis : correlation.axes) taps *= static_cast<double>(most_taps(axis));
    const Index packets = correlation.axes[2].out * (padded_width / lanes);
    const auto row = static_cast<double>(packets);
    const double row_cycles = 50 + row * (1 + 0.7 * taps);
    cycles = row_cycles * static_cast<double>(rows());
    constexpr double task_cycles = 20e3;
    rows_per_task = std::max<Index>(1, static_cast<Index>(task_cycles / row_cycles));
  }

  /// Output rows of all batch entries.
  Index rows() const {
    return correlation.batch * correlation.axes[0].out * correlation.axes[1].out;
  }
  Index taps() const { return kernel[0] * kernel[1] * kernel[2]; }
  /// With the bias behind the weights.
  Index weight_size() const { return (taps() + 1) * padded_width; }

  static std::size_t most_taps(const PhasedAxis& axis) {
    std::size_t most = 0;
    for (const Phase& phase : axis.phases) most = std::max(most, phase.taps.size());
    return most;
  }
};

}  // namespace tconv::inline TCONV_ISA::engine
