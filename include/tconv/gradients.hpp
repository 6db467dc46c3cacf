#pragma once

/// \file
/// The derivatives of `conv` and `conv_transpose`: for `grad_y`, the derivative of a number by the
/// output, the derivatives of that number by input, weight and bias.
///
/// Both operators are bilinear in input and weight. So the gradient of the input is the adjoint
/// operator, `conv` for `conv_transpose` and the other way round, applied to `grad_y`; and that of
/// the weight sums the products of the elements that meet at a tap, over batch and positions:
///
///     grad_weight(c, m, k) = sum over n, i of  coarse(n, c, i) * fine(n, m, i * stride + k *
///                                              dilation - before)
///
/// with the coarse and fine side of `Axis`. Nothing is conjugated: for complex scalars these are
/// the derivatives of the bilinear forms themselves.
///
/// Every function also takes a `Workspace` first, to compute on its threads and memory. Results are
/// bitwise the same for any number of threads. Errors are those of the operators, and
/// `std::invalid_argument` for a `grad_y` that is not the shape of the output.
///
/// Source: V. Dumoulin and F. Visin, "A guide to convolution arithmetic for deep learning", 2016,
/// chapter 4.

#include <algorithm>
#include <array>
#include <concepts>
#include <cstddef>
#include <utility>

#include "tconv/core/axis.hpp"
#include "tconv/core/eigen.hpp"
#include "tconv/core/isa.hpp"
#include "tconv/core/require.hpp"
#include "tconv/core/view.hpp"
#include "tconv/frontend/arguments.hpp"
#include "tconv/frontend/dispatch.hpp"
#include "tconv/frontend/front_door.hpp"
#include "tconv/frontend/gradient_arguments.hpp"
#include "tconv/frontend/gradient_dispatch.hpp"
#include "tconv/frontend/views.hpp"
#include "tconv/frontend/workspace.hpp"
#include "tconv/geometry.hpp"
#include "tconv/gradient/bias.hpp"
#include "tconv/options.hpp"
#include "tconv/workspace.hpp"

namespace tconv::inline TCONV_ISA {

/// The gradients of one call of `conv` or `conv_transpose`.
template <class Input, class Weight, class Bias>
struct Gradients {
  Input input;    ///< like `x`
  Weight weight;  ///< like the weight
  Bias bias;      ///< `(C_out)`; of no interest to a call without bias
};

namespace detail {

template <Direction direction, int R, class GradY, class W>
auto input_gradient(Workspace& workspace, const Geometry<R>& geometry, const GradY& grad_y,
                    const W& weight, const ConvOptions<R>& options, const char* function) {
  constexpr auto adjoint = direction == Direction::scatter ? Direction::gather : Direction::scatter;
  auto grad_x =
      frontend::make_image<GradY>(geometry.output_shape(adjoint), options.data_format, function);
  if (geometry.batch() > 0)
    frontend::Production<adjoint, core::tensor_layout<GradY>>{workspace, options.summation}(
        geometry, frontend::image_view<R>(grad_y, options.data_format), core::plain_view(weight),
        static_cast<const core::tensor_scalar<GradY>*>(nullptr),
        frontend::image_view<R>(grad_x, options.data_format));
  return grad_x;
}

template <Direction direction, int R, class X, class GradY>
auto weight_gradient_tensor(Workspace& workspace, const Geometry<R>& geometry, const X& x,
                            const GradY& grad_y, DataFormat format, const char* function) {
  using Scalar = core::tensor_scalar<X>;
  core::checked_size<Scalar, core::tensor_index<X>>(geometry.weight_shape(),
                                                    "the weight's gradient", function);
  auto grad_weight = frontend::make_tensor<frontend::Result<X, R + 2>>(geometry.weight_shape());
  const core::TensorView<const Scalar, R + 2> x_view = frontend::image_view<R>(x, format);
  const core::TensorView<const Scalar, R + 2> y_view = frontend::image_view<R>(grad_y, format);
  constexpr bool scatters = direction == Direction::scatter;
  frontend::compute_weight_gradient<direction, core::tensor_layout<X>>(
      geometry, scatters ? x_view : y_view, scatters ? y_view : x_view,
      core::plain_view(grad_weight), workspace);
  return grad_weight;
}

template <int R, class GradY>
auto bias_gradient_tensor(Workspace& workspace, const GradY& grad_y, DataFormat format) {
  using Scalar = core::tensor_scalar<GradY>;
  const core::TensorView<const Scalar, R + 2> view = frontend::image_view<R>(grad_y, format);
  auto grad_bias = frontend::make_tensor<frontend::Result<GradY, 1>>(std::array{view.extents[1]});
  gradient::bias_gradient(execution_of(workspace), view, grad_bias.data());
  return grad_bias;
}

template <Direction direction, class X, class W, class GradY>
auto backward(const char* function, Workspace& workspace, const X& x, const W& weight,
              const GradY& grad_y, const frontend::OptionsOf<W>& options) {
  if constexpr (frontend::check_backward_types<X, W, GradY>()) {
    constexpr int R = frontend::spatial_axes<W>;
    const DataFormat format = options.data_format;
    const auto& stored_x = frontend::stored(x);
    const auto& stored_weight = frontend::stored(weight);
    const auto& stored_y = frontend::stored(grad_y);
    core::checked_size<core::tensor_scalar<W>>(core::extents_of(stored_weight), "weight", function);
    const auto x_view = frontend::checked_image_view<R>(stored_x, format, "x", function);
    const auto y_view = frontend::checked_image_view<R>(stored_y, format, "grad_y", function);
    const int axis = frontend::channel_axis<R, core::tensor_rank<X>>(format);
    const auto geometry = frontend::make_geometry<direction, R>(
        x_view.extents, core::extents_of(stored_weight), options, function, axis);
    frontend::check_grad_y(geometry, direction, y_view.extents, function, axis);
    auto input =
        input_gradient<direction>(workspace, geometry, stored_y, stored_weight, options, function);
    auto of_weight = weight_gradient_tensor<direction>(workspace, geometry, stored_x, stored_y,
                                                       format, function);
    auto bias = bias_gradient_tensor<R>(workspace, stored_y, format);
    return Gradients<decltype(input), decltype(of_weight), decltype(bias)>{
        std::move(input), std::move(of_weight), std::move(bias)};
  }
}

template <Direction direction, std::size_t axes, class X, class GradY>
auto weight_grad(const char* function, Workspace& workspace, const X& x, const GradY& grad_y,
                 const std::array<Index, axes>& kernel,
                 const ConvOptions<static_cast<int>(axes)>& options) {
  constexpr int R = static_cast<int>(axes);
  if constexpr (frontend::check_kernel_pair<X, GradY, R>()) {
    const auto& stored_x = frontend::stored(x);
    const auto& stored_y = frontend::stored(grad_y);
    const auto x_view =
        frontend::checked_image_view<R>(stored_x, options.data_format, "x", function);
    const auto y_view =
        frontend::checked_image_view<R>(stored_y, options.data_format, "grad_y", function);
    const auto geometry = frontend::kernel_geometry<direction, R>(
        x_view.extents, y_view.extents, kernel, options, function,
        frontend::channel_axis<R, core::tensor_rank<X>>(options.data_format));
    return weight_gradient_tensor<direction>(workspace, geometry, stored_x, stored_y,
                                             options.data_format, function);
  }
}

template <std::size_t axes, class W, class GradY>
auto conv_input_grad(Workspace& workspace, const W& weight, const GradY& grad_y,
                     const std::array<Index, axes>& in,
                     const ConvOptions<static_cast<int>(axes)>& options) {
  constexpr auto function = "conv_input_grad";
  constexpr int R = static_cast<int>(axes);
  if constexpr (frontend::check_weight_pair_with_extents<W, GradY, R>()) {
    const auto& stored_weight = frontend::stored(weight);
    const auto& stored_y = frontend::stored(grad_y);
    core::checked_size<core::tensor_scalar<W>>(core::extents_of(stored_weight), "weight", function);
    const auto y_view =
        frontend::checked_image_view<R>(stored_y, options.data_format, "grad_y", function);
    const auto shape = core::extents_of(stored_weight);
    const int axis = frontend::channel_axis<R, core::tensor_rank<GradY>>(options.data_format);
    Geometry<R>::check_weight(shape, options, function);
    core::check_extents(in, "in", function);
    Extents<R + 2> x{y_view.extents[0],
                     core::channels_of_groups(shape[1], options.groups, function)};
    std::copy(in.begin(), in.end(), x.begin() + 2);
    const auto geometry = Geometry<R>::of_conv(x, shape, options, function, axis);
    frontend::check_grad_y(geometry, Direction::gather, y_view.extents, function, axis);
    return input_gradient<Direction::gather>(workspace, geometry, stored_y, stored_weight, options,
                                             function);
  }
}

}  // namespace detail

/// The gradients of `y = conv_transpose(x, weight, bias, options)`.
///
/// \par Limits
/// Nothing is conjugated for complex scalars.
/// \par Example
/// \snippet functions.cpp conv_transpose_backward
///
/// \param x        `(N, C_in, in...)` or unbatched, as `conv_transpose` takes it
/// \param weight   `(C_in, C_out / groups, kernel...)`
/// \param grad_y   the derivative by the output, of the output's shape
/// \param options  those of the call
/// \returns `Gradients`: `.input` like `x`, `.weight` like `weight`, `.bias` `(C_out)`
/// \throws std::invalid_argument if shapes or options do not fit together
/// \throws std::length_error if the size of a result overflows
template <frontend::NoWorkspace X, class W, class GradY>
auto conv_transpose_backward(const X& x, const W& weight, const GradY& grad_y,
                             const frontend::OptionsOf<W>& options = {}) {
  return detail::backward<Direction::scatter>("conv_transpose_backward", thread_workspace(), x,
                                              weight, grad_y, options);
}
template <frontend::AnyWorkspace Space, class X, class W, class GradY>
auto conv_transpose_backward(Space&& workspace, const X& x, const W& weight, const GradY& grad_y,
                             const frontend::OptionsOf<W>& options = {}) {
  return detail::backward<Direction::scatter>("conv_transpose_backward", workspace, x, weight,
                                              grad_y, options);
}

/// The gradients of `y = conv(x, weight, bias, options)`; otherwise as `conv_transpose_backward`,
/// with a weight `(C_out, C_in / groups, kernel...)`.
template <frontend::NoWorkspace X, class W, class GradY>
auto conv_backward(const X& x, const W& weight, const GradY& grad_y,
                   const frontend::OptionsOf<W>& options = {}) {
  return detail::backward<Direction::gather>("conv_backward", thread_workspace(), x, weight, grad_y,
                                             options);
}
template <frontend::AnyWorkspace Space, class X, class W, class GradY>
auto conv_backward(Space&& workspace, const X& x, const W& weight, const GradY& grad_y,
                   const frontend::OptionsOf<W>& options = {}) {
  return detail::backward<Direction::gather>("conv_backward", workspace, x, weight, grad_y,
                                             options);
}

/// The gradient of `conv_transpose` by its input: `conv` of `grad_y` with the same weight.
///
/// \par Limits
/// The extents of `grad_y` must be those that the options make of some input.
/// \par Example
/// \snippet functions.cpp conv_transpose_input_grad
///
/// \param weight  `(C_in, C_out / groups, kernel...)`
/// \param grad_y  `(N, C_out, out...)` or unbatched
/// \returns `(N, C_in, in...)` with the extents `in` from which the options make `out`
/// \throws std::invalid_argument if there are no such extents, or shapes do not fit together
template <frontend::AnyWorkspace Space, class W, class GradY>
auto conv_transpose_input_grad(Space&& workspace, const W& weight, const GradY& grad_y,
                               const frontend::OptionsOf<W>& options = {}) {
  constexpr auto function = "conv_transpose_input_grad";
  if constexpr (frontend::check_weight_pair<W, GradY>()) {
    constexpr int R = frontend::spatial_axes<W>;
    const auto& stored_weight = frontend::stored(weight);
    const auto& stored_y = frontend::stored(grad_y);
    core::checked_size<core::tensor_scalar<W>>(core::extents_of(stored_weight), "weight", function);
    const auto y_view =
        frontend::checked_image_view<R>(stored_y, options.data_format, "grad_y", function);
    const auto geometry = frontend::input_geometry<R>(
        core::extents_of(stored_weight), y_view.extents, options, function,
        frontend::channel_axis<R, core::tensor_rank<GradY>>(options.data_format));
    return detail::input_gradient<Direction::scatter>(workspace, geometry, stored_y, stored_weight,
                                                      options, function);
  }
}
template <frontend::NoWorkspace W, class GradY>
auto conv_transpose_input_grad(const W& weight, const GradY& grad_y,
                               const frontend::OptionsOf<W>& options = {}) {
  return conv_transpose_input_grad(thread_workspace(), weight, grad_y, options);
}

/// The gradient of `conv` by its input: `conv_transpose` of `grad_y` with the same weight, and
/// zeros where the stride left inputs unread.
///
/// \par Limits
/// The extents of the input are an argument, as several give one output.
/// \par Example
/// \snippet functions.cpp conv_transpose_input_grad
///
/// \param weight  `(C_out, C_in / groups, kernel...)`
/// \param grad_y  `(N, C_out, out...)` or unbatched
/// \param in      spatial extents of the input: an array of `R` integers, or `{...}`
/// \returns `(N, C_in, in...)`
/// \throws std::invalid_argument if shapes or options do not fit together
template <frontend::AnyWorkspace Space, class W, class GradY, std::integral I, std::size_t R>
auto conv_input_grad(Space&& workspace, const W& weight, const GradY& grad_y,
                     const std::array<I, R>& in,
                     const ConvOptions<static_cast<int>(R)>& options = {}) {
  return detail::conv_input_grad(workspace, weight, grad_y, frontend::to_indices(in), options);
}
template <frontend::AnyWorkspace Space, class W, class GradY, std::integral I, std::size_t R>
auto conv_input_grad(Space&& workspace, const W& weight, const GradY& grad_y, const I (&in)[R],
                     const ConvOptions<static_cast<int>(R)>& options = {}) {
  return conv_input_grad(workspace, weight, grad_y, std::to_array(in), options);
}
template <frontend::NoWorkspace W, class GradY, std::integral I, std::size_t R>
auto conv_input_grad(const W& weight, const GradY& grad_y, const std::array<I, R>& in,
                     const ConvOptions<static_cast<int>(R)>& options = {}) {
  return conv_input_grad(thread_workspace(), weight, grad_y, in, options);
}
template <frontend::NoWorkspace W, class GradY, std::integral I, std::size_t R>
auto conv_input_grad(const W& weight, const GradY& grad_y, const I (&in)[R],
                     const ConvOptions<static_cast<int>(R)>& options = {}) {
  return conv_input_grad(thread_workspace(), weight, grad_y, std::to_array(in), options);
}

/// The gradient of `conv_transpose` by its weight.
///
/// \par Limits
/// `Summation::ordered` does not reach weight gradients; their bits do not depend on the number of
/// threads.
/// \par Example
/// \snippet functions.cpp conv_transpose_weight_grad
///
/// \param x       `(N, C_in, in...)` or unbatched
/// \param grad_y  `(N, C_out, out...)`, of the output's shape
/// \param kernel  spatial extents of the weight: an array of `R` integers, or `{...}`
/// \returns `(C_in, C_out / groups, kernel...)`, zero for `N = 0`
/// \throws std::invalid_argument if shapes or options do not fit together
template <frontend::AnyWorkspace Space, class X, class GradY, std::integral I, std::size_t R>
auto conv_transpose_weight_grad(Space&& workspace, const X& x, const GradY& grad_y,
                                const std::array<I, R>& kernel,
                                const ConvOptions<static_cast<int>(R)>& options = {}) {
  return detail::weight_grad<Direction::scatter>("conv_transpose_weight_grad", workspace, x, grad_y,
                                                 frontend::to_indices(kernel), options);
}
template <frontend::AnyWorkspace Space, class X, class GradY, std::integral I, std::size_t R>
auto conv_transpose_weight_grad(Space&& workspace, const X& x, const GradY& grad_y,
                                const I (&kernel)[R],
                                const ConvOptions<static_cast<int>(R)>& options = {}) {
  return conv_transpose_weight_grad(workspace, x, grad_y, std::to_array(kernel), options);
}
template <frontend::NoWorkspace X, class GradY, std::integral I, std::size_t R>
auto conv_transpose_weight_grad(const X& x, const GradY& grad_y, const std::array<I, R>& kernel,
                                const ConvOptions<static_cast<int>(R)>& options = {}) {
  return conv_transpose_weight_grad(thread_workspace(), x, grad_y, kernel, options);
}
template <frontend::NoWorkspace X, class GradY, std::integral I, std::size_t R>
auto conv_transpose_weight_grad(const X& x, const GradY& grad_y, const I (&kernel)[R],
                                const ConvOptions<static_cast<int>(R)>& options = {}) {
  return conv_transpose_weight_grad(thread_workspace(), x, grad_y, std::to_array(kernel), options);
}

/// The gradient of `conv` by its weight, `(C_out, C_in / groups, kernel...)`; otherwise as
/// `conv_transpose_weight_grad`.
template <frontend::AnyWorkspace Space, class X, class GradY, std::integral I, std::size_t R>
auto conv_weight_grad(Space&& workspace, const X& x, const GradY& grad_y,
                      const std::array<I, R>& kernel,
                      const ConvOptions<static_cast<int>(R)>& options = {}) {
  return detail::weight_grad<Direction::gather>("conv_weight_grad", workspace, x, grad_y,
                                                frontend::to_indices(kernel), options);
}
template <frontend::AnyWorkspace Space, class X, class GradY, std::integral I, std::size_t R>
auto conv_weight_grad(Space&& workspace, const X& x, const GradY& grad_y, const I (&kernel)[R],
                      const ConvOptions<static_cast<int>(R)>& options = {}) {
  return conv_weight_grad(workspace, x, grad_y, std::to_array(kernel), options);
}
template <frontend::NoWorkspace X, class GradY, std::integral I, std::size_t R>
auto conv_weight_grad(const X& x, const GradY& grad_y, const std::array<I, R>& kernel,
                      const ConvOptions<static_cast<int>(R)>& options = {}) {
  return conv_weight_grad(thread_workspace(), x, grad_y, kernel, options);
}
template <frontend::NoWorkspace X, class GradY, std::integral I, std::size_t R>
auto conv_weight_grad(const X& x, const GradY& grad_y, const I (&kernel)[R],
                      const ConvOptions<static_cast<int>(R)>& options = {}) {
  return conv_weight_grad(thread_workspace(), x, grad_y, std::to_array(kernel), options);
}

/// The gradient of either operator by its bias: the sum of `grad_y` over batch and positions.
///
/// \par Limits
/// Batched tensors, unless the number of spatial axes is given.
/// \par Example
/// \snippet functions.cpp bias_grad
///
/// \param grad_y  `(N, C_out, out...)`, with channels_last `(N, out..., C_out)`. With the number of
///                spatial axes given, `bias_grad<2>(grad_y)`, also one sample
/// \returns `(C_out)`, zero for `N = 0`
template <int R, frontend::AnyWorkspace Space, class GradY>
auto bias_grad(Space&& workspace, const GradY& grad_y,
               DataFormat data_format = DataFormat::channels_first) {
  if constexpr (frontend::check_grad_y<GradY>())
    if constexpr (frontend::check_rank<GradY, R>())
      return detail::bias_gradient_tensor<R>(workspace, frontend::stored(grad_y), data_format);
}
template <int R, frontend::NoWorkspace GradY>
auto bias_grad(const GradY& grad_y, DataFormat data_format = DataFormat::channels_first) {
  return bias_grad<R>(thread_workspace(), grad_y, data_format);
}
template <frontend::AnyWorkspace Space, class GradY>
auto bias_grad(Space&& workspace, const GradY& grad_y,
               DataFormat data_format = DataFormat::channels_first) {
  if constexpr (frontend::check_grad_y<GradY>())
    if constexpr (frontend::check_batched_rank<GradY>())
      return bias_grad<frontend::spatial_axes<GradY>>(workspace, grad_y, data_format);
}
template <frontend::NoWorkspace GradY>
auto bias_grad(const GradY& grad_y, DataFormat data_format = DataFormat::channels_first) {
  return bias_grad(thread_workspace(), grad_y, data_format);
}

}  // namespace tconv::inline TCONV_ISA
