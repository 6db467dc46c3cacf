#pragma once

/// \file
/// Upsampling: images enlarged by whole factors, and kernels that make a transposed convolution
/// interpolate.

#include <algorithm>
#include <cmath>

#include "tconv/core/axis.hpp"
#include "tconv/core/eigen.hpp"
#include "tconv/core/isa.hpp"
#include "tconv/core/require.hpp"
#include "tconv/core/view.hpp"
#include "tconv/frontend/arguments.hpp"
#include "tconv/frontend/resample.hpp"
#include "tconv/frontend/views.hpp"
#include "tconv/options.hpp"
#include "tconv/upsampling/grid.hpp"
#include "tconv/upsampling/interpolate.hpp"
#include "tconv/upsampling/repeat.hpp"
#include "tconv/upsampling/shuffle.hpp"

namespace tconv::inline TCONV_ISA {

/// The weight `(C_in, C_out, k, k)` with which `conv_transpose` of stride `s` interpolates
/// bilinearly: channel `c` to channel `c` by the outer product of two triangles, all else 0. Usual
/// is `k = 2 s - s % 2` with padding `(k - s) / 2` rounded up. Source: Long, Shelhamer and Darrell,
/// "Fully Convolutional Networks for Semantic Segmentation" (2015), and its Caffe code.
///
/// \par Limits
/// Two spatial axes. At the border of an image fewer copies overlap, and the result is smaller
/// there.
/// \par Example
/// \snippet functions.cpp bilinear_kernel
/// \throws std::invalid_argument if an argument is less than 1
template <class Scalar, int layout = Eigen::RowMajor>
Eigen::Tensor<Scalar, 4, layout> bilinear_kernel(Index in_channels, Index out_channels, Index k) {
  constexpr auto function = "bilinear_kernel";
  core::require(in_channels >= 1, function, "C_in is ", in_channels, ", but must be at least 1");
  core::require(out_channels >= 1, function, "C_out is ", out_channels, ", but must be at least 1");
  core::require(k >= 1, function, "k is ", k, ", but must be at least 1");
  core::checked_size<Scalar>(Extents<4>{in_channels, out_channels, k, k}, "the kernel", function);
  const Index half = (k + 1) / 2;
  const auto factor = static_cast<double>(half);
  const double center = k % 2 == 1 ? factor - 1 : factor - 0.5;
  const auto triangle = [&](Index i) {
    return 1 - std::abs(static_cast<double>(i) - center) / factor;
  };
  Eigen::Tensor<Scalar, 4, layout> weight(in_channels, out_channels, k, k);
  weight.setZero();
  for (Index c = 0; c < std::min(in_channels, out_channels); ++c)
    for (Index i = 0; i < k; ++i)
      for (Index j = 0; j < k; ++j)
        weight(c, c, i, j) = static_cast<Scalar>(triangle(i) * triangle(j));
  return weight;
}

/// Each pixel repeated `scale` times along each axis: output `o` is input `o / scale`, rounded
/// down.
///
/// \par Limits
/// Whole factors.
/// \par Example
/// \snippet functions.cpp upsample_nearest
///
/// \param x       `(N, C, in...)`, or `(N, in..., C)` with channels_last; 1, 2 or 3 spatial axes.
///                With the number of spatial axes given, `upsample_nearest<2>(x, scale)`, also one
///                sample: `(C, in...)` or `(in..., C)`
/// \param scale   one integer of at least 1, or one for each axis
/// \returns a tensor like `x` with extents `in * scale`
/// \throws std::invalid_argument if an extent other than the batch's, or a scale, is less than 1
/// \throws std::length_error if the result's size overflows
template <int R, class X>
auto upsample_nearest(const X& x, const frontend::Scale<R>& scale,
                      DataFormat format = DataFormat::channels_first) {
  if constexpr (frontend::check_image<X, R>()) {
    constexpr int layout = core::tensor_layout<X>;
    constexpr auto function = "upsample_nearest";
    return frontend::resample<R>(
        function, x, format,
        [&](const auto& shape) {
          return frontend::enlarged_shape<R>(shape, scale, "scale", function);
        },
        [&](const auto& from, const auto& to) {
          upsampling::repeat_pixels(from.data, upsampling::grid_of<R>(from, format, layout),
                                    upsampling::grid_scale(scale, layout), to.data);
        });
  }
}
template <class X>
auto upsample_nearest(const X& x, const frontend::Scale<frontend::spatial_axes<X>>& scale,
                      DataFormat format = DataFormat::channels_first) {
  if constexpr (frontend::check_batched_image<X>())
    return upsample_nearest<frontend::spatial_axes<X>>(x, scale, format);
}

/// Linear, bilinear or trilinear interpolation, by the rank of `x`. With half-pixel centres, output
/// `o` lies at input `(o + 1/2) / scale - 1/2`, and beyond the border the image repeats its last
/// pixel (PyTorch's `interpolate` with `align_corners=False`, ONNX's `half_pixel`). An output that
/// lies on an input along an axis depends on no other there. Integers are rounded to the nearest.
///
/// \par Limits
/// Whole factors, half-pixel centres.
/// \par Example
/// \snippet functions.cpp upsample_linear
///
/// Arguments and errors as for `upsample_nearest`.
template <int R, class X>
auto upsample_linear(const X& x, const frontend::Scale<R>& scale,
                     DataFormat format = DataFormat::channels_first) {
  if constexpr (frontend::check_image<X, R>()) {
    constexpr int layout = core::tensor_layout<X>;
    constexpr auto function = "upsample_linear";
    return frontend::resample<R>(
        function, x, format,
        [&](const auto& shape) {
          return frontend::enlarged_shape<R>(shape, scale, "scale", function);
        },
        [&](const auto& from, const auto& to) {
          const auto grid = upsampling::grid_of<R>(from, format, layout);
          const auto& [n0, n1, n2] = grid.extents;
          upsampling::Interpolation(from.data, grid, upsampling::grid_scale(scale, layout))(
              {{{0, n0}, {0, n1}, {0, n2}}}, to.data);
        });
  }
}
template <class X>
auto upsample_linear(const X& x, const frontend::Scale<frontend::spatial_axes<X>>& scale,
                     DataFormat format = DataFormat::channels_first) {
  if constexpr (frontend::check_batched_image<X>())
    return upsample_linear<frontend::spatial_axes<X>>(x, scale, format);
}

/// Channels rearranged to pixels, as sub-pixel convolution ends (Shi et al., "Real-Time Single
/// Image and Video Super-Resolution Using an Efficient Sub-Pixel Convolutional Neural Network",
/// 2016; PyTorch's `pixel_shuffle`): in two dimensions,
/// `y(n, c, h r + i, w r + j) = x(n, c r^2 + i r + j, h, w)`.
///
/// \par Limits
/// The channels are a multiple of `prod(r)`, in PyTorch's order.
/// \par Example
/// \snippet functions.cpp pixel_shuffle
///
/// \param x  `(N, C prod(r), in...)`, or `(N, in..., C prod(r))` with channels_last; 1, 2 or 3
///           spatial axes. With their number given, `pixel_shuffle<2>(x, r)`, also one sample
/// \param r  one integer of at least 1, or one for each axis
/// \returns `(N, C, in * r...)`, or `(N, in * r..., C)`
/// \throws std::invalid_argument if an extent other than the batch's, or `r`, is less than 1, or
///   the channels are no multiple of `prod(r)`
/// \throws std::length_error if the result's size overflows
template <int R, class X>
auto pixel_shuffle(const X& x, const frontend::Scale<R>& r,
                   DataFormat format = DataFormat::channels_first) {
  if constexpr (frontend::check_image<X, R>()) {
    constexpr auto function = "pixel_shuffle";
    return frontend::resample<R>(
        function, x, format,
        [&](const auto& shape) {
          auto result = frontend::enlarged_shape<R>(shape, r, "r", function);
          core::CheckedIndex product(1);
          for (const Index factor : r) product = product * factor;
          const Index phases = product.get(function, "r is ", core::ShapeText{r.values()},
                                           ", the product of which overflows");
          core::require(shape[1] % phases == 0, function, "x has ", shape[1], " channels (axis ",
                        frontend::channel_axis<R, R + 2>(format),
                        "), but it must be a multiple of ", phases,
                        ", the product of r over the axes");
          result[1] = shape[1] / phases;
          return result;
        },
        [&](const auto& from, const auto& to) {
          upsampling::shuffle_pixels<R>(from, to, r, format, core::tensor_layout<X>);
        });
  }
}
template <class X>
auto pixel_shuffle(const X& x, const frontend::Scale<frontend::spatial_axes<X>>& r,
                   DataFormat format = DataFormat::channels_first) {
  if constexpr (frontend::check_batched_image<X>())
    return pixel_shuffle<frontend::spatial_axes<X>>(x, r, format);
}

}  // namespace tconv::inline TCONV_ISA
