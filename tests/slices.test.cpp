/// \file
/// Slices of tensors as arguments and results: read and written where they lie.

#include <algorithm>
#include <array>
#include <complex>
#include <cstdint>
#include <limits>
#include <stdexcept>
#include <tconv/tconv.hpp>
#include <type_traits>
#include <vector>

#include "support/allocations.hpp"
#include "support/catch.hpp"
#include "support/problem.hpp"

using namespace support;
using namespace tconv;

namespace {

Index draw(Random& random, Index low, Index high) {
  return std::uniform_int_distribution<Index>(low, high)(random);
}

/// A slice of a tensor that is larger on every axis.
template <class Scalar, int rank, int layout>
struct Part {
  using Tensor = Eigen::Tensor<Scalar, rank, layout>;
  using Shape = Eigen::array<Index, rank>;

  Tensor whole;
  Shape first{}, extents;

  Part(Random& random, const Shape& shape, Scalar around) : extents(shape) {
    Shape all = shape;
    for (std::size_t a = 0; a < all.size(); ++a) {
      first[a] = draw(random, 0, 2);
      all[a] += first[a] + draw(random, 0, 2);
    }
    whole.resize(all);
    whole.setConstant(around);
  }
  auto slice() { return whole.slice(first, extents); }
  /// Whether this is `values` and nothing around them has been written.
  bool holds(const Tensor& values, Scalar around) {
    Tensor expected(whole.dimensions());
    expected.setConstant(around);
    expected.slice(first, extents) = values;
    return std::equal(whole.data(), whole.data() + whole.size(), expected.data());
  }
};

/// Computes a problem from slice to slice, and compares with what it makes of copies.
template <class Scalar, int R, int layout>
void check_slices(Random& random, const Problem& p) {
  using Image = Part<Scalar, R + 2, layout>;
  const ConvOptions<R> options = p.options<R>();
  const auto shape = [&](Index channels, const std::array<Index, 3>& extents) {
    typename Image::Shape result{p.batch, channels};
    std::copy_n(extents.begin(), R, result.begin() + 2);
    if (p.channels_last) std::rotate(result.begin() + 1, result.begin() + 2, result.end());
    return result;
  };
  typename Image::Shape w_shape{p.scatters() ? p.in_channels : p.out_channels,
                                (p.scatters() ? p.out_channels : p.in_channels) / p.groups};
  std::copy_n(p.kernel.begin(), R, w_shape.begin() + 2);
  typename Image::Tensor inside(shape(p.in_channels, p.in)), w(w_shape);
  Eigen::Tensor<Scalar, 1, layout> bias(p.out_channels);
  const auto fill = [&](auto& t) {
    for (Index i = 0; i < t.size(); ++i)
      t.data()[i] = Scalar(static_cast<float>(draw(random, -4, 4)));
  };
  fill(inside), fill(w), fill(bias);
  // Integers are exact modulo 2 to the power of their bits, and a large one may be anywhere.
  if constexpr (std::is_integral_v<Scalar>)
    if (draw(random, 0, 1) == 0)
      inside.data()[draw(random, 0, inside.size() - 1)] = std::numeric_limits<Scalar>::max() / 3;
  // What must not be read: not a number, or the largest there is.
  const Scalar around = std::is_integral_v<Scalar> ? std::numeric_limits<Scalar>::max()
                                                   : std::numeric_limits<Scalar>::quiet_NaN();
  Image x(random, inside.dimensions(), around);
  x.slice() = inside;
  const auto check = [&](const auto& layer, const auto& once, const auto& into) {
    Workspace workspace;
    const auto f = [](Scalar value, Index m) {
      return Scalar(value + Scalar(static_cast<float>(m)));
    };
    typename Image::Tensor plain = layer(inside), with_f(plain.dimensions());
    layer.run(inside, with_f, workspace, f);
    INFO(p);
    const Scalar marked(77);
    Image y(random, plain.dimensions(), marked);
    layer.run(x.slice(), y.slice(), workspace);
    REQUIRE(y.holds(plain, marked));
    layer.run(x.slice(), y.slice(), workspace, f);
    REQUIRE(y.holds(with_f, marked));
    into(y.slice(), x.slice());
    REQUIRE(y.holds(plain, marked));
    const typename Image::Tensor result = once(x.slice());
    REQUIRE(std::equal(result.data(), result.data() + result.size(), plain.data()));
  };
  if (p.scatters())
    check(
        ConvTranspose(w, bias, options),
        [&](const auto& part) { return conv_transpose(part, w, bias, options); },
        [&](auto&& y, const auto& part) { conv_transpose_into(y, part, w, bias, options); });
  else
    check(
        Conv(w, bias, options), [&](const auto& part) { return conv(part, w, bias, options); },
        [&](auto&& y, const auto& part) { conv_into(y, part, w, bias, options); });
}

template <class Scalar, int R>
void check_slices(Random& random, const Problem& p) {
  if (p.col_major)
    check_slices<Scalar, R, Eigen::ColMajor>(random, p);
  else
    check_slices<Scalar, R, Eigen::RowMajor>(random, p);
}

/// Every fourth has one input position that meets each output once, or the reverse: its axes are
/// joined where images are dense.
Problem slice_problem(Random& random, int i) {
  Problem p = random_problem(random, i % 3 == 0 ? Direction::gather : Direction::scatter);
  if (i % 4 == 0) {
    p.in.fill(1), p.stride.fill(1), p.dilation.fill(1), p.output_padding.fill(0);
    p.before.fill(0), p.after.fill(0);
    p.out = p.kernel;
    if (!p.scatters()) std::swap(p.in, p.out);
  }
  if (i % 5 == 0) p.summation = Summation::ordered;
  return p;
}

}  // namespace

TEST_CASE("a call from slice to slice is that of copies, and leaves what is around them") {
  Random random(91);
  for (int i = 0; i < effort(1500); ++i) {
    const Problem p = slice_problem(random, i);
    if (p.rank == 1) check_slices<float, 1>(random, p);
    if (p.rank == 2) check_slices<float, 2>(random, p);
    if (p.rank == 3) check_slices<float, 3>(random, p);
  }
  for (int i = 0; i < effort(60); ++i) check_slices<float, 2>(random, random_layer(random));
}

TEMPLATE_TEST_CASE("slices of other elements are as slices of floats", "", std::int32_t,
                   Eigen::bfloat16, std::complex<float>) {
  Random random(92);
  for (int i = 0; i < effort(900); ++i) {
    const Problem p = slice_problem(random, i);
    if (p.rank == 2) check_slices<TestType, 2>(random, p);
  }
}

TEST_CASE("a small part of a large image is written past the caches, and nothing around it") {
  using Tensor = Eigen::Tensor<float, 4, Eigen::RowMajor>;
  using At = Eigen::array<Index, 4>;
  const auto check = [](const Tensor& x, const Tensor& w, const ConvOptions<2>& options,
                        const At& large, const At& first) {
    const Tensor expected = scatter::conv_transpose(x, w, options);
    // Whole cache lines, as strips are streamed.
    std::vector<float> memory(static_cast<std::size_t>(large[0] * large[1] * large[2] * large[3]) +
                              16);
    const auto past = reinterpret_cast<std::uintptr_t>(memory.data()) % 64;
    Eigen::TensorMap<Tensor> y(memory.data() + (64 - past) % 64 / sizeof(float), large);
    y.setConstant(7);
    conv_transpose_into(y.slice(first, expected.dimensions()), x, w, options);
    const Tensor part = y.slice(first, expected.dimensions());
    CHECK(std::equal(part.data(), part.data() + part.size(), expected.data()));
    y.slice(first, expected.dimensions()).setConstant(7);
    CHECK(std::all_of(y.data(), y.data() + y.size(), [](float value) { return value == 7; }));
  };
  const auto integers = [](Index a, Index b, Index c, Index d) {
    Tensor t(a, b, c, d);
    for (Index i = 0; i < t.size(); ++i) t.data()[i] = static_cast<float>(i * 5 % 9 - 4);
    return t;
  };
  // 64 MiB and more from the first element of a slice to its last. From some 16 on they stream.
  for (const Index column : {0, 5})
    check(integers(1, 3, 6, 150), integers(3, 2, 4, 4), {.stride = 2, .padding = 1},
          {1, 2, 4096, 4096}, {0, 0, 9, column});
  for (const Index channel : {0, 16})
    check(integers(1, 6, 20, 3), integers(3, 32, 4, 4),
          {.stride = 2, .padding = 1, .data_format = DataFormat::channels_last}, {1, 14, 32768, 64},
          {0, 1, 7, channel});
}

TEST_CASE("streams read and write slices") {
  using Tensor = Eigen::Tensor<float, 3, Eigen::RowMajor>;
  using At = Eigen::array<Index, 3>;
  Tensor w(2, 3, 5), x(1, 2, 9);
  w.setRandom(), x.setRandom();
  const ConvTranspose layer(w, {.stride = 2, .padding = 1, .summation = Summation::ordered});
  const Tensor whole = layer(x);
  Tensor y(1, 5, whole.dimension(2) + 2);
  y.setConstant(7);
  Workspace workspace;
  Stream stream(layer);
  Index written = 1;
  const auto part = [&](Index count) {
    written += count;
    return y.slice(At{0, 1, written - count}, At{1, 3, count});
  };
  for (const auto [first, count] : {std::array<Index, 2>{0, 4}, {4, 2}, {6, 3}}) {
    const Index available = stream.available(count);
    stream.push(x.slice(At{0, 0, first}, At{1, 2, count}), part(available), workspace);
    if (first == 0) stream.reserve(3);
  }
  const Index rest = stream.remaining();
  stream.finish(part(rest), workspace);
  Tensor expected(y.dimensions());
  expected.setConstant(7);
  expected.slice(At{0, 1, 1}, whole.dimensions()) = whole;
  CHECK(std::equal(y.data(), y.data() + y.size(), expected.data()));
}

TEST_CASE("the definition and the sparse matrix read slices") {
  Eigen::Tensor<float, 3> x(5, 6, 7), w(3, 2, 2);
  x.setRandom(), w.setRandom();
  const Eigen::array<Index, 3> first{1, 2, 3}, extents{2, 3, 4};
  const Eigen::Tensor<float, 3> copy = x.slice(first, extents);
  const auto same = [](const Eigen::Tensor<float, 3>& a, const Eigen::Tensor<float, 3>& b) {
    return a.dimensions() == b.dimensions() && std::equal(a.data(), a.data() + a.size(), b.data());
  };
  CHECK(
      same(scatter::conv_transpose(x.slice(first, extents), w), scatter::conv_transpose(copy, w)));
  CHECK(same(sparse::conv_transpose(x.slice(first, extents), w), sparse::conv_transpose(copy, w)));
}

TEST_CASE("slices outside of their tensors, and slices that overlap, are rejected") {
  using At = Eigen::array<Index, 4>;
  Eigen::Tensor<float, 4> w(3, 2, 3, 4), x(2, 3, 9, 8), y(2, 2, 20, 20);
  w.setRandom(), x.setRandom(), y.setConstant(7);
  const ConvTranspose layer(w);
  Workspace workspace;
  const auto run = [&](Index row, Index column, Index rows) {
    layer.run(x.slice(At{0, 0, row, 1}, At{2, 3, 4, 5}),
              y.slice(At{0, 0, 1, column}, At{2, 2, rows, 8}), workspace);
  };
  const auto message = [&](Index row, Index column, Index rows) {
    return message_of<std::invalid_argument>([&] { run(row, column, rows); });
  };
  CHECK(message(6, 0, 6) ==
        "tconv::ConvTranspose: x is a slice from 6 of extent 4 on axis 2, where its tensor has "
        "extent 9");
  CHECK(message(-1, 0, 6) ==
        "tconv::ConvTranspose: x is a slice from -1 of extent 4 on axis 2, where its tensor has "
        "extent 9");
  CHECK(message(5, 13, 6) ==
        "tconv::ConvTranspose: y is a slice from 13 of extent 8 on axis 3, where its tensor has "
        "extent 20");
  CHECK(message(5, 0, 7) ==
        "tconv::ConvTranspose: y has shape (2, 2, 7, 8), but the result has (2, 2, 6, 8)");
  run(5, 12, 6);
  // What counts is the memory from the first element of a slice to its last.
  Eigen::Tensor<float, 4> k(2, 2, 1, 1);
  k.setRandom();
  const auto columns = [&](Index first) { return y.slice(At{0, 0, 0, first}, At{2, 2, 20, 3}); };
  const Eigen::Tensor<float, 4> result = conv(columns(0), k);
  CHECK(message_of<std::invalid_argument>([&] { conv_into(columns(2), columns(0), k); }) ==
        "tconv::conv_into: y overlaps x in memory, but must not");
  conv_into(columns(3), columns(0), k);
  const Eigen::Tensor<float, 4> written = columns(3);
  CHECK(std::equal(result.data(), result.data() + result.size(), written.data()));
}

TEST_CASE("a layer from slice to slice allocates nothing") {
  using At = Eigen::array<Index, 4>;
  using Tensor = Eigen::Tensor<float, 4, Eigen::RowMajor>;
  Tensor w(3, 2, 3, 4), x(2, 3, 9, 8), y(2, 2, 20, 20);
  w.setRandom(), x.setRandom(), y.setZero();
  const ConvTranspose layer(w);
  Workspace workspace;
  const auto run = [&] {
    layer.run(x.slice(At{0, 0, 2, 1}, At{2, 3, 4, 5}), y.slice(At{0, 0, 1, 2}, At{2, 2, 6, 8}),
              workspace);
  };
  run();
  const long before = allocations();
  Eigen::internal::set_is_malloc_allowed(false);
  run();
  Eigen::internal::set_is_malloc_allowed(true);
  CHECK(allocations() == before);
}

TEST_CASE("small integers are read from slices, by the engine and by loops") {
  using At = Eigen::array<Index, 4>;
  Eigen::Tensor<std::uint8_t, 4, Eigen::RowMajor> x(2, 5, 9, 8);
  Eigen::Tensor<std::int8_t, 4, Eigen::RowMajor> w(3, 2, 1, 1);
  for (Index i = 0; i < x.size(); ++i) x.data()[i] = static_cast<std::uint8_t>(i * 37 % 256);
  for (Index i = 0; i < w.size(); ++i) w.data()[i] = static_cast<std::int8_t>(i * 53 % 256 - 128);
  const At first{1, 2, 3, 1}, extents{1, 3, 4, 5};
  const Eigen::Tensor<std::uint8_t, 4, Eigen::RowMajor> copy = x.slice(first, extents);
  const Quantization zero_points{.x_zero_point = 7, .w_zero_point = -3};
  // With one tap dilation changes nothing but that the engine's integers do not hold it.
  for (const Index dilation : {Index{1}, std::numeric_limits<Index>::max() / 4}) {
    const ConvOptions<2> options{.dilation = dilation};
    const auto y = conv_transpose<std::int32_t>(x.slice(first, extents), w, zero_points, options);
    const auto expected = conv_transpose<std::int32_t>(copy, w, zero_points);
    REQUIRE(y.size() == expected.size());
    CHECK(std::equal(y.data(), y.data() + y.size(), expected.data()));
  }
}
