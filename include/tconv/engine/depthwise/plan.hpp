#pragma once

/// \file
/// Depthwise convolution of images whose channels lie side by side: the lanes hold channels, and
/// there is no product of matrices. Each output is summed from the taps that reach it. Plain
/// integers.

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

/// Whether each channel is a group of its own, and channels lie side by side in both images.
template <class Scalar>
bool is_depthwise(const ConvShape& shape, const Operands<Scalar>& operands) {
  return shape.groups > 1 && shape.groups == shape.coarse_channels &&
         shape.groups == shape.fine_channels && shape.reads_strips && shape.writes_strips &&
         operands.x.channel_stride == 1 && operands.y.channel_stride == 1 &&
         !operands.reader.read && !operands.writer.write;
}

/// What is computed once for a shape.
struct DepthwisePlan {
  Correlation correlation;
  Index lane_count;
  Index padded_channels;
  std::array<Index, 3> kernel{};
  Index rows_per_task = 1;  // of outputs
  double cycles = 0;        // of one core

  DepthwisePlan(const ConvShape& shape, Index lanes)
      : correlation(make_correlation(shape)),
        lane_count(lanes),
        padded_channels(round_up(shape.groups, lanes)) {
    for (std::size_t a = 0; a < 3; ++a) kernel[a] = shape.axes[a].kernel;
    double taps = 1;
    for (const PhasedAxis& axis : correlation.axes) taps *= static_cast<double>(most_taps(axis));
    const Index packets = correlation.axes[2].out * (padded_channels / lanes);
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
  Index weight_size() const { return taps() * padded_channels; }

  static std::size_t most_taps(const PhasedAxis& axis) {
    std::size_t most = 0;
    for (const Phase& phase : axis.phases) most = std::max(most, phase.taps.size());
    return most;
  }
};

}  // namespace tconv::inline TCONV_ISA::engine
