// Images that are no rows of the engine's elements. Channels or the batch lie side by side: results
// are those of the definition. Elements are narrow: results are those of `float`, rounded once.
// Elements are integers: results are exact modulo 2 to the power of their bits. Elements are
// complex: their parts are channels.

#include <cmath>
#include <complex>
#include <cstdint>
#include <cstring>
#include <limits>
#include <random>
#include <tconv/tconv.hpp>
#include <type_traits>
#include <utility>

#include "support/allocations.hpp"
#include "support/catch.hpp"
#include "support/problem.hpp"

using tconv::ConvOptions;
using tconv::Index;

namespace {

using Random = std::mt19937;

Index draw(Random& random, int first, int last) {
  return first + static_cast<Index>(random() % static_cast<unsigned>(last - first + 1));
}

/// A random call of `conv` or `conv_transpose`.
template <class Scalar, int layout>
struct Call {
  using Tensor = Eigen::Tensor<Scalar, 4, layout>;
  Tensor x, weight;
  Eigen::Tensor<Scalar, 1, layout> bias;
  ConvOptions<2> options;
  bool transposed;

  template <class Number>
  Call(Random& random, const Number& number) {
    // Few groups, or as many as channels: from part of a packet to several.
    const Index groups = draw(random, 0, 2) > 0 ? 1 : draw(random, 2, 70);
    const Index in = groups > 3 ? 1 : draw(random, 1, 36),
                out = groups > 3 ? 1 : draw(random, 1, 20);
    const std::array<Index, 2> kernel{draw(random, 1, 4), draw(random, 1, 4)};
    transposed = draw(random, 0, 1) == 1;
    options.groups = groups;
    options.summation = tconv::Summation::ordered;
    std::array<Index, 2> image{};
    for (std::size_t a = 0; a < 2; ++a) {
      options.stride[a] = draw(random, 1, 3);
      options.dilation[a] = draw(random, 1, 2);
      options.padding[a] = {draw(random, 0, 1), draw(random, 0, 1)};
      image[a] = draw(random, 7, 14);
    }
    const Index batch = draw(random, 1, 3);
    if (draw(random, 0, 1) == 1) {
      options.data_format = tconv::DataFormat::channels_last;
      x.resize(batch, image[0], image[1], in * groups);
    } else {
      x.resize(batch, in * groups, image[0], image[1]);
    }
    if (transposed)
      weight.resize(in * groups, out, kernel[0], kernel[1]);
    else
      weight.resize(out * groups, in, kernel[0], kernel[1]);
    bias.resize(out * groups);
    for (auto* tensor : {&x, &weight})
      for (Index i = 0; i < tensor->size(); ++i) tensor->data()[i] = number();
    for (Index i = 0; i < bias.size(); ++i) bias.data()[i] = number();
  }

  Tensor result() const {
    return transposed ? Tensor(tconv::conv_transpose(x, weight, bias, options))
                      : Tensor(tconv::conv(x, weight, bias, options));
  }
  Tensor definition() const {
    return transposed ? Tensor(tconv::scatter::conv_transpose(x, weight, bias, options))
                      : Tensor(tconv::scatter::conv(x, weight, bias, options));
  }
  template <class F>
  Tensor layer(const F& f) const {
    Tensor y = result();
    y.setZero();
    tconv::Workspace workspace;
    if (transposed)
      tconv::ConvTranspose(weight, bias, options).run(x, y, workspace, f);
    else
      tconv::Conv(weight, bias, options).run(x, y, workspace, f);
    return y;
  }
};

/// A small whole number, or a complex one of two.
template <class Scalar>
Scalar small(Random& random) {
  if constexpr (Eigen::NumTraits<Scalar>::IsComplex) {
    const auto part = [&] {
      return static_cast<typename Scalar::value_type>(static_cast<int>(draw(random, -4, 4)));
    };
    const auto real = part();
    return {real, part()};
  } else {
    return static_cast<Scalar>(draw(random, -4, 4));
  }
}

template <class Tensor>
bool same_bits(const Tensor& a, const Tensor& b) {
  return std::memcmp(a.data(), b.data(),
                     static_cast<std::size_t>(a.size()) * sizeof(typename Tensor::Scalar)) == 0;
}

/// Small whole numbers, whose sums are exact in every order.
template <class Scalar, int layout>
void check_layouts(Random& random) {
  Call<Scalar, layout> call(random, [&] { return small<Scalar>(random); });
  const auto expected = call.definition();
  CHECK(same_bits(call.result(), expected));
  call.options.summation = tconv::Summation::fastest;
  CHECK(same_bits(call.result(), expected));
  const auto next = [](Scalar value, Index channel) {
    return value + value + Scalar(static_cast<float>(channel));
  };
  const auto finished = call.layer(next);
  const bool last = call.options.data_format == tconv::DataFormat::channels_last;
  bool right = true;
  for (Index n = 0; n < expected.dimension(0); ++n)
    for (Index i = 0; i < expected.dimension(1); ++i)
      for (Index j = 0; j < expected.dimension(2); ++j)
        for (Index k = 0; k < expected.dimension(3); ++k)
          right = right && finished(n, i, j, k) == next(expected(n, i, j, k), last ? k : i);
  CHECK(right);
}

/// Ordered sums of `float` are those of the narrow scalar before it is rounded.
template <class Scalar, int layout>
void check_narrow(Random& random) {
  const Call<Scalar, layout> call(random, [&] {
    return static_cast<Scalar>(static_cast<float>(draw(random, -4000, 4000)) / 1024.0F);
  });
  Call<float, layout> wide(random, [] { return 0.0F; });
  wide.x = call.x.template cast<float>();
  wide.weight = call.weight.template cast<float>();
  wide.bias = call.bias.template cast<float>();
  wide.options = call.options;
  wide.transposed = call.transposed;
  const Eigen::Tensor<Scalar, 4, layout> expected = wide.result().template cast<Scalar>();
  CHECK(same_bits(call.result(), expected));
  const auto twice = [](Scalar value) { return static_cast<Scalar>(value + value); };
  const Eigen::Tensor<Scalar, 4, layout> doubled = expected.unaryExpr(twice);
  CHECK(same_bits(call.layer(twice), doubled));
}

/// Numbers of up to `bits` bits.
template <class Scalar, int layout>
void check_integers(Random& random, int bits) {
  const Call<Scalar, layout> call(random, [&] {
    const auto magnitude = static_cast<std::int64_t>(random() >> (32 - bits));
    return static_cast<Scalar>(random() % 2 == 0 ? magnitude : -magnitude);
  });
  CHECK(same_bits(call.result(), call.definition()));
  const auto inverted = [](Scalar value) { return static_cast<Scalar>(~value); };
  const Eigen::Tensor<Scalar, 4, layout> expected = call.definition().unaryExpr(inverted);
  CHECK(same_bits(call.layer(inverted), expected));
}

/// The bits of a layer do not depend on threads, and it allocates nothing.
template <class Real, int layout>
void check_complex_threads(Random& random) {
  using Complex = std::complex<Real>;
  Call<Complex, layout> call(random, [&] { return small<Complex>(random) / Real(3); });
  call.options.summation = tconv::Summation::fastest;
  Eigen::ThreadPool pool(3);
  const Eigen::ThreadPoolDevice device(&pool, 3);
  tconv::Workspace one, several(device);
  const auto check = [&](const auto& layer) {
    auto y = call.result(), z = y;
    layer.run(call.x, y, one);
    layer.run(call.x, z, several);
    CHECK(same_bits(y, z));
    const long before = support::allocations();
    Eigen::internal::set_is_malloc_allowed(false);
    layer.run(call.x, z, one);
    Eigen::internal::set_is_malloc_allowed(true);
    CHECK(support::allocations() == before);
    CHECK(same_bits(y, z));
  };
  if (call.transposed)
    check(tconv::ConvTranspose(call.weight, call.bias, call.options));
  else
    check(tconv::Conv(call.weight, call.bias, call.options));
}

/// Each part of a sum of complex products is one of twice as many real products.
template <class Real, int layout>
void check_complex(Random& random) {
  using Complex = std::complex<Real>;
  const auto number = [&] {
    return Complex(static_cast<Real>(draw(random, -1000, 1000)),
                   static_cast<Real>(draw(random, -1000, 1000))) /
           Real(997);
  };
  Call<Complex, layout> call(random, number);
  call.options.summation = tconv::Summation::fastest;
  Call<Real, layout> magnitudes(random, [] { return Real(0); });
  const auto magnitude = [](const Complex& value) {
    return std::abs(value.real()) + std::abs(value.imag());
  };
  magnitudes.x = call.x.unaryExpr(magnitude);
  magnitudes.weight = call.weight.unaryExpr(magnitude);
  magnitudes.bias = call.bias.unaryExpr(magnitude);
  magnitudes.options = call.options;
  magnitudes.transposed = call.transposed;
  const auto bounds = magnitudes.definition();
  const auto expected = call.definition();
  const auto result = call.result();
  const auto layer = call.layer([](const Complex& value) { return value; });
  const auto terms = static_cast<Real>(2 * call.weight.size() / call.bias.size() + 1);
  bool right = true;
  for (Index i = 0; i < expected.size(); ++i) {
    const Real bound = terms * std::numeric_limits<Real>::epsilon() * bounds.data()[i];
    right = right && std::abs(result.data()[i] - expected.data()[i]) <= bound &&
            std::abs(layer.data()[i] - expected.data()[i]) <= bound;
  }
  CHECK(right);
  // The arithmetic of infinities is that of the definition, to the bit.
  const Real infinity = std::numeric_limits<Real>::infinity();
  call.x.data()[draw(random, 0, static_cast<int>(call.x.size()) - 1)] = Complex(infinity, 1);
  call.weight.data()[draw(random, 0, static_cast<int>(call.weight.size()) - 1)] =
      Complex(0, std::numeric_limits<Real>::quiet_NaN());
  const auto spoilt = call.definition(), computed = call.result();
  for (Index i = 0; i < spoilt.size(); ++i)
    for (const auto& [a, b] : {std::pair(spoilt.data()[i].real(), computed.data()[i].real()),
                               std::pair(spoilt.data()[i].imag(), computed.data()[i].imag())})
      right = right &&
              (std::isfinite(a) ? std::isfinite(b) : a == b || (std::isnan(a) && std::isnan(b)));
  CHECK(right);
}

}  // namespace

TEST_CASE("layouts with channels or the batch side by side give the exact result") {
  Random random(3);
  for (int i = 0; i < support::effort(100); ++i) {
    check_layouts<float, Eigen::RowMajor>(random);
    check_layouts<double, Eigen::ColMajor>(random);
    check_layouts<std::complex<double>, Eigen::RowMajor>(random);
    check_layouts<std::complex<float>, Eigen::ColMajor>(random);
  }
}

TEST_CASE("half and bfloat16 are summed in float and rounded once") {
  Random random(1);
  for (int i = 0; i < support::effort(60); ++i) {
    check_narrow<Eigen::half, Eigen::RowMajor>(random);
    check_narrow<Eigen::bfloat16, Eigen::ColMajor>(random);
  }
}

TEST_CASE("integers of every size are exact modulo 2 to the power of their bits") {
  Random random(2);
  for (int i = 0; i < support::effort(40); ++i) {
    check_integers<std::int8_t, Eigen::RowMajor>(random, 8);
    check_integers<std::uint16_t, Eigen::RowMajor>(random, 16);
    for (const int bits : {6, 20, 32}) check_integers<std::int32_t, Eigen::ColMajor>(random, bits);
  }
}

TEST_CASE("complex numbers are as exact as their real products, and infinite by the definition") {
  Random random(4);
  for (int i = 0; i < support::effort(60); ++i) {
    check_complex<float, Eigen::RowMajor>(random);
    check_complex<double, Eigen::RowMajor>(random);
    check_complex<float, Eigen::ColMajor>(random);
  }
}

TEST_CASE("complex layers have the same bits on any threads, and allocate nothing") {
  Random random(5);
  for (int i = 0; i < support::effort(20); ++i) {
    check_complex_threads<float, Eigen::RowMajor>(random);
    check_complex_threads<double, Eigen::ColMajor>(random);
  }
}
