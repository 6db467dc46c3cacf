#pragma once

/// \file
/// The functions of "Dive into Deep Learning", section 14.10 (transposed convolution): one channel,
/// two axes, the direct loops.

#include "tconv/kernel2matrix.hpp"
#include "tconv/scatter.hpp"

namespace tconv {
namespace detail {

template <class X, class K>
consteval bool check_textbook_types() {
  static_assert(TensorExpression<X>, "tconv: X must be an Eigen tensor or tensor expression");
  static_assert(TensorExpression<K>, "tconv: K must be an Eigen tensor or tensor expression");
  if constexpr (TensorExpression<X> && TensorExpression<K>) {
    constexpr bool ranks = tensor_rank<X> == 2 && tensor_rank<K> == 2;
    constexpr bool scalars = std::same_as<tensor_scalar<X>, tensor_scalar<K>>;
    constexpr bool layouts = tensor_layout<X> == tensor_layout<K>;
    static_assert(ranks, "tconv: X and K must have rank 2");
    static_assert(scalars, "tconv: X and K must have the same scalar type");
    static_assert(layouts, "tconv: X and K must have the same storage order");
    return ranks && scalars && layouts;
  } else {
    return false;
  }
}

template <Direction direction, class X, class K>
auto apply_textbook(const char* function, const X& x, const K& kernel,
                    const ConvOptions<2>& options) {
  if constexpr (check_textbook_types<X, K>()) {
    using Scalar = tensor_scalar<X>;
    const auto& stored_x = stored(x);
    const auto& stored_kernel = stored(kernel);
    checked_size<Scalar>(extents_of(stored_x), function);
    checked_size<Scalar>(extents_of(stored_kernel), function);
    const auto x_view = weight_view(stored_x);
    const auto k_view = weight_view(stored_kernel);
    require(options.groups == 1, function, "groups is ", options.groups,
            ", but must be 1: there is one channel");
    const auto geometry =
        make_geometry<direction, 2>(x_view.extents, k_view.extents, options, function, 1);
    const auto shape = geometry.output_shape(direction);
    checked_size<Scalar, tensor_index<X>>(shape, function);
    auto y = make_tensor<Result<X>>(Extents<2>{shape[2], shape[3]});
    const TensorView<Scalar, 2> plain = plain_view(y);
    direct_loops<direction>(
        geometry, x_view, k_view, static_cast<const Scalar*>(nullptr),
        TensorView<Scalar, 4>{plain.data, shape, {0, 0, plain.strides[0], plain.strides[1]}});
    return y;
  }
}

}  // namespace detail

/// Transposed convolution of `X` `(h, w)` with `K` `(k0, k1)`: every element of `X`, times `K`, is
/// added to the result at its position. With the defaults the result is `(h + k0 - 1, w + k1 - 1)`.
/// \throws std::invalid_argument if `options.groups` is not 1, or as `conv_transpose`
template <class X, class K>
auto trans_conv(const X& x, const K& kernel, const ConvOptions<2>& options = {}) {
  return detail::apply_textbook<Direction::scatter>("trans_conv", x, kernel, options);
}

/// Two-dimensional cross-correlation of `X` `(h, w)` with `K` `(k0, k1)`. With the defaults the
/// result is `(h - k0 + 1, w - k1 + 1)`.
/// \throws std::invalid_argument if `options.groups` is not 1, or as `conv`
template <class X, class K>
auto corr2d(const X& x, const K& kernel, const ConvOptions<2>& options = {}) {
  return detail::apply_textbook<Direction::gather>("corr2d", x, kernel, options);
}

}  // namespace tconv
