#pragma once

/// \file
/// What we accept as arguments, and the sentences with which the compiler rejects the rest.

#include <algorithm>
#include <concepts>
#include <cstdint>
#include <type_traits>

#include "tconv/core/accumulator.hpp"
#include "tconv/core/eigen.hpp"
#include "tconv/core/isa.hpp"
#include "tconv/core/view.hpp"
#include "tconv/options.hpp"

namespace tconv::inline TCONV_ISA::frontend {

/// Spatial axes of a weight `T`; 2 where `T` is no tensor, so that overloads resolve and the
/// sentence of `check_weight` is what the user reads.
template <class T>
inline constexpr int spatial_axes = 2;
template <TensorExpression T>
inline constexpr int spatial_axes<T> = std::clamp(tensor_rank<T> - 2, 1, 3);

/// The options that belong to a weight.
template <class W>
using OptionsOf = ConvOptions<spatial_axes<W>>;

/// Stands for an absent bias.
struct NoBias {};

/// Anything that is not the options themselves; what it must be, `check_bias` says.
template <class Bias, class W>
concept BiasFor = !std::same_as<Bias, OptionsOf<W>>;

/// A bias where a number may stand in its place.
template <class T>
concept AnyBias = TensorExpression<T> || VectorExpression<T>;

/// A bias has one axis, and so no storage order.
template <class T>
inline constexpr bool has_one_axis = VectorExpression<T>;
template <TensorExpression T>
inline constexpr bool has_one_axis<T> = tensor_rank<T> == 1;

/// Whether all checks pass, each of which has been made.
template <std::same_as<bool>... Check>
consteval bool all(Check... checks) {
  return (checks && ...);
}

// Each of these rejects types with one sentence, and returns whether the caller may go on to use
// them, so that one wrong type makes one error.

template <class X>
consteval bool check_x() {
  static_assert(TensorExpression<X>, "tconv: x must be an Eigen tensor or tensor expression");
  return TensorExpression<X>;
}

template <class GradY>
consteval bool check_grad_y() {
  static_assert(TensorExpression<GradY>,
                "tconv: grad_y must be an Eigen tensor or tensor expression");
  return TensorExpression<GradY>;
}

template <class W>
consteval bool check_weight() {
  static_assert(TensorExpression<W>, "tconv: weight must be an Eigen tensor or tensor expression");
  if constexpr (TensorExpression<W>) {
    constexpr bool rank = 3 <= tensor_rank<W> && tensor_rank<W> <= 5;
    static_assert(rank,
                  "tconv: weight must have rank 3, 4 or 5: two channel axes and 1, 2 or 3 spatial "
                  "axes");
    return rank;
  } else {
    return false;
  }
}

/// A bias of the scalar type `Scalar`, or none.
template <class Bias, class Scalar>
consteval bool check_bias() {
  constexpr bool none = std::same_as<Bias, NoBias>;
  static_assert(none || has_one_axis<Bias>,
                "tconv: bias must be an Eigen tensor of rank 1 or a vector, and options must be "
                "ConvOptions<R> with R the weight's rank minus 2");
  if constexpr (has_one_axis<Bias>) {
    constexpr bool scalar = std::same_as<std::remove_const_t<typename Bias::Scalar>, Scalar>;
    static_assert(scalar, "tconv: bias must have the scalar type of the weight");
    return scalar;
  } else {
    return none;
  }
}

/// The same of a call on small integers.
template <class Bias>
consteval bool check_quantized_bias() {
  if constexpr (has_one_axis<Bias>) {
    constexpr bool scalar = std::same_as<std::remove_const_t<typename Bias::Scalar>, std::int32_t>;
    static_assert(scalar, "tconv: bias of a call on small integers must be int32");
    return scalar;
  } else {
    return check_bias<Bias, std::int32_t>();
  }
}

/// An image with `R` spatial axes, batched or not.
template <class X, int R>
inline constexpr bool has_image_rank = tensor_rank<X> == R + 2 || tensor_rank<X> == R + 1;

/// The image of a function with weights.
template <class X, int R>
consteval bool check_image_rank() {
  constexpr bool rank = has_image_rank<X, R>;
  static_assert(rank, "tconv: x must have the weight's rank, or one axis less if it is unbatched");
  return rank;
}

/// The image of a function without weights, whose number of spatial axes its rank says.
template <TensorExpression X>
consteval bool check_batched_rank() {
  constexpr bool rank = 3 <= tensor_rank<X> && tensor_rank<X> <= 5;
  static_assert(rank,
                "tconv: the image must have rank 3, 4 or 5: batch, channels and 1, 2 or 3 spatial "
                "axes");
  return rank;
}

/// The image of a function without weights, whose number of spatial axes is given.
template <TensorExpression X, int R>
consteval bool check_rank() {
  constexpr bool rank = has_image_rank<X, R>;
  static_assert(rank,
                "tconv: the image must have two axes more than spatial ones, or one more if it is "
                "unbatched");
  return rank;
}

template <class X, class Y>
consteval bool check_same_rank() {
  constexpr bool rank = tensor_rank<X> == tensor_rank<Y>;
  static_assert(rank, "tconv: the images of a call must have one rank");
  return rank;
}

template <class First, class... Others>
consteval bool check_alike() {
  constexpr bool scalars = (std::same_as<tensor_scalar<First>, tensor_scalar<Others>> && ...);
  constexpr bool layouts = ((tensor_layout<First> == tensor_layout<Others>)&&...);
  static_assert(scalars, "tconv: the tensors of a call must have one scalar type");
  static_assert(layouts, "tconv: the tensors of a call must have one storage order");
  return scalars && layouts;
}

/// What a call computes into. `Out` is const if the caller's object is.
template <class Out, bool may_be_slice>
consteval bool check_output() {
  using Plain = std::remove_const_t<Out>;
  constexpr bool stored = StoredTensor<Plain> || (may_be_slice && StoredSlice<Plain>);
  if constexpr (may_be_slice)
    static_assert(stored,
                  "tconv: the output must be an Eigen tensor, TensorMap or TensorFixedSize, or a "
                  "slice of one");
  else
    static_assert(stored,
                  "tconv: the output must be an Eigen tensor, TensorMap or TensorFixedSize");
  if constexpr (stored) {
    static_assert(is_writable<Out>, "tconv: the output must not be const");
    return is_writable<Out>;
  } else {
    return false;
  }
}

/// The same, with `rank` axes and the scalar and storage order of `Like`.
template <class Out, class Like, int rank, bool may_be_slice = false>
consteval bool check_output_like() {
  if constexpr (check_output<Out, may_be_slice>()) {
    constexpr bool ranks = tensor_rank<std::remove_const_t<Out>> == rank;
    static_assert(ranks, "tconv: the output must have the rank of the result");
    return all(ranks, check_alike<Like, std::remove_const_t<Out>>());
  } else {
    return false;
  }
}

/// The gradient of a bias, which has one axis and so no storage order.
template <class Out, class Scalar>
consteval bool check_bias_output() {
  using Plain = std::remove_const_t<Out>;
  constexpr bool one_axis = has_one_axis<Plain> && (StoredTensor<Plain> || DenseVector<Plain>);
  static_assert(one_axis,
                "tconv: grad_bias must be a tensor of rank 1, or a vector, that lies in memory");
  if constexpr (one_axis) {
    static_assert(is_writable<Out>, "tconv: the output must not be const");
    constexpr bool scalar = std::same_as<std::remove_const_t<typename Plain::Scalar>, Scalar>;
    static_assert(scalar, "tconv: the tensors of a call must have one scalar type");
    return all(is_writable<Out>, scalar);
  } else {
    return false;
  }
}

// The arguments of each kind of function.

template <class X, class W, class Bias>
consteval bool check_argument_types() {
  if constexpr (all(check_x<X>(), check_weight<W>()))
    return all(check_image_rank<X, spatial_axes<W>>(), check_alike<X, W>(),
               check_bias<Bias, tensor_scalar<W>>());
  else
    return false;
}

/// Numbers that a call on small integers may be asked for.
template <class T>
concept Number = std::is_arithmetic_v<T>;

/// Of a call on small integers, whose result is of the type `Result`.
template <class X, class W, class Bias, class Result>
consteval bool check_quantized_types() {
  if constexpr (all(check_x<X>(), check_weight<W>())) {
    constexpr bool result = QuantizedResult<Result>;
    constexpr bool small = SmallInteger<tensor_scalar<X>> && SmallInteger<tensor_scalar<W>>;
    constexpr bool layouts = tensor_layout<X> == tensor_layout<W>;
    static_assert(result,
                  "tconv: the result of a call on small integers must be of the type int8, uint8, "
                  "int16, int32 or float");
    static_assert(small,
                  "tconv: x and weight of a call that names the type of its result must be "
                  "integers of 8 or 16 bits");
    static_assert(layouts, "tconv: the tensors of a call must have one storage order");
    return all(result, small, layouts, check_image_rank<X, spatial_axes<W>>(),
               check_quantized_bias<Bias>());
  } else {
    return false;
  }
}

/// What such a call computes into.
template <class Out, class Result>
consteval bool check_quantized_output() {
  if constexpr (check_output<Out, false>()) {
    constexpr bool scalar = std::same_as<tensor_scalar<std::remove_const_t<Out>>, Result>;
    static_assert(scalar, "tconv: the output must have the scalar type that the call names");
    return scalar;
  } else {
    return false;
  }
}

/// Of a layer's constructor.
template <class W, class Bias, class Scalar, int R, int layout>
consteval bool check_layer_types() {
  if constexpr (check_weight<W>()) {
    constexpr bool fits = std::same_as<tensor_scalar<W>, Scalar> && spatial_axes<W> == R &&
                          tensor_layout<W> == layout;
    static_assert(fits,
                  "tconv: weight must have the scalar type, rank and storage order of the layer");
    return all(fits, check_bias<Bias, Scalar>());
  } else {
    return false;
  }
}

/// Of a layer's call.
template <class X, class Scalar, int R, int layout>
consteval bool check_layer_image() {
  if constexpr (check_x<X>())
    return all(check_image_rank<X, R>(), check_alike<Eigen::Tensor<Scalar, R + 2, layout>, X>());
  else
    return false;
}
template <class X, class Y, class Scalar, int R, int layout>
consteval bool check_run_types() {
  if constexpr (check_layer_image<X, Scalar, R, layout>())
    return check_output_like<Y, X, tensor_rank<X>, true>();
  else
    return false;
}

/// Spatial axes of an image without weights: `R`, or what its rank says where `R` is 0.
template <class X, int R>
inline constexpr int image_axes = R == 0 ? spatial_axes<X> : R;

/// Of a function of one image, called `x` or `grad_y`, which is known to be a tensor.
template <class X, int R>
consteval bool check_axes() {
  if constexpr (R == 0)
    return check_batched_rank<X>();
  else
    return check_rank<X, R>();
}
template <class X, int R>
consteval bool check_image() {
  if constexpr (check_x<X>())
    return check_axes<X, R>();
  else
    return false;
}
template <class GradY, int R>
consteval bool check_bias_grad_image() {
  if constexpr (check_grad_y<GradY>())
    return check_axes<GradY, R>();
  else
    return false;
}

template <class X, class W, class GradY>
consteval bool check_backward_types() {
  if constexpr (all(check_x<X>(), check_weight<W>(), check_grad_y<GradY>()))
    return all(check_image_rank<X, spatial_axes<W>>(), check_same_rank<X, GradY>(),
               check_alike<X, W, GradY>());
  else
    return false;
}

/// Of a weight's gradient, whose kernel has `R` extents.
template <class X, class GradY, int R>
consteval bool check_kernel_pair() {
  if constexpr (all(check_x<X>(), check_grad_y<GradY>()))
    return all(check_image_rank<X, R>(), check_same_rank<X, GradY>(), check_alike<X, GradY>());
  else
    return false;
}

/// Of an input's gradient.
template <class W, class GradY>
consteval bool check_weight_pair() {
  if constexpr (all(check_weight<W>(), check_grad_y<GradY>())) {
    constexpr bool rank =
        tensor_rank<GradY> == tensor_rank<W> || tensor_rank<GradY> == tensor_rank<W> - 1;
    static_assert(rank,
                  "tconv: grad_y must have the weight's rank, or one axis less if it is unbatched");
    return all(rank, check_alike<W, GradY>());
  } else {
    return false;
  }
}

/// The same with `R` extents of the input.
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

template <class X, class K>
consteval bool check_textbook_types() {
  static_assert(TensorExpression<X>, "tconv: X must be an Eigen matrix, tensor or expression");
  static_assert(TensorExpression<K>, "tconv: K must be an Eigen matrix, tensor or expression");
  if constexpr (TensorExpression<X> && TensorExpression<K>) {
    constexpr bool ranks = tensor_rank<X> == 2 && tensor_rank<K> == 2;
    static_assert(ranks, "tconv: X and K must have rank 2");
    return all(ranks, check_alike<X, K>());
  } else {
    return false;
  }
}

}  // namespace tconv::inline TCONV_ISA::frontend
