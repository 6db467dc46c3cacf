#pragma once

/// \file
/// The convolution of the library: the front door to the production path.

#include <concepts>

#include "tconv/core/axis.hpp"
#include "tconv/core/eigen.hpp"
#include "tconv/core/isa.hpp"
#include "tconv/frontend/arguments.hpp"
#include "tconv/frontend/dispatch.hpp"
#include "tconv/frontend/front_door.hpp"
#include "tconv/frontend/output.hpp"
#include "tconv/frontend/scalars/quantized.hpp"
#include "tconv/frontend/workspace.hpp"
#include "tconv/options.hpp"
#include "tconv/workspace.hpp"

namespace tconv::inline TCONV_ISA {

/// The same on a workspace's threads and memory.
template <frontend::AnyWorkspace Space, class X, class W>
auto conv(Space&& workspace, const X& x, const W& weight,
          const frontend::OptionsOf<W>& options = {}) {
  return conv(workspace, x, weight, frontend::NoBias{}, options);
}
template <frontend::AnyWorkspace Space, class X, class W, frontend::BiasFor<W> Bias>
auto conv(Space&& workspace, const X& x, const W& weight, const Bias& bias,
          const frontend::OptionsOf<W>& options = {}) {
  return frontend::apply<Direction::gather>(
      "conv", x, weight, bias, options,
      frontend::Production<Direction::gather, core::storage_order<X>>{workspace,
                                                                      options.summation});
}

/// Cross-correlation of `x` with `weight`, what deep learning calls convolution (ONNX operator
/// Conv, PyTorch's `conv1d` to `conv3d`).
///
/// \par Limits
/// As `conv_transpose`. The dilated kernel must fit into the padded image.
/// \par Example
/// \snippet functions.cpp conv
///
/// \param x        `(N, C_in, in...)`, or `(C_in, in...)` for one sample; with channels_last
///                 `(N, in..., C_in)` or `(in..., C_in)`. 1, 2 or 3 spatial axes
/// \param weight   `(C_out, C_in / groups, kernel...)`, in both data formats
/// \param options  stride, padding, dilation, groups, data format; output padding must be valid,
///                 and changes nothing
/// \returns a tensor like `x` with `C_out` channels and the extents of `conv_output_extents`. A
///   `bias` `(C_out)` is added to every output of its channel
/// \throws std::invalid_argument if shapes or options do not fit together
/// \throws std::length_error if the result's size overflows
template <frontend::NoWorkspace X, class W>
auto conv(const X& x, const W& weight, const frontend::OptionsOf<W>& options = {}) {
  return conv(thread_workspace(), x, weight, options);
}
template <frontend::NoWorkspace X, class W, frontend::BiasFor<W> Bias>
auto conv(const X& x, const W& weight, const Bias& bias,
          const frontend::OptionsOf<W>& options = {}) {
  return conv(thread_workspace(), x, weight, bias, options);
}

/// `conv` into given memory.
///
/// \param y  a tensor, TensorMap or TensorFixedSize, or a slice of one, with the shape, scalar and
///           storage order of what `conv(x, weight, ...)` returns; for the others, and for errors,
///           see there. Nothing is allocated on a workspace that has seen the shape, if it has one
///           thread
/// \throws std::invalid_argument also if `y` has another shape or shares memory with an argument. A
///   call that throws leaves `y` as it was
template <frontend::AnyWorkspace Space, class Y, class X, class W>
void conv_into(Space&& workspace, Y&& y, const X& x, const W& weight,
               const frontend::OptionsOf<W>& options = {}) {
  conv_into(workspace, y, x, weight, frontend::NoBias{}, options);
}
template <frontend::AnyWorkspace Space, class Y, class X, class W, frontend::BiasFor<W> Bias>
void conv_into(Space&& workspace, Y&& y, const X& x, const W& weight, const Bias& bias,
               const frontend::OptionsOf<W>& options = {}) {
  frontend::apply_to<Direction::gather>(
      "conv_into", frontend::GivenImage{y, "y"}, x, weight, bias, options,
      frontend::Production<Direction::gather, core::storage_order<X>>{workspace,
                                                                      options.summation});
}
template <frontend::NoWorkspace Y, class X, class W>
void conv_into(Y&& y, const X& x, const W& weight, const frontend::OptionsOf<W>& options = {}) {
  conv_into(thread_workspace(), y, x, weight, options);
}
template <frontend::NoWorkspace Y, class X, class W, frontend::BiasFor<W> Bias>
void conv_into(Y&& y, const X& x, const W& weight, const Bias& bias,
               const frontend::OptionsOf<W>& options = {}) {
  conv_into(thread_workspace(), y, x, weight, bias, options);
}

/// Small integers into another type, on a workspace's threads and memory; see below.
template <frontend::Number Number, frontend::AnyWorkspace Space, class X, class W>
auto conv(Space&& workspace, const X& x, const W& weight,
          const frontend::OptionsOf<W>& options = {}) {
  return conv<Number>(workspace, x, weight, Quantization{}, options);
}
template <frontend::Number Number, frontend::AnyWorkspace Space, class X, class W,
          frontend::BiasFor<W> Other>
auto conv(Space&& workspace, const X& x, const W& weight, const Other& bias_or_quantization,
          const frontend::OptionsOf<W>& options = {}) {
  return frontend::apply_quantized<Direction::gather, Number>(
      "conv", frontend::NewTensor(), workspace, x, weight, options, bias_or_quantization);
}
template <frontend::Number Number, frontend::AnyWorkspace Space, class X, class W, class Bias,
          std::same_as<Quantization> Q>
auto conv(Space&& workspace, const X& x, const W& weight, const Bias& bias, const Q& quantization,
          const frontend::OptionsOf<W>& options = {}) {
  return frontend::apply_quantized<Direction::gather, Number>(
      "conv", frontend::NewTensor(), workspace, x, weight, options, bias, quantization);
}

/// The convolution of small integers into another type, which the call names: ONNX's ConvInteger
/// and, with a scale, QLinearConv. See `conv_transpose<Number>`, limits and example included.
///
/// \par Example
/// \snippet functions.cpp Quantization
template <frontend::Number Number, frontend::NoWorkspace X, class W, class Bias,
          std::same_as<Quantization> Q>
auto conv(const X& x, const W& weight, const Bias& bias, const Q& quantization,
          const frontend::OptionsOf<W>& options = {}) {
  return conv<Number>(thread_workspace(), x, weight, bias, quantization, options);
}
template <frontend::Number Number, frontend::NoWorkspace X, class W>
auto conv(const X& x, const W& weight, const frontend::OptionsOf<W>& options = {}) {
  return conv<Number>(thread_workspace(), x, weight, options);
}
template <frontend::Number Number, frontend::NoWorkspace X, class W, frontend::BiasFor<W> Other>
auto conv(const X& x, const W& weight, const Other& bias_or_quantization,
          const frontend::OptionsOf<W>& options = {}) {
  return conv<Number>(thread_workspace(), x, weight, bias_or_quantization, options);
}

/// The same into given memory, as `conv_into`. Nothing is allocated on a workspace that has seen
/// the shape, if it has one thread.
template <frontend::Number Number, frontend::AnyWorkspace Space, class Y, class X, class W>
void conv_into(Space&& workspace, Y&& y, const X& x, const W& weight,
               const frontend::OptionsOf<W>& options = {}) {
  conv_into<Number>(workspace, y, x, weight, Quantization{}, options);
}
template <frontend::Number Number, frontend::AnyWorkspace Space, class Y, class X, class W,
          frontend::BiasFor<W> Other>
void conv_into(Space&& workspace, Y&& y, const X& x, const W& weight,
               const Other& bias_or_quantization, const frontend::OptionsOf<W>& options = {}) {
  frontend::apply_quantized_into<Direction::gather, Number>("conv_into", y, workspace, x, weight,
                                                            options, bias_or_quantization);
}
template <frontend::Number Number, frontend::AnyWorkspace Space, class Y, class X, class W,
          class Bias, std::same_as<Quantization> Q>
void conv_into(Space&& workspace, Y&& y, const X& x, const W& weight, const Bias& bias,
               const Q& quantization, const frontend::OptionsOf<W>& options = {}) {
  frontend::apply_quantized_into<Direction::gather, Number>("conv_into", y, workspace, x, weight,
                                                            options, bias, quantization);
}
template <frontend::Number Number, frontend::NoWorkspace Y, class X, class W>
void conv_into(Y&& y, const X& x, const W& weight, const frontend::OptionsOf<W>& options = {}) {
  conv_into<Number>(thread_workspace(), y, x, weight, options);
}
template <frontend::Number Number, frontend::NoWorkspace Y, class X, class W,
          frontend::BiasFor<W> Other>
void conv_into(Y&& y, const X& x, const W& weight, const Other& bias_or_quantization,
               const frontend::OptionsOf<W>& options = {}) {
  conv_into<Number>(thread_workspace(), y, x, weight, bias_or_quantization, options);
}
template <frontend::Number Number, frontend::NoWorkspace Y, class X, class W, class Bias,
          std::same_as<Quantization> Q>
void conv_into(Y&& y, const X& x, const W& weight, const Bias& bias, const Q& quantization,
               const frontend::OptionsOf<W>& options = {}) {
  conv_into<Number>(thread_workspace(), y, x, weight, bias, quantization, options);
}

}  // namespace tconv::inline TCONV_ISA
