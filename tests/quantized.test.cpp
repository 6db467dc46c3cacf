// Integers of 8 and 16 bits with results of another type: exact sums by a definition that is
// written here, zero points at borders, scales, and the cases of ONNX's ConvInteger and
// QLinearConv.

#include <cmath>
#include <cstdint>
#include <filesystem>
#include <limits>
#include <random>
#include <stdexcept>
#include <tconv/tconv.hpp>
#include <type_traits>
#include <vector>

#include "support/allocations.hpp"
#include "support/catch.hpp"
#include "support/onnx.hpp"
#include "support/problem.hpp"

using namespace tconv;

namespace {

using support::Random;

Index between(Random& random, Index first, Index last) {
  return first + static_cast<Index>(random() % static_cast<unsigned>(last - first + 1));
}

template <class Scalar>
Scalar any(Random& random) {
  return static_cast<Scalar>(static_cast<std::uint32_t>(random()));
}

template <class Tensor>
void fill(Random& random, Tensor& tensor) {
  for (Index i = 0; i < tensor.size(); ++i) tensor.data()[i] = any<typename Tensor::Scalar>(random);
}

/// A random call.
template <class In, class Factor, int layout>
struct QuantizedCall {
  Eigen::Tensor<In, 4, layout> x;
  Eigen::Tensor<Factor, 4, layout> weight;
  Eigen::Tensor<std::int32_t, 1, layout> bias;
  ConvOptions<2> options;
  Quantization quantization;
  bool transposed;

  explicit QuantizedCall(Random& random, Index most_channels = 20) {
    const Index groups = between(random, 1, 3), in = between(random, 1, most_channels),
                out = between(random, 1, 9);
    options.groups = groups;
    transposed = between(random, 0, 1) == 1;
    std::array<Index, 2> image{};
    for (std::size_t a = 0; a < 2; ++a) {
      options.stride[a] = between(random, 1, 3);
      options.dilation[a] = between(random, 1, 2);
      options.padding[a] = {between(random, -1, 3), between(random, -1, 3)};
      image[a] = between(random, 7, 12);
    }
    const Index batch = between(random, 1, 2), rows = between(random, 1, 3),
                columns = between(random, 1, 3);
    if (between(random, 0, 1) == 1) {
      options.data_format = DataFormat::channels_last;
      x.resize(batch, image[0], image[1], in * groups);
    } else {
      x.resize(batch, in * groups, image[0], image[1]);
    }
    if (transposed)
      weight.resize(in * groups, out, rows, columns);
    else
      weight.resize(out * groups, in, rows, columns);
    bias.resize(out * groups);
    fill(random, x);
    fill(random, weight);
    fill(random, bias);
    quantization.x_zero_point = any<In>(random);
    quantization.w_zero_point = any<Factor>(random);
  }

  template <class Number>
  Eigen::Tensor<Number, 4, layout> result() const {
    return transposed ? conv_transpose<Number>(x, weight, bias, quantization, options)
                      : conv<Number>(x, weight, bias, quantization, options);
  }

  /// The sums, bias included, as `(n, channel, i, j)` of a tensor that has the result's shape.
  template <class Number, class F>
  Eigen::Tensor<Number, 4, layout> definition(const F& number) const {
    Eigen::Tensor<Number, 4, layout> y = result<Number>();
    const bool last = options.data_format == DataFormat::channels_last;
    const auto at = [&](auto& tensor, Index n, Index c, Index i, Index j) -> auto& {
      return last ? tensor(n, i, j, c) : tensor(n, c, i, j);
    };
    const std::array<std::size_t, 2> axes{last ? 1U : 2U, last ? 2U : 3U};
    const Index in = x.dimension(last ? 3 : 1) / options.groups, out = bias.size() / options.groups;
    for (Index n = 0; n < y.dimension(0); ++n)
      for (Index m = 0; m < bias.size(); ++m)
        for (Index i = 0; i < y.dimension(axes[0]); ++i)
          for (Index j = 0; j < y.dimension(axes[1]); ++j) {
            std::int64_t sum = bias(m);
            for (Index c = 0; c < in; ++c)
              for (Index k = 0; k < weight.dimension(2); ++k)
                for (Index l = 0; l < weight.dimension(3); ++l) {
                  const Index channel = m / out * in + c;
                  const Index row = meeting(0, i, k), column = meeting(1, j, l);
                  if (row < 0 || column < 0 || row >= x.dimension(axes[0]) ||
                      column >= x.dimension(axes[1]))
                    continue;
                  const std::int64_t factor =
                      transposed ? weight(channel, m % out, k, l) : weight(m, c, k, l);
                  sum += (at(x, n, channel, row, column) - quantization.x_zero_point) *
                         (factor - quantization.w_zero_point);
                }
            at(y, n, m, i, j) = number(sum, m);
          }
    return y;
  }

 private:
  /// The input that tap `k` of output `o` meets, or a negative number.
  Index meeting(int axis, Index o, Index k) const {
    const Index before = options.padding[axis].before, stride = options.stride[axis],
                tap = k * options.dilation[axis];
    if (!transposed) return o * stride + tap - before;
    const Index distance = o + before - tap;
    return distance % stride == 0 ? distance / stride : -1;
  }
};

template <class Tensor>
bool same(const Tensor& a, const Tensor& b) {
  return std::equal(a.data(), a.data() + a.size(), b.data());
}

template <class In, class Factor, int layout>
void check_sums(Random& random, Index most_channels = 20) {
  const QuantizedCall<In, Factor, layout> call(random, most_channels);
  CHECK(same(call.template result<std::int32_t>(),
             call.template definition<std::int32_t>([](std::int64_t sum, Index) {
               return static_cast<std::int32_t>(static_cast<std::uint32_t>(sum));
             })));
}

template <class Number, class In, class Factor, int layout>
void check_scaled(Random& random, Index most_channels = 20) {
  QuantizedCall<In, Factor, layout> call(random, most_channels);
  std::vector<float>& scale = call.quantization.scale;
  scale.resize(between(random, 0, 1) == 0 ? 1 : static_cast<std::size_t>(call.bias.size()));
  for (Index i = 0; i < call.bias.size(); ++i) call.bias(i) /= 1 << 16;
  // Halves are common, and so are sums that the result cannot hold.
  for (float& s : scale) s = std::ldexp(static_cast<float>(between(random, -3, 3)), -8);
  call.quantization.y_zero_point =
      std::is_integral_v<Number> ? any<std::int8_t>(random) / 2 + 64 : 3;
  const auto number = [&](std::int64_t sum, Index m) {
    const double factor = scale[scale.size() == 1 ? 0 : static_cast<std::size_t>(m)];
    const double value = factor * static_cast<double>(sum);
    if constexpr (std::is_integral_v<Number>) {
      using Limits = std::numeric_limits<Number>;
      return static_cast<Number>(std::clamp<double>(
          std::nearbyint(value) + call.quantization.y_zero_point, Limits::lowest(), Limits::max()));
    } else {
      return static_cast<Number>(value + call.quantization.y_zero_point);
    }
  };
  CHECK(same(call.template result<Number>(), call.template definition<Number>(number)));
}

template <class Scalar, int rank>
Eigen::Tensor<Scalar, rank, Eigen::RowMajor> tensor_of(const support::onnx::Tensor& t) {
  std::array<Index, static_cast<std::size_t>(rank)> shape{};
  std::copy(t.shape.begin(), t.shape.end(), shape.begin());
  Eigen::Tensor<Scalar, rank, Eigen::RowMajor> result(shape);
  std::transform(t.values.begin(), t.values.end(), result.data(),
                 [](float value) { return static_cast<Scalar>(value); });
  return result;
}

}  // namespace

TEST_CASE(
    "sums of small integers are exact, and zero points count only where a tap meets an input") {
  Random random(1);
  for (int i = 0; i < support::effort(60); ++i) {
    check_sums<std::uint8_t, std::int8_t, Eigen::RowMajor>(random);
    check_sums<std::int8_t, std::int8_t, Eigen::ColMajor>(random);
    check_sums<std::uint8_t, std::uint8_t, Eigen::ColMajor>(random);
    check_sums<std::int16_t, std::uint8_t, Eigen::RowMajor>(random);
    check_sums<std::int16_t, std::uint16_t, Eigen::RowMajor>(random);
  }
}

TEST_CASE("sums that float does not hold are exact by parts of the channels or in double") {
  Random random(2);
  for (int i = 0; i < support::effort(12); ++i) {
    check_sums<std::uint8_t, std::int8_t, Eigen::RowMajor>(random, 300);
    check_sums<std::uint8_t, std::uint8_t, Eigen::ColMajor>(random, 300);
    check_scaled<std::uint8_t, std::uint8_t, std::int8_t, Eigen::RowMajor>(random, 300);
    check_scaled<float, std::uint8_t, std::uint8_t, Eigen::ColMajor>(random, 300);
  }
}

TEST_CASE("scaled sums are rounded to even, moved by the zero point and clamped") {
  Random random(3);
  for (int i = 0; i < support::effort(40); ++i) {
    check_scaled<std::uint8_t, std::uint8_t, std::int8_t, Eigen::RowMajor>(random);
    check_scaled<std::int8_t, std::int8_t, std::int8_t, Eigen::ColMajor>(random);
    check_scaled<std::int16_t, std::int16_t, std::int8_t, Eigen::RowMajor>(random);
    check_scaled<std::int32_t, std::uint8_t, std::uint8_t, Eigen::RowMajor>(random);
    check_scaled<float, std::uint8_t, std::int8_t, Eigen::ColMajor>(random);
  }
}

TEST_CASE("a mixed call in one and three dimensions is that of int32 without the zero points") {
  Random random(4);
  const auto check = [&]<int rank>(
                         const std::array<Index, static_cast<std::size_t>(rank)>& in,
                         const std::array<Index, static_cast<std::size_t>(rank)>& kernel) {
    Eigen::Tensor<std::uint8_t, rank> x(in);
    Eigen::Tensor<std::int8_t, rank> weight(kernel);
    fill(random, x);
    fill(random, weight);
    const Quantization quantization{.x_zero_point = 131, .w_zero_point = -3};
    const ConvOptions<rank - 2> options{.stride = 2, .padding = 1};
    const Eigen::Tensor<std::int32_t, rank> x32 =
        x.template cast<std::int32_t>() - x.template cast<std::int32_t>().constant(131);
    const Eigen::Tensor<std::int32_t, rank> w32 =
        weight.template cast<std::int32_t>() - weight.template cast<std::int32_t>().constant(-3);
    CHECK(same(conv_transpose<std::int32_t>(x, weight, quantization, options),
               conv_transpose(x32, w32, options)));
    CHECK(same(conv<std::int32_t>(x, weight, quantization, options), conv(x32, w32, options)));
    // One sample, without the batch axis.
    const Eigen::Tensor<std::uint8_t, rank - 1> one = x.template chip<0>(0);
    const Eigen::Tensor<std::int32_t, rank - 1> expected =
        conv(x32, w32, options).template chip<0>(0);
    CHECK(same(conv<std::int32_t>(one, weight, quantization, options), expected));
  };
  check.operator()<3>({2, 4, 9}, {4, 4, 3});
  check.operator()<5>({2, 3, 5, 4, 6}, {3, 3, 3, 2, 3});
}

TEST_CASE("the largest 16-bit integers are exact modulo 2^32") {
  Eigen::Tensor<std::int16_t, 3> x(1, 1, 3);
  Eigen::Tensor<std::uint16_t, 3> w(1, 1, 2);
  x.setConstant(-32768);
  w.setConstant(65535);
  const Quantization quantization{.x_zero_point = 32767, .w_zero_point = 0};
  const auto y = conv_transpose<std::int32_t>(x, w, quantization);
  const std::int64_t product = std::int64_t{-65535} * 65535;
  CHECK(y(0, 0, 0) == static_cast<std::int32_t>(product));
  CHECK(y(0, 0, 1) == static_cast<std::int32_t>(2 * product));
  // Options beyond every image are for the loops.
  const ConvOptions<1> far{.stride = Index{1} << 60};
  CHECK(conv<std::int32_t>(x, w, quantization, far)(0, 0, 0) ==
        static_cast<std::int32_t>(2 * product));
  CHECK(conv<float>(x, w, Quantization{.x_zero_point = 32767, .scale = {0.5F}}, far)(0, 0, 0) ==
        static_cast<float>(product));
}

TEST_CASE("ONNX's node tests of ConvInteger and QLinearConv hold") {
  using support::onnx::read_node_case;
  const std::filesystem::path folder = ONNX_TESTDATA;
  if (!std::filesystem::exists(folder)) return;
  int found = 0;
  for (const char* name : {"test_basic_convinteger", "test_convinteger_without_padding",
                           "test_convinteger_with_padding"}) {
    if (!std::filesystem::exists(folder / name)) continue;
    ++found;
    INFO(name);
    const auto node = read_node_case(folder / name);
    const auto pads = node.get("pads", {0, 0, 0, 0});
    const auto x = tensor_of<std::uint8_t, 4>(node.inputs[0]),
               w = tensor_of<std::uint8_t, 4>(node.inputs[1]);
    const Quantization quantization{.x_zero_point =
                                        static_cast<std::int32_t>(node.inputs.at(2).values.at(0))};
    const auto y = conv<std::int32_t>(x, w, quantization,
                                      {.padding = {{pads[0], pads[2]}, {pads[1], pads[3]}}});
    const auto expected = tensor_of<std::int32_t, 4>(node.output);
    REQUIRE(y.dimensions() == expected.dimensions());
    CHECK(same(y, expected));
  }
  CHECK(found > 0);

  const auto node = read_node_case(folder / "test_qlinearconv");
  const auto number = [&](std::size_t input) { return node.inputs.at(input).values.at(0); };
  const auto zero = [&](std::size_t input) { return static_cast<std::int32_t>(number(input)); };
  const auto y = conv<std::uint8_t>(tensor_of<std::uint8_t, 4>(node.inputs[0]),
                                    tensor_of<std::uint8_t, 4>(node.inputs[3]),
                                    Quantization{.x_zero_point = zero(2),
                                                 .w_zero_point = zero(5),
                                                 .scale = {number(1) * number(4) / number(6)},
                                                 .y_zero_point = zero(7)});
  CHECK(same(y, tensor_of<std::uint8_t, 4>(node.output)));
}

TEST_CASE(
    "mixed calls reject wrong numbers before they write, and then compute without allocating") {
  Eigen::Tensor<std::uint8_t, 4> x(1, 2, 5, 5);
  Eigen::Tensor<std::int8_t, 4> w(2, 3, 2, 2);
  Random random(5);
  fill(random, x);
  fill(random, w);
  Eigen::Tensor<std::int32_t, 4> y(1, 3, 6, 6);
  y.setConstant(7);
  Workspace workspace;
  const auto message = [&](const Quantization& quantization) -> std::string {
    try {
      conv_transpose_into<std::int32_t>(workspace, y, x, w, quantization);
    } catch (const std::invalid_argument& error) {
      return error.what();
    }
    return "";
  };
  CHECK(message({.x_zero_point = 256}) ==
        "tconv::conv_transpose_into: x_zero_point is 256, but x holds numbers from 0 to 255");
  CHECK(message({.w_zero_point = -129}) ==
        "tconv::conv_transpose_into: w_zero_point is -129, but weight holds numbers from -128 to "
        "127");
  CHECK(message({.scale = {1, 2}}) ==
        "tconv::conv_transpose_into: scale has 2 numbers, but the output has 3 channels");
  CHECK(message({.scale = {1, 2, HUGE_VALF}}) ==
        "tconv::conv_transpose_into: scale is inf (channel 2), but must be finite");
  CHECK_THROWS_AS(conv<std::uint8_t>(x, x, Quantization{.y_zero_point = -1}),
                  std::invalid_argument);
  Eigen::Tensor<std::int32_t, 4> wrong(1, 3, 6, 5);
  CHECK_THROWS_AS(conv_transpose_into<std::int32_t>(wrong, x, w), std::invalid_argument);
  Eigen::Tensor<std::int32_t, 1> bias(2);
  CHECK_THROWS_AS(conv_transpose<std::int32_t>(x, w, bias), std::invalid_argument);
  CHECK((y.data()[0] == 7 && y.data()[y.size() - 1] == 7));

  const Quantization quantization{.x_zero_point = 9, .w_zero_point = 2};
  conv_transpose_into<std::int32_t>(workspace, y, x, w, quantization);
  const auto expected = y;
  y.setZero();
  const long before = support::allocations();
  Eigen::internal::set_is_malloc_allowed(false);
  conv_transpose_into<std::int32_t>(workspace, y, x, w, quantization);
  Eigen::internal::set_is_malloc_allowed(true);
  CHECK(support::allocations() == before);
  CHECK(same(y, expected));
}
