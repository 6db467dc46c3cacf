#pragma once

/// \file
/// The layers of layers.csv and conv_layers.csv, and the peak they are measured against.

#include <Eigen/Core>
#include <algorithm>
#include <array>
#include <string>
#include <tconv/geometry.hpp>
#include <vector>

/// Spatial arrays hold `axes` entries, outermost first, and neutral values behind them.
struct Problem {
  std::string name;
  bool gathers = false;        // a convolution, not a transposed one
  bool channels_last = false;  // images are (batch, extents..., channels)
  int axes = 2;
  Eigen::Index batch = 1, in_channels = 1, out_channels = 1, groups = 1;
  std::array<Eigen::Index, 3> in{1, 1, 1}, kernel{1, 1, 1}, stride{1, 1, 1}, padding{},
      output_padding{}, dilation{1, 1, 1};

  std::array<Eigen::Index, 3> out() const;
  double flops() const;
  /// x, weight and y, each moved once.
  double bytes() const;
};

/// The options of a problem of `R` axes.
template <int R>
tconv::ConvOptions<R> options_of(const Problem& p) {
  tconv::ConvOptions<R> options;
  for (std::size_t a = 0; a < R; ++a) {
    options.stride[a] = p.stride[a];
    options.padding[a] = p.padding[a];
    options.output_padding[a] = p.output_padding[a];
    options.dilation[a] = p.dilation[a];
  }
  options.groups = p.groups;
  if (p.channels_last) options.data_format = tconv::DataFormat::channels_last;
  return options;
}

/// The shape `(first, second, extents...)` of a tensor with `R` spatial axes.
template <int R>
tconv::Extents<R + 2> shape_of(Eigen::Index first, Eigen::Index second,
                               const std::array<Eigen::Index, 3>& extents) {
  tconv::Extents<R + 2> shape{first, second};
  std::copy_n(extents.begin(), R, shape.begin() + 2);
  return shape;
}

/// The shape of an image of a problem with `R` axes.
template <int R>
tconv::Extents<R + 2> image_shape(const Problem& p, Eigen::Index channels,
                                  const std::array<Eigen::Index, 3>& extents) {
  auto shape = shape_of<R>(p.batch, channels, extents);
  if (p.channels_last) std::rotate(shape.begin() + 1, shape.begin() + 2, shape.end());
  return shape;
}

/// The layers of a file, which are convolutions if they gather.
/// \throws std::runtime_error if the file cannot be read
std::vector<Problem> read_problems(const std::string& path, bool gathers = false);

/// Fused multiply-adds of independent SIMD registers on this thread, in flop/s. Takes some
/// milliseconds; to be called beside every measurement, as clocks drift.
double probe_peak();
