#pragma once

/// \file
/// The functions of "Dive into Deep Learning", section 14.10 (transposed convolution): one channel,
/// two axes. Small ones are computed by the direct loops, others on the production path.

#include "tconv/core/axis.hpp"
#include "tconv/core/eigen.hpp"
#include "tconv/core/isa.hpp"
#include "tconv/core/ordered_loops.hpp"
#include "tconv/core/reference_loops.hpp"
#include "tconv/core/require.hpp"
#include "tconv/core/view.hpp"
#include "tconv/frontend/arguments.hpp"
#include "tconv/frontend/dispatch.hpp"
#include "tconv/frontend/front_door.hpp"
#include "tconv/frontend/matrices.hpp"
#include "tconv/frontend/output.hpp"
#include "tconv/frontend/views.hpp"
#include "tconv/geometry.hpp"
#include "tconv/kernel2matrix.hpp"
#include "tconv/options.hpp"
#include "tconv/workspace.hpp"

namespace tconv::inline TCONV_ISA {
namespace detail {

/// Products up to which the direct loops take no longer than to plan a call, nearly.
inline constexpr double few_products = 2048;

/// By the direct loops, where there is little to do, and by the production path.
template <Direction direction, int layout, class Scalar>
void compute_textbook(const Geometry<2>& geometry, const core::TensorView<const Scalar, 4>& x,
                      const core::TensorView<const Scalar, 4>& kernel,
                      const core::TensorView<Scalar, 4>& y, Summation summation) {
  const Scalar* const no_bias = nullptr;
  if constexpr (core::EngineScalar<Scalar>) {
    double products = 1;
    for (const Axis& axis : geometry.axes())
      products *= static_cast<double>(axis.coarse) * static_cast<double>(axis.kernel);
    if (products > few_products)
      return frontend::Production<direction, layout>{thread_workspace(), summation}(
          geometry, x, kernel, no_bias, y);
  }
  if (summation == Summation::ordered)
    core::ordered_loops<direction, 2>(geometry.axes(), 1, x, kernel, no_bias, y);
  else
    core::direct_loops<direction, 2>(geometry.axes(), 1, x, kernel, no_bias, y);
}

template <Direction direction, class Out, class X, class K>
auto apply_textbook(const char* function, const Out& out, const X& x, const K& kernel,
                    const ConvOptions<2>& options) {
  if constexpr (core::MatrixExpression<X>) {
    return apply_textbook<direction>(function, frontend::NewMatrix(), frontend::matrix_to_tensor(x),
                                     kernel, options);
  } else if constexpr (core::MatrixExpression<K>) {
    return apply_textbook<direction>(
        function, out, x, frontend::matrix_to_tensor<K, core::storage_order<X>>(kernel), options);
  } else if constexpr (frontend::check_textbook_types<X, K>()) {
    using Scalar = core::tensor_scalar<X>;
    constexpr int layout = core::tensor_layout<X>;
    const auto& stored_x = frontend::stored(x);
    const auto& stored_kernel = frontend::stored(kernel);
    core::checked_size<Scalar>(core::extents_of(stored_x), "x", function);
    core::checked_size<Scalar>(core::extents_of(stored_kernel), "kernel", function);
    const auto x_view = weight_view(stored_x);
    const auto k_view = weight_view(stored_kernel);
    core::require(options.groups == 1, function, "groups is ", options.groups,
                  ", but must be 1: there is one channel");
    const auto geometry =
        frontend::make_geometry<direction, 2>(x_view.extents, k_view.extents, options, function, 1);
    const auto shape = geometry.output_shape(direction);
    const Extents<2> extents{shape[2], shape[3]};
    auto y = out.template place<frontend::Result<X>>(function, extents, {});
    const Extents<2> strides = core::dense_strides(extents, layout);
    compute_textbook<direction, layout, Scalar>(geometry, x_view, k_view,
                                                {y.data(), shape, {0, 0, strides[0], strides[1]}},
                                                options.summation);
    return y;
  }
}

}  // namespace detail

/// Transposed convolution of `X` `(h, w)` with `K` `(k0, k1)`: every element of `X`, times `K`, is
/// added to the result at its position. With the defaults the result is `(h + k0 - 1, w + k1 - 1)`.
/// Tensors of rank 2, or Eigen matrices; the result is what `X` is.
///
/// \par Limits
/// One channel, two axes, one sample.
/// \par Example
/// \snippet functions.cpp trans_conv
/// \throws std::invalid_argument if `options.groups` is not 1, or as `conv_transpose`
template <class X, class K>
auto trans_conv(const X& x, const K& kernel, const ConvOptions<2>& options = {}) {
  return detail::apply_textbook<Direction::scatter>("trans_conv", frontend::NewTensor(), x, kernel,
                                                    options);
}

/// Two-dimensional cross-correlation of `X` `(h, w)` with `K` `(k0, k1)`. With the defaults the
/// result is `(h - k0 + 1, w - k1 + 1)`. Otherwise as `trans_conv`.
/// \throws std::invalid_argument if `options.groups` is not 1, or as `conv`
template <class X, class K>
auto corr2d(const X& x, const K& kernel, const ConvOptions<2>& options = {}) {
  return detail::apply_textbook<Direction::gather>("corr2d", frontend::NewTensor(), x, kernel,
                                                   options);
}

}  // namespace tconv::inline TCONV_ISA
