#pragma once

/// \file
/// What we accept as arguments, and the sentences with which the compiler rejects the rest.

#include <algorithm>
#include <concepts>

#include "tconv/core/eigen.hpp"
#include "tconv/core/isa.hpp"
#include "tconv/options.hpp"

namespace tconv::inline TCONV_ISA::frontend {

/// Spatial axes of a weight `T`; 2 where `T` is no tensor, so that overloads resolve and the
/// sentence of `check_argument_types` is what the user reads.
template <class T>
inline constexpr int spatial_axes = 2;
template <TensorExpression T>
inline constexpr int spatial_axes<T> = std::clamp(tensor_rank<T> - 2, 1, 3);

/// The options that belong to a weight.
template <class W>
using OptionsOf = ConvOptions<spatial_axes<W>>;

/// Stands for an absent bias.
struct NoBias {};

/// Anything that is not the options themselves; what it must be, `check_argument_types` says.
template <class Bias, class W>
concept BiasFor = !std::same_as<Bias, OptionsOf<W>>;

/// Rejects arguments of wrong type, rank or storage order with one sentence. Returns whether the
/// caller may go on to use them.
template <class X, class W, class Bias>
consteval bool check_argument_types() {
  static_assert(TensorExpression<X>, "tconv: x must be an Eigen tensor or tensor expression");
  static_assert(TensorExpression<W>, "tconv: weight must be an Eigen tensor or tensor expression");
  static_assert(TensorExpression<Bias> || std::same_as<Bias, NoBias>,
                "tconv: bias must be an Eigen tensor of rank 1, and options must be ConvOptions<R> "
                "with R the weight's rank minus 2");
  if constexpr (TensorExpression<X> && TensorExpression<W>) {
    constexpr bool weight_rank = 3 <= tensor_rank<W> && tensor_rank<W> <= 5;
    constexpr bool x_rank =
        tensor_rank<X> == tensor_rank<W> || tensor_rank<X> == tensor_rank<W> - 1;
    constexpr bool scalars = std::same_as<tensor_scalar<X>, tensor_scalar<W>>;
    constexpr bool layouts = tensor_layout<X> == tensor_layout<W>;
    static_assert(weight_rank,
                  "tconv: weight must have rank 3, 4 or 5: two channel axes and 1, 2 "
                  "or 3 spatial axes");
    static_assert(!weight_rank || x_rank,
                  "tconv: x must have the weight's rank, or one axis less if it is unbatched");
    static_assert(scalars, "tconv: x and weight must have the same scalar type");
    static_assert(layouts, "tconv: x and weight must have the same storage order");
    constexpr bool main = weight_rank && x_rank && scalars && layouts;
    if constexpr (TensorExpression<Bias>) {
      constexpr bool bias_rank = tensor_rank<Bias> == 1;
      constexpr bool bias_scalar = std::same_as<tensor_scalar<X>, tensor_scalar<Bias>>;
      constexpr bool bias_layout = tensor_layout<X> == tensor_layout<Bias>;
      static_assert(bias_rank, "tconv: bias must have rank 1");
      static_assert(bias_scalar, "tconv: bias must have the scalar type of x");
      static_assert(bias_layout, "tconv: bias must have the storage order of x");
      return main && bias_rank && bias_scalar && bias_layout;
    } else {
      return main && std::same_as<Bias, NoBias>;
    }
  } else {
    return false;
  }
}

/// Rejects outputs of wrong type, rank or storage order with one sentence.
template <class X, class Y, class Scalar, int R, int layout>
consteval bool check_run_types() {
  static_assert(TensorExpression<X>, "tconv: x must be an Eigen tensor or tensor expression");
  static_assert(StoredTensor<Y>, "tconv: y must be an Eigen tensor, TensorMap or TensorFixedSize");
  if constexpr (TensorExpression<X> && StoredTensor<Y>) {
    constexpr bool x_rank = tensor_rank<X> == R + 2 || tensor_rank<X> == R + 1;
    constexpr bool y_rank = tensor_rank<Y> == tensor_rank<X>;
    constexpr bool scalars =
        std::same_as<tensor_scalar<X>, Scalar> && std::same_as<tensor_scalar<Y>, Scalar>;
    constexpr bool layouts = tensor_layout<X> == layout && tensor_layout<Y> == layout;
    static_assert(x_rank,
                  "tconv: x must have the weight's rank, or one axis less if it is unbatched");
    static_assert(y_rank, "tconv: y must have the rank of x");
    static_assert(scalars, "tconv: x and y must have the scalar type of the layer");
    static_assert(layouts, "tconv: x and y must have the storage order of the layer's weight");
    return x_rank && y_rank && scalars && layouts;
  } else {
    return false;
  }
}

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

template <class X>
consteval bool check_upsample_types() {
  static_assert(TensorExpression<X>, "tconv: x must be an Eigen tensor or tensor expression");
  if constexpr (TensorExpression<X>) {
    constexpr bool rank = 3 <= tensor_rank<X> && tensor_rank<X> <= 5;
    static_assert(rank,
                  "tconv: x must have rank 3, 4 or 5: batch, channels and 1, 2 or 3 spatial axes");
    return rank;
  } else {
    return false;
  }
}

/// Rejects types that do not go together with one sentence. Returns whether the caller may go on.
template <class X, class GradY>
consteval bool check_image_pair() {
  static_assert(TensorExpression<X>, "tconv: x must be an Eigen tensor or tensor expression");
  static_assert(TensorExpression<GradY>,
                "tconv: grad_y must be an Eigen tensor or tensor expression");
  if constexpr (TensorExpression<X> && TensorExpression<GradY>) {
    constexpr bool ranks = tensor_rank<X> == tensor_rank<GradY>;
    constexpr bool scalars = std::same_as<tensor_scalar<X>, tensor_scalar<GradY>>;
    constexpr bool layouts = tensor_layout<X> == tensor_layout<GradY>;
    static_assert(ranks, "tconv: x and grad_y must have the same rank");
    static_assert(scalars, "tconv: x and grad_y must have the same scalar type");
    static_assert(layouts, "tconv: x and grad_y must have the same storage order");
    return ranks && scalars && layouts;
  } else {
    return false;
  }
}

template <class W, class GradY>
consteval bool check_weight_pair() {
  static_assert(TensorExpression<W>, "tconv: weight must be an Eigen tensor or tensor expression");
  static_assert(TensorExpression<GradY>,
                "tconv: grad_y must be an Eigen tensor or tensor expression");
  if constexpr (TensorExpression<W> && TensorExpression<GradY>) {
    constexpr bool weight_rank = 3 <= tensor_rank<W> && tensor_rank<W> <= 5;
    constexpr bool ranks =
        tensor_rank<GradY> == tensor_rank<W> || tensor_rank<GradY> == tensor_rank<W> - 1;
    constexpr bool scalars = std::same_as<tensor_scalar<W>, tensor_scalar<GradY>>;
    constexpr bool layouts = tensor_layout<W> == tensor_layout<GradY>;
    static_assert(weight_rank,
                  "tconv: weight must have rank 3, 4 or 5: two channel axes and 1, 2 "
                  "or 3 spatial axes");
    static_assert(!weight_rank || ranks,
                  "tconv: grad_y must have the weight's rank, or one axis less if it is unbatched");
    static_assert(scalars, "tconv: weight and grad_y must have the same scalar type");
    static_assert(layouts, "tconv: weight and grad_y must have the same storage order");
    return weight_rank && ranks && scalars && layouts;
  } else {
    return false;
  }
}

template <class X, class W, class GradY>
consteval bool check_backward_types() {
  if constexpr (check_argument_types<X, W, NoBias>())
    return check_image_pair<X, GradY>();
  else
    return false;
}

/// As `check_image_pair`, for a kernel of `R` extents.
template <class X, class GradY, int R>
consteval bool check_kernel_pair() {
  if constexpr (check_image_pair<X, GradY>()) {
    constexpr bool ranks = tensor_rank<X> == R + 2 || tensor_rank<X> == R + 1;
    static_assert(ranks,
                  "tconv: x must have two axes more than the kernel has extents, or one axis more "
                  "if it is unbatched");
    return ranks;
  } else {
    return false;
  }
}

/// As `check_weight_pair`, for an input of `R` extents.
template <class W, class GradY, int R>
consteval bool check_weight_pair_with_extents() {
  if constexpr (check_weight_pair<W, GradY>()) {
    static_assert(spatial_axes<W> == R,
                  "tconv: in must have one extent for each spatial axis of the weight");
    return spatial_axes<W> == R;
  } else {
    return false;
  }
}

}  // namespace tconv::inline TCONV_ISA::frontend
