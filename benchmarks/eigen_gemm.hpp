#pragma once

/// \file
/// What a user of Eigen would write without tconv.

#include <Eigen/Core>

#include "problem.hpp"

/// Eigen's matrix product into a column buffer, whose columns are added to the output (col2im).
class EigenGemm {
 public:
  /// The arrays `x` and `y` stay the caller's.
  EigenGemm(const Problem& p, const float* x, const float* weight, const float* bias, float* y);

  void run();

 private:
  using Matrix = Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

  /// Adds what the columns of output channel `m` hold to its plane.
  void add_columns(Eigen::Index m, float* plane) const;

  Problem problem_;
  Eigen::Map<const Matrix> x_;
  Matrix weight_;
  Eigen::VectorXf bias_;
  Eigen::Map<Matrix> y_;
  Matrix columns_;
};
