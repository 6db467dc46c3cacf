#include <tconv/tconv.hpp>

#include "support/catch.hpp"

using namespace tconv;
using T4 = Eigen::Tensor<float, 4, Eigen::RowMajor>;
using T1 = Eigen::Tensor<float, 1, Eigen::RowMajor>;

namespace {

bool equal(const T4& a, const T4& b) {
  return a.dimensions() == b.dimensions() && std::equal(a.data(), a.data() + a.size(), b.data());
}

struct Arguments {
  T4 x{2, 3, 4, 5}, w{3, 2, 3, 2};
  T1 bias{2};
  Arguments() {
    for (Index i = 0; i < x.size(); ++i) x.data()[i] = static_cast<float>(i % 11 - 5);
    for (Index i = 0; i < w.size(); ++i) w.data()[i] = static_cast<float>(i % 7 - 3);
    bias.setValues({2.0f, -1.0f});
  }
};

}  // namespace

TEST_CASE("maps, fixed sizes and expressions are tensors like any other") {
  const Arguments a;
  const T4 expected = scatter::conv_transpose(a.x, a.w);
  const Eigen::TensorMap<const T4> map(a.x.data(), 2, 3, 4, 5);
  CHECK(equal(conv_transpose(map, a.w), expected));
  T4 copy = a.x;
  Eigen::TensorMap<T4> writable(copy.data(), 2, 3, 4, 5);
  CHECK(equal(conv_transpose(writable, a.w), expected));
  Eigen::TensorFixedSize<float, Eigen::Sizes<2, 3, 4, 5>, Eigen::RowMajor> fixed;
  fixed = a.x;
  Eigen::TensorFixedSize<float, Eigen::Sizes<3, 2, 3, 2>, Eigen::RowMajor> fixed_w;
  fixed_w = a.w;
  CHECK(equal(conv_transpose(fixed, fixed_w), expected));
  CHECK(equal(conv_transpose(a.x * 0.5f + a.x * 0.5f, a.w), expected));
  CHECK(equal(sparse::conv_transpose(map, a.w * 1.0f), expected));
}

TEST_CASE("bias, options and workspace may each be given or left out") {
  const Arguments a;
  const ConvOptions<2> options{.stride = 2, .padding = 1};
  Workspace workspace;
  const T4 plain = scatter::conv_transpose(a.x, a.w);
  const T4 biased = scatter::conv_transpose(a.x, a.w, a.bias);
  const T4 strided = scatter::conv_transpose(a.x, a.w, options);
  const T4 both = scatter::conv_transpose(a.x, a.w, a.bias, options);
  CHECK(equal(conv_transpose(a.x, a.w), plain));
  CHECK(equal(conv_transpose(a.x, a.w, {}), plain));
  CHECK(equal(conv_transpose(a.x, a.w, a.bias), biased));
  CHECK(equal(conv_transpose(a.x, a.w, {.stride = 2, .padding = 1}), strided));
  CHECK(equal(conv_transpose(a.x, a.w, options), strided));
  CHECK(equal(conv_transpose(a.x, a.w, a.bias, {.stride = 2, .padding = 1}), both));
  CHECK(equal(conv_transpose(workspace, a.x, a.w), plain));
  CHECK(equal(conv_transpose(workspace, a.x, a.w, a.bias), biased));
  CHECK(equal(conv_transpose(workspace, a.x, a.w, options), strided));
  CHECK(equal(conv_transpose(Workspace(), a.x, a.w, a.bias, options), both));
  const T4 folded = scatter::conv(plain, a.w);
  CHECK(equal(conv(plain, a.w), folded));
  CHECK(equal(conv(workspace, plain, a.w, {}), folded));
}

TEST_CASE("a bias is whatever has one axis") {
  const Arguments a;
  const T4 expected = scatter::conv_transpose(a.x, a.w, a.bias);
  const T4 four_channels = a.w.broadcast(std::array{1, 2, 1, 1});
  const auto check = [&](const auto& bias) {
    CHECK(equal(conv_transpose(a.x, a.w, bias), expected));
    CHECK(equal(scatter::conv_transpose(a.x, a.w, bias), expected));
    CHECK(equal(sparse::conv_transpose(a.x, a.w, bias), expected));
    CHECK(equal(ConvTranspose(a.w, bias)(a.x), expected));
    CHECK_THROWS_AS(conv_transpose(a.x, four_channels, bias), std::invalid_argument);
  };
  const Eigen::Tensor<float, 1, Eigen::ColMajor> other_order = a.bias.swap_layout();
  const Eigen::VectorXf column{{2, -1}};
  const Eigen::ArrayXf array{{2, -1}};
  const float strided[] = {2, 0, -1};
  check(other_order);
  check(a.bias + 0.0f);
  check(column);
  check(column.transpose());
  check(array);
  check(array * 1.0f);
  check(Eigen::Vector2f(2, -1));
  check(Eigen::Map<const Eigen::VectorXf>(column.data(), 2));
  check(Eigen::Map<const Eigen::ArrayXf, 0, Eigen::InnerStride<2>>(strided, 2));
}
