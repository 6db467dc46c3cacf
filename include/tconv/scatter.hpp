#pragma once

/// \file
/// Implementation 1, the definition: direct loops over the index relation of `Axis`. Slow, obvious,
/// trusted; every faster path is checked against it. Works for every scalar.

#include "tconv/core/axis.hpp"
#include "tconv/core/isa.hpp"
#include "tconv/core/reference_loops.hpp"
#include "tconv/core/view.hpp"
#include "tconv/frontend/arguments.hpp"
#include "tconv/frontend/front_door.hpp"
#include "tconv/geometry.hpp"

namespace tconv::inline TCONV_ISA {
namespace detail {

template <Direction direction>
struct DirectLoops {
  template <int R, class Scalar>
  void operator()(const Geometry<R>& geometry, const core::TensorView<const Scalar, R + 2>& x,
                  const core::TensorView<const Scalar, R + 2>& weight, const Scalar* bias,
                  const core::TensorView<Scalar, R + 2>& y) const {
    core::direct_loops<direction, R>(geometry.axes(), geometry.groups(), x, weight, bias, y);
  }
};

}  // namespace detail

namespace scatter {

/// `tconv::conv_transpose` by its definition. Same arguments, results and errors.
template <class X, class W>
auto conv_transpose(const X& x, const W& weight, const frontend::OptionsOf<W>& options = {}) {
  return frontend::apply<Direction::scatter>("scatter::conv_transpose", x, weight,
                                             frontend::NoBias{}, options,
                                             detail::DirectLoops<Direction::scatter>{});
}
template <class X, class W, frontend::BiasFor<W> Bias>
auto conv_transpose(const X& x, const W& weight, const Bias& bias,
                    const frontend::OptionsOf<W>& options = {}) {
  return frontend::apply<Direction::scatter>("scatter::conv_transpose", x, weight, bias, options,
                                             detail::DirectLoops<Direction::scatter>{});
}

/// `tconv::conv` by its definition. Same arguments, results and errors.
template <class X, class W>
auto conv(const X& x, const W& weight, const frontend::OptionsOf<W>& options = {}) {
  return frontend::apply<Direction::gather>("scatter::conv", x, weight, frontend::NoBias{}, options,
                                            detail::DirectLoops<Direction::gather>{});
}
template <class X, class W, frontend::BiasFor<W> Bias>
auto conv(const X& x, const W& weight, const Bias& bias,
          const frontend::OptionsOf<W>& options = {}) {
  return frontend::apply<Direction::gather>("scatter::conv", x, weight, bias, options,
                                            detail::DirectLoops<Direction::gather>{});
}

}  // namespace scatter
}  // namespace tconv::inline TCONV_ISA
