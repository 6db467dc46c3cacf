/// \file
/// All small relations of stride, kernel, padding and extent on one axis, beside another axis with
/// other numbers: where other libraries have lost rows, columns and biases.

#include <algorithm>
#include <limits>
#include <tconv/conv_transpose.hpp>
#include <tconv/layer.hpp>
#include <tconv/scatter.hpp>

#include "support/catch.hpp"

using namespace tconv;
using T4 = Eigen::Tensor<float, 4, Eigen::RowMajor>;

namespace {

T4 integers(Index n, Index c, Index h, Index w) {
  T4 t(n, c, h, w);
  for (Index i = 0; i < t.size(); ++i) t.data()[i] = static_cast<float>(i * 7 % 9 - 4);
  return t;
}

bool equal(const T4& a, const T4& b) {
  return a.dimensions() == b.dimensions() && std::equal(a.data(), a.data() + a.size(), b.data());
}

/// Runs a layer with a bias into an output full of NaN, with an epilogue and without.
void check(const T4& x, const T4& w, const Eigen::VectorXf& bias, const ConvOptions<2>& options,
           Workspace& workspace) {
  const T4 expected = scatter::conv_transpose(x, w, bias, options);
  const ConvTranspose up(w, bias, options);
  T4 y(expected.dimensions());
  y.setConstant(std::numeric_limits<float>::quiet_NaN());
  up.run(x, y, workspace);
  REQUIRE(equal(y, expected));
  y.setConstant(std::numeric_limits<float>::quiet_NaN());
  up.run(x, y, workspace, [](float v, Index m) { return 2 * v + static_cast<float>(m); });
  for (Index i = 0; i < y.size(); ++i) {
    const auto m = static_cast<float>(i / (y.dimension(2) * y.dimension(3)) % y.dimension(1));
    REQUIRE(y.data()[i] == 2 * expected.data()[i] + m);
  }
}

}  // namespace

TEST_CASE(
    "every residue of the padding by the stride, with few inputs and phases without outputs") {
  Workspace workspace;
  const Eigen::VectorXf bias{{3, -2, 1}};
  for (const Index stride : {1, 2, 3, 5})
    for (const Index kernel : {1, 2, 3, 4, 7})
      for (Index before = 0; before < stride + 2; ++before)
        for (const Index in : {1, 2, 4}) {
          const Index out = (in - 1) * stride - before + kernel;
          if (out < 1) continue;
          // The axes differ in every number, and take turns to be the innermost.
          const ConvOptions<2> tall{.stride = {stride, 2}, .padding = {{before, 0}, {1, 0}}};
          check(integers(1, 2, in, 3), integers(2, 3, kernel, 3), bias, tall, workspace);
          const ConvOptions<2> wide{.stride = {2, stride}, .padding = {{1, 0}, {before, 0}}};
          check(integers(1, 2, 3, in), integers(2, 3, 3, kernel), bias, wide, workspace);
        }
}

TEST_CASE("extents from one to twice the stride beyond a multiple of it") {
  Workspace workspace;
  const Eigen::VectorXf bias{{3, -2, 1}};
  for (const Index stride : {2, 3, 4})
    for (Index cropped = 0; cropped < 2 * stride; ++cropped) {
      const Index kernel = 2 * stride;
      const ConvOptions<2> options{.stride = {stride, stride + 1},
                                   .padding = {{0, cropped}, {cropped, 0}}};
      check(integers(2, 5, 4, 5), integers(5, 3, kernel, kernel + 1), bias, options, workspace);
    }
}

TEST_CASE("groups that divide no block of channels, with a bias") {
  Workspace workspace;
  for (const Index groups : {3, 5, 7, 13}) {
    const Index in = groups * 3, out = groups * 5;
    Eigen::VectorXf bias(out);
    for (Index m = 0; m < out; ++m) bias[m] = static_cast<float>(m % 5 - 2);
    check(integers(2, in, 5, 7), integers(in, 5, 3, 4), bias,
          {.stride = {2, 3}, .padding = 1, .groups = groups}, workspace);
  }
}
