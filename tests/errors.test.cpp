#include <limits>
#include <tconv/tconv.hpp>

#include "support/catch.hpp"

using namespace tconv;
using T3 = Eigen::Tensor<float, 3, Eigen::RowMajor>;
using T4 = Eigen::Tensor<float, 4, Eigen::RowMajor>;
using T1 = Eigen::Tensor<float, 1, Eigen::RowMajor>;

namespace {

T4 zeros(Index a, Index b, Index c, Index d) {
  T4 t(a, b, c, d);
  t.setZero();
  return t;
}

}  // namespace

TEST_CASE("wrong shapes are rejected with a sentence that names argument and numbers") {
  const T4 x = zeros(1, 4, 5, 5);
  T1 bias(3);
  bias.setZero();
  CHECK_THROWS_WITH(conv_transpose(x, zeros(3, 2, 3, 3)),
                    "tconv::conv_transpose: weight has 3 input channels (axis 0), but x has 4 "
                    "(axis 1)");
  CHECK_THROWS_WITH(scatter::conv_transpose(x, zeros(3, 2, 3, 3)),
                    "tconv::scatter::conv_transpose: weight has 3 input channels (axis 0), but x "
                    "has 4 (axis 1)");
  CHECK_THROWS_WITH(
      conv_transpose(x, zeros(4, 2, 3, 3), {.data_format = DataFormat::channels_last}),
      "tconv::conv_transpose: weight has 4 input channels (axis 0), but x has 5 (axis 3)");
  CHECK_THROWS_WITH(conv(x, zeros(2, 3, 3, 3)),
                    "tconv::conv: weight has 3 input channels a group (axis 1) and groups is 1, "
                    "but x has 4 (axis 1)");
  CHECK_THROWS_WITH(conv_transpose(x, zeros(4, 2, 3, 3), bias),
                    "tconv::conv_transpose: bias has 3 elements, but the output has 2 channels");
  CHECK_THROWS_WITH(conv_transpose(x, zeros(4, 2, 3, 3), {.groups = 3}),
                    "tconv::conv_transpose: weight has extent 4 on axis 0, but it must be a "
                    "multiple of groups, which is 3");
  CHECK_THROWS_WITH(conv(x, zeros(2, 4, 6, 3)),
                    "tconv::conv: padded input has extent 5 on spatial axis 0 (5 + 0 + 0), but the "
                    "dilated kernel needs 6");
  CHECK_THROWS_WITH(conv_transpose(zeros(1, 4, 0, 5), zeros(4, 2, 3, 3)),
                    "tconv::conv_transpose: x has extent 0 on spatial axis 0, but must have at "
                    "least 1");
  CHECK_THROWS_WITH(conv_transpose(zeros(1, 0, 5, 5), zeros(0, 2, 3, 3)),
                    support::contains("must have at least 1"));
  CHECK_THROWS_WITH(conv_transpose(x, zeros(4, 2, 3, 0)),
                    "tconv::conv_transpose: weight has extent 0 on spatial axis 1, but must have "
                    "at least 1");
}

TEST_CASE("wrong options are rejected with a sentence that names them") {
  const T4 x = zeros(1, 2, 5, 5), w = zeros(2, 2, 3, 3);
  const struct {
    ConvOptions<2> options;
    const char* message;
  } cases[] = {
      {{.stride = {1, 0}}, "stride is 0 on spatial axis 1, but must be at least 1"},
      {{.dilation = -1}, "dilation is -1 on spatial axis 0, but must be at least 1"},
      {{.groups = 0}, "groups is 0, but must be at least 1"},
      {{.stride = 2, .output_padding = {1, 2}},
       "output_padding is 2 on spatial axis 1, but must be at least 0 and less than max(stride, "
       "dilation) = 2"},
      {{.output_padding = -1}, "output_padding is -1 on spatial axis 0"},
      {{.padding = {4, 1}}, "output has extent -1 on spatial axis 0, but must be at least 1"},
  };
  for (const auto& c : cases) {
    CHECK_THROWS_AS(conv_transpose(x, w, c.options), std::invalid_argument);
    CHECK_THROWS_WITH(conv_transpose(x, w, c.options),
                      support::contains(std::string("tconv::conv_transpose: ") + c.message));
    CHECK_THROWS_WITH(sparse::conv_transpose(x, w, c.options), support::contains(c.message));
  }
}

TEST_CASE("results too large for memory are a length error") {
  const T4 x = zeros(1, 1, 2, 2), w = zeros(1, 1, 1, 1);
  CHECK(support::message_of<std::length_error>(
            [&] { conv_transpose(x, w, {.stride = Index{1} << 31}); }) ==
        "tconv::conv_transpose: the result has shape (1, 1, 2147483649, 2147483649), which is more "
        "than its index type can count");
  CHECK(support::message_of<std::length_error>([&] {
          conv_transpose(x, zeros(1, 1, 3, 3), {.stride = std::numeric_limits<Index>::max()});
        }) ==
        "tconv::conv_transpose: the extents of spatial axis 0 overflow (input 2, kernel 3, stride "
        "9223372036854775807, dilation 1, padding 0 and 0, output padding 0)");
}

TEST_CASE("unbatched errors count the axes of the caller's x") {
  T3 x(4, 5, 5);
  x.setZero();
  CHECK_THROWS_WITH(conv_transpose(x, zeros(3, 2, 3, 3)), support::contains("x has 4 (axis 0)"));
}

TEST_CASE("NaN and infinity reach the outputs of their own terms only") {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  const float infinity = std::numeric_limits<float>::infinity();
  T3 x(1, 1, 6), w(1, 1, 3);
  x.setConstant(1.0f);
  w.setConstant(0.0f);
  x(0, 0, 2) = nan;
  for (const auto& y :
       {conv_transpose(x, w, {.stride = 2}), scatter::conv_transpose(x, w, {.stride = 2}),
        sparse::conv_transpose(x, w, {.stride = 2})})
    for (Index o = 0; o < y.size(); ++o) CHECK(std::isnan(y(0, 0, o)) == (4 <= o && o <= 6));

  x.setConstant(1.0f);
  w.setConstant(1.0f);
  w(0, 0, 2) = infinity;
  for (const auto& y : {conv_transpose(x, w), scatter::conv_transpose(x, w)})
    for (Index o = 0; o < y.size(); ++o) {
      CHECK(std::isinf(y(0, 0, o)) == (o >= 2));
      CHECK_FALSE(std::isnan(y(0, 0, o)));
    }
}

TEST_CASE("outputs that no input reaches hold the bias") {
  T4 x = zeros(1, 1, 3, 3), w = zeros(1, 2, 2, 2);
  x.setConstant(std::numeric_limits<float>::infinity());
  w.setConstant(1.0f);
  T1 bias(2);
  bias.setValues({0.1f, -7.0f});
  const ConvOptions<2> options{.stride = 4, .padding = -1};
  for (const auto& y :
       {conv_transpose(x, w, bias, options), scatter::conv_transpose(x, w, bias, options)})
    for (Index m = 0; m < 2; ++m)
      for (Index o0 = 0; o0 < y.dimension(2); ++o0)
        for (Index o1 = 0; o1 < y.dimension(3); ++o1) {
          const auto reached = [](Index o) { return o >= 1 && (o - 1) % 4 < 2 && o - 1 < 10; };
          if (!(reached(o0) && reached(o1))) CHECK(y(0, m, o0, o1) == bias(m));
        }
}

TEST_CASE("an empty batch gives an empty result") {
  const T4 x(0, 2, 5, 5), w = zeros(2, 3, 3, 3);
  const Eigen::DSizes<Index, 4> expected(0, 3, 7, 7);
  CHECK(conv_transpose(x, w).dimensions() == expected);
  CHECK(scatter::conv_transpose(x, w).dimensions() == expected);
  CHECK(sparse::conv_transpose(x, w).dimensions() == expected);
  CHECK(ConvTranspose(w)(x).dimensions() == expected);
}
