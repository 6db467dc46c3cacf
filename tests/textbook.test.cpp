#include <numeric>
#include <tconv/tconv.hpp>

#include "support/catch.hpp"

using namespace tconv;
using Matrix = Eigen::Tensor<double, 2, Eigen::RowMajor>;

namespace {

Matrix matrix(std::initializer_list<std::initializer_list<double>> rows) {
  Matrix m(static_cast<Index>(rows.size()), static_cast<Index>(rows.begin()->size()));
  Index i = 0;
  for (const auto& row : rows)
    for (const double value : row) m.data()[i++] = value;
  return m;
}

bool equal(const Matrix& a, const Matrix& b) {
  return a.dimensions() == b.dimensions() && std::equal(a.data(), a.data() + a.size(), b.data());
}

Matrix arange(Index rows, Index columns) {
  Matrix m(rows, columns);
  std::iota(m.data(), m.data() + m.size(), 0.0);
  return m;
}

}  // namespace

// The numbers are those printed in "Dive into Deep Learning", section 14.10.

TEST_CASE("trans_conv prints what the textbook prints") {
  const Matrix x = matrix({{0, 1}, {2, 3}});
  CHECK(equal(trans_conv(x, x), matrix({{0, 0, 1}, {0, 4, 6}, {4, 12, 9}})));
  CHECK(equal(trans_conv(x, x, {.padding = 1}), matrix({{4}})));
  CHECK(equal(trans_conv(x, x, {.stride = 2}),
              matrix({{0, 0, 0, 1}, {0, 0, 2, 3}, {0, 2, 0, 3}, {4, 6, 6, 9}})));
}

TEST_CASE("corr2d prints what the textbook prints") {
  CHECK(equal(corr2d(arange(3, 3), matrix({{1, 2}, {3, 4}})), matrix({{27, 37}, {57, 67}})));
}

TEST_CASE("the matrix of the textbook multiplies as convolution and transposed convolution") {
  const Matrix k = matrix({{1, 2}, {3, 4}});
  const Eigen::SparseMatrix<double, Eigen::RowMajor> w = kernel2matrix(k, {3, 3});
  Eigen::MatrixXd expected(4, 9);
  expected << 1, 2, 0, 3, 4, 0, 0, 0, 0,  //
      0, 1, 2, 0, 3, 4, 0, 0, 0,          //
      0, 0, 0, 1, 2, 0, 3, 4, 0,          //
      0, 0, 0, 0, 1, 2, 0, 3, 4;
  CHECK(Eigen::MatrixXd(w) == expected);

  const Matrix x = arange(3, 3);
  const Matrix y = corr2d(x, k);
  CHECK(w * vec(x) == vec(y));
  CHECK(w.transpose() * vec(y) == vec(trans_conv(y, k)));
  CHECK(equal(unvec(w * vec(x), {2, 2}), y));
}

TEST_CASE("ten to twenty channels and back gives the shape of the input") {
  Eigen::Tensor<float, 4, Eigen::RowMajor> x(1, 10, 16, 16), w(20, 10, 5, 5);
  x.setRandom();
  w.setRandom();
  const ConvOptions<2> options{.stride = 3, .padding = 2};
  CHECK(conv_transpose(conv(x, w, options), w, options).dimensions() == x.dimensions());
}

TEST_CASE("the textbook's functions take options, storage orders and expressions") {
  const Matrix x = arange(3, 4), k = matrix({{1, -2}, {3, 5}});
  const ConvOptions<2> options{.stride = {2, 1}, .padding = {{0, 1}, {1, 0}}};
  const auto w = kernel2matrix(k, {3, 4}, options);
  CHECK(vec(corr2d(x, k, options)) == w * vec(x));
  CHECK(vec(corr2d(x + x, k, options)) == 2 * (w * vec(x)));
  const Eigen::Tensor<double, 2> x_col = x.swap_layout().shuffle(std::array<int, 2>{1, 0});
  const Eigen::Tensor<double, 2> k_col = k.swap_layout().shuffle(std::array<int, 2>{1, 0});
  CHECK(vec(corr2d(x_col, k_col, options)) == w * vec(x));
  CHECK_THROWS_WITH(corr2d(x, k, {.groups = 2}),
                    "tconv::corr2d: groups is 2, but must be 1: there is one channel");
}

TEST_CASE("the functions of the textbook take Eigen matrices, and give them back") {
  const Eigen::MatrixXd x{{0, 1}, {2, 3}}, k{{1, 2}, {3, 4}};
  const Eigen::MatrixXd scattered{{0, 0, 1}, {0, 4, 6}, {4, 12, 9}};
  CHECK(trans_conv(x, x) == scattered);
  CHECK(trans_conv(x.transpose(), x.transpose()) == scattered.transpose());
  CHECK(trans_conv(x.array(), 2 * x) == 2 * scattered);
  CHECK(trans_conv(x, x, {.padding = 1}) == Eigen::MatrixXd{{4}});
  const Eigen::Matrix<double, 3, 3, Eigen::RowMajor> rows{{0, 1, 2}, {3, 4, 5}, {6, 7, 8}};
  CHECK(corr2d(rows, k) == Eigen::MatrixXd{{27, 37}, {57, 67}});
  CHECK(corr2d(rows.block(1, 1, 2, 2), k) == Eigen::MatrixXd{{67}});
  const Matrix kernel = matrix({{1, 2}, {3, 4}});
  CHECK(Eigen::MatrixXd(kernel2matrix(k, {3, 3})) ==
        Eigen::MatrixXd(kernel2matrix(kernel, {3, 3})));
}
