#pragma once

/// \file
/// The functions of "Dive into Deep Learning", section 14.10 (transposed convolution): one channel,
/// two axes, the direct loops.

#include "tconv/core/axis.hpp"
#include "tconv/core/eigen.hpp"
#include "tconv/core/isa.hpp"
#include "tconv/core/ordered_loops.hpp"
#include "tconv/core/reference_loops.hpp"
#include "tconv/core/require.hpp"
#include "tconv/core/view.hpp"
#include "tconv/frontend/arguments.hpp"
#include "tconv/frontend/front_door.hpp"
#include "tconv/frontend/matrices.hpp"
#include "tconv/frontend/views.hpp"
#include "tconv/kernel2matrix.hpp"
#include "tconv/options.hpp"

namespace tconv::inline TCONV_ISA {
namespace detail {

template <Direction direction, class X, class K>
auto apply_textbook(const char* function, const X& x, const K& kernel,
                    const ConvOptions<2>& options) {
  if constexpr (core::MatrixExpression<X>) {
    return frontend::tensor_to_matrix(
        apply_textbook<direction>(function, frontend::matrix_to_tensor(x), kernel, options));
  } else if constexpr (core::MatrixExpression<K>) {
    return apply_textbook<direction>(
        function, x, frontend::matrix_to_tensor<K, core::storage_order<X>>(kernel), options);
  } else if constexpr (frontend::check_textbook_types<X, K>()) {
    using Scalar = core::tensor_scalar<X>;
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
    core::checked_size<Scalar, core::tensor_index<X>>(shape, "the result", function);
    auto y = frontend::make_tensor<frontend::Result<X>>(Extents<2>{shape[2], shape[3]});
    const core::TensorView<Scalar, 2> plain = core::plain_view(y);
    const core::TensorView<Scalar, 4> y_view{
        plain.data, shape, {0, 0, plain.strides[0], plain.strides[1]}};
    const Scalar* const no_bias = nullptr;
    if (options.summation == Summation::ordered)
      core::ordered_loops<direction, 2>(geometry.axes(), 1, x_view, k_view, no_bias, y_view);
    else
      core::direct_loops<direction, 2>(geometry.axes(), 1, x_view, k_view, no_bias, y_view);
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
  return detail::apply_textbook<Direction::scatter>("trans_conv", x, kernel, options);
}

/// Two-dimensional cross-correlation of `X` `(h, w)` with `K` `(k0, k1)`. With the defaults the
/// result is `(h - k0 + 1, w - k1 + 1)`. Otherwise as `trans_conv`.
/// \throws std::invalid_argument if `options.groups` is not 1, or as `conv`
template <class X, class K>
auto corr2d(const X& x, const K& kernel, const ConvOptions<2>& options = {}) {
  return detail::apply_textbook<Direction::gather>("corr2d", x, kernel, options);
}

}  // namespace tconv::inline TCONV_ISA
