#pragma once

/// \file
/// The sums of `Summation::ordered`, output by output.

#include <array>
#include <cstddef>
#include <utility>
#include <vector>

#include "tconv/core/accumulator.hpp"
#include "tconv/core/axis.hpp"
#include "tconv/core/eigen.hpp"
#include "tconv/core/isa.hpp"
#include "tconv/core/multiply_add.hpp"
#include "tconv/core/view.hpp"

namespace tconv::core::inline TCONV_ISA {

/// A tap that an output has on one axis, and the input that it reads there.
struct TapAndInput {
  Index kernel, input;
};

/// Those of each output of an axis, in the order of the kernel.
template <Direction direction>
std::vector<std::vector<TapAndInput>> taps_of_outputs(const Axis& axis) {
  constexpr bool scatters = direction == Direction::scatter;
  std::vector<std::vector<TapAndInput>> taps(
      static_cast<std::size_t>(scatters ? axis.fine : axis.coarse));
  for (Index k = 0; k < axis.kernel; ++k)
    for (Index i = 0; i < axis.coarse; ++i) {
      const Index o = axis.fine_position(i, k);
      if (axis.has_fine(o))
        taps[static_cast<std::size_t>(scatters ? o : i)].push_back({k, scatters ? i : o});
    }
  return taps;
}

/// As `direct_loops`, with every output summed from zero in the order of input channels and, within
/// one, of kernel positions, by one multiplication and addition each; then the bias is added if
/// there was a product. Positions outside `x` are no terms.
template <Direction direction, int R, class Scalar>
void ordered_loops(const std::array<Axis, static_cast<std::size_t>(R)>& axes, Index groups,
                   const TensorView<const Scalar, R + 2>& x,
                   const TensorView<const Scalar, R + 2>& weight, const Scalar* bias,
                   const TensorView<Scalar, R + 2>& y) {
  using Sum = Accumulator<Scalar>;
  constexpr bool scatters = direction == Direction::scatter;
  const Index in_per_group = x.extents[1] / groups, out_per_group = y.extents[1] / groups;
  std::array<std::vector<std::vector<TapAndInput>>, static_cast<std::size_t>(R)> taps;
  for (std::size_t a = 0; a < axes.size(); ++a) taps[a] = taps_of_outputs<direction>(axes[a]);

  Extents<R> o{}, k{}, i{};
  const auto taps_at = [&](std::size_t a) -> const std::vector<TapAndInput>& {
    return taps[a][static_cast<std::size_t>(o[a])];
  };
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
        for (const TapAndInput& tap : taps_at(a)) {
          k[a] = tap.kernel;
          i[a] = tap.input;
          self(self, c, a + 1, sum);
        }
      };
      const auto visit_outputs = [&](const auto& self, std::size_t a, bool reached) -> void {
        if (a < axes.size()) {
          for (o[a] = 0; o[a] < y.extents[a + 2]; ++o[a])
            self(self, a + 1, reached && !taps_at(a).empty());
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
