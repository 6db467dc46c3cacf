#pragma once

/// \file
/// Options and extents, checked once. The only home of the extent formulas.

#include <algorithm>
#include <array>
#include <cstddef>
#include <type_traits>

#include "tconv/core/axis.hpp"
#include "tconv/core/eigen.hpp"
#include "tconv/core/require.hpp"
#include "tconv/options.hpp"

namespace tconv {

namespace core {

/// What the options say about one axis.
struct AxisOptions {
  Index stride, dilation, output_padding;
  Padding padding;
};

template <int R>
constexpr AxisOptions axis_options(const ConvOptions<R>& options, int axis) {
  return {options.stride[axis], options.dilation[axis], options.output_padding[axis],
          options.padding[axis]};
}

constexpr CheckedIndex effective_kernel(Index kernel, Index dilation) {
  return (CheckedIndex(kernel) - 1) * dilation + 1;
}

/// What is computed from an axis. `side` and `extent` say which image it has. Throws
/// `std::length_error` if it is no index.
constexpr Index index_of_axis(const CheckedIndex& value, const char* side, Index extent,
                              Index kernel, const AxisOptions& o, int axis, const char* function) {
  return value.get(function, "the extents of spatial axis ", axis, " overflow (", side, " ", extent,
                   ", kernel ", kernel, ", stride ", o.stride, ", dilation ", o.dilation,
                   ", padding ", o.padding.before, " and ", o.padding.after, ", output padding ",
                   o.output_padding, ")");
}

/// `floor((in + before + after - k_eff) / stride) + 1`. Positions, which run from `-before` to
/// `in + after`, must be indices too.
constexpr Index conv_extent(Index in, Index kernel, const AxisOptions& o, int axis,
                            const char* function) {
  const auto get = [&](const CheckedIndex& value) {
    return index_of_axis(value, "input", in, kernel, o, axis, function);
  };
  const Index first = get(CheckedIndex(0) - o.padding.before);
  const Index padded = get(CheckedIndex(in) + o.padding.after - first);
  const Index k_eff = get(effective_kernel(kernel, o.dilation));
  require(padded >= k_eff, function, "padded input has extent ", padded, " on spatial axis ", axis,
          " (", in, " + ", o.padding.before, " + ", o.padding.after,
          "), but the dilated kernel needs ", k_eff);
  return get(CheckedIndex(padded) - k_eff) / o.stride + 1;
}

/// `(in - 1) * stride - before - after + k_eff + output_padding`.
constexpr Index conv_transpose_extent(Index in, Index kernel, const AxisOptions& o, int axis,
                                      const char* function) {
  const Index out =
      index_of_axis((CheckedIndex(in) - 1) * o.stride + effective_kernel(kernel, o.dilation) +
                        o.output_padding - o.padding.before - o.padding.after,
                    "input", in, kernel, o, axis, function);
  require(out >= 1, function, "output has extent ", out, " on spatial axis ", axis,
          ", but must be at least 1 (input ", in, ", stride ", o.stride, ", padding ",
          o.padding.before, " and ", o.padding.after, ")");
  return out;
}

/// The extent of the input from which `conv_transpose` makes `out`: the inverse of
/// `conv_transpose_extent`.
constexpr Index conv_transpose_input_extent(Index out, Index kernel, const AxisOptions& o, int axis,
                                            const char* function) {
  const Index reach = index_of_axis(CheckedIndex(out) + o.padding.before + o.padding.after -
                                        o.output_padding - effective_kernel(kernel, o.dilation),
                                    "output", out, kernel, o, axis, function);
  require(out >= 1 && reach >= 0 && reach % o.stride == 0, function, "grad_y has extent ", out,
          " on spatial axis ", axis, ", which is the output of no input (kernel ", kernel,
          ", stride ", o.stride, ", padding ", o.padding.before, " and ", o.padding.after,
          ", output padding ", o.output_padding, ")");
  return reach / o.stride + 1;
}

/// The channels of all groups. `weight` is the weight's extent on axis 1.
constexpr Index channels_of_groups(Index weight, Index groups, const char* function) {
  return (CheckedIndex(weight) * groups)
      .get(function, "weight has ", weight, " channels a group (axis 1) and groups is ", groups,
           ", the product of which overflows");
}

template <int R>
constexpr void check_options(const ConvOptions<R>& options, const char* function) {
  require(options.groups >= 1, function, "groups is ", options.groups, ", but must be at least 1");
  for (int a = 0; a < R; ++a) {
    const auto [stride, dilation, output_padding, padding] = axis_options(options, a);
    require(stride >= 1, function, "stride is ", stride, " on spatial axis ", a,
            ", but must be at least 1");
    require(dilation >= 1, function, "dilation is ", dilation, " on spatial axis ", a,
            ", but must be at least 1");
    require(0 <= output_padding && output_padding < std::max(stride, dilation), function,
            "output_padding is ", output_padding, " on spatial axis ", a,
            ", but must be at least 0 and less than max(stride, dilation) = ",
            std::max(stride, dilation));
  }
}

template <std::size_t R>
constexpr void check_extents(const std::array<Index, R>& extents, const char* argument,
                             const char* function) {
  for (std::size_t a = 0; a < R; ++a)
    require(extents[a] >= 1, function, argument, " has extent ", extents[a], " on spatial axis ", a,
            ", but must have at least 1");
}

}  // namespace core

/// Spatial extents of `conv`'s output.
/// \par Example
/// \snippet functions.cpp conv_output_extents
///
/// \param in      spatial extents of the input, each at least 1
/// \param kernel  spatial extents of the weight, each at least 1
/// \throws std::invalid_argument if the options are invalid or the dilated kernel does not fit
/// \throws std::length_error if an extent overflows
template <std::size_t R>
constexpr std::array<Index, R> conv_output_extents(
    const std::array<Index, R>& in, const std::type_identity_t<std::array<Index, R>>& kernel,
    const ConvOptions<static_cast<int>(R)>& options = {}) {
  constexpr auto function = "conv_output_extents";
  core::check_options(options, function);
  core::check_extents(in, "in", function);
  core::check_extents(kernel, "kernel", function);
  std::array<Index, R> out{};
  for (std::size_t a = 0; a < R; ++a) {
    const int axis = static_cast<int>(a);
    out[a] = core::conv_extent(in[a], kernel[a], core::axis_options(options, axis), axis, function);
  }
  return out;
}

template <std::size_t R>
constexpr std::array<Index, R> conv_output_extents(
    const Index (&in)[R], const std::type_identity_t<std::array<Index, R>>& kernel,
    const ConvOptions<static_cast<int>(R)>& options = {}) {
  return conv_output_extents(std::to_array(in), kernel, options);
}

/// Spatial extents of `conv_transpose`'s output.
/// \par Example
/// \snippet functions.cpp conv_output_extents
///
/// \param in      spatial extents of the input, each at least 1
/// \param kernel  spatial extents of the weight, each at least 1
/// \throws std::invalid_argument if the options are invalid or an extent would be less than 1
/// \throws std::length_error if an extent overflows
template <std::size_t R>
constexpr std::array<Index, R> conv_transpose_output_extents(
    const std::array<Index, R>& in, const std::type_identity_t<std::array<Index, R>>& kernel,
    const ConvOptions<static_cast<int>(R)>& options = {}) {
  constexpr auto function = "conv_transpose_output_extents";
  core::check_options(options, function);
  core::check_extents(in, "in", function);
  core::check_extents(kernel, "kernel", function);
  std::array<Index, R> out{};
  for (std::size_t a = 0; a < R; ++a) {
    const int axis = static_cast<int>(a);
    out[a] = core::conv_transpose_extent(in[a], kernel[a], core::axis_options(options, axis), axis,
                                         function);
  }
  return out;
}

template <std::size_t R>
constexpr std::array<Index, R> conv_transpose_output_extents(
    const Index (&in)[R], const std::type_identity_t<std::array<Index, R>>& kernel,
    const ConvOptions<static_cast<int>(R)>& options = {}) {
  return conv_transpose_output_extents(std::to_array(in), kernel, options);
}

/// The options with the `output_padding` that makes `conv_transpose` give exactly the extents
/// `out` (PyTorch's `output_size`).
/// \par Limits
/// `out` exceeds the smallest extent by less than the larger of stride and dilation.
/// \par Example
/// \snippet functions.cpp with_output_extents
///
/// \throws std::invalid_argument if no valid output padding does
template <int R>
constexpr ConvOptions<R> with_output_extents(ConvOptions<R> options,
                                             const std::type_identity_t<Extents<R>>& in,
                                             const std::type_identity_t<Extents<R>>& kernel,
                                             const std::type_identity_t<Extents<R>>& out) {
  constexpr auto function = "with_output_extents";
  options.output_padding = 0;
  core::check_options(options, function);
  core::check_extents(in, "in", function);
  core::check_extents(kernel, "kernel", function);
  core::check_extents(out, "out", function);
  for (int a = 0; a < R; ++a) {
    const auto axis = static_cast<std::size_t>(a);
    // Output padding can lift an extent that is below 1 without it, so the formula is asked for
    // the largest one.
    auto widest = core::axis_options(options, a);
    widest.output_padding = std::max(widest.stride, widest.dilation) - 1;
    const Index largest = core::conv_transpose_extent(in[axis], kernel[axis], widest, a, function);
    const Index smallest = largest - widest.output_padding;
    core::require(smallest <= out[axis] && out[axis] <= largest, function, "out is ", out[axis],
                  " on spatial axis ", a, ", but must be between ", smallest, " and ", largest);
    options.output_padding[a] = out[axis] - smallest;
  }
  return options;
}

/// The options with the padding that makes `conv_transpose` give `in * stride` and `conv` give
/// `in / stride` where the stride divides it (ONNX's and TensorFlow's SAME): `k_eff +
/// output_padding - stride` rows an axis, half of them on each side, rounded down before (`upper`)
/// or after (`lower`). Source: ONNX operator ConvTranspose, attribute auto_pad.
/// \par Limits
/// Where the kernel is less than the stride, the padding is negative: rows are added on both sides.
/// \par Example
/// \snippet functions.cpp with_output_extents
template <int R>
constexpr ConvOptions<R> with_same_padding(ConvOptions<R> options,
                                           const std::type_identity_t<Extents<R>>& kernel,
                                           Same same) {
  constexpr auto function = "with_same_padding";
  core::check_options(options, function);
  core::check_extents(kernel, "kernel", function);
  for (int a = 0; a < R; ++a) {
    const auto o = core::axis_options(options, a);
    const Index k = kernel[static_cast<std::size_t>(a)];
    const Index total =
        (core::effective_kernel(k, o.dilation) + o.output_padding - o.stride)
            .get(function, "the padding of spatial axis ", a, " overflows (kernel ", k, ", stride ",
                 o.stride, ", dilation ", o.dilation, ", output padding ", o.output_padding, ")");
    const Index half = (total >= 0 ? total : total - 1) / 2;
    options.padding[a] =
        same == Same::upper ? Padding{half, total - half} : Padding{total - half, half};
  }
  return options;
}

/// A convolution and its transpose at once: batch, groups, channels and the relation of each axis.
/// Immutable, and consistent by construction: the factories reject everything else.
///
/// The weight has the shape `(coarse channels, fine channels / groups, kernel...)`, for `conv` as
/// `(C_out, C_in / groups, ...)` and for `conv_transpose` as `(C_in, C_out / groups, ...)`.
template <int R>
class Geometry {
 public:
  using Shape = Extents<R + 2>;

  /// The geometry of `conv` on `x` of shape `(N, C_in, in...)` with `weight`
  /// `(C_out, C_in / groups, kernel...)`. Errors name `function` and `channel_axis`, the axis of
  /// the caller's `x` that holds the channels.
  static constexpr Geometry of_conv(const Shape& x, const Shape& weight,
                                    const ConvOptions<R>& options, const char* function,
                                    int channel_axis = 1) {
    check_weight(weight, options, function);
    check_x(x, function);
    const Index groups = options.groups;
    const Index expected = core::channels_of_groups(weight[1], groups, function);
    core::require(expected == x[1], function, "weight has ", weight[1],
                  " input channels a group (axis 1) and groups is ", groups, ", but x has ", x[1],
                  " (axis ", channel_axis, ")");
    Geometry g(x[0], groups, weight[0], x[1]);
    for (int a = 0; a < R; ++a) {
      const auto o = core::axis_options(options, a);
      const auto s = static_cast<std::size_t>(a) + 2;
      g.axes_[s - 2] = {core::conv_extent(x[s], weight[s], o, a, function),
                        x[s],
                        weight[s],
                        o.stride,
                        o.dilation,
                        o.padding.before};
    }
    return g;
  }

  /// The geometry of `conv_transpose` on `x` of shape `(N, C_in, in...)` with `weight`
  /// `(C_in, C_out / groups, kernel...)`. Errors name `function` and `channel_axis`, the axis of
  /// the caller's `x` that holds the channels.
  static constexpr Geometry of_conv_transpose(const Shape& x, const Shape& weight,
                                              const ConvOptions<R>& options, const char* function,
                                              int channel_axis = 1) {
    check_weight(weight, options, function);
    check_x(x, function);
    const Index groups = options.groups;
    core::require(weight[0] == x[1], function, "weight has ", weight[0],
                  " input channels (axis 0), but x has ", x[1], " (axis ", channel_axis, ")");
    Geometry g(x[0], groups, x[1], core::channels_of_groups(weight[1], groups, function));
    for (int a = 0; a < R; ++a) {
      const auto o = core::axis_options(options, a);
      const auto s = static_cast<std::size_t>(a) + 2;
      g.axes_[s - 2] = {x[s],       core::conv_transpose_extent(x[s], weight[s], o, a, function),
                        weight[s],  o.stride,
                        o.dilation, o.padding.before};
    }
    return g;
  }

  /// Rejects options and weights that fit no image. `function` is named in errors.
  static constexpr void check_weight(const Shape& weight, const ConvOptions<R>& options,
                                     const char* function) {
    core::check_options(options, function);
    for (std::size_t a = 0; a < 2; ++a)
      core::require(weight[a] >= 1, function, "weight has extent ", weight[a], " on axis ", a,
                    ", but must have at least 1");
    core::check_extents(spatial(weight), "weight", function);
    core::require(weight[0] % options.groups == 0, function, "weight has extent ", weight[0],
                  " on axis 0, but it must be a multiple of groups, which is ", options.groups);
  }

  constexpr Index batch() const { return batch_; }
  constexpr Index groups() const { return groups_; }
  constexpr Index coarse_channels() const { return coarse_channels_; }
  constexpr Index fine_channels() const { return fine_channels_; }
  constexpr const std::array<Axis, static_cast<std::size_t>(R)>& axes() const { return axes_; }

  /// `(N, channels, extents...)` of each side, and the weight's shape.
  constexpr Shape coarse_shape() const { return shape(batch_, coarse_channels_, &Axis::coarse); }
  constexpr Shape fine_shape() const { return shape(batch_, fine_channels_, &Axis::fine); }
  constexpr Shape weight_shape() const {
    return shape(coarse_channels_, fine_channels_ / groups_, &Axis::kernel);
  }
  constexpr Shape output_shape(Direction direction) const {
    return direction == Direction::gather ? coarse_shape() : fine_shape();
  }

 private:
  constexpr Geometry(Index batch, Index groups, Index coarse_channels, Index fine_channels)
      : batch_(batch),
        groups_(groups),
        coarse_channels_(coarse_channels),
        fine_channels_(fine_channels) {}

  static constexpr void check_x(const Shape& x, const char* function) {
    core::require(x[0] >= 0, function, "x has batch extent ", x[0], ", but must have at least 0");
    core::require(x[1] >= 1, function, "x has ", x[1], " channels, but must have at least 1");
    core::check_extents(spatial(x), "x", function);
  }

  static constexpr Extents<R> spatial(const Shape& shape) {
    Extents<R> extents{};
    std::copy(shape.begin() + 2, shape.end(), extents.begin());
    return extents;
  }

  constexpr Shape shape(Index axis0, Index axis1, Index Axis::*extent) const {
    Shape s{axis0, axis1};
    for (std::size_t a = 0; a < axes_.size(); ++a) s[a + 2] = axes_[a].*extent;
    return s;
  }

  Index batch_, groups_, coarse_channels_, fine_channels_;
  std::array<Axis, static_cast<std::size_t>(R)> axes_{};
};

static_assert(conv_output_extents({16}, {5}, {.stride = 3, .padding = 2})[0] == 6);
static_assert(conv_transpose_output_extents({6}, {5}, {.stride = 3, .padding = 2})[0] == 16);
static_assert(conv_transpose_output_extents({4}, {4}, {.stride = 2, .padding = 1})[0] == 8);
static_assert(with_output_extents<1>({.stride = 3}, {4}, {3}, {14}).output_padding == 2);
static_assert(with_same_padding<1>({.stride = 2}, {3}, Same::upper).padding == Padding(0, 1));
static_assert(with_same_padding<1>({.stride = 2}, {1}, Same::upper).padding == Padding(-1, 0));

}  // namespace tconv
