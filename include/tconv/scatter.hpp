#pragma once

/// \file
/// Implementation 1, the definition: direct loops over the index relation of `Axis`. Slow, obvious,
/// trusted; every faster path is checked against it. Works for every scalar.

#include <algorithm>
#include <cstddef>
#include <functional>
#include <numeric>
#include <utility>
#include <vector>

#include "tconv/detail/accumulator.hpp"
#include "tconv/detail/front_door.hpp"

namespace tconv {
namespace detail {

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
/// directions. `y` is written plane by plane, each summed in the accumulator type.
template <Direction direction, int R, class Scalar>
void direct_loops(const Geometry<R>& geometry, const TensorView<const Scalar, R + 2>& x,
                  const TensorView<const Scalar, R + 2>& weight, const Scalar* bias,
                  const TensorView<Scalar, R + 2>& y) {
  using Sum = Accumulator<Scalar>;
  constexpr bool scatters = direction == Direction::scatter;
  const Index coarse_per_group = geometry.coarse_channels() / geometry.groups();
  const Index fine_per_group = geometry.fine_channels() / geometry.groups();
  const Index in_per_group = scatters ? coarse_per_group : fine_per_group;
  const Index out_per_group = scatters ? fine_per_group : coarse_per_group;

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
        for_each_meeting<R>(geometry.axes(), [&](const auto& i, const auto& k, const auto& o) {
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

template <Direction direction>
struct DirectLoops {
  template <int R, class Scalar>
  void operator()(const Geometry<R>& geometry, const TensorView<const Scalar, R + 2>& x,
                  const TensorView<const Scalar, R + 2>& weight, const Scalar* bias,
                  const TensorView<Scalar, R + 2>& y) const {
    direct_loops<direction>(geometry, x, weight, bias, y);
  }
};

}  // namespace detail

namespace scatter {

/// `tconv::conv_transpose` by its definition. Same arguments, results and errors.
template <class X, class W>
auto conv_transpose(const X& x, const W& weight, const detail::OptionsOf<W>& options = {}) {
  return detail::apply<Direction::scatter>("scatter::conv_transpose", x, weight, detail::NoBias{},
                                           options, detail::DirectLoops<Direction::scatter>{});
}
template <class X, class W, detail::BiasFor<W> Bias>
auto conv_transpose(const X& x, const W& weight, const Bias& bias,
                    const detail::OptionsOf<W>& options = {}) {
  return detail::apply<Direction::scatter>("scatter::conv_transpose", x, weight, bias, options,
                                           detail::DirectLoops<Direction::scatter>{});
}

/// `tconv::conv` by its definition. Same arguments, results and errors.
template <class X, class W>
auto conv(const X& x, const W& weight, const detail::OptionsOf<W>& options = {}) {
  return detail::apply<Direction::gather>("scatter::conv", x, weight, detail::NoBias{}, options,
                                          detail::DirectLoops<Direction::gather>{});
}
template <class X, class W, detail::BiasFor<W> Bias>
auto conv(const X& x, const W& weight, const Bias& bias, const detail::OptionsOf<W>& options = {}) {
  return detail::apply<Direction::gather>("scatter::conv", x, weight, bias, options,
                                          detail::DirectLoops<Direction::gather>{});
}

}  // namespace scatter
}  // namespace tconv
