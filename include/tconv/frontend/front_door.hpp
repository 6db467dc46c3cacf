#pragma once

/// \file
/// What every operator does before and around its algorithm: check the arguments, bring them to
/// `TensorView`s, make the result.

#include <cstddef>

#include "tconv/core/axis.hpp"
#include "tconv/core/eigen.hpp"
#include "tconv/core/isa.hpp"
#include "tconv/core/require.hpp"
#include "tconv/core/view.hpp"
#include "tconv/frontend/arguments.hpp"
#include "tconv/frontend/matrices.hpp"
#include "tconv/frontend/output.hpp"
#include "tconv/frontend/views.hpp"
#include "tconv/geometry.hpp"
#include "tconv/options.hpp"

namespace tconv::inline TCONV_ISA::frontend {

template <Direction direction, int R>
constexpr Geometry<R> make_geometry(const Extents<R + 2>& x, const Extents<R + 2>& weight,
                                    const ConvOptions<R>& options, const char* function,
                                    int channel_axis) {
  if constexpr (direction == Direction::gather)
    return Geometry<R>::of_conv(x, weight, options, function, channel_axis);
  else
    return Geometry<R>::of_conv_transpose(x, weight, options, function, channel_axis);
}

/// The stored bias, or `NoBias`.
template <class Bias>
decltype(auto) stored_bias(const Bias& bias) {
  if constexpr (TensorExpression<Bias>)
    return stored(bias);
  else if constexpr (VectorExpression<Bias>)
    return to_tensor(bias);
  else
    return (bias);
}

/// The bias's elements, or null if there is none.
template <class Scalar, class Bias>
const Scalar* bias_data(const Bias& bias, Index channels, const char* function) {
  if constexpr (TensorExpression<Bias>) {
    require(bias.size() == channels, function, "bias has ", bias.size(),
            " elements, but the output has ", channels, " channels");
    return bias.data();
  } else {
    return nullptr;
  }
}

/// The types of a call of which all tensors have one scalar.
struct OneScalar {
  template <class X>
  using Output = Result<X>;
  template <class X>
  using BiasScalar = tensor_scalar<X>;
  template <class X, class W, class Bias>
  static consteval bool check() {
    return check_argument_types<X, W, Bias>();
  }
};

/// Checks a call of an operator, finds the place of its result in `out`, and has
/// `algorithm(geometry, x, weight, bias, y)` fill it. `bias` is a pointer to one number per output
/// channel, or null. Numbers that an algorithm has of its own it checks for itself.
template <Direction direction, class Types = OneScalar, class Out, class X, class W, class Bias,
          class Algorithm>
decltype(auto) apply_to(const char* function, const Out& out, const X& x, const W& weight,
                        const Bias& bias, const OptionsOf<W>& options, const Algorithm& algorithm) {
  if constexpr (Types::template check<X, W, Bias>())
    if constexpr (Out::template accepts<typename Types::template Output<X>, tensor_rank<X>>()) {
      constexpr int R = spatial_axes<W>;
      constexpr int rank = tensor_rank<X>;
      const auto& stored_x = stored_image(x, "x", function);
      const auto& stored_weight = stored(weight);
      const auto& stored_b = stored_bias(bias);
      checked_size<tensor_scalar<X>>(extents_of(stored_x), "x", function);
      checked_size<tensor_scalar<W>>(extents_of(stored_weight), "weight", function);
      const TensorView<const tensor_scalar<X>, R + 2> x_view =
          image_view<R>(stored_x, options.data_format);
      const TensorView<const tensor_scalar<W>, R + 2> weight_view = plain_view(stored_weight);

      const auto geometry =
          make_geometry<direction, R>(x_view.extents, weight_view.extents, options, function,
                                      channel_axis<R, rank>(options.data_format));
      const auto y_shape = geometry.output_shape(direction);
      const auto* bias_elements =
          bias_data<typename Types::template BiasScalar<X>>(stored_b, y_shape[1], function);

      if constexpr (requires { algorithm.check(function, y_shape[1]); })
        algorithm.check(function, y_shape[1]);

      decltype(auto) y = out.template place<typename Types::template Output<X>>(
          function, own_order<static_cast<std::size_t>(rank)>(y_shape, options.data_format),
          {{"x", stored_x}, {"weight", stored_weight}, {"bias", stored_b}});
      if (geometry.batch() > 0)
        algorithm(geometry, x_view, weight_view, bias_elements,
                  image_view<R>(y, options.data_format));
      return y;
    }
}

/// The same into a new tensor, which is returned.
template <Direction direction, class Types = OneScalar, class X, class W, class Bias,
          class Algorithm>
auto apply(const char* function, const X& x, const W& weight, const Bias& bias,
           const OptionsOf<W>& options, const Algorithm& algorithm) {
  return apply_to<direction, Types>(function, NewTensor(), x, weight, bias, options, algorithm);
}

}  // namespace tconv::inline TCONV_ISA::frontend
