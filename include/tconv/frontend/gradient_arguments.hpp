#pragma once

/// \file
/// What the gradients do before and around their algorithms: check the arguments, bring them to one
/// `Geometry`, make the results.

#include <algorithm>
#include <array>
#include <concepts>
#include <cstddef>

#include "tconv/core/axis.hpp"
#include "tconv/core/eigen.hpp"
#include "tconv/core/isa.hpp"
#include "tconv/core/require.hpp"
#include "tconv/frontend/front_door.hpp"
#include "tconv/frontend/views.hpp"
#include "tconv/geometry.hpp"
#include "tconv/options.hpp"

namespace tconv::inline TCONV_ISA::frontend {

/// Spatial extents given as numbers of any integer type.
template <std::integral I, std::size_t R>
constexpr std::array<Index, R> to_indices(const std::array<I, R>& extents) {
  std::array<Index, R> result{};
  for (std::size_t a = 0; a < R; ++a) result[a] = static_cast<Index>(extents[a]);
  return result;
}

/// The same as an argument whose number of axes another one says: an array, or `{...}`.
template <int R>
class SpatialExtents {
 public:
  template <std::integral... I>
  requires(sizeof...(I) == R) constexpr SpatialExtents(I... extents)
      : values_{static_cast<Index>(extents)...} {}
  template <std::integral I, std::size_t axes>
  constexpr SpatialExtents(const std::array<I, axes>& extents) {
    static_assert(axes == R, "tconv: there must be one extent for each spatial axis");
    if constexpr (axes == R) values_ = to_indices(extents);
  }
  template <std::integral I, std::size_t axes>
  constexpr SpatialExtents(const I (&extents)[axes]) : SpatialExtents(std::to_array(extents)) {}

  constexpr const Extents<R>& values() const { return values_; }

 private:
  Extents<R> values_{};
};

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

/// The geometry of `conv` of which the weight, the output and the extents of the input are known.
template <int R>
Geometry<R> conv_input_geometry(const Extents<R + 2>& weight, const Extents<R + 2>& grad_y,
                                const Extents<R>& in, const ConvOptions<R>& options,
                                const char* function, int channel_axis) {
  Geometry<R>::check_weight(weight, options, function);
  check_extents(in, "in", function);
  Extents<R + 2> x{grad_y[0], channels_of_groups(weight[1], options.groups, function)};
  std::copy(in.begin(), in.end(), x.begin() + 2);
  const auto geometry = Geometry<R>::of_conv(x, weight, options, function, channel_axis);
  check_grad_y(geometry, Direction::gather, grad_y, function, channel_axis);
  return geometry;
}

}  // namespace tconv::inline TCONV_ISA::frontend
