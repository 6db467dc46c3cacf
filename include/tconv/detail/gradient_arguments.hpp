#pragma once

/// \file
/// What the gradients do before and around their algorithms: check the arguments, bring them to one
/// `Geometry`, make the results.

#include <array>
#include <concepts>
#include <cstddef>

#include "tconv/detail/front_door.hpp"

namespace tconv::detail {

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

/// Spatial extents given as numbers of any integer type.
template <std::integral I, std::size_t R>
constexpr std::array<Index, R> to_indices(const std::array<I, R>& extents) {
  std::array<Index, R> result{};
  for (std::size_t a = 0; a < R; ++a) result[a] = static_cast<Index>(extents[a]);
  return result;
}

/// A stored `x` or `grad_y` as `(n, channel, spatial...)`, its size checked.
template <int R, class Tensor>
auto checked_image_view(const Tensor& t, DataFormat format, const char* function) {
  checked_size<tensor_scalar<Tensor>>(extents_of(t), function);
  return image_view<R>(t, format);
}

/// Rejects a `grad_y` whose shape, `(n, channel, spatial...)`, is not that of the output.
template <int R>
void check_grad_y(const Geometry<R>& geometry, Direction direction, const Extents<R + 2>& grad_y,
                  const char* function, int channel_axis) {
  const auto y = geometry.output_shape(direction);
  require(grad_y[0] == y[0], function, "grad_y has batch extent ", grad_y[0],
          ", but the output has ", y[0]);
  require(grad_y[1] == y[1], function, "grad_y has ", grad_y[1], " channels (axis ", channel_axis,
          "), but the output has ", y[1]);
  for (std::size_t a = 2; a < y.size(); ++a)
    require(grad_y[a] == y[a], function, "grad_y has extent ", grad_y[a], " on spatial axis ",
            a - 2, ", but the output has ", y[a]);
}

/// The geometry of an operator of which only the images and the kernel's extents are known.
template <Direction direction, int R>
Geometry<R> kernel_geometry(const Extents<R + 2>& x, const Extents<R + 2>& grad_y,
                            const Extents<R>& kernel, const ConvOptions<R>& options,
                            const char* function, int channel_axis) {
  check_options(options, function);
  check_extents(kernel, "kernel", function);
  const auto check_channels = [&](const char* argument, Index channels) {
    require(channels >= 1 && channels % options.groups == 0, function, argument, " has ", channels,
            " channels (axis ", channel_axis, "), but must have a multiple of groups, which is ",
            options.groups);
  };
  check_channels("x", x[1]);
  check_channels("grad_y", grad_y[1]);
  constexpr bool scatters = direction == Direction::scatter;
  Extents<R + 2> weight{scatters ? x[1] : grad_y[1],
                        (scatters ? grad_y[1] : x[1]) / options.groups};
  std::copy(kernel.begin(), kernel.end(), weight.begin() + 2);
  const auto geometry = make_geometry<direction, R>(x, weight, options, function, channel_axis);
  check_grad_y(geometry, direction, grad_y, function, channel_axis);
  return geometry;
}

/// The geometry of `conv_transpose` of which only weight and output are known.
template <int R>
Geometry<R> input_geometry(const Extents<R + 2>& weight, const Extents<R + 2>& grad_y,
                           const ConvOptions<R>& options, const char* function, int channel_axis) {
  Geometry<R>::check_weight(weight, options, function);
  Extents<R + 2> x{grad_y[0], weight[0]};
  for (int a = 0; a < R; ++a) {
    const auto s = static_cast<std::size_t>(a) + 2;
    x[s] = conv_transpose_input_extent(grad_y[s], weight[s], axis_options(options, a), a, function);
  }
  const auto geometry = Geometry<R>::of_conv_transpose(x, weight, options, function, channel_axis);
  check_grad_y(geometry, Direction::scatter, grad_y, function, channel_axis);
  return geometry;
}

/// An uninitialised tensor like `grad_y`, of the given `(n, channel, spatial...)`.
template <class GradY, std::size_t rank>
auto make_image(const std::array<Index, rank>& shape, DataFormat format, const char* function) {
  checked_size<tensor_scalar<GradY>, tensor_index<GradY>>(shape, function);
  return make_tensor<Result<GradY>>(
      own_order<static_cast<std::size_t>(tensor_rank<GradY>)>(shape, format));
}

}  // namespace tconv::detail
