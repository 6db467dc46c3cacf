#pragma once

/// \file
/// Upsampling: kernels that make a transposed convolution interpolate.

#include <algorithm>
#include <cmath>

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

}  // namespace tconv
