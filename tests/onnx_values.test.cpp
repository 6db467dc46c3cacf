#include <tconv/conv.hpp>
#include <tconv/conv_transpose.hpp>
#include <vector>

#include "support/catch.hpp"

using namespace tconv;

namespace {

/// An example of the ONNX operator documentation with x = 0, 1, 2... and a kernel of ones.
struct Example {
  const char* name;
  Extents<2> in, kernel;
  ConvOptions<2> options;
  Extents<2> out;
  std::vector<float> values;
};

enum class Operator { conv, conv_transpose };

void check(const Example& e, Operator op) {
  using T = Eigen::Tensor<float, 4, Eigen::RowMajor>;
  INFO(e.name);
  T x(1, 1, e.in[0], e.in[1]), w(1, 1, e.kernel[0], e.kernel[1]);
  for (Index i = 0; i < x.size(); ++i) x.data()[i] = static_cast<float>(i);
  w.setConstant(1.0f);
  const T y = op == Operator::conv ? conv(x, w, e.options) : conv_transpose(x, w, e.options);
  REQUIRE(y.dimensions() == Eigen::DSizes<Index, 4>(1, 1, e.out[0], e.out[1]));
  CHECK(std::vector<float>(y.data(), y.data() + y.size()) == e.values);
}

}  // namespace

TEST_CASE("the examples that ONNX prints for Conv hold") {
  const Example examples[] = {
      {"with padding", {5, 5}, {3, 3}, {.padding = 1}, {5, 5}, {12,  21,  27,  33,  24,  33,  54,
                                                                63,  72,  51,  63,  99,  108, 117,
                                                                81,  93,  144, 153, 162, 111, 72,
                                                                111, 117, 123, 84}},
      {"without padding", {5, 5}, {3, 3}, {}, {3, 3}, {54, 63, 72, 99, 108, 117, 144, 153, 162}},
      {"strides and padding",
       {7, 5},
       {3, 3},
       {.stride = 2, .padding = 1},
       {4, 3},
       {12, 27, 24, 63, 108, 81, 123, 198, 141, 112, 177, 124}},
      {"strides without padding",
       {7, 5},
       {3, 3},
       {.stride = 2},
       {3, 2},
       {54, 72, 144, 162, 234, 252}},
      {"strides and padding of one axis",
       {7, 5},
       {3, 3},
       {.stride = 2, .padding = {1, 0}},
       {4, 2},
       {21, 33, 99, 117, 189, 207, 171, 183}},
      {"auto_pad SAME_LOWER of an odd input",
       {5, 5},
       {3, 3},
       {.stride = 2, .padding = 1},
       {3, 3},
       {12, 27, 24, 63, 108, 81, 72, 117, 84}},
  };
  for (const Example& example : examples) check(example, Operator::conv);
}

TEST_CASE("the examples that ONNX prints for the attributes of ConvTranspose hold") {
  const Example examples[] = {
      {"output_padding",
       {3, 3},
       {3, 3},
       {.stride = {3, 2}, .output_padding = {1, 1}},
       {10, 8},
       {0, 0, 1, 1, 3,  2, 2,  0, 0, 0, 1, 1, 3,  2, 2,  0, 0, 0, 1, 1, 3, 2, 2, 0,  3, 3,  7,
        4, 9, 5, 5, 0,  3, 3,  7, 4, 9, 5, 5, 0,  3, 3,  7, 4, 9, 5, 5, 0, 6, 6, 13, 7, 15, 8,
        8, 0, 6, 6, 13, 7, 15, 8, 8, 0, 6, 6, 13, 7, 15, 8, 8, 0, 0, 0, 0, 0, 0, 0,  0, 0}},
      {"output_shape",
       {3, 3},
       {3, 3},
       with_output_extents(ConvOptions<2>{.stride = {3, 2}}, {3, 3}, {3, 3}, {10, 8}),
       {10, 8},
       {0, 0, 1, 1, 3,  2, 2,  0, 0, 0, 1, 1, 3,  2, 2,  0, 0, 0, 1, 1, 3, 2, 2, 0,  3, 3,  7,
        4, 9, 5, 5, 0,  3, 3,  7, 4, 9, 5, 5, 0,  3, 3,  7, 4, 9, 5, 5, 0, 6, 6, 13, 7, 15, 8,
        8, 0, 6, 6, 13, 7, 15, 8, 8, 0, 6, 6, 13, 7, 15, 8, 8, 0, 0, 0, 0, 0, 0, 0,  0, 0}},
      {"pads",
       {3, 3},
       {3, 3},
       {.stride = {3, 2}, .padding = {{1, 1}, {2, 2}}},
       {7, 3},
       {1, 1, 3, 1, 1, 3, 7, 4, 9, 7, 4, 9, 7, 4, 9, 13, 7, 15, 13, 7, 15}},
      {"auto_pad SAME_UPPER",
       {3, 3},
       {3, 3},
       with_same_padding(ConvOptions<2>{.stride = 2}, {3, 3}, Same::upper),
       {6, 6},
       {0, 0, 1, 1, 3, 2, 0, 0, 1,  1,  3,  2,  3, 3, 8,  5, 12, 7,
        3, 3, 7, 4, 9, 5, 9, 9, 20, 11, 24, 13, 6, 6, 13, 7, 15, 8}},
  };
  for (const Example& example : examples) check(example, Operator::conv_transpose);
}

TEST_CASE("the example that ONNX prints for dilated ConvTranspose holds") {
  Eigen::Tensor<float, 4, Eigen::RowMajor> x(1, 1, 3, 3), w(1, 1, 2, 2);
  x.setValues({{{{3, 8, 1}, {9, 5, 7}, {3, 2, 6}}}});
  w.setValues({{{{7, 2}, {1, 9}}}});
  const auto y = conv_transpose(x, w, {.dilation = 2});
  const std::vector<float> expected{21, 56, 13, 16, 2,  63, 35, 67, 10, 14, 24, 22, 76,
                                    76, 21, 9,  5,  88, 45, 63, 3,  2,  33, 18, 54};
  CHECK(std::vector<float>(y.data(), y.data() + y.size()) == expected);
}
