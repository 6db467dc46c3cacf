#pragma once

/// \file
/// The sums of `Summation::ordered`, output by output.

#include <algorithm>
#include <array>
#include <cstddef>
#include <numeric>

#include "tconv/core/accumulator.hpp"
#include "tconv/core/axis.hpp"
#include "tconv/core/eigen.hpp"
#include "tconv/core/integer.hpp"
#include "tconv/core/isa.hpp"
#include "tconv/core/multiply_add.hpp"
#include "tconv/core/view.hpp"

namespace tconv::core::inline TCONV_ISA {

/// The taps of an output of an axis that meet an input, in the order of the kernel, and where they
/// do: every `kernel_step`-th one from `kernel` on, `input_step` apart.
struct MeetingTaps {
  Index kernel = 0, input = 0, kernel_step = 1, input_step = 1, count = 0;
};

template <Direction direction>
MeetingTaps taps_of_output(const Axis& axis, Index o) {
  MeetingTaps taps;
  if constexpr (direction == Direction::gather) {
    taps.kernel =
        std::clamp<Index>(ceil_div(-axis.fine_position(o, 0), axis.dilation), 0, axis.kernel);
    taps.input = axis.fine_position(o, taps.kernel);
    taps.input_step = axis.dilation;
    if (axis.has_fine(taps.input))
      taps.count =
          std::min(axis.kernel - 1 - taps.kernel, (axis.fine - 1 - taps.input) / axis.dilation) + 1;
  } else {
    const Index factor = std::gcd(axis.stride, axis.dilation);
    taps.kernel_step = axis.stride / factor;
    taps.input_step = -axis.dilation / factor;
    const auto distance = [&](Index k) { return o + axis.before - k * axis.dilation; };
    // The first tap whose input is not behind the image, and then one between two steps.
    taps.kernel = std::max<Index>(
        ceil_div(o + axis.before - (axis.coarse - 1) * axis.stride, axis.dilation), 0);
    const Index end = std::min(axis.kernel, taps.kernel + taps.kernel_step);
    while (taps.kernel < end && distance(taps.kernel) % axis.stride != 0) ++taps.kernel;
    taps.input = floor_div(distance(taps.kernel), axis.stride);
    if (taps.kernel < end && taps.input >= 0)
      taps.count = std::min((axis.kernel - 1 - taps.kernel) / taps.kernel_step,
                            taps.input / -taps.input_step) +
                   1;
  }
  return taps;
}

/// As `direct_loops`, with every output summed from zero in the order of input channels and, within
/// one, of kernel positions, by one multiplication and addition each; then the bias is added if
/// there was a product. Positions outside `x` are no terms. Allocates nothing.
template <Direction direction, int R, class Scalar>
void ordered_loops(const std::array<Axis, static_cast<std::size_t>(R)>& axes, Index groups,
                   const TensorView<const Scalar, R + 2>& x,
                   const TensorView<const Scalar, R + 2>& weight, const Scalar* bias,
                   const TensorView<Scalar, R + 2>& y) {
  using Sum = Accumulator<Scalar>;
  constexpr bool scatters = direction == Direction::scatter;
  const Index in_per_group = x.extents[1] / groups, out_per_group = y.extents[1] / groups;
  std::array<MeetingTaps, static_cast<std::size_t>(R)> taps;
  Extents<R> o{}, k{}, i{};
  for (Index n = 0; n < y.extents[0]; ++n)
    for (Index m = 0; m < y.extents[1]; ++m) {
      const Index group = m / out_per_group;
      const auto sum_taps = [&](const auto& self, Index c, std::size_t a, Sum& sum) -> void {
        if (a == axes.size()) {
          const Scalar& factor =
              scatters ? weight(c, m % out_per_group, k) : weight(m, c - group * in_per_group, k);
          sum = multiply_add(static_cast<Sum>(x(n, c, i)), static_cast<Sum>(factor), sum);
          return;
        }
        k[a] = taps[a].kernel;
        i[a] = taps[a].input;
        for (Index t = 0; t < taps[a].count; ++t) {
          self(self, c, a + 1, sum);
          k[a] += taps[a].kernel_step;
          i[a] += taps[a].input_step;
        }
      };
      const auto visit_outputs = [&](const auto& self, std::size_t a, bool reached) -> void {
        if (a < axes.size()) {
          for (o[a] = 0; o[a] < y.extents[a + 2]; ++o[a]) {
            taps[a] = taps_of_output<direction>(axes[a], o[a]);
            self(self, a + 1, reached && taps[a].count > 0);
          }
          return;
        }
        Sum sum(0);
        for (Index c = group * in_per_group; c < (group + 1) * in_per_group; ++c)
          sum_taps(sum_taps, c, 0, sum);
        if (bias) sum = reached ? sum + static_cast<Sum>(bias[m]) : static_cast<Sum>(bias[m]);
        y(n, m, o) = static_cast<Scalar>(sum);
      };
      visit_outputs(visit_outputs, 0, true);
    }
}

}  // namespace tconv::core::inline TCONV_ISA
