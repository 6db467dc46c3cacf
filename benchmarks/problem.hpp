#pragma once

/// \file
/// The layers of layers.csv, and the peak they are measured against.

#include <Eigen/Core>
#include <array>
#include <string>
#include <vector>

/// Spatial arrays hold `axes` entries, outermost first, and neutral values behind them.
struct Problem {
  std::string name;
  int axes = 2;
  Eigen::Index batch = 1, in_channels = 1, out_channels = 1, groups = 1;
  std::array<Eigen::Index, 3> in{1, 1, 1}, kernel{1, 1, 1}, stride{1, 1, 1}, padding{},
      output_padding{}, dilation{1, 1, 1};

  std::array<Eigen::Index, 3> out() const;
  double flops() const;
  /// x, weight and y, each moved once.
  double bytes() const;
};

/// \throws std::runtime_error if the file cannot be read
std::vector<Problem> read_problems(const std::string& path);

/// Fused multiply-adds of independent SIMD registers on this thread, in flop/s. Takes some
/// milliseconds; to be called beside every measurement, as clocks drift.
double probe_peak();
