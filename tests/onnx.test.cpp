#include "support/onnx.hpp"

#include <tconv/tconv.hpp>

#include "support/catch.hpp"

using namespace tconv;
using support::onnx::NodeCase;

namespace {

template <int rank>
Eigen::Tensor<float, rank, Eigen::RowMajor> to_tensor(const support::onnx::Tensor& t) {
  std::array<Index, static_cast<std::size_t>(rank)> shape{};
  std::copy(t.shape.begin(), t.shape.end(), shape.begin());
  Eigen::Tensor<float, rank, Eigen::RowMajor> result(shape);
  std::copy(t.values.begin(), t.values.end(), result.data());
  return result;
}

template <int R>
ConvOptions<R> options_of(const NodeCase& node, const Extents<R>& in, const Extents<R>& kernel) {
  const std::size_t axes = in.size();
  const auto strides = node.get("strides", std::vector<std::int64_t>(axes, 1));
  const auto dilations = node.get("dilations", std::vector<std::int64_t>(axes, 1));
  const auto pads = node.get("pads", std::vector<std::int64_t>(2 * axes, 0));
  const auto output_padding = node.get("output_padding", std::vector<std::int64_t>(axes, 0));
  ConvOptions<R> options{.groups = node.get("group", {1})[0]};
  for (std::size_t a = 0; a < axes; ++a) {
    options.stride[a] = strides[a];
    options.dilation[a] = dilations[a];
    options.padding[a] = {pads[a], pads[a + axes]};
    options.output_padding[a] = output_padding[a];
  }
  if (const auto found = node.strings.find("auto_pad"); found != node.strings.end()) {
    const bool lower = found->second == "SAME_LOWER";
    if (node.op_type == "ConvTranspose")
      options = with_same_padding(options, kernel, lower ? Same::lower : Same::upper);
    else
      for (std::size_t a = 0; a < axes; ++a) {
        // Conv's SAME gives ceil(in / stride), also where the stride does not divide the input.
        const Index out = (in[a] + strides[a] - 1) / strides[a];
        const Index reach = (kernel[a] - 1) * dilations[a] + 1;
        const Index total = std::max<Index>(0, (out - 1) * strides[a] + reach - in[a]);
        options.padding[a] =
            lower ? Padding(total - total / 2, total / 2) : Padding(total / 2, total - total / 2);
      }
  }
  if (const auto out = node.get("output_shape", {}); !out.empty()) {
    // ONNX computes the padding from output_shape. Where that is larger than the natural extent,
    // the rows that are missing come at the end.
    for (std::size_t a = 0; a < axes; ++a) {
      ConvOptions<R> bare = options;
      bare.padding = 0;
      const Index total = conv_transpose_output_extents(in, kernel, bare)[a] - out[a];
      if (total <= 0)
        options.padding[a] = {0, total};
      else
        options.padding[a] = {total - total / 2, total / 2};
    }
  }
  return options;
}

template <int R>
void check_case(const NodeCase& node) {
  const auto x = to_tensor<R + 2>(node.inputs[0]);
  const auto w = to_tensor<R + 2>(node.inputs[1]);
  Extents<R> in{}, kernel{};
  for (std::size_t a = 0; a < in.size(); ++a) {
    in[a] = x.dimension(a + 2);
    kernel[a] = w.dimension(a + 2);
  }
  const auto options = options_of<R>(node, in, kernel);
  const Eigen::Tensor<float, R + 2, Eigen::RowMajor> y =
      node.op_type == "ConvTranspose" ? conv_transpose(x, w, options) : conv(x, w, options);
  const auto expected = to_tensor<R + 2>(node.output);
  REQUIRE(y.dimensions() == expected.dimensions());
  for (Index i = 0; i < y.size(); ++i)
    CHECK(std::abs(y.data()[i] - expected.data()[i]) <= 1e-5f * (1 + std::abs(expected.data()[i])));
}

}  // namespace

TEST_CASE("ONNX's node cases of ConvTranspose and Conv hold") {
  const char* names[] = {
      "test_convtranspose",
      "test_convtranspose_1d",
      "test_convtranspose_3d",
      "test_convtranspose_autopad_same",
      "test_convtranspose_dilations",
      "test_convtranspose_kernel_shape",
      "test_convtranspose_output_shape",
      "test_convtranspose_pad",
      "test_convtranspose_pads",
      "test_convtranspose_with_kernel",
      "test_basic_conv_with_padding",
      "test_basic_conv_without_padding",
      "test_conv_with_autopad_same",
      "test_conv_with_strides_and_asymmetric_padding",
      "test_conv_with_strides_no_padding",
      "test_conv_with_strides_padding",
  };
  const std::filesystem::path folder = ONNX_TESTDATA;
  if (!std::filesystem::exists(folder)) {
    WARN("skipped: " << folder << " is missing (Debian: libonnx-testdata)");
    return;
  }
  for (const std::string name : names) {
    if (!std::filesystem::exists(folder / name)) {
      WARN("skipped: this version of the data has no " << name);
      continue;
    }
    INFO(name);
    const NodeCase node = support::onnx::read_node_case(folder / name);
    REQUIRE(node.inputs.size() == 2);
    switch (node.inputs[0].shape.size()) {
      case 3:
        check_case<1>(node);
        break;
      case 4:
        check_case<2>(node);
        break;
      case 5:
        check_case<3>(node);
        break;
      default:
        FAIL("unexpected rank");
    }
  }
}

TEST_CASE("the values that ONNX prints for ConvTranspose hold") {
  // Operator ConvTranspose in the ONNX documentation: x = arange(9), two kernels of ones.
  Eigen::Tensor<float, 4, Eigen::RowMajor> x(1, 1, 3, 3), w(1, 2, 3, 3);
  for (int i = 0; i < 9; ++i) x.data()[i] = static_cast<float>(i);
  w.setConstant(1.0f);

  const float plain[] = {0,  1,  3, 3,  2,  3,  8,  15, 12, 7,  9,  21, 36,
                         27, 15, 9, 20, 33, 24, 13, 6,  13, 21, 15, 8};
  const auto y = conv_transpose(x, w);
  REQUIRE(y.size() == 50);
  for (int i = 0; i < 50; ++i) CHECK(y.data()[i] == plain[i % 25]);

  const float strided[] = {0, 0, 0, 1, 1, 1, 2, 2, 2, 0, 0, 0, 1, 1, 1, 2, 2, 2, 0, 0, 0,
                           1, 1, 1, 2, 2, 2, 3, 3, 3, 4, 4, 4, 5, 5, 5, 3, 3, 3, 4, 4, 4,
                           5, 5, 5, 3, 3, 3, 4, 4, 4, 5, 5, 5, 6, 6, 6, 7, 7, 7, 8, 8, 8,
                           6, 6, 6, 7, 7, 7, 8, 8, 8, 6, 6, 6, 7, 7, 7, 8, 8, 8};
  const auto tripled = conv_transpose(x, w, {.stride = 3});
  REQUIRE(tripled.size() == 2 * 81);
  for (int i = 0; i < 2 * 81; ++i) CHECK(tripled.data()[i] == strided[i % 81]);
}
