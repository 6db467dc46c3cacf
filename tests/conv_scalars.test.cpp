#include <complex>
#include <tconv/tconv.hpp>
#include <unsupported/Eigen/AutoDiff>

#include "support/catch.hpp"

using namespace tconv;

namespace {

template <class Scalar>
using T3 = Eigen::Tensor<Scalar, 3, Eigen::RowMajor>;
template <class Scalar>
using T1 = Eigen::Tensor<Scalar, 1, Eigen::RowMajor>;

/// `conv` of a (1, channels, 1) image of `x` with weights of `w`, one output, plus `bias`.
template <class Scalar>
Scalar sum_of_products(Index channels, Scalar x, Scalar w, Scalar bias) {
  T3<Scalar> image(1, channels, 1), weight(1, channels, 1), transposed(channels, 1, 1);
  T1<Scalar> b(1);
  image.setConstant(x);
  weight.setConstant(w);
  transposed.setConstant(w);
  b.setConstant(bias);
  const Scalar y = conv(image, weight, b)(0, 0, 0);
  CHECK(y == sparse::conv(image, weight, b)(0, 0, 0));
  CHECK(y == scatter::conv_transpose(image, transposed, b)(0, 0, 0));
  return y;
}

}  // namespace

TEST_CASE("conv sums 16-bit floats in float, the bias among them") {
  using Eigen::bfloat16;
  using Eigen::half;
  // 512 + 512 ones: a running sum of bfloat16 would stop at 256, one of half at 2048.
  CHECK(static_cast<float>(sum_of_products(512, bfloat16(1), bfloat16(1), bfloat16(512))) == 1024);
  CHECK(static_cast<float>(sum_of_products(4096, half(1), half(1), half(4096))) == 8192);
  // The products overflow half, their sum does not.
  CHECK(static_cast<float>(sum_of_products(1, half(300), half(300), half(-60000))) == 30000);
}

TEST_CASE("conv wraps integers around, and multiplies complex numbers without conjugating") {
  CHECK(sum_of_products<std::int8_t>(2, 100, 3, 1) == static_cast<std::int8_t>(601 - 512));
  CHECK(sum_of_products<std::int16_t>(3, 20000, 5, -1) ==
        static_cast<std::int16_t>(299999 % 65536 - 65536));
  // Two products of 2^63 are 2^64, which is nothing.
  CHECK(sum_of_products<std::int64_t>(2, std::int64_t{1} << 32, std::int64_t{1} << 31, 5) == 5);
  using C = std::complex<float>;
  CHECK(sum_of_products(2, C(1, 2), C(3, 4), C(1, -1)) == C(-9, 19));
}

TEST_CASE("derivatives of any number flow through every implementation") {
  using Scalar = Eigen::AutoDiffScalar<Eigen::VectorXd>;
  T3<Scalar> x(1, 1, 2), w(1, 1, 2);
  x(0, 0, 0) = Scalar(2.0, 3, 0);
  x(0, 0, 1) = Scalar(5.0, 3, 1);
  w(0, 0, 0) = Scalar(3.0, 3, 2);
  w(0, 0, 1) = Scalar(7.0);  // a constant: its vector of derivatives is empty
  for (const auto& y : {conv_transpose(x, w), scatter::conv_transpose(x, w)}) {
    CHECK(y(0, 0, 1).value() == 29.0);  // x0 w1 + x1 w0
    CHECK(y(0, 0, 1).derivatives() == Eigen::Vector3d(7, 3, 5));
  }
  const auto z = conv(x, w);  // x0 w0 + x1 w1
  CHECK(z(0, 0, 0).value() == 41.0);
  CHECK(z(0, 0, 0).derivatives() == Eigen::Vector3d(3, 7, 2));
}
