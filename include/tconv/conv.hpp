#pragma once

/// \file
/// The convolution of the library: the front door to the production path.

#include "tconv/scatter.hpp"
#include "tconv/workspace.hpp"

namespace tconv {

/// Cross-correlation of `x` with `weight`, what deep learning calls convolution (ONNX operator
/// Conv, PyTorch's `conv1d` to `conv3d`).
///
/// \param x        `(N, C_in, in...)`, or `(C_in, in...)` for one sample; with channels_last
///                 `(N, in..., C_in)` or `(in..., C_in)`. 1, 2 or 3 spatial axes
/// \param weight   `(C_out, C_in / groups, kernel...)`, in both data formats
/// \param bias     `(C_out)`, added to every output of its channel
/// \param options  stride, padding, dilation, groups, data format; output padding is not looked at
/// \returns a tensor like `x` with `C_out` channels and the extents of `conv_output_extents`
/// \throws std::invalid_argument if shapes or options do not fit together
/// \throws std::length_error if the result's size overflows
template <class X, class W>
auto conv(const X& x, const W& weight, const detail::OptionsOf<W>& options = {}) {
  return detail::apply<Direction::gather>("conv", x, weight, detail::NoBias{}, options,
                                          detail::DirectLoops<Direction::gather>{});
}
template <detail::NoWorkspace X, class W, detail::BiasFor<W> Bias>
auto conv(const X& x, const W& weight, const Bias& bias, const detail::OptionsOf<W>& options = {}) {
  return detail::apply<Direction::gather>("conv", x, weight, bias, options,
                                          detail::DirectLoops<Direction::gather>{});
}

/// The same on a workspace's threads and memory.
template <detail::AnyWorkspace Space, class X, class W>
auto conv(Space&&, const X& x, const W& weight, const detail::OptionsOf<W>& options = {}) {
  return conv(x, weight, options);
}
template <detail::AnyWorkspace Space, class X, class W, detail::BiasFor<W> Bias>
auto conv(Space&&, const X& x, const W& weight, const Bias& bias,
          const detail::OptionsOf<W>& options = {}) {
  return conv(x, weight, bias, options);
}

}  // namespace tconv
