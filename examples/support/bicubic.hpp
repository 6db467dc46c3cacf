#pragma once

/// \file
/// Planes of numbers resized by cubic convolution (Keys, 1981), as super-resolution is measured
/// against it; and the measure.

#include <algorithm>
#include <cmath>
#include <unsupported/Eigen/CXX11/Tensor>
#include <vector>

/// `(row, column)`: one channel of a picture.
using Plane = Eigen::Tensor<float, 2, Eigen::RowMajor>;

namespace bicubic {

/// Keys' kernel with a = -1/2.
inline double kernel(double x) {
  x = std::abs(x);
  if (x < 1) return (1.5 * x - 2.5) * x * x + 1;
  if (x < 2) return ((-0.5 * x + 2.5) * x - 4) * x + 2;
  return 0;
}

/// The columns resized, the rows as they are. Pixel centres lie at halves, and beyond the border
/// the image repeats its last pixel. Where the image shrinks, the kernel is as much wider, so that
/// details too fine for the result are averaged.
inline Plane resize_columns(const Plane& x, Eigen::Index columns) {
  const double step = static_cast<double>(x.dimension(1)) / static_cast<double>(columns);
  const double width = std::max(step, 1.0);
  Plane y(x.dimension(0), columns);
  std::vector<double> weights;
  for (Eigen::Index j = 0; j < columns; ++j) {
    const double center = (static_cast<double>(j) + 0.5) * step - 0.5;
    const auto first = static_cast<Eigen::Index>(std::ceil(center - 2 * width));
    const auto last = static_cast<Eigen::Index>(std::floor(center + 2 * width));
    double sum = 0;
    weights.clear();
    for (Eigen::Index k = first; k <= last; ++k)
      sum += weights.emplace_back(kernel((static_cast<double>(k) - center) / width));
    for (Eigen::Index i = 0; i < x.dimension(0); ++i) {
      double value = 0;
      for (Eigen::Index k = first; k <= last; ++k)
        value += weights[static_cast<std::size_t>(k - first)] *
                 static_cast<double>(x(i, std::clamp<Eigen::Index>(k, 0, x.dimension(1) - 1)));
      y(i, j) = static_cast<float>(value / sum);
    }
  }
  return y;
}

inline Plane resize(const Plane& x, Eigen::Index rows, Eigen::Index columns) {
  const Eigen::array<int, 2> transposed{1, 0};
  const Plane narrow = resize_columns(x, columns).shuffle(transposed);
  return resize_columns(narrow, rows).shuffle(transposed);
}

}  // namespace bicubic

/// As a file of 8 bits keeps it.
inline Plane rounded_to_bytes(const Plane& x) {
  return (x.cwiseMax(0.0f).cwiseMin(1.0f) * 255.0f).round() / 255.0f;
}

/// The peak signal-to-noise ratio of an image in [0, 1], in decibels, without `border` pixels at
/// each edge.
inline double psnr(const Plane& image, const Plane& truth, Eigen::Index border) {
  double sum = 0;
  const Eigen::Index rows = truth.dimension(0), columns = truth.dimension(1);
  for (Eigen::Index i = border; i < rows - border; ++i)
    for (Eigen::Index j = border; j < columns - border; ++j)
      sum += std::pow(static_cast<double>(image(i, j)) - static_cast<double>(truth(i, j)), 2);
  const auto pixels = static_cast<double>((rows - 2 * border) * (columns - 2 * border));
  return -10 * std::log10(sum / pixels);
}
