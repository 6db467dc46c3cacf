#include <tconv/tconv.hpp>

#include "support/catch.hpp"

using namespace tconv;

namespace {

template <int rank>
using Position = std::array<Index, static_cast<std::size_t>(rank)>;

/// Calls `f(position)` for every position of a tensor of the given extents.
template <std::size_t rank, class F>
void for_each_position(const std::array<Index, rank>& extents, const F& f) {
  std::array<Index, rank> at{};
  for (std::size_t a = 0; a < rank;) {
    f(at);
    for (a = 0; a < rank && ++at[a] == extents[a]; ++a) at[a] = 0;
  }
}

/// Position or extents `(n, c, spatial...)` in the axes of a tensor of `format`.
template <std::size_t rank>
std::array<Index, rank> in_format(std::array<Index, rank> p, DataFormat format) {
  if (format == DataFormat::channels_last) std::rotate(p.begin() + 1, p.begin() + 2, p.end());
  return p;
}

/// Small integers that tell positions apart.
float value(const Position<5>& p, Index seed) {
  return static_cast<float>((seed + 7 * p[0] + 5 * p[1] + 3 * p[2] + 11 * p[3] + 2 * p[4]) % 9 - 4);
}

constexpr Position<5> coarse_shape{2, 4, 3, 2, 4}, fine_shape{2, 6, 6, 3, 4};
constexpr Position<5> weight_shape{4, 3, 2, 1, 3};
const ConvOptions<3> strided{.stride = {2, 1, 3},
                             .padding = {{0, 1}, {-1, 0}, {4, 5}},
                             .output_padding = {0, 0, 1},
                             .dilation = {2, 1, 1},
                             .groups = 2};

/// Calls `f(x position, weight position, y position)` for every term of `conv_transpose` on the
/// shapes above, by the relation of the contract.
template <class F>
void for_each_term(const F& f) {
  for_each_position(coarse_shape, [&](const Position<5>& x) {
    for_each_position(weight_shape, [&](Position<5> w) {
      if (w[0] != x[1]) return;
      Position<5> y{x[0], x[1] / 2 * 3 + w[1]};
      for (std::size_t a = 2; a < 5; ++a) {
        y[a] = x[a] * strided.stride[a - 2] + w[a] * strided.dilation[a - 2] -
               strided.padding[a - 2].before;
        if (y[a] < 0 || y[a] >= fine_shape[a]) return;
      }
      f(x, w, y);
    });
  });
}

template <int layout>
void check_logical_indices(DataFormat format) {
  using T = Eigen::Tensor<float, 5, layout>;
  ConvOptions<3> options = strided;
  options.data_format = format;
  T coarse(in_format(coarse_shape, format)), fine(in_format(fine_shape, format)), w(weight_shape);
  for_each_position(coarse_shape, [&](auto p) { coarse(in_format(p, format)) = value(p, 0); });
  for_each_position(fine_shape, [&](auto p) { fine(in_format(p, format)) = value(p, 1); });
  for_each_position(weight_shape, [&](auto p) { w(p) = value(p, 2); });
  T scattered(fine.dimensions()), gathered(coarse.dimensions());
  scattered.setZero();
  gathered.setZero();
  for_each_term([&](auto c, auto k, auto f) {
    c = in_format(c, format);
    f = in_format(f, format);
    scattered(f) += coarse(c) * w(k);
    gathered(c) += fine(f) * w(k);
  });

  const auto y = conv_transpose(coarse, w, options);
  const auto z = conv(fine, w, options);
  STATIC_REQUIRE(std::is_same_v<decltype(y), const T>);
  STATIC_REQUIRE(std::is_same_v<decltype(z), const T>);
  REQUIRE(y.dimensions() == scattered.dimensions());
  REQUIRE(z.dimensions() == gathered.dimensions());
  CHECK(std::equal(y.data(), y.data() + y.size(), scattered.data()));
  CHECK(std::equal(z.data(), z.data() + z.size(), gathered.data()));
}

using X = Eigen::Tensor<float, 3, Eigen::RowMajor>;

X counted(Index a, Index b, Index c) {
  X t(a, b, c);
  for (Index i = 0; i < t.size(); ++i) t.data()[i] = static_cast<float>(i * 5 % 13 - 6);
  return t;
}

template <class A, class B>
bool equal(const A& a, const B& b) {
  return a.size() == b.size() && std::equal(a.data(), a.data() + a.size(), b.data());
}

}  // namespace

TEST_CASE("x(n, c, i...) is the same element in every storage order and data format") {
  for (const auto format : {DataFormat::channels_first, DataFormat::channels_last}) {
    check_logical_indices<Eigen::RowMajor>(format);
    check_logical_indices<Eigen::ColMajor>(format);
  }
}

TEST_CASE("one sample of a batch, chipped off, gives that sample of the result") {
  const X x = counted(3, 4, 5), w = counted(4, 2, 3);
  const ConvOptions<1> options{.stride = 2, .padding = {{1, 0}}};
  const X y = conv_transpose(x, w, options);
  for (Index n = 0; n < 3; ++n) {
    const auto sample = conv_transpose(x.chip(n, 0), w, options);
    STATIC_REQUIRE(decltype(sample)::NumDimensions == 2);
    const Eigen::Tensor<float, 2, Eigen::RowMajor> expected = y.chip(n, 0);
    CHECK(equal(sample, expected));
  }
}

TEST_CASE("slices, shuffles and tensors of short indices are arguments like any other") {
  const X x = counted(2, 4, 5), w = counted(3, 2, 3);
  const X part = x.slice(std::array<Index, 3>{0, 1, 0}, std::array<Index, 3>{2, 3, 5});
  const X expected = scatter::conv_transpose(part, w);
  CHECK(equal(
      conv_transpose(x.slice(std::array<Index, 3>{0, 1, 0}, std::array<Index, 3>{2, 3, 5}), w),
      expected));
  const X turned = w.shuffle(std::array<Index, 3>{2, 1, 0});
  CHECK(equal(conv_transpose(part, turned.shuffle(std::array<Index, 3>{2, 1, 0})), expected));

  using Short = Eigen::Tensor<float, 3, Eigen::RowMajor, int>;
  Short short_x(2, 3, 5);
  std::copy_n(part.data(), part.size(), short_x.data());
  const auto y = conv_transpose(short_x, w);
  STATIC_REQUIRE(std::is_same_v<decltype(y), const Short>);
  CHECK(equal(y, expected));
}

TEST_CASE("a bias may be a map, of fixed size or an expression") {
  const X x = counted(2, 3, 5), w = counted(3, 2, 3);
  Eigen::Tensor<float, 1, Eigen::RowMajor> bias(2);
  bias.setValues({3.0f, -2.0f});
  const X expected = scatter::conv_transpose(x, w, bias);
  CHECK(expected(0, 1, 0) ==
        x(0, 0, 0) * w(0, 1, 0) + x(0, 1, 0) * w(1, 1, 0) + x(0, 2, 0) * w(2, 1, 0) - 2.0f);
  const float memory[] = {3.0f, -2.0f};
  using Map = Eigen::TensorMap<const Eigen::Tensor<float, 1, Eigen::RowMajor>>;
  CHECK(equal(conv_transpose(x, w, Map(memory, 2)), expected));
  Eigen::TensorFixedSize<float, Eigen::Sizes<2>, Eigen::RowMajor> fixed;
  fixed = bias;
  CHECK(equal(conv_transpose(x, w, fixed), expected));
  CHECK(equal(conv_transpose(x, w, bias * 0.5f + bias * 0.5f), expected));
}
