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
#include "tconv/frontend/output.hpp"
#include "tconv/frontend/resample.hpp"
#include "tconv/frontend/workspace.hpp"
#include "tconv/options.hpp"
#include "tconv/workspace.hpp"

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

// Each function also takes a `Workspace` first, to compute on its threads and memory: results are
// the same bits for any number of threads. And each computes into given memory: `y` is a tensor,
// TensorMap or TensorFixedSize with the shape, scalar and storage order of what the function
// returns. Nothing is allocated on a workspace that has seen the shape, if it has one thread.
// Errors are those of the function, and `std::invalid_argument` if `y` has another shape or shares
// memory with `x`; `y` is then as it was.

/// The same on a workspace's threads and memory.
template <int R = 0, frontend::AnyWorkspace Space, class X>
auto upsample_nearest(Space&& workspace, const X& x,
                      const frontend::Scale<frontend::image_axes<X, R>>& scale,
                      DataFormat format = DataFormat::channels_first) {
  return frontend::upsample_nearest<R>("upsample_nearest", workspace, frontend::NewTensor(), x,
                                       scale, format);
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
template <int R = 0, frontend::NoWorkspace X>
auto upsample_nearest(const X& x, const frontend::Scale<frontend::image_axes<X, R>>& scale,
                      DataFormat format = DataFormat::channels_first) {
  return upsample_nearest<R>(thread_workspace(), x, scale, format);
}

/// `upsample_nearest` into given memory.
template <int R = 0, frontend::AnyWorkspace Space, class Y, class X>
void upsample_nearest_into(Space&& workspace, Y&& y, const X& x,
                           const frontend::Scale<frontend::image_axes<X, R>>& scale,
                           DataFormat format = DataFormat::channels_first) {
  frontend::upsample_nearest<R>("upsample_nearest_into", workspace, frontend::GivenTensor{y, "y"},
                                x, scale, format);
}
template <int R = 0, frontend::NoWorkspace Y, class X>
void upsample_nearest_into(Y&& y, const X& x,
                           const frontend::Scale<frontend::image_axes<X, R>>& scale,
                           DataFormat format = DataFormat::channels_first) {
  upsample_nearest_into<R>(thread_workspace(), y, x, scale, format);
}

/// The same on a workspace's threads and memory.
template <int R = 0, frontend::AnyWorkspace Space, class X>
auto upsample_linear(Space&& workspace, const X& x,
                     const frontend::Scale<frontend::image_axes<X, R>>& scale,
                     DataFormat format = DataFormat::channels_first) {
  return frontend::upsample_linear<R>("upsample_linear", workspace, frontend::NewTensor(), x, scale,
                                      format);
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
template <int R = 0, frontend::NoWorkspace X>
auto upsample_linear(const X& x, const frontend::Scale<frontend::image_axes<X, R>>& scale,
                     DataFormat format = DataFormat::channels_first) {
  return upsample_linear<R>(thread_workspace(), x, scale, format);
}

/// `upsample_linear` into given memory.
template <int R = 0, frontend::AnyWorkspace Space, class Y, class X>
void upsample_linear_into(Space&& workspace, Y&& y, const X& x,
                          const frontend::Scale<frontend::image_axes<X, R>>& scale,
                          DataFormat format = DataFormat::channels_first) {
  frontend::upsample_linear<R>("upsample_linear_into", workspace, frontend::GivenTensor{y, "y"}, x,
                               scale, format);
}
template <int R = 0, frontend::NoWorkspace Y, class X>
void upsample_linear_into(Y&& y, const X& x,
                          const frontend::Scale<frontend::image_axes<X, R>>& scale,
                          DataFormat format = DataFormat::channels_first) {
  upsample_linear_into<R>(thread_workspace(), y, x, scale, format);
}

/// The same on a workspace's threads and memory.
template <int R = 0, frontend::AnyWorkspace Space, class X>
auto pixel_shuffle(Space&& workspace, const X& x,
                   const frontend::Scale<frontend::image_axes<X, R>>& r,
                   DataFormat format = DataFormat::channels_first) {
  return frontend::pixel_shuffle<R>("pixel_shuffle", workspace, frontend::NewTensor(), x, r,
                                    format);
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
template <int R = 0, frontend::NoWorkspace X>
auto pixel_shuffle(const X& x, const frontend::Scale<frontend::image_axes<X, R>>& r,
                   DataFormat format = DataFormat::channels_first) {
  return pixel_shuffle<R>(thread_workspace(), x, r, format);
}

/// `pixel_shuffle` into given memory.
template <int R = 0, frontend::AnyWorkspace Space, class Y, class X>
void pixel_shuffle_into(Space&& workspace, Y&& y, const X& x,
                        const frontend::Scale<frontend::image_axes<X, R>>& r,
                        DataFormat format = DataFormat::channels_first) {
  frontend::pixel_shuffle<R>("pixel_shuffle_into", workspace, frontend::GivenTensor{y, "y"}, x, r,
                             format);
}
template <int R = 0, frontend::NoWorkspace Y, class X>
void pixel_shuffle_into(Y&& y, const X& x, const frontend::Scale<frontend::image_axes<X, R>>& r,
                        DataFormat format = DataFormat::channels_first) {
  pixel_shuffle_into<R>(thread_workspace(), y, x, r, format);
}

}  // namespace tconv::inline TCONV_ISA
