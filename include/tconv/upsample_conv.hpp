#pragma once

/// \file
/// Upsampling and a convolution in one: the alternative to a transposed convolution that leaves no
/// checkerboard.

#include <algorithm>
#include <array>
#include <cstddef>
#include <type_traits>
#include <vector>

#include "tconv/core/axis.hpp"
#include "tconv/core/eigen.hpp"
#include "tconv/core/integer.hpp"
#include "tconv/core/isa.hpp"
#include "tconv/core/view.hpp"
#include "tconv/frontend/arguments.hpp"
#include "tconv/frontend/dispatch.hpp"
#include "tconv/frontend/front_door.hpp"
#include "tconv/frontend/resample.hpp"
#include "tconv/frontend/views.hpp"
#include "tconv/frontend/workspace.hpp"
#include "tconv/geometry.hpp"
#include "tconv/options.hpp"
#include "tconv/upsample.hpp"
#include "tconv/upsampling/grid.hpp"
#include "tconv/upsampling/interpolate.hpp"
#include "tconv/workspace.hpp"

namespace tconv::inline TCONV_ISA {
namespace detail {

/// Bytes of upsampled image at a time: they, and the outputs made of them, stay in the caches.
inline constexpr Index band_bytes = Index{1} << 19;

/// `conv` of the enlarged image, band by band along the slowest axis. A band is enlarged into
/// scratch and convolved into its part of the output; neighbouring bands overlap by the kernel.
template <int R, class Scalar, int layout>
class BandedConv {
 public:
  using View = core::TensorView<const Scalar, R + 2>;

  BandedConv(const View& x, const View& weight, const Scalar* bias, const PerAxis<R, Index>& scale,
             const ConvOptions<R>& options)
      : x_(x),
        weight_(weight),
        bias_(bias),
        scale_(upsampling::grid_scale(scale, layout)),
        options_(options) {}

  void operator()(const Geometry<R>& geometry, const core::TensorView<Scalar, R + 2>& y,
                  Workspace& workspace) const {
    // Samples lie one after the other where the batch is the slowest axis.
    const Index samples = layout == Eigen::RowMajor ? y.extents[0] : 1;
    for (Index n = 0; n < samples; ++n) {
      View x = x_;
      core::TensorView<Scalar, R + 2> sample = y;
      x.data += n * x.strides[0], sample.data += n * y.strides[0];
      x.extents[0] = sample.extents[0] = y.extents[0] / samples;
      convolve(geometry, x, sample, workspace);
    }
  }

 private:
  /// The slowest spatial axis, in the caller's order and in that of a grid.
  static constexpr std::size_t band_axis = layout == Eigen::RowMajor ? 0 : R - 1;
  static constexpr std::size_t grid_axis = 3 - R;

  void convolve(const Geometry<R>& geometry, const View& x,
                const core::TensorView<Scalar, R + 2>& y, Workspace& workspace) const {
    const upsampling::Grid grid = upsampling::grid_of<R>(x, options_.data_format, layout);
    const upsampling::Interpolation interpolation(x.data, grid, scale_);
    const Axis& axis = geometry.axes()[band_axis];
    const Index reach = axis.fine_position(0, axis.kernel - 1) - axis.fine_position(0, 0) + 1;
    const Index factor = scale_[grid_axis];
    const Index row_bytes = size_of(geometry.fine_shape()) / geometry.batch() * x.extents[0] /
                            axis.fine * static_cast<Index>(sizeof(Scalar));
    const Index step = std::max((band_bytes / row_bytes - reach) / axis.stride, reach);
    for (Index i = 0, count = 0; i < axis.coarse; i += count) {
      count = std::min(step, axis.coarse - i);
      // The rows that the outputs read, and the input rows they are made of.
      const core::Range read{axis.fine_position(i, 0),
                             axis.fine_position(i + count - 1, axis.kernel - 1) + 1};
      const Index input = axis.fine / factor;
      const Index first = std::clamp<Index>(read.first / factor, 0, input - 1);
      const core::Range made{first,
                             std::clamp<Index>((read.end + factor - 1) / factor, first + 1, input)};

      std::array<core::Range, 3> ranges{
          {{0, grid.extents[0]}, {0, grid.extents[1]}, {0, grid.extents[2]}}};
      ranges[grid_axis] = made;
      Extents<R + 2> band_shape = geometry.fine_shape();
      band_shape[0] = x.extents[0];
      band_shape[band_axis + 2] = made.size() * factor;
      std::vector<Scalar> owned;
      Scalar* const band = memory_of_size(size_of(band_shape), workspace, owned);
      interpolation(ranges, band, execution_of(workspace));

      ConvOptions<R> options = options_;
      options.padding[band_axis] = {made.first * factor - read.first, read.end - made.end * factor};
      core::TensorView<Scalar, R + 2> part = y;
      part.data += i * y.strides[band_axis + 2];
      part.extents[band_axis + 2] = count;
      frontend::Production<Direction::gather, layout>{workspace, options.summation}(
          Geometry<R>::of_conv(band_shape, weight_.extents, options, "upsample_conv"),
          band_view(band, band_shape), weight_, bias_, part);
    }
  }

  /// Scalars that own memory of their own must be constructed.
  static Scalar* memory_of_size(Index size, Workspace& workspace, std::vector<Scalar>& owned) {
    if constexpr (std::is_trivially_copyable_v<Scalar>) {
      const std::size_t bytes = static_cast<std::size_t>(size) * sizeof(Scalar);
      return reinterpret_cast<Scalar*>(execution_of(workspace).image_scratch(bytes));
    } else {
      owned.resize(static_cast<std::size_t>(size));
      return owned.data();
    }
  }

  static Index size_of(const Extents<R + 2>& shape) {
    Index size = 1;
    for (const Index extent : shape) size *= extent;
    return size;
  }

  /// A dense image of the layout of `x`.
  View band_view(const Scalar* data, const Extents<R + 2>& shape) const {
    const auto own =
        frontend::own_order<static_cast<std::size_t>(R) + 2>(shape, options_.data_format);
    return {data, shape,
            frontend::canonical<R>(core::dense_strides(own, layout), options_.data_format, 0)};
  }

  View x_, weight_;
  const Scalar* bias_;
  std::array<Index, 3> scale_;
  ConvOptions<R> options_;
};

template <class Out, class X, class W, class Bias>
decltype(auto) upsample_conv_to(const char* function, Workspace& workspace, const Out& out,
                                const X& x, const W& weight, const Bias& bias,
                                const PerAxis<frontend::spatial_axes<W>, Index>& scale,
                                const frontend::OptionsOf<W>& options) {
  if constexpr (frontend::check_argument_types<X, W, Bias>())
    if constexpr (Out::template accepts<X, core::tensor_rank<X>>()) {
      using Scalar = core::tensor_scalar<X>;
      constexpr int R = frontend::spatial_axes<W>, rank = core::tensor_rank<X>;
      const auto& stored_x = frontend::stored(x);
      const auto& stored_weight = frontend::stored(weight);
      const auto& stored_b = frontend::stored_bias(bias);
      core::checked_size<Scalar>(core::extents_of(stored_weight), "weight", function);
      const core::TensorView<const Scalar, R + 2> x_view =
          frontend::checked_image_view<R>(stored_x, options.data_format, "x", function);
      const core::TensorView<const Scalar, R + 2> weight_view = core::plain_view(stored_weight);

      const auto image = frontend::enlarged_shape<R>(x_view.extents, scale, "scale", function);
      core::checked_size<Scalar>(image, "the enlarged image", function);
      const auto geometry =
          Geometry<R>::of_conv(image, weight_view.extents, options, function,
                               frontend::channel_axis<R, rank>(options.data_format));
      const auto y_shape = geometry.coarse_shape();
      const Scalar* bias_elements = frontend::bias_data<Scalar>(stored_b, y_shape[1], function);
      decltype(auto) y = out.template place<frontend::Result<X>>(
          function,
          frontend::own_order<static_cast<std::size_t>(rank)>(y_shape, options.data_format),
          {{"x", stored_x}, {"weight", stored_weight}, {"bias", stored_b}});
      if (geometry.batch() > 0)
        BandedConv<R, Scalar, core::tensor_layout<X>>(x_view, weight_view, bias_elements, scale,
                                                      options)(
            geometry, frontend::image_view<R>(y, options.data_format), workspace);
      return y;
    }
}

}  // namespace detail

/// The same on a workspace's threads and memory.
template <frontend::AnyWorkspace Space, class X, class W>
auto upsample_conv(Space&& workspace, const X& x, const W& weight,
                   const PerAxis<frontend::spatial_axes<W>, Index>& scale,
                   const frontend::OptionsOf<W>& options = {}) {
  return detail::upsample_conv_to("upsample_conv", workspace, frontend::NewTensor(), x, weight,
                                  frontend::NoBias{}, scale, options);
}
template <frontend::AnyWorkspace Space, class X, class W, frontend::AnyBias Bias>
auto upsample_conv(Space&& workspace, const X& x, const W& weight, const Bias& bias,
                   const PerAxis<frontend::spatial_axes<W>, Index>& scale,
                   const frontend::OptionsOf<W>& options = {}) {
  return detail::upsample_conv_to("upsample_conv", workspace, frontend::NewTensor(), x, weight,
                                  bias, scale, options);
}

/// `conv(upsample_linear(x, scale), weight, bias, options)` without the upsampled image, of which
/// only bands are made. What to use in place of a transposed convolution whose kernel is no
/// multiple of its stride (Odena, Dumoulin and Olah, "Deconvolution and Checkerboard Artifacts",
/// 2016).
///
/// \par Limits
/// Takes 0.7 to 1.3 times as long as the two calls; what it saves is the memory of the image.
/// \par Example
/// \snippet functions.cpp upsample_conv
///
/// \param x        as for `conv`
/// \param weight   `(C_out, C_in / groups, kernel...)`
/// \param scale    one integer of at least 1, or one for each spatial axis
/// \param options  those of `conv`, which count in pixels of the upsampled image
/// \returns a tensor like `x` with `C_out` channels; a `bias` `(C_out)` is added to each
/// \throws std::invalid_argument if shapes or options do not fit together, or `scale` is below 1
/// \throws std::length_error if a size overflows
template <frontend::NoWorkspace X, class W>
auto upsample_conv(const X& x, const W& weight,
                   const PerAxis<frontend::spatial_axes<W>, Index>& scale,
                   const frontend::OptionsOf<W>& options = {}) {
  return upsample_conv(thread_workspace(), x, weight, scale, options);
}
template <frontend::NoWorkspace X, class W, frontend::AnyBias Bias>
auto upsample_conv(const X& x, const W& weight, const Bias& bias,
                   const PerAxis<frontend::spatial_axes<W>, Index>& scale,
                   const frontend::OptionsOf<W>& options = {}) {
  return upsample_conv(thread_workspace(), x, weight, bias, scale, options);
}

/// `upsample_conv` into given memory; see `conv_into` for `y`.
template <frontend::AnyWorkspace Space, class Y, class X, class W>
void upsample_conv_into(Space&& workspace, Y&& y, const X& x, const W& weight,
                        const PerAxis<frontend::spatial_axes<W>, Index>& scale,
                        const frontend::OptionsOf<W>& options = {}) {
  detail::upsample_conv_to("upsample_conv_into", workspace, frontend::GivenTensor{y, "y"}, x,
                           weight, frontend::NoBias{}, scale, options);
}
template <frontend::AnyWorkspace Space, class Y, class X, class W, frontend::AnyBias Bias>
void upsample_conv_into(Space&& workspace, Y&& y, const X& x, const W& weight, const Bias& bias,
                        const PerAxis<frontend::spatial_axes<W>, Index>& scale,
                        const frontend::OptionsOf<W>& options = {}) {
  detail::upsample_conv_to("upsample_conv_into", workspace, frontend::GivenTensor{y, "y"}, x,
                           weight, bias, scale, options);
}
template <frontend::NoWorkspace Y, class X, class W>
void upsample_conv_into(Y&& y, const X& x, const W& weight,
                        const PerAxis<frontend::spatial_axes<W>, Index>& scale,
                        const frontend::OptionsOf<W>& options = {}) {
  upsample_conv_into(thread_workspace(), y, x, weight, scale, options);
}
template <frontend::NoWorkspace Y, class X, class W, frontend::AnyBias Bias>
void upsample_conv_into(Y&& y, const X& x, const W& weight, const Bias& bias,
                        const PerAxis<frontend::spatial_axes<W>, Index>& scale,
                        const frontend::OptionsOf<W>& options = {}) {
  upsample_conv_into(thread_workspace(), y, x, weight, bias, scale, options);
}

}  // namespace tconv::inline TCONV_ISA
