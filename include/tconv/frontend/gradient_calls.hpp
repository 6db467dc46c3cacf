#pragma once

/// \file
/// The calls of gradients: each checks its arguments, finds the places of its results, and fills
/// them.

#include <algorithm>
#include <array>
#include <concepts>
#include <cstddef>
#include <tuple>
#include <type_traits>
#include <utility>

#include "tconv/core/axis.hpp"
#include "tconv/core/eigen.hpp"
#include "tconv/core/isa.hpp"
#include "tconv/core/view.hpp"
#include "tconv/frontend/arguments.hpp"
#include "tconv/frontend/dispatch.hpp"
#include "tconv/frontend/front_door.hpp"
#include "tconv/frontend/gradient_arguments.hpp"
#include "tconv/frontend/gradient_dispatch.hpp"
#include "tconv/frontend/matrices.hpp"
#include "tconv/frontend/output.hpp"
#include "tconv/frontend/views.hpp"
#include "tconv/geometry.hpp"
#include "tconv/gradient/bias.hpp"
#include "tconv/options.hpp"
#include "tconv/workspace.hpp"

namespace tconv::inline TCONV_ISA {

template <class Input, class Weight, class Bias>
struct Gradients;

namespace frontend {

/// In the place of a gradient that is not asked for.
struct Nothing {
  template <class, int>
  static consteval bool accepts() {
    return true;
  }
  template <class, std::size_t rank>
  Nothing place(const char*, const std::array<Index, rank>&, Inputs) const {
    return {};
  }
};

template <class Out>
inline constexpr bool is_ignored =
    std::same_as<std::remove_cv_t<Out>, std::remove_cv_t<decltype(std::ignore)>>;

/// The output of a gradient: a tensor, or `std::ignore`.
template <class Out>
auto output_of(Out& out, const char* name) {
  if constexpr (is_ignored<Out>)
    return Nothing{};
  else
    return GivenTensor<Out>{out, name};
}

/// The gradient of a bias as a tensor: of a vector, a map.
template <class Out>
decltype(auto) bias_tensor(Out& out) {
  if constexpr (DenseVector<std::remove_const_t<Out>>)
    return to_tensor(out);
  else
    return (out);
}

/// What holds the outputs of all gradients: `Gradients`, or a tuple of three references.
template <class T>
inline constexpr bool holds_gradients = false;
template <class Input, class Weight, class Bias>
inline constexpr bool holds_gradients<Gradients<Input, Weight, Bias>> = true;
template <class Input, class Weight, class Bias>
inline constexpr bool holds_gradients<std::tuple<Input&, Weight&, Bias&>> = true;

template <class Out, class Scalar>
consteval bool check_bias_output_or_none() {
  if constexpr (is_ignored<Out>)
    return true;
  else
    return check_bias_output<Out, Scalar>();
}

template <class Outputs>
consteval bool check_holds_gradients() {
  constexpr bool holds = holds_gradients<std::remove_const_t<Outputs>>;
  static_assert(holds,
                "tconv: the outputs of all gradients must be Gradients{grad_x, grad_weight, "
                "grad_bias}, or std::tie of the three");
  return holds;
}

/// Fills `grad_x`, which may be `Nothing`.
template <Direction direction, int R, class GradX, class GradY, class W>
void fill_input_gradient(Workspace& workspace, const Geometry<R>& geometry, GradX& grad_x,
                         const GradY& grad_y, const W& weight, const ConvOptions<R>& options) {
  constexpr auto adjoint = direction == Direction::scatter ? Direction::gather : Direction::scatter;
  if constexpr (!std::same_as<GradX, Nothing>) {
    using View = TensorView<const tensor_scalar<GradY>, R + 2>;
    const View y_view = image_view<R>(grad_y, options.data_format), w_view = plain_view(weight);
    const tensor_scalar<GradY>* const no_bias = nullptr;
    if (geometry.batch() > 0)
      Production<adjoint, tensor_layout<GradY>>{workspace, options.summation}(
          geometry, y_view, w_view, no_bias, image_view<R>(grad_x, options.data_format));
  }
}

template <Direction direction, int R, class GradW, class X, class GradY>
void fill_weight_gradient(Workspace& workspace, const Geometry<R>& geometry, GradW& grad_weight,
                          const X& x, const GradY& grad_y, DataFormat format) {
  if constexpr (!std::same_as<GradW, Nothing>) {
    using View = TensorView<const tensor_scalar<X>, R + 2>;
    const View x_view = image_view<R>(x, format), y_view = image_view<R>(grad_y, format);
    constexpr bool scatters = direction == Direction::scatter;
    compute_weight_gradient<direction, tensor_layout<X>>(geometry, scatters ? x_view : y_view,
                                                         scatters ? y_view : x_view,
                                                         plain_view(grad_weight), workspace);
  }
}

template <int R, class GradBias, class GradY>
void fill_bias_gradient(Workspace& workspace, GradBias& grad_bias, const GradY& grad_y,
                        DataFormat format) {
  if constexpr (!std::same_as<GradBias, Nothing>) {
    const TensorView<const tensor_scalar<GradY>, R + 2> view = image_view<R>(grad_y, format);
    gradient::bias_gradient(execution_of(workspace), view, grad_bias.data());
  }
}

/// The kernel's extents and the options of the gradient `GradW` of a weight.
template <class GradW>
using KernelOf = SpatialExtents<spatial_axes<std::remove_cvref_t<GradW>>>;
template <class GradW>
using WeightOptionsOf = OptionsOf<std::remove_cvref_t<GradW>>;

/// All gradients of an operator, into the places that the outputs have for them.
template <Direction direction, class OutX, class OutW, class OutBias, class X, class W, class GradY>
auto backward(const char* function, Workspace& workspace, const OutX& out_x, const OutW& out_w,
              const OutBias& out_bias, const X& x, const W& weight, const GradY& grad_y,
              const OptionsOf<W>& options) {
  constexpr int R = spatial_axes<W>, rank = tensor_rank<X>;
  using Scalar = tensor_scalar<X>;
  const DataFormat format = options.data_format;
  const auto& stored_x = stored(x);
  const auto& stored_weight = stored(weight);
  const auto& stored_y = stored(grad_y);
  checked_size<Scalar>(extents_of(stored_weight), "weight", function);
  const auto x_view = checked_image_view<R>(stored_x, format, "x", function);
  const auto y_view = checked_image_view<R>(stored_y, format, "grad_y", function);
  const int axis = channel_axis<R, rank>(format);
  const auto geometry = make_geometry<direction, R>(x_view.extents, extents_of(stored_weight),
                                                    options, function, axis);
  check_grad_y(geometry, direction, y_view.extents, function, axis);

  const NamedMemory in_x("x", stored_x), in_w("weight", stored_weight), in_y("grad_y", stored_y);
  decltype(auto) input = out_x.template place<Result<GradY>>(
      function, own_order<static_cast<std::size_t>(rank)>(x_view.extents, format),
      {in_x, in_w, in_y});
  const NamedMemory of_input("grad_x", input);
  decltype(auto) of_weight = out_w.template place<Result<X, R + 2>>(
      function, geometry.weight_shape(), {in_x, in_w, in_y, of_input});
  const NamedMemory of_of_weight("grad_weight", of_weight);
  decltype(auto) bias = out_bias.template place<Result<GradY, 1>>(
      function, std::array{y_view.extents[1]}, {in_x, in_w, in_y, of_input, of_of_weight});

  fill_input_gradient<direction>(workspace, geometry, input, stored_y, stored_weight, options);
  fill_weight_gradient<direction>(workspace, geometry, of_weight, stored_x, stored_y, format);
  fill_bias_gradient<R>(workspace, bias, stored_y, format);
  return Gradients<decltype(input), decltype(of_weight), decltype(bias)>{
      std::forward<decltype(input)>(input), std::forward<decltype(of_weight)>(of_weight),
      std::forward<decltype(bias)>(bias)};
}

/// The same into new tensors.
template <Direction direction, class X, class W, class GradY>
auto new_backward(const char* function, Workspace& workspace, const X& x, const W& weight,
                  const GradY& grad_y, const OptionsOf<W>& options) {
  if constexpr (check_backward_types<X, W, GradY>())
    return backward<direction>(function, workspace, NewTensor(), NewTensor(), NewTensor(), x,
                               weight, grad_y, options);
}

/// The same into the outputs of the caller's.
template <Direction direction, class Outputs, class X, class W, class GradY>
void backward_into(const char* function, Workspace& workspace, Outputs& outputs, const X& x,
                   const W& weight, const GradY& grad_y, const OptionsOf<W>& options) {
  if constexpr (all(check_backward_types<X, W, GradY>(), check_holds_gradients<Outputs>())) {
    auto& [grad_x, grad_weight, grad_bias] = outputs;
    const auto out_x = output_of(grad_x, "grad_x");
    const auto out_w = output_of(grad_weight, "grad_weight");
    using Bias = std::remove_reference_t<decltype((grad_bias))>;
    if constexpr (all(decltype(out_x)::template accepts<X, tensor_rank<X>>(),
                      decltype(out_w)::template accepts<X, tensor_rank<W>>(),
                      check_bias_output_or_none<Bias, tensor_scalar<X>>())) {
      auto&& bias = bias_tensor(grad_bias);
      backward<direction>(function, workspace, out_x, out_w, output_of(bias, "grad_bias"), x,
                          weight, grad_y, options);
    }
  }
}

/// The gradient of an operator's weight.
template <Direction direction, int R, class Out, class X, class GradY>
decltype(auto) weight_grad(const char* function, Workspace& workspace, const Out& out, const X& x,
                           const GradY& grad_y, const Extents<R>& kernel,
                           const ConvOptions<R>& options) {
  if constexpr (check_kernel_pair<X, GradY, R>())
    if constexpr (Out::template accepts<X, R + 2>()) {
      const auto& stored_x = stored(x);
      const auto& stored_y = stored(grad_y);
      const auto x_view = checked_image_view<R>(stored_x, options.data_format, "x", function);
      const auto y_view = checked_image_view<R>(stored_y, options.data_format, "grad_y", function);
      const auto geometry =
          kernel_geometry<direction, R>(x_view.extents, y_view.extents, kernel, options, function,
                                        channel_axis<R, tensor_rank<X>>(options.data_format));
      decltype(auto) grad_weight = out.template place<Result<X, R + 2>>(
          function, geometry.weight_shape(), {{"x", stored_x}, {"grad_y", stored_y}});
      fill_weight_gradient<direction>(workspace, geometry, grad_weight, stored_x, stored_y,
                                      options.data_format);
      return grad_weight;
    }
}

/// The gradient of an operator's input, of the geometry `geometry_of(weight shape, grad_y shape,
/// channel axis)`.
template <Direction direction, class Out, class W, class GradY, class GeometryOf>
decltype(auto) input_grad(const char* function, Workspace& workspace, const Out& out,
                          const W& weight, const GradY& grad_y, const OptionsOf<W>& options,
                          const GeometryOf& geometry_of) {
  if constexpr (check_weight_pair<W, GradY>())
    if constexpr (Out::template accepts<GradY, tensor_rank<GradY>>()) {
      constexpr int R = spatial_axes<W>, rank = tensor_rank<GradY>;
      constexpr bool scatters = direction == Direction::scatter;
      constexpr auto adjoint = scatters ? Direction::gather : Direction::scatter;
      const DataFormat format = options.data_format;
      const auto& stored_weight = stored(weight);
      const auto& stored_y = stored(grad_y);
      checked_size<tensor_scalar<W>>(extents_of(stored_weight), "weight", function);
      const auto y_view = checked_image_view<R>(stored_y, format, "grad_y", function);
      const Geometry<R> geometry =
          geometry_of(extents_of(stored_weight), y_view.extents, channel_axis<R, rank>(format));
      decltype(auto) grad_x = out.template place<Result<GradY>>(
          function,
          own_order<static_cast<std::size_t>(rank)>(geometry.output_shape(adjoint), format),
          {{"weight", stored_weight}, {"grad_y", stored_y}});
      fill_input_gradient<direction>(workspace, geometry, grad_x, stored_y, stored_weight, options);
      return grad_x;
    }
}

template <class Out, class W, class GradY>
decltype(auto) conv_transpose_input_grad(const char* function, Workspace& workspace, const Out& out,
                                         const W& weight, const GradY& grad_y,
                                         const OptionsOf<W>& options) {
  return input_grad<Direction::scatter>(function, workspace, out, weight, grad_y, options,
                                        [&](const auto& w, const auto& y, int axis) {
                                          return input_geometry<spatial_axes<W>>(w, y, options,
                                                                                 function, axis);
                                        });
}

/// `in` are the extents of the input.
template <int R, class Out, class W, class GradY>
decltype(auto) conv_input_grad(const char* function, Workspace& workspace, const Out& out,
                               const W& weight, const GradY& grad_y, const Extents<R>& in,
                               const ConvOptions<R>& options) {
  if constexpr (check_weight_pair_with_extents<W, GradY, R>())
    return input_grad<Direction::gather>(
        function, workspace, out, weight, grad_y, options,
        [&](const Extents<R + 2>& w, const Extents<R + 2>& y, int axis) {
          return conv_input_geometry<R>(w, y, in, options, function, axis);
        });
}

/// The gradient of either operator's bias, of an image with `R` spatial axes, or as many as its
/// rank says where `R` is 0.
template <int R, class Out, class GradY>
decltype(auto) bias_grad(const char* function, Workspace& workspace, const Out& out,
                         const GradY& grad_y, DataFormat format) {
  constexpr int axes = image_axes<GradY, R>;
  const auto& stored_y = stored(grad_y);
  const auto y_view = checked_image_view<axes>(stored_y, format, "grad_y", function);
  decltype(auto) grad_bias = out.template place<Result<GradY, 1>>(
      function, std::array{y_view.extents[1]}, {{"grad_y", stored_y}});
  fill_bias_gradient<axes>(workspace, grad_bias, stored_y, format);
  return grad_bias;
}

template <int R, class GradY>
auto new_bias_grad(Workspace& workspace, const GradY& grad_y, DataFormat format) {
  if constexpr (check_bias_grad_image<GradY, R>())
    return bias_grad<R>("bias_grad", workspace, NewTensor(), grad_y, format);
}

template <int R, class GradBias, class GradY>
void bias_grad_into(Workspace& workspace, GradBias& grad_bias, const GradY& grad_y,
                    DataFormat format) {
  if constexpr (check_bias_grad_image<GradY, R>())
    if constexpr (check_bias_output<GradBias, tensor_scalar<GradY>>()) {
      auto&& bias = bias_tensor(grad_bias);
      bias_grad<R>("bias_grad_into", workspace, output_of(bias, "grad_bias"), grad_y, format);
    }
}

}  // namespace frontend
}  // namespace tconv::inline TCONV_ISA
