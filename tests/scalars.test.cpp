#include <complex>
#include <tconv/tconv.hpp>
#include <unsupported/Eigen/AutoDiff>

#include "support/catch.hpp"

using namespace tconv;

namespace {

template <class Scalar>
Eigen::Tensor<Scalar, 3, Eigen::RowMajor> filled(Index a, Index b, Index c, int seed) {
  Eigen::Tensor<Scalar, 3, Eigen::RowMajor> t(a, b, c);
  for (Index i = 0; i < t.size(); ++i)
    t.data()[i] = static_cast<Scalar>(static_cast<float>((i * 7 + seed) % 7 - 3));
  return t;
}

template <class Scalar>
bool agrees_with_double() {
  const ConvOptions<1> options{.stride = 2, .padding = {{1, 0}}};
  const auto x = filled<Scalar>(2, 3, 5, 1), w = filled<Scalar>(3, 2, 4, 4);
  const auto exact =
      conv_transpose(filled<double>(2, 3, 5, 1), filled<double>(3, 2, 4, 4), options);
  for (const auto& y : {conv_transpose(x, w, options), scatter::conv_transpose(x, w, options),
                        sparse::conv_transpose(x, w, options), ConvTranspose(w, options)(x)})
    for (Index i = 0; i < y.size(); ++i)
      if (!(y.data()[i] == static_cast<Scalar>(static_cast<float>(exact.data()[i])))) return false;
  return true;
}

}  // namespace

TEST_CASE("every scalar gives the numbers that double gives") {
  CHECK(agrees_with_double<float>());
  CHECK(agrees_with_double<Eigen::half>());
  CHECK(agrees_with_double<Eigen::bfloat16>());
  CHECK(agrees_with_double<std::int8_t>());
  CHECK(agrees_with_double<std::int16_t>());
  CHECK(agrees_with_double<std::int32_t>());
  CHECK(agrees_with_double<std::int64_t>());
  CHECK(agrees_with_double<long double>());
  CHECK(agrees_with_double<std::complex<float>>());
  CHECK(agrees_with_double<std::complex<double>>());
}

TEST_CASE("conv_transpose of complex numbers is the transpose, not the adjoint") {
  using C = std::complex<double>;
  Eigen::Tensor<C, 3> x(1, 1, 1), w(1, 1, 1);
  x(0, 0, 0) = C(1, 2);
  w(0, 0, 0) = C(3, 4);
  CHECK(conv_transpose(x, w)(0, 0, 0) == C(-5, 10));
  CHECK(sparse::conv_transpose(x, w)(0, 0, 0) == C(-5, 10));
}

TEST_CASE("16-bit floats are summed in float") {
  // In bfloat16, 256 + 1 is 256: a running sum of ones would stop there.
  Eigen::Tensor<Eigen::bfloat16, 3> x(1, 1024, 1), w(1024, 1, 1);
  x.setConstant(Eigen::bfloat16(1.0f));
  w.setConstant(Eigen::bfloat16(1.0f));
  CHECK(static_cast<float>(conv_transpose(x, w)(0, 0, 0)) == 1024.0f);
  CHECK(static_cast<float>(sparse::conv_transpose(x, w)(0, 0, 0)) == 1024.0f);
}

TEST_CASE("integers wrap around") {
  Eigen::Tensor<std::int32_t, 3> x(1, 2, 1), w(2, 1, 1);
  x.setConstant(65536);
  w.setConstant(32767);
  const auto expected = static_cast<std::int32_t>(std::uint32_t{65536} * 32767 * 2);
  CHECK(conv_transpose(x, w)(0, 0, 0) == expected);
  CHECK(sparse::conv_transpose(x, w)(0, 0, 0) == expected);
}

TEST_CASE("derivatives flow through AutoDiffScalar") {
  using Derivative = Eigen::Matrix<double, 2, 1>;
  using Scalar = Eigen::AutoDiffScalar<Derivative>;
  Eigen::Tensor<Scalar, 3> x(1, 1, 2), w(1, 1, 2);
  x(0, 0, 0) = Scalar(2.0, 2, 0);  // seeds
  x(0, 0, 1) = Scalar(5.0);
  w(0, 0, 0) = Scalar(3.0, 2, 1);
  w(0, 0, 1) = Scalar(7.0);
  const auto y = conv_transpose(x, w);  // x0 w0, x0 w1 + x1 w0, x1 w1
  CHECK(y(0, 0, 1).value() == 29.0);
  CHECK(y(0, 0, 0).derivatives() == Derivative(3.0, 2.0));
  CHECK(y(0, 0, 1).derivatives() == Derivative(7.0, 5.0));
  CHECK(y(0, 0, 2).derivatives() == Derivative(0.0, 0.0));
}
