#pragma once

/// \file
/// The transposed convolution of the library: the front door to the production path.

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
auto conv_transpose(Space&& workspace, const X& x, const W& weight,
                    const frontend::OptionsOf<W>& options = {}) {
  return conv_transpose(workspace, x, weight, frontend::NoBias{}, options);
}
template <frontend::AnyWorkspace Space, class X, class W, frontend::BiasFor<W> Bias>
auto conv_transpose(Space&& workspace, const X& x, const W& weight, const Bias& bias,
                    const frontend::OptionsOf<W>& options = {}) {
  return frontend::apply<Direction::scatter>(
      "conv_transpose", x, weight, bias, options,
      frontend::Production<Direction::scatter, core::storage_order<X>>{workspace,
                                                                       options.summation});
}

/// Transposed convolution: the adjoint of `conv` with the same weight and options (ONNX operator
/// ConvTranspose, PyTorch's `conv_transpose1d` to `conv_transpose3d`).
///
/// \par Limits
/// Packs the weight and allocates the result in every call; a layer does neither. `output_padding`
/// is less than the larger of stride and dilation.
/// \par Example
/// \snippet functions.cpp conv_transpose
///
/// \param x        `(N, C_in, in...)`, or `(C_in, in...)` for one sample; with channels_last
///                 `(N, in..., C_in)` or `(in..., C_in)`. 1, 2 or 3 spatial axes
/// \param weight   `(C_in, C_out / groups, kernel...)`, in both data formats
/// \param options  stride, padding, output padding, dilation, groups, data format
/// \returns a tensor like `x` with `C_out` channels and the extents of
///   `conv_transpose_output_extents`. A `bias` `(C_out)` is added to every output of its
///   channel, also where no input reaches
/// \throws std::invalid_argument if shapes or options do not fit together
/// \throws std::length_error if the result's size overflows
template <frontend::NoWorkspace X, class W>
auto conv_transpose(const X& x, const W& weight, const frontend::OptionsOf<W>& options = {}) {
  return conv_transpose(thread_workspace(), x, weight, options);
}
template <frontend::NoWorkspace X, class W, frontend::BiasFor<W> Bias>
auto conv_transpose(const X& x, const W& weight, const Bias& bias,
                    const frontend::OptionsOf<W>& options = {}) {
  return conv_transpose(thread_workspace(), x, weight, bias, options);
}

/// `conv_transpose` into given memory.
///
/// \param y  a tensor, TensorMap or TensorFixedSize, or a slice of one, with the shape, scalar and
///           storage order of what `conv_transpose(x, weight, ...)` returns; for the others, and
///           for errors, see there. Nothing is allocated on a workspace that has seen the shape, if
///           it has one thread
/// \throws std::invalid_argument also if `y` has another shape or shares memory with an argument. A
///   call that throws leaves `y` as it was
template <frontend::AnyWorkspace Space, class Y, class X, class W>
void conv_transpose_into(Space&& workspace, Y&& y, const X& x, const W& weight,
                         const frontend::OptionsOf<W>& options = {}) {
  conv_transpose_into(workspace, y, x, weight, frontend::NoBias{}, options);
}
template <frontend::AnyWorkspace Space, class Y, class X, class W, frontend::BiasFor<W> Bias>
void conv_transpose_into(Space&& workspace, Y&& y, const X& x, const W& weight, const Bias& bias,
                         const frontend::OptionsOf<W>& options = {}) {
  frontend::apply_to<Direction::scatter>(
      "conv_transpose_into", frontend::GivenImage{y, "y"}, x, weight, bias, options,
      frontend::Production<Direction::scatter, core::storage_order<X>>{workspace,
                                                                       options.summation});
}
template <frontend::NoWorkspace Y, class X, class W>
void conv_transpose_into(Y&& y, const X& x, const W& weight,
                         const frontend::OptionsOf<W>& options = {}) {
  conv_transpose_into(thread_workspace(), y, x, weight, options);
}
template <frontend::NoWorkspace Y, class X, class W, frontend::BiasFor<W> Bias>
void conv_transpose_into(Y&& y, const X& x, const W& weight, const Bias& bias,
                         const frontend::OptionsOf<W>& options = {}) {
  conv_transpose_into(thread_workspace(), y, x, weight, bias, options);
}

/// Small integers into another type, on a workspace's threads and memory; see below.
template <frontend::Number Number, frontend::AnyWorkspace Space, class X, class W>
auto conv_transpose(Space&& workspace, const X& x, const W& weight,
                    const frontend::OptionsOf<W>& options = {}) {
  return conv_transpose<Number>(workspace, x, weight, Quantization{}, options);
}
template <frontend::Number Number, frontend::AnyWorkspace Space, class X, class W,
          frontend::BiasFor<W> Other>
auto conv_transpose(Space&& workspace, const X& x, const W& weight,
                    const Other& bias_or_quantization, const frontend::OptionsOf<W>& options = {}) {
  return frontend::apply_quantized<Direction::scatter, Number>(
      "conv_transpose", frontend::NewTensor(), workspace, x, weight, options, bias_or_quantization);
}
template <frontend::Number Number, frontend::AnyWorkspace Space, class X, class W, class Bias,
          std::same_as<Quantization> Q>
auto conv_transpose(Space&& workspace, const X& x, const W& weight, const Bias& bias,
                    const Q& quantization, const frontend::OptionsOf<W>& options = {}) {
  return frontend::apply_quantized<Direction::scatter, Number>(
      "conv_transpose", frontend::NewTensor(), workspace, x, weight, options, bias, quantization);
}

/// The transposed convolution of small integers into another type, which the call names:
///
///     conv_transpose<std::int32_t>(x, weight, bias, Quantization{.x_zero_point = 128}, options)
///
/// `Number` is `std::int32_t`, or `std::int8_t`, `std::uint8_t`, `std::int16_t` or `float`. Sums
/// are exact. Bias, quantization and options may each be absent.
///
/// \par Limits
/// As above. One zero point for all channels of `x`, and one for all of the weight.
/// \par Example
/// \snippet functions.cpp Quantization
///
/// \param x             integers of 8 or 16 bits
/// \param weight        the same, of this type or another
/// \param bias          `std::int32_t`
/// \param quantization  zero points, and what sums are multiplied with
/// \throws std::invalid_argument also if a zero point lies beyond its tensor's scalar, or `scale`
///   has neither one number nor one for each output channel, or one that is not finite
template <frontend::Number Number, frontend::NoWorkspace X, class W, class Bias,
          std::same_as<Quantization> Q>
auto conv_transpose(const X& x, const W& weight, const Bias& bias, const Q& quantization,
                    const frontend::OptionsOf<W>& options = {}) {
  return conv_transpose<Number>(thread_workspace(), x, weight, bias, quantization, options);
}
template <frontend::Number Number, frontend::NoWorkspace X, class W>
auto conv_transpose(const X& x, const W& weight, const frontend::OptionsOf<W>& options = {}) {
  return conv_transpose<Number>(thread_workspace(), x, weight, options);
}
template <frontend::Number Number, frontend::NoWorkspace X, class W, frontend::BiasFor<W> Other>
auto conv_transpose(const X& x, const W& weight, const Other& bias_or_quantization,
                    const frontend::OptionsOf<W>& options = {}) {
  return conv_transpose<Number>(thread_workspace(), x, weight, bias_or_quantization, options);
}

/// The same into given memory, as `conv_transpose_into`. Nothing is allocated on a workspace that
/// has seen the shape, if it has one thread.
template <frontend::Number Number, frontend::AnyWorkspace Space, class Y, class X, class W>
void conv_transpose_into(Space&& workspace, Y&& y, const X& x, const W& weight,
                         const frontend::OptionsOf<W>& options = {}) {
  conv_transpose_into<Number>(workspace, y, x, weight, Quantization{}, options);
}
template <frontend::Number Number, frontend::AnyWorkspace Space, class Y, class X, class W,
          frontend::BiasFor<W> Other>
void conv_transpose_into(Space&& workspace, Y&& y, const X& x, const W& weight,
                         const Other& bias_or_quantization,
                         const frontend::OptionsOf<W>& options = {}) {
  frontend::apply_quantized_into<Direction::scatter, Number>("conv_transpose_into", y, workspace, x,
                                                             weight, options, bias_or_quantization);
}
template <frontend::Number Number, frontend::AnyWorkspace Space, class Y, class X, class W,
          class Bias, std::same_as<Quantization> Q>
void conv_transpose_into(Space&& workspace, Y&& y, const X& x, const W& weight, const Bias& bias,
                         const Q& quantization, const frontend::OptionsOf<W>& options = {}) {
  frontend::apply_quantized_into<Direction::scatter, Number>("conv_transpose_into", y, workspace, x,
                                                             weight, options, bias, quantization);
}
template <frontend::Number Number, frontend::NoWorkspace Y, class X, class W>
void conv_transpose_into(Y&& y, const X& x, const W& weight,
                         const frontend::OptionsOf<W>& options = {}) {
  conv_transpose_into<Number>(thread_workspace(), y, x, weight, options);
}
template <frontend::Number Number, frontend::NoWorkspace Y, class X, class W,
          frontend::BiasFor<W> Other>
void conv_transpose_into(Y&& y, const X& x, const W& weight, const Other& bias_or_quantization,
                         const frontend::OptionsOf<W>& options = {}) {
  conv_transpose_into<Number>(thread_workspace(), y, x, weight, bias_or_quantization, options);
}
template <frontend::Number Number, frontend::NoWorkspace Y, class X, class W, class Bias,
          std::same_as<Quantization> Q>
void conv_transpose_into(Y&& y, const X& x, const W& weight, const Bias& bias,
                         const Q& quantization, const frontend::OptionsOf<W>& options = {}) {
  conv_transpose_into<Number>(thread_workspace(), y, x, weight, bias, quantization, options);
}

}  // namespace tconv::inline TCONV_ISA
