#pragma once

/// \file
/// Upsampling: images enlarged by whole factors, and kernels that make a transposed convolution
/// interpolate.

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <vector>

#include "tconv/detail/grid.hpp"
#include "tconv/detail/interpolate.hpp"
#include "tconv/detail/require.hpp"
#include "tconv/tensor.hpp"

namespace tconv {

/// The weight `(C_in, C_out, k, k)` with which `conv_transpose` of stride `s` interpolates
/// bilinearly: channel `c` to channel `c` by the outer product of two triangles, all else 0. Usual
/// is `k = 2 s - s % 2` with padding `(k - s) / 2` rounded up. Source: Long, Shelhamer and Darrell,
/// "Fully Convolutional Networks for Semantic Segmentation" (2015), and its Caffe code.
/// \throws std::invalid_argument if an argument is less than 1
template <class Scalar, int layout = Eigen::RowMajor>
Eigen::Tensor<Scalar, 4, layout> bilinear_kernel(Index in_channels, Index out_channels, Index k) {
  constexpr auto function = "bilinear_kernel";
  detail::require(in_channels >= 1, function, "C_in is ", in_channels, ", but must be at least 1");
  detail::require(out_channels >= 1, function, "C_out is ", out_channels,
                  ", but must be at least 1");
  detail::require(k >= 1, function, "k is ", k, ", but must be at least 1");
  detail::checked_size<Scalar>(Extents<4>{in_channels, out_channels, k, k}, function);
  const double factor = static_cast<double>((k + 1) / 2);
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

namespace detail {

/// One integer, or one for each spatial axis of `X`.
template <class X>
using ScaleOf = PerAxis<spatial_axes<X>, Index>;

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

/// The shape of an image enlarged by `scale`, each argument checked.
template <int R>
Extents<R + 2> enlarged_shape(const Extents<R + 2>& x, const PerAxis<R, Index>& scale,
                              const char* scale_name, const char* function) {
  Extents<R> in{};
  std::copy(x.begin() + 2, x.end(), in.begin());
  require(x[1] >= 1, function, "x has ", x[1], " channels, but must have at least 1");
  check_extents(in, "x", function);
  Extents<R + 2> y = x;
  for (std::size_t a = 0; a < in.size(); ++a) {
    require(scale[a] >= 1, function, scale_name, " is ", scale[a], " on spatial axis ", a,
            ", but must be at least 1");
    y[a + 2] = CheckedIndex(in[a], function) * scale[a];
  }
  return y;
}

/// Checks a call, allocates its result of the shape `shape_of(x's shape)` and has `algorithm(x, y)`
/// fill it. Shapes are in the order of `TensorView`.
template <class X, class ShapeOf, class Algorithm>
auto resample(const char* function, const X& x, DataFormat format, const ShapeOf& shape_of,
              const Algorithm& algorithm) {
  using Scalar = tensor_scalar<X>;
  constexpr int R = spatial_axes<X>;
  const auto& stored_x = stored(x);
  checked_size<Scalar>(extents_of(stored_x), function);
  const TensorView<const Scalar, R + 2> x_view = image_view<R>(stored_x, format);
  const Extents<R + 2> y_shape = shape_of(x_view.extents);
  checked_size<Scalar, tensor_index<X>>(y_shape, function);
  auto y =
      make_tensor<Result<X>>(own_order<static_cast<std::size_t>(tensor_rank<X>)>(y_shape, format));
  if (y.size() > 0) algorithm(x_view, image_view<R>(y, format));
  return y;
}

/// Repeats each pixel of a grid. Rows that registers interleave are all made of the input row,
/// which is at hand where the result may not be; others are copies of the first.
template <class Scalar>
void repeat_pixels(const Scalar* x, const Grid& grid, const std::array<Index, 3>& scale,
                   Scalar* y) {
  const auto& [n0, n1, n2] = grid.extents;
  const Index x_row = n2 * grid.inner, y_row = x_row * scale[2];
  const Index y_plane = n1 * scale[1] * y_row;
  const Index planes = grid.outer * n0;
  const bool streams = streams_rows(y, y_row, planes * scale[0] * y_plane);
  const bool copies = grid.inner > 1 && scale[2] > 1;
  std::vector<const Scalar*> rows(static_cast<std::size_t>(scale[2]));
  const auto interleave = find_interleave<Scalar, Scalar>(rows.size(), n2, grid.inner, streams);
  for (Index plane = 0; plane < planes; ++plane, y += scale[0] * y_plane) {
    for (Index i1 = 0; copies && i1 < n1; ++i1, x += x_row) {
      std::fill(rows.begin(), rows.end(), x);
      Scalar* const first = y + i1 * scale[1] * y_row;
      interleave(rows, {}, n2, grid.inner, first);
      for (Index p0 = 0; p0 < scale[0]; ++p0)
        for (Index p1 = 0; p1 < scale[1]; ++p1)
          if (p0 + p1 > 0) std::copy_n(first, y_row, first + p0 * y_plane + p1 * y_row);
    }
    if (copies) continue;
    std::fill(rows.begin(), rows.end(), x);
    for (Index p0 = 0; p0 < scale[0]; ++p0)
      interleave(rows, {{n1, scale[1]}, {x_row, 0}}, n2, grid.inner, y + p0 * y_plane);
    x += n1 * x_row;
  }
  if (streams) finish_streaming();
}

/// Elements from one channel of `x` to the channel of the next phase, for each axis.
template <int R>
std::array<Index, 3> phase_steps(const PerAxis<R, Index>& r, Index channel_stride, int layout) {
  Extents<R> steps{};
  for (std::size_t a = steps.size(); a-- > 0; channel_stride *= r[a]) steps[a] = channel_stride;
  return engine_order<R>(steps, layout, Index{0});
}

/// Moves channels to pixels. Rows of one channel interleave; channels that lie inside the pixels
/// are picked one by one.
template <int R, class Scalar>
void shuffle_pixels(const TensorView<const Scalar, R + 2>& x, const TensorView<Scalar, R + 2>& y,
                    const PerAxis<R, Index>& r, DataFormat format, int layout) {
  const Grid grid = grid_of<R>(x, format, layout);
  const auto scale = grid_scale(r, layout);
  const auto steps = phase_steps(r, x.strides[1], layout);
  const auto strides = engine_strides<R>(x, layout);
  const bool inside = channels_inside(format, layout), row_major = layout == Eigen::RowMajor;
  const Index phases = scale[0] * scale[1] * scale[2];
  const Index outer_batch = row_major ? y.extents[0] : 1, inner_batch = y.extents[0] / outer_batch;
  const Index outer_channels = inside ? 1 : y.extents[1],
              inner_channels = y.extents[1] / outer_channels;
  const Index pixel = inner_batch * inner_channels;
  const Index y_row = grid.extents[2] * scale[2] * pixel;
  const Index y_rows =
      outer_batch * outer_channels * grid.extents[0] * scale[0] * grid.extents[1] * scale[1];
  const bool streams = streams_rows(y.data, y_row, y_rows * y_row);
  std::vector<const Scalar*> rows(static_cast<std::size_t>(scale[2]));
  const auto interleave =
      find_interleave<Scalar, Scalar>(rows.size(), grid.extents[2], pixel, streams);
  Scalar* to = y.data;
  for (Index n = 0; n < outer_batch; ++n)
    for (Index c = 0; c < outer_channels; ++c)
      for (Index i0 = 0; i0 < grid.extents[0]; ++i0)
        for (Index p0 = 0; p0 < scale[0]; ++p0) {
          const Scalar* const from = x.data + n * x.strides[0] + c * phases * x.strides[1] +
                                     i0 * strides[0] + p0 * steps[0];
          for (Index p2 = 0; p2 < scale[2]; ++p2)
            rows[static_cast<std::size_t>(p2)] = from + p2 * steps[2];
          if (!inside) {
            interleave(rows, {{grid.extents[1], scale[1]}, {strides[1], steps[1]}}, grid.extents[2],
                       pixel, to);
            to += grid.extents[1] * scale[1] * y_row;
            continue;
          }
          for (Index i1 = 0; i1 < grid.extents[1]; ++i1)
            for (Index p1 = 0; p1 < scale[1]; ++p1)
              for (Index i2 = 0; i2 < grid.extents[2]; ++i2)
                for (const Scalar* row : rows)
                  for (Index m = 0; m < inner_channels; ++m) {
                    const Scalar* const source = row + i1 * strides[1] + p1 * steps[1] +
                                                 i2 * strides[2] + m * phases * x.strides[1];
                    for (Index b = 0; b < inner_batch; ++b) *to++ = source[b];
                  }
        }
  if (streams) finish_streaming();
}

}  // namespace detail

/// Each pixel repeated `scale` times along each axis: output `o` is input `o / scale`, rounded
/// down.
///
/// \param x       `(N, C, in...)`, or `(N, in..., C)` with channels_last; 1, 2 or 3 spatial axes
/// \param scale   one integer of at least 1, or one for each axis
/// \returns a tensor like `x` with extents `in * scale`
/// \throws std::invalid_argument if an extent other than the batch's, or a scale, is less than 1
/// \throws std::length_error if the result's size overflows
template <class X>
auto upsample_nearest(const X& x, const detail::ScaleOf<X>& scale,
                      DataFormat format = DataFormat::channels_first) {
  if constexpr (detail::check_upsample_types<X>()) {
    constexpr int R = detail::spatial_axes<X>;
    constexpr int layout = detail::tensor_layout<X>;
    constexpr auto function = "upsample_nearest";
    return detail::resample(
        function, x, format,
        [&](const auto& shape) {
          return detail::enlarged_shape<R>(shape, scale, "scale", function);
        },
        [&](const auto& from, const auto& to) {
          detail::repeat_pixels(from.data, detail::grid_of<R>(from, format, layout),
                                detail::grid_scale(scale, layout), to.data);
        });
  }
}

/// Linear, bilinear or trilinear interpolation, by the rank of `x`. With half-pixel centres, output
/// `o` lies at input `(o + 1/2) / scale - 1/2`, and beyond the border the image repeats its last
/// pixel (PyTorch's `interpolate` with `align_corners=False`, ONNX's `half_pixel`). An output that
/// lies on an input along an axis depends on no other there. Integers are rounded to the nearest.
/// Arguments and errors as for `upsample_nearest`.
template <class X>
auto upsample_linear(const X& x, const detail::ScaleOf<X>& scale,
                     DataFormat format = DataFormat::channels_first) {
  if constexpr (detail::check_upsample_types<X>()) {
    constexpr int R = detail::spatial_axes<X>;
    constexpr int layout = detail::tensor_layout<X>;
    constexpr auto function = "upsample_linear";
    return detail::resample(
        function, x, format,
        [&](const auto& shape) {
          return detail::enlarged_shape<R>(shape, scale, "scale", function);
        },
        [&](const auto& from, const auto& to) {
          const auto grid = detail::grid_of<R>(from, format, layout);
          const auto& [n0, n1, n2] = grid.extents;
          detail::Interpolation(from.data, grid, detail::grid_scale(scale, layout))(
              {{{0, n0}, {0, n1}, {0, n2}}}, to.data);
        });
  }
}

/// Channels rearranged to pixels, as sub-pixel convolution ends (Shi et al., "Real-Time Single
/// Image and Video Super-Resolution Using an Efficient Sub-Pixel Convolutional Neural Network",
/// 2016; PyTorch's `pixel_shuffle`): in two dimensions,
/// `y(n, c, h r + i, w r + j) = x(n, c r^2 + i r + j, h, w)`.
///
/// \param x  `(N, C prod(r), in...)`, or `(N, in..., C prod(r))` with channels_last; 1, 2 or 3
///           spatial axes
/// \param r  one integer of at least 1, or one for each axis
/// \returns `(N, C, in * r...)`, or `(N, in * r..., C)`
/// \throws std::invalid_argument if an extent other than the batch's, or `r`, is less than 1, or
///   the channels are no multiple of `prod(r)`
/// \throws std::length_error if the result's size overflows
template <class X>
auto pixel_shuffle(const X& x, const detail::ScaleOf<X>& r,
                   DataFormat format = DataFormat::channels_first) {
  if constexpr (detail::check_upsample_types<X>()) {
    constexpr int R = detail::spatial_axes<X>;
    constexpr auto function = "pixel_shuffle";
    return detail::resample(
        function, x, format,
        [&](const auto& shape) {
          auto result = detail::enlarged_shape<R>(shape, r, "r", function);
          detail::CheckedIndex phases(1, function);
          for (const Index factor : r) phases = phases * factor;
          detail::require(shape[1] % phases == 0, function, "x has ", shape[1], " channels (axis ",
                          detail::channel_axis<R, R + 2>(format),
                          "), but it must be a multiple of ", Index{phases},
                          ", the product of r over the axes");
          result[1] = shape[1] / phases;
          return result;
        },
        [&](const auto& from, const auto& to) {
          detail::shuffle_pixels<R>(from, to, r, format, detail::tensor_layout<X>);
        });
  }
}

}  // namespace tconv
