#include <limits>
#include <string>
#include <tconv/geometry.hpp>

#include "support/catch.hpp"
#include "support/problem.hpp"

using namespace tconv;

namespace {

constexpr Index huge = std::numeric_limits<Index>::max() / 2;

struct ExtentCase {
  Index in, kernel, stride, before, after, dilation, output_padding, conv, conv_transpose;
};

}  // namespace

TEST_CASE("extents follow the formulas of the frameworks") {
  // The first rows are examples of PyTorch's documentation and of "A guide to convolution
  // arithmetic"; conv is 0 where the kernel does not fit.
  const ExtentCase cases[] = {
      {16, 3, 2, 1, 1, 1, 0, 8, 31}, {8, 3, 2, 1, 1, 1, 1, 4, 16},   {4, 3, 1, 0, 0, 1, 0, 2, 6},
      {5, 4, 1, 2, 2, 1, 0, 6, 4},   {5, 3, 2, 0, 0, 1, 0, 2, 11},   {7, 3, 1, 0, 0, 2, 0, 3, 11},
      {1, 4, 1, 0, 0, 1, 0, 0, 4},   {6, 3, 2, -1, -2, 1, 0, 1, 16},
  };
  for (const auto& c : cases) {
    const ConvOptions<1> options{.stride = c.stride,
                                 .padding = {{c.before, c.after}},
                                 .output_padding = c.output_padding,
                                 .dilation = c.dilation};
    CHECK(conv_transpose_output_extents({c.in}, {c.kernel}, options)[0] == c.conv_transpose);
    if (c.conv > 0)
      CHECK(conv_output_extents({c.in}, {c.kernel}, options)[0] == c.conv);
    else
      CHECK_THROWS_AS(conv_output_extents({c.in}, {c.kernel}, options), std::invalid_argument);
  }
}

TEST_CASE("extents deduce the rank from plain arrays") {
  const std::array<Index, 2> in{16, 12}, kernel{3, 5};
  const ConvOptions<2> options{.stride = {2, 3}};
  CHECK(conv_output_extents(in, kernel, options) == std::array<Index, 2>{7, 3});
  CHECK(conv_transpose_output_extents(in, kernel, options) == std::array<Index, 2>{33, 38});
  CHECK(conv_output_extents({16, 12}, {3, 5}, {.stride = {2, 3}}) == std::array<Index, 2>{7, 3});
  CHECK(conv_output_extents(in, kernel) == std::array<Index, 2>{14, 8});
}

TEST_CASE("with_output_extents reaches every extent that conv maps to the input, and no other") {
  for (Index stride = 1; stride <= 4; ++stride)
    for (Index dilation = 1; dilation <= 3; ++dilation)
      for (Index extra = -1; extra <= 4; ++extra) {
        const ConvOptions<1> options{.stride = stride, .padding = 1, .dilation = dilation};
        const Index natural = conv_transpose_output_extents({5}, {3}, options)[0];
        if (extra < 0 || extra >= std::max(stride, dilation)) {
          CHECK_THROWS_AS(with_output_extents(options, {5}, {3}, {natural + extra}),
                          std::invalid_argument);
          continue;
        }
        const auto fitted = with_output_extents(options, {5}, {3}, {natural + extra});
        CHECK(conv_transpose_output_extents({5}, {3}, fitted)[0] == natural + extra);
      }
}

TEST_CASE("with_same_padding multiplies extents by the stride") {
  for (Index kernel = 1; kernel <= 6; ++kernel)
    for (Index stride = 1; stride <= 4; ++stride)
      for (Index dilation = 1; dilation <= 3; ++dilation)
        for (const Same same : {Same::upper, Same::lower}) {
          const auto options = with_same_padding(
              ConvOptions<1>{.stride = stride, .dilation = dilation}, {kernel}, same);
          CHECK(conv_transpose_output_extents({7}, {kernel}, options)[0] == 7 * stride);
          CHECK(conv_output_extents({7 * stride}, {kernel}, options)[0] == 7);
          const Padding padding = options.padding[0];
          const Index odd = padding.after - padding.before;
          CHECK((same == Same::upper ? odd : -odd) >= 0);
          CHECK(std::abs(odd) <= 1);
        }
}

TEST_CASE("extents that overflow are a length error that names the axis and its numbers") {
  const auto says = [](const std::string& function, const auto& call, const std::string& numbers) {
    CHECK(support::message_of<std::length_error>(call) ==
          "tconv::" + function + ": the extents of spatial axis 0 overflow (" + numbers + ")");
  };
  const std::string big = std::to_string(huge);
  const ConvOptions<1> wide{.stride = huge}, dilated{.dilation = huge}, padded{.padding = huge},
      cropped{.padding = -huge};
  says(
      "conv_transpose_output_extents", [&] { conv_transpose_output_extents({5}, {3}, wide); },
      "input 5, kernel 3, stride " + big + ", dilation 1, padding 0 and 0, output padding 0");
  says(
      "conv_transpose_output_extents", [&] { conv_transpose_output_extents({5}, {9}, dilated); },
      "input 5, kernel 9, stride 1, dilation " + big + ", padding 0 and 0, output padding 0");
  says(
      "conv_output_extents", [&] { conv_output_extents({huge}, {3}, padded); },
      "input " + big + ", kernel 3, stride 1, dilation 1, padding " + big + " and " + big +
          ", output padding 0");
  says(
      "conv_transpose_output_extents", [&] { conv_transpose_output_extents({huge}, {3}, cropped); },
      "input " + big + ", kernel 3, stride 1, dilation 1, padding -" + big + " and -" + big +
          ", output padding 0");
  CHECK(support::message_of<std::length_error>(
            [&] { with_same_padding<1>(dilated, {9}, Same::upper); }) ==
        "tconv::with_same_padding: the padding of spatial axis 0 overflows (kernel 9, stride 1, "
        "dilation " +
            big + ", output padding 0)");
}
