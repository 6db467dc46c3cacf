#include <tconv/kernel2matrix.hpp>
#include <tconv/scatter.hpp>

#include "support/catch.hpp"
#include "support/problem.hpp"

using namespace tconv;
using support::Problem;

namespace {

template <int R>
void check_identities(const Problem& p, support::Random& random) {
  using Tensor = Eigen::Tensor<double, R + 1, Eigen::RowMajor>;
  const auto options = p.options<R>();
  Extents<R> in{};
  std::copy_n(p.in.begin(), R, in.begin());
  Extents<R + 2> w_shape{p.out_channels, p.in_channels / p.groups};
  std::copy_n(p.kernel.begin(), R, w_shape.begin() + 2);
  Eigen::Tensor<double, R + 2, Eigen::RowMajor> w(w_shape);
  const auto data = support::random_integers<double>(random, p);
  std::copy(data.w.begin(), data.w.end(), w.data());

  const auto matrix = kernel2matrix(w, in, options);
  Extents<R + 1> x_shape{p.in_channels};
  std::copy_n(p.in.begin(), R, x_shape.begin() + 1);
  if (p.channels_last) std::rotate(x_shape.begin(), x_shape.begin() + 1, x_shape.end());
  Tensor x(x_shape);
  std::copy_n(data.x.begin(), x.size(), x.data());

  const auto y = scatter::conv(x, w, options);
  CHECK(vec(y, options.data_format) == matrix * vec(x, options.data_format));
  CHECK(matrix.rows() == y.size());
  CHECK(matrix.cols() == x.size());

  Extents<R> kernel{};
  std::copy_n(p.kernel.begin(), R, kernel.begin());
  const auto out = conv_output_extents(in, kernel, options);
  const auto back = with_output_extents(options, out, kernel, in);
  CHECK(vec(scatter::conv_transpose(y, w, back), options.data_format) ==
        matrix.transpose() * vec(y, options.data_format));
}

}  // namespace

TEST_CASE("the matrix is conv, and its transpose conv_transpose, for all ranks and options") {
  support::Random random(11);
  for (int i = 0; i < 150; ++i) {
    Problem p = support::random_problem(random, Direction::gather, 5);
    p.bias = false;
    p.output_padding = {};
    INFO(p);
    switch (p.rank) {
      case 1:
        check_identities<1>(p, random);
        break;
      case 2:
        check_identities<2>(p, random);
        break;
      default:
        check_identities<3>(p, random);
    }
  }
}

TEST_CASE("vec counts in row-major order whatever the storage order, and unvec undoes it") {
  Eigen::Tensor<int, 3, Eigen::RowMajor> row(2, 3, 4);
  Eigen::Tensor<int, 3> col(2, 3, 4);
  for (int a = 0, next = 0; a < 2; ++a)
    for (int b = 0; b < 3; ++b)
      for (int c = 0; c < 4; ++c) row(a, b, c) = col(a, b, c) = next++;
  const auto v = vec(row);
  for (int i = 0; i < 24; ++i) REQUIRE(v[i] == i);
  CHECK(vec(col) == v);
  const auto back = unvec<Eigen::ColMajor>(v, std::array<Index, 3>{2, 3, 4});
  CHECK(std::equal(col.data(), col.data() + 24, back.data()));
  // One sample (h, w, c) in the order (c, h, w).
  CHECK(vec(row, DataFormat::channels_last)[1] == row(0, 1, 0));
  const auto last =
      unvec(vec(row, DataFormat::channels_last), {2, 3, 4}, DataFormat::channels_last);
  CHECK(std::equal(row.data(), row.data() + 24, last.data()));
}

TEST_CASE("vectors and matrices that do not fit are rejected") {
  const Eigen::VectorXd v(5);
  CHECK_THROWS_WITH(unvec(v, {2, 3}),
                    "tconv::unvec: v is 5 by 1, but the extents ask for a column of 6");
  Eigen::Tensor<double, 3> w(1, 1, 2);
  w.setZero();
  CHECK_THROWS_WITH(kernel2matrix(w, {4}, {.output_padding = 1, .dilation = 2}),
                    "tconv::kernel2matrix: output_padding is 1 on spatial axis 0, but must be less "
                    "than the stride, which is 1");
  CHECK(support::message_of<std::length_error>([&] { kernel2matrix(w, {Index{1} << 40}); }) ==
        "tconv::kernel2matrix: the matrix of a weight (1, 1, 2) for in (1099511627776) exceeds the "
        "index type of Eigen::SparseMatrix");
}
