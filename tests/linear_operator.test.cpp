#include <Eigen/Cholesky>
#include <Eigen/IterativeLinearSolvers>
#include <complex>
#include <limits>
#include <tconv/linear_operator.hpp>
#include <tconv/scatter.hpp>

#include "support/catch.hpp"
#include "support/problem.hpp"

using namespace tconv;
using support::Problem;

namespace {

template <class Scalar>
using Vector = Eigen::Matrix<Scalar, Eigen::Dynamic, 1>;
template <class Scalar>
using Matrix = Eigen::Matrix<Scalar, Eigen::Dynamic, Eigen::Dynamic>;

template <class Scalar>
Scalar small_integer(support::Random& random) {
  std::uniform_int_distribution<int> draw(-4, 4);
  if constexpr (Eigen::NumTraits<Scalar>::IsComplex)
    return Scalar(static_cast<typename Scalar::value_type>(draw(random)),
                  static_cast<typename Scalar::value_type>(draw(random)));
  else
    return static_cast<Scalar>(draw(random));
}

template <class Scalar>
Matrix<Scalar> integers(support::Random& random, Index rows, Index cols = 1) {
  return Matrix<Scalar>::NullaryExpr(rows, cols, [&] { return small_integer<Scalar>(random); });
}

template <class Scalar, int R, int layout>
void check_against_matrix(const Problem& p, support::Random& random) {
  const auto options = p.options<R>();
  Extents<R> in{};
  std::copy_n(p.in.begin(), R, in.begin());
  Extents<R + 2> w_shape{p.out_channels, p.in_channels / p.groups};
  std::copy_n(p.kernel.begin(), R, w_shape.begin() + 2);
  Eigen::Tensor<Scalar, R + 2, layout> w(w_shape);
  for (Index i = 0; i < w.size(); ++i) w.data()[i] = small_integer<Scalar>(random);

  const auto m = kernel2matrix(w, in, options);
  const ConvOperator<Scalar, R> a(w, in, options);
  REQUIRE(a.rows() == m.rows());
  REQUIRE(a.cols() == m.cols());
  const Vector<Scalar> v = integers<Scalar>(random, a.cols());
  const Vector<Scalar> u = integers<Scalar>(random, a.rows());
  CHECK(Vector<Scalar>(a * v) == m * v);
  CHECK(Vector<Scalar>(a.transpose() * u) == m.transpose() * u);
  CHECK(Vector<Scalar>(a.adjoint() * u) == m.adjoint() * u);
  CHECK(Vector<Scalar>(a.normal(2) * v) == m.adjoint() * (m * v) + Scalar(2) * v);

  const Matrix<Scalar> dense(m);
  for (Index j = 0; j < a.cols(); ++j) {
    Vector<Scalar> column = Vector<Scalar>::Zero(a.rows());
    Index last = -1;
    for (typename ConvOperator<Scalar, R>::InnerIterator entry(a, j); entry; ++entry) {
      REQUIRE(entry.index() > last);
      last = entry.index();
      column[last] = entry.value();
    }
    REQUIRE(column == dense.col(j));
    REQUIRE(a.col(j).squaredNorm() == dense.col(j).squaredNorm());
  }
}

template <class Scalar, int R>
void check_rank(const Problem& p, support::Random& random) {
  if (p.col_major)
    check_against_matrix<Scalar, R, Eigen::ColMajor>(p, random);
  else
    check_against_matrix<Scalar, R, Eigen::RowMajor>(p, random);
}

template <class Scalar>
void check_random_problems(int count) {
  support::Random random(23);
  for (int i = 0; i < count; ++i) {
    Problem p = support::random_problem(random, Direction::gather, 5);
    p.output_padding = {};
    INFO(p);
    if (p.rank == 1) check_rank<Scalar, 1>(p, random);
    if (p.rank == 2) check_rank<Scalar, 2>(p, random);
    if (p.rank == 3) check_rank<Scalar, 3>(p, random);
  }
}

/// 3 channels to 4 on 8 x 9 pixels, and more outputs than inputs: a least-squares problem.
Eigen::Tensor<double, 4> tall_weight() {
  Eigen::Tensor<double, 4> w(4, 3, 3, 2);
  support::Random random(5);
  for (Index i = 0; i < w.size(); ++i) w.data()[i] = small_integer<double>(random) / 4;
  return w;
}

}  // namespace

TEST_CASE("the operator is the matrix of kernel2matrix, for all ranks, options and layouts") {
  check_random_problems<double>(60);
  check_random_problems<std::complex<double>>(20);
}

TEST_CASE("products are convolutions of tensors in either data format") {
  support::Random random(3);
  Eigen::Tensor<double, 3, Eigen::RowMajor> x(5, 6, 2);
  for (Index i = 0; i < x.size(); ++i) x.data()[i] = small_integer<double>(random);
  Eigen::Tensor<double, 4, Eigen::RowMajor> w(3, 2, 2, 3);
  for (Index i = 0; i < w.size(); ++i) w.data()[i] = small_integer<double>(random);
  constexpr auto last = DataFormat::channels_last;
  const ConvOptions<2> options{.stride = {1, 2}, .padding = 1, .data_format = last};
  const ConvOperator a(w, {5, 6}, options);
  const Vector<double> y = a * vec(x, last);
  CHECK(y == vec(scatter::conv(x, w, options), last));
}

TEST_CASE("factors and results may be expressions, blocks, strided, or one another") {
  support::Random random(7);
  Eigen::Tensor<double, 3> w(1, 1, 3);
  w.setValues({{{1, -2, 4}}});
  const ConvOperator a(w, {6}, {.padding = 1});
  const Matrix<double> m = kernel2matrix(w, {6}, {.padding = 1});
  const Matrix<double> v = integers<double>(random, 6, 3);
  const Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor> rows = v;

  CHECK(Matrix<double>(a * v) == m * v);
  CHECK(Matrix<double>(a * rows) == m * v);
  CHECK(Vector<double>(a * v.col(1)) == m * v.col(1));
  CHECK(Vector<double>(a * rows.col(1)) == m * v.col(1));
  CHECK(Vector<double>(a * (v.col(0) - 2 * v.col(2))) == m * (v.col(0) - 2 * v.col(2)));
  CHECK(Vector<double>(a.transpose() * (a * v.col(0))) == m.transpose() * (m * v.col(0)));
  CHECK(Vector<double>(v.col(0) - 3 * (a * v.col(1))) == v.col(0) - 3 * (m * v.col(1)));

  Matrix<double> result = v;
  result.col(2) += a * v.col(0);
  CHECK(result.col(2) == v.col(2) + m * v.col(0));
  result.leftCols(2) -= a * v.rightCols(2);
  CHECK(result.leftCols(2) == v.leftCols(2) - m * v.rightCols(2));
  auto row_result = rows;
  row_result.col(0) = a * v.col(1);
  CHECK(row_result.col(0) == m * v.col(1));

  Vector<double> x = v.col(0);
  x = a * x;
  CHECK(x == m * v.col(0));
  Vector<double> both(7);
  both << 9, v.col(1);
  both.head(6) = a * both.tail(6);
  CHECK(both.head(6) == m * v.col(1));

  const auto product = ConvOperator(w, {6}, {.padding = 1}).transpose() * v;
  CHECK(Matrix<double>(product) == m.transpose() * v);
}

TEST_CASE("Eigen's least-squares solver finds the normal equations' solution") {
  const auto w = tall_weight();
  const ConvOperator a(w, {8, 9}, {.padding = 1});
  const Matrix<double> m = kernel2matrix(w, {8, 9}, {.padding = 1});
  const Vector<double> b = Vector<double>::LinSpaced(a.rows(), -1, 2).array().square();
  const Vector<double> expected = (m.transpose() * m).ldlt().solve(m.transpose() * b);

  Eigen::LeastSquaresConjugateGradient<ConvOperator<double, 2>, Eigen::IdentityPreconditioner>
      plain(a);
  plain.setTolerance(1e-12);
  const Vector<double> x = plain.solve(b);
  CHECK(plain.info() == Eigen::Success);
  CHECK((x - expected).norm() <= 1e-9 * expected.norm());

  Eigen::LeastSquaresConjugateGradient<ConvOperator<double, 2>> preconditioned(a);
  preconditioned.setTolerance(1e-12);
  const Vector<double> z = preconditioned.solve(b);
  CHECK(preconditioned.info() == Eigen::Success);
  CHECK((z - expected).norm() <= 1e-9 * expected.norm());
}

TEST_CASE("the default preconditioner makes up for channels of unequal size") {
  auto w = tall_weight();
  w.chip(0, 1) = w.chip(0, 1) * 1000.0;
  const ConvOperator a(w, {8, 9}, {.padding = 1});
  const Vector<double> b = Vector<double>::LinSpaced(a.rows(), -1, 2);
  Eigen::LeastSquaresConjugateGradient<ConvOperator<double, 2>, Eigen::IdentityPreconditioner>
      plain(a);
  Eigen::LeastSquaresConjugateGradient<ConvOperator<double, 2>> preconditioned(a);
  plain.setTolerance(1e-8).setMaxIterations(2000);
  preconditioned.setTolerance(1e-8).setMaxIterations(2000);
  Vector<double> x = plain.solve(b);
  x = preconditioned.solve(b);
  CHECK(preconditioned.info() == Eigen::Success);
  CHECK(2 * preconditioned.iterations() < plain.iterations());
}

TEST_CASE("Eigen's conjugate gradients solve the regularised normal equations") {
  const auto w = tall_weight();
  const ConvOperator a(w, {8, 9}, {.stride = 2, .padding = 1});
  const Matrix<double> m = kernel2matrix(w, {8, 9}, {.stride = 2, .padding = 1});
  const Vector<double> b = Vector<double>::LinSpaced(a.rows(), -1, 2);
  const auto normal = a.normal(0.25);
  Eigen::ConjugateGradient<decltype(normal.adjoint()), Eigen::Lower | Eigen::Upper> solver(normal);
  const Vector<double> x = solver.solve(a.adjoint() * b);
  CHECK(solver.info() == Eigen::Success);
  const Matrix<double> dense =
      m.transpose() * m + 0.25 * Matrix<double>::Identity(a.cols(), a.cols());
  const Vector<double> expected = dense.ldlt().solve(m.transpose() * b);
  CHECK((x - expected).norm() <= 1e-9 * expected.norm());
}

TEST_CASE("Eigen's solver for square matrices takes the operator, and complex numbers") {
  using C = std::complex<double>;
  Eigen::Tensor<C, 3> w(1, 1, 3);
  w.setValues({{{C(0, 1), C(3, -1), C(0.5, 0.5)}}});
  const ConvOperator a(w, {20}, {.padding = 1});
  const Vector<C> expected = Vector<C>::LinSpaced(20, C(1, -1), C(-2, 3));
  Eigen::BiCGSTAB<ConvOperator<C, 1>> square(a);
  const Vector<C> x = square.solve(a * expected);
  CHECK((x - expected).norm() <= 1e-9 * expected.norm());
  Eigen::LeastSquaresConjugateGradient<ConvOperator<C, 1>> least_squares(a);
  const Vector<C> y = least_squares.solve(a * expected);
  CHECK((y - expected).norm() <= 1e-9 * expected.norm());
}

TEST_CASE("operators multiply on a workspace they are given") {
  const auto w = tall_weight();
  Workspace workspace;
  const ConvOperator a(w, {8, 9}), b(workspace, w, {8, 9});
  const Vector<double> v = Vector<double>::LinSpaced(a.cols(), -1, 2);
  const Vector<double> expected = a * v;
  CHECK(Vector<double>(b * v) == expected);
}

TEST_CASE("operators reject weights, options and vectors that do not fit") {
  Eigen::Tensor<double, 3> w(2, 1, 3);
  w.setZero();
  CHECK_THROWS_WITH((ConvOperator<double, 1>(w, {2})),
                    "tconv::ConvOperator: padded input has extent 2 on spatial axis 0 (2 + 0 + 0), "
                    "but the dilated kernel needs 3");
  CHECK_THROWS_WITH(ConvOperator(w, {0}), support::contains("tconv::ConvOperator: x has extent 0"));
  CHECK_THROWS_WITH(ConvOperator(w, {5}, {.stride = 0}),
                    support::contains("tconv::ConvOperator: stride is 0"));
  CHECK_THROWS_WITH(ConvOperator(w, {5}, {.output_padding = 1, .dilation = 2}),
                    "tconv::ConvOperator: output_padding is 1 on spatial axis 0, but must be less "
                    "than the stride, which is 1");
  CHECK(support::message_of<std::length_error>([&] { ConvOperator a(w, {Index{1} << 61}); }) ==
        "tconv::ConvOperator: the output has shape (1, 2, 2305843009213693950), which is more than "
        "its index type can count");
  const ConvOperator a(w, {5});
  const Vector<double> v = Vector<double>::Zero(5), u = Vector<double>::Zero(6);
  CHECK_THROWS_WITH(a * u, "tconv::ConvOperator: v has 6 rows, but the operator has 5 columns");
  CHECK_THROWS_WITH(a.transpose() * v,
                    "tconv::ConvOperator: v has 5 rows, but the operator has 6 columns");
}
