#pragma once

/// \file
/// The definition: direct loops over the index relation of `Axis`. Slow, obvious, trusted; every
/// faster path is checked against it. Works for every scalar.

#include <algorithm>
#include <array>
#include <cstddef>
#include <functional>
#include <numeric>
#include <utility>
#include <vector>

#include "tconv/core/accumulator.hpp"
#include "tconv/core/axis.hpp"
#include "tconv/core/eigen.hpp"
#include "tconv/core/isa.hpp"
#include "tconv/core/view.hpp"

namespace tconv::core::inline TCONV_ISA {

/// Calls `f(i, k, o)` for every coarse position, tap and fine position that meet.
template <int R, class F>
void for_each_meeting(const std::array<Axis, static_cast<std::size_t>(R)>& axes, const F& f) {
  Extents<R> i{}, k{}, o{};
  const auto visit = [&](const auto& self, std::size_t a) -> void {
    if (a == axes.size()) {
      f(std::as_const(i), std::as_const(k), std::as_const(o));
      return;
    }
    for (i[a] = 0; i[a] < axes[a].coarse; ++i[a])
      for (k[a] = 0; k[a] < axes[a].kernel; ++k[a]) {
        o[a] = axes[a].fine_position(i[a], k[a]);
        if (axes[a].has_fine(o[a])) self(self, a + 1);
      }
  };
  visit(visit, 0);
}

/// The convolution (`gather`) or transposed convolution (`scatter`) of `x`: one loop, read in two
/// directions. `y` is written plane by plane, each summed in the accumulator type. `weight` is
/// (coarse channel, fine channel of the group, kernel...).
template <Direction direction, int R, class Scalar>
void direct_loops(const std::array<Axis, static_cast<std::size_t>(R)>& axes, Index groups,
                  const TensorView<const Scalar, R + 2>& x,
                  const TensorView<const Scalar, R + 2>& weight, const Scalar* bias,
                  const TensorView<Scalar, R + 2>& y) {
  using Sum = Accumulator<Scalar>;
  constexpr bool scatters = direction == Direction::scatter;
  const Index in_per_group = x.extents[1] / groups, out_per_group = y.extents[1] / groups;

  Extents<R> extents{};
  std::copy(y.extents.begin() + 2, y.extents.end(), extents.begin());
  std::vector<Sum> sums(static_cast<std::size_t>(
      std::accumulate(extents.begin(), extents.end(), Index{1}, std::multiplies<>())));
  const TensorView<Sum, R + 2> plane = [&] {
    TensorView<Sum, R + 2> view{sums.data(), {}, {}};
    const auto strides = dense_strides(extents, Eigen::RowMajor);
    std::copy(strides.begin(), strides.end(), view.strides.begin() + 2);
    return view;
  }();

  for (Index n = 0; n < y.extents[0]; ++n)
    for (Index m = 0; m < y.extents[1]; ++m) {
      const Index group = m / out_per_group;
      std::fill(sums.begin(), sums.end(), bias ? static_cast<Sum>(bias[m]) : Sum(0));
      for (Index c = group * in_per_group; c < (group + 1) * in_per_group; ++c)
        for_each_meeting<R>(axes, [&](const auto& i, const auto& k, const auto& o) {
          if constexpr (scatters)
            plane(0, 0, o) +=
                static_cast<Sum>(x(n, c, i)) * static_cast<Sum>(weight(c, m % out_per_group, k));
          else
            plane(0, 0, i) +=
                static_cast<Sum>(x(n, c, o)) * static_cast<Sum>(weight(m, c % in_per_group, k));
        });
      Extents<R> o{};
      for (const Sum& sum : sums) {
        y(n, m, o) = static_cast<Scalar>(sum);
        for (std::size_t a = o.size(); a-- > 0 && ++o[a] == extents[a];) o[a] = 0;
      }
    }
}

/// The gradient of the weight: every product of a coarse and a fine element is a term of the tap at
/// which they meet. `grad_weight` is (coarse channel, fine channel of the group, kernel...).
template <int R, class Scalar>
void weight_gradient_loops(const std::array<Axis, static_cast<std::size_t>(R)>& axes, Index groups,
                           const TensorView<const Scalar, R + 2>& coarse,
                           const TensorView<const Scalar, R + 2>& fine,
                           const TensorView<Scalar, R + 2>& grad_weight) {
  using Sum = Accumulator<Scalar>;
  Extents<R> kernel{};
  std::copy(grad_weight.extents.begin() + 2, grad_weight.extents.end(), kernel.begin());
  const auto strides = dense_strides(kernel, Eigen::RowMajor);
  std::vector<Sum> sums(static_cast<std::size_t>(
      std::accumulate(kernel.begin(), kernel.end(), Index{1}, std::multiplies<>())));
  const Index coarse_per_group = coarse.extents[1] / groups;
  const Index fine_per_group = fine.extents[1] / groups;
  for (Index c = 0; c < coarse.extents[1]; ++c)
    for (Index m = 0; m < fine_per_group; ++m) {
      const Index fine_channel = c / coarse_per_group * fine_per_group + m;
      std::fill(sums.begin(), sums.end(), Sum(0));
      for (Index n = 0; n < coarse.extents[0]; ++n)
        for_each_meeting<R>(axes, [&](const auto& i, const auto& k, const auto& o) {
          const Index tap = std::inner_product(k.begin(), k.end(), strides.begin(), Index{0});
          sums[static_cast<std::size_t>(tap)] +=
              static_cast<Sum>(coarse(n, c, i)) * static_cast<Sum>(fine(n, fine_channel, o));
        });
      TensorView<Scalar, R + 2> taps = grad_weight;
      taps.data += c * taps.strides[0] + m * taps.strides[1];
      taps.extents[0] = taps.extents[1] = 1;
      auto sum = sums.begin();
      for_each_row_major(taps, [&](Scalar& value) { value = static_cast<Scalar>(*sum++); });
    }
}

}  // namespace tconv::core::inline TCONV_ISA
