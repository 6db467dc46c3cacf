#include <tconv/scatter.hpp>
#include <tconv/textbook.hpp>

#include "support/catch.hpp"
#include "support/problem.hpp"

using namespace tconv;
using support::Problem;

namespace {

/// A matrix of the given extents with the values in row-major order.
template <int layout>
Eigen::Tensor<double, 2, layout> matrix(Index rows, Index columns, const double* values) {
  Eigen::Tensor<double, 2, layout> m(rows, columns);
  for (Index i = 0; i < rows; ++i)
    for (Index j = 0; j < columns; ++j) m(i, j) = values[i * columns + j];
  return m;
}

template <int layout>
void check_problem(const Problem& p, const support::Data<double>& data) {
  const auto options = p.options<2>();
  const auto x = matrix<layout>(p.in[0], p.in[1], data.x.data());
  const auto k = matrix<layout>(p.kernel[0], p.kernel[1], data.w.data());
  const auto expected = support::reference(p, data);
  const Eigen::Map<const Eigen::VectorXd> expected_vec(expected.data(),
                                                       static_cast<Index>(expected.size()));
  if (p.scatters()) {
    const auto y = trans_conv(x, k, options);
    CHECK(vec(y) == expected_vec);
    const auto m = kernel2matrix(k, {y.dimension(0), y.dimension(1)}, options);
    CHECK(m.transpose() * vec(x) == expected_vec);
  } else {
    CHECK(vec(corr2d(x, k, options)) == expected_vec);
    CHECK(kernel2matrix(k, {p.in[0], p.in[1]}, options) * vec(x) == expected_vec);
  }
}

/// As images of one channel, by the definition.
template <int layout>
Eigen::Tensor<double, 2, layout> defined(const Problem& p,
                                         const Eigen::Tensor<double, 2, layout>& x,
                                         const Eigen::Tensor<double, 2, layout>& k) {
  const auto image = [](const Eigen::Tensor<double, 2, layout>& m) {
    return Eigen::TensorMap<const Eigen::Tensor<double, 4, layout>>(m.data(), 1, 1, m.dimension(0),
                                                                    m.dimension(1));
  };
  const auto options = p.options<2>();
  const Eigen::Tensor<double, 4, layout> y =
      p.scatters() ? scatter::conv_transpose(image(x), image(k), options)
                   : scatter::conv(image(x), image(k), options);
  return y.reshape(Extents<2>{y.dimension(2), y.dimension(3)});
}

template <int layout>
void check_large(const Problem& p, const support::Data<double>& data) {
  using Matrix = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, layout>;
  auto options = p.options<2>();
  const auto x = matrix<layout>(p.in[0], p.in[1], data.x.data());
  const auto k = matrix<layout>(p.kernel[0], p.kernel[1], data.w.data());
  const auto expected = defined<layout>(p, x, k);
  const Matrix x_matrix = Eigen::Map<const Matrix>(x.data(), p.in[0], p.in[1]);
  for (const Summation summation : {Summation::fastest, Summation::ordered}) {
    options.summation = summation;
    const auto y = p.scatters() ? trans_conv(x, k, options) : corr2d(x, k, options);
    REQUIRE(y.dimensions() == expected.dimensions());
    CHECK(std::equal(y.data(), y.data() + y.size(), expected.data()));
    const Matrix of_matrix =
        p.scatters() ? trans_conv(x_matrix, k, options) : corr2d(x_matrix, k, options);
    CHECK(std::equal(y.data(), y.data() + y.size(), of_matrix.data()));
  }
}

}  // namespace

TEST_CASE("trans_conv, corr2d and the matrix follow the relation for all options") {
  support::Random random(41);
  for (int checked = 0; checked < 120;) {
    Problem p = support::random_problem(
        random, checked % 2 == 0 ? Direction::scatter : Direction::gather, 6);
    if (p.rank != 2) continue;
    // The matrix has rows for output padding only below the stride.
    if (p.output_padding[0] >= p.stride[0] || p.output_padding[1] >= p.stride[1]) continue;
    p.batch = p.groups = p.in_channels = p.out_channels = 1;
    p.bias = p.channels_last = false;
    INFO(p);
    const auto data = support::random_integers<double>(random, p);
    check_problem<Eigen::RowMajor>(p, data);
    check_problem<Eigen::ColMajor>(p, data);
    ++checked;
  }
}

TEST_CASE("trans_conv and corr2d are what the definition says, however large the image") {
  support::Random random(43);
  for (int checked = 0; checked < 60;) {
    Problem p = support::random_problem(
        random, checked % 2 == 0 ? Direction::scatter : Direction::gather, 40);
    const auto& coarse = p.scatters() ? p.in : p.out;
    if (p.rank != 2 || coarse[0] * coarse[1] * p.kernel[0] * p.kernel[1] <= 2500) continue;
    p.batch = p.groups = p.in_channels = p.out_channels = 1;
    p.bias = p.channels_last = false;
    INFO(p);
    const auto data = support::random_integers<double>(random, p);
    check_large<Eigen::RowMajor>(p, data);
    check_large<Eigen::ColMajor>(p, data);
    ++checked;
  }
}

TEST_CASE("the matrix of a column-major weight is that of the same weight row-major") {
  Eigen::Tensor<double, 4, Eigen::RowMajor> row(4, 2, 3, 2);
  Eigen::Tensor<double, 4> col(4, 2, 3, 2);
  double next = 1;
  for (Index m = 0; m < 4; ++m)
    for (Index c = 0; c < 2; ++c)
      for (Index i = 0; i < 3; ++i)
        for (Index j = 0; j < 2; ++j) row(m, c, i, j) = col(m, c, i, j) = next++;
  const ConvOptions<2> options{.stride = {2, 1}, .padding = {{1, 0}, {-1, 2}}, .groups = 2};
  const auto a = kernel2matrix(row, {5, 4}, options), b = kernel2matrix(col, {5, 4}, options);
  CHECK(a.rows() == 4 * 2 * 4);
  CHECK(a.cols() == 4 * 5 * 4);
  CHECK(Eigen::MatrixXd(a) == Eigen::MatrixXd(b));
}
