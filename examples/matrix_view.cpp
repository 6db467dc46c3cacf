// The three functions of "Dive into Deep Learning", section 14.10, and the matrix behind them.
//
//   matrix_view [result.png]
//
// A convolution is a product with a sparse matrix, and the transposed convolution is the product
// with its transpose. Prints the textbook's example, and draws the matrix of a larger one: two
// channels to three, stride 2, padding 1, one block for every pair of channels.

#include <algorithm>
#include <iostream>
#include <tconv/tconv.hpp>

#include "support/example.hpp"

namespace {

using tconv::Index;
using Matrix = Eigen::Tensor<float, 2, Eigen::RowMajor>;
using SparseMatrix = Eigen::SparseMatrix<float, Eigen::RowMajor>;

void print_textbook() {
  Matrix x(3, 3), k(2, 2);
  x.setValues({{0, 1, 2}, {3, 4, 5}, {6, 7, 8}});
  k.setValues({{1, 2}, {3, 4}});
  const Matrix y = tconv::corr2d(x, k);
  const SparseMatrix w = tconv::kernel2matrix(k, {3, 3});
  const Matrix z = tconv::trans_conv(y, k);

  std::cout << "X\n" << x << "\n\nK\n" << k << "\n\nY = corr2d(X, K)\n" << y << "\n\n";
  std::cout << "W = kernel2matrix(K, {3, 3})\n" << Eigen::MatrixXf(w) << "\n\n";
  std::cout << "W * vec(X), which is vec(Y)\n" << (w * tconv::vec(x)).transpose() << "\n\n";
  std::cout << "Z = trans_conv(Y, K)\n" << z << "\n\n";
  std::cout << "W.transpose() * vec(Y), which is vec(Z)\n"
            << (w.transpose() * tconv::vec(y)).transpose() << "\n\n";
}

/// Positive entries from white to red, negative ones to blue; what the matrix does not store is
/// grey, so that its structure shows. Dark lines part the blocks.
Picture draw(const SparseMatrix& matrix, Index block_rows, Index block_cols) {
  const Index cell = 8;
  Picture picture(3, matrix.rows() * cell, matrix.cols() * cell);
  picture.setConstant(0.85f);
  float largest = 0;
  for (Index i = 0; i < matrix.nonZeros(); ++i)
    largest = std::max(largest, std::abs(matrix.valuePtr()[i]));
  for (int row = 0; row < matrix.outerSize(); ++row)
    for (SparseMatrix::InnerIterator entry(matrix, row); entry; ++entry) {
      const float strength = entry.value() / largest;
      const float colour[] = {std::min(1.0f, 1.0f + strength), 1.0f - std::abs(strength),
                              std::min(1.0f, 1.0f - strength)};
      // One pixel stays grey on each side: the grid.
      for (Index c = 0; c < 3; ++c)
        for (Index i = 1; i < cell; ++i)
          for (Index j = 1; j < cell; ++j)
            picture(c, entry.row() * cell + i, entry.col() * cell + j) = colour[c];
    }
  for (Index row = block_rows; row < matrix.rows(); row += block_rows)
    picture.chip(row * cell, 1).setConstant(0.3f);
  for (Index col = block_cols; col < matrix.cols(); col += block_cols)
    picture.chip(col * cell, 2).setConstant(0.3f);
  return picture;
}

/// Every weight differs from every other, so that each block of the picture can be told apart.
SparseMatrix larger_matrix() {
  Eigen::Tensor<float, 4, Eigen::RowMajor> weight(3, 2, 3, 3);
  for (Index m = 0; m < 3; ++m)
    for (Index k = 0; k < 9; ++k) {
      weight(m, 0, k / 3, k % 3) = static_cast<float>(9 * m + k + 1);
      weight(m, 1, k / 3, k % 3) = -static_cast<float>(9 * m + k + 1);
    }
  return tconv::kernel2matrix(weight, {7, 7}, {.stride = 2, .padding = 1});
}

int run(const Arguments& arguments) {
  print_textbook();
  const SparseMatrix matrix = larger_matrix();
  std::cout << matrix.rows() << " x " << matrix.cols() << ", " << matrix.nonZeros() << " entries\n";
  save(arguments.text(0, "matrix_view.png"), draw(matrix, matrix.rows() / 3, matrix.cols() / 2));
  return 0;
}

}  // namespace

int main(int argc, char** argv) { return run_example(run, argc, argv); }
