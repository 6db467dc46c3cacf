/// \file
/// `Summation::ordered`: the bits of a scalar loop.

#include "support/ordered.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstring>
#include <limits>
#include <string>
#include <tconv/tconv.hpp>
#include <vector>

#include "support/catch.hpp"
#include "support/problem.hpp"

using namespace support;
using tconv::Summation;

TEST_CASE("ordered sums of float have the bytes of a scalar loop") {
  Random random(61);
  check_small_problems<float>(random);
}

TEST_CASE("ordered sums of whole layers have the bytes of a scalar loop, whatever the caches") {
  Random random(62);
  std::ptrdiff_t l1 = 0, l2 = 0, l3 = 0;
  Eigen::internal::manage_caching_sizes(Eigen::GetAction, &l1, &l2, &l3);
  const std::ptrdiff_t sizes[][3] = {
      {l1, l2, l3}, {8 << 10, 32 << 10, 64 << 10}, {64 << 10, 4 << 20, 64 << 20}};
  for (int i = 0; i < effort(30); ++i) {
    const auto& [first, second, third] = sizes[i % 3];
    Eigen::setCpuCacheSizes(first, second, third);
    tconv::release_thread_memory();
    Problem p = random_layer(random);
    p.summation = Summation::ordered;
    const Data<float> data = random_reals<float>(random, p);
    for (const auto implementation : {Implementation::production, Implementation::layer})
      check_bytes(implementation, p, data, 211);
  }
  Eigen::setCpuCacheSizes(l1, l2, l3);
  tconv::release_thread_memory();
}

TEST_CASE("ordered sums are the same for any number of threads, on either operator and gradient") {
  using Tensor4 = Eigen::Tensor<float, 4>;
  Tensor4 x(2, 40, 9, 11), w(40, 24, 3, 4);
  x.setRandom(), w.setRandom();
  const tconv::ConvOptions<2> options{.stride = 2, .padding = 1, .summation = Summation::ordered};
  Eigen::ThreadPool pool(7);
  const auto equal = [](const Tensor4& a, const Tensor4& b) {
    return std::memcmp(a.data(), b.data(), static_cast<std::size_t>(a.size()) * sizeof(float)) == 0;
  };
  const Tensor4 y = tconv::conv_transpose(x, w, options), folded = tconv::conv(y, w, options);
  for (const int threads : {1, 2, 3, 5, 8}) {
    const Eigen::ThreadPoolDevice device(&pool, threads);
    tconv::Workspace workspace(device);
    CHECK(equal(tconv::conv_transpose(workspace, x, w, options), y));
    CHECK(equal(tconv::conv(workspace, y, w, options), folded));
    // The gradient of an operator by its input is the other operator.
    CHECK(equal(tconv::conv_transpose_input_grad(workspace, w, y, options), folded));
  }
}

TEST_CASE("ordered sums keep their order beside weights that are not finite") {
  Random random(63);
  Problem p = random_layer(random);
  p.summation = Summation::ordered;
  Data<float> data = random_reals<float>(random, p);
  data.w[data.w.size() / 2] = std::numeric_limits<float>::infinity();
  const std::vector<float> y = run(Implementation::layer, p, data);
  const Index columns = p.out[1], plane = p.out[0] * columns;
  for (Index i = 0; i < p.y_size(); i += 37) {
    const float expected =
        ordered_sum(p, data, i / plane / p.out_channels, i / plane % p.out_channels,
                    {i % plane / columns, i % columns, 0}, engine_fuses());
    const float value = y[static_cast<std::size_t>(i)];
    REQUIRE((value == expected || (std::isnan(value) && std::isnan(expected))));
  }
}

TEST_CASE("ordered sums of 16-bit floats are summed in float, and rounded once") {
  Eigen::Tensor<Eigen::bfloat16, 3> x(1, 70, 3), w(70, 1, 2);
  for (Index i = 0; i < x.size(); ++i)
    x.data()[i] = Eigen::bfloat16(std::sin(static_cast<float>(i)));
  for (Index i = 0; i < w.size(); ++i)
    w.data()[i] = Eigen::bfloat16(std::cos(static_cast<float>(i)));
  const auto y = tconv::conv_transpose(x, w, {.summation = Summation::ordered});
  for (Index o = 0; o < 4; ++o) {
    float sum = 0;
    // Products of 16-bit floats are exact in `float`, so that fusing makes no difference.
    for (Index c = 0; c < 70; ++c)
      for (Index k = 0; k < 2; ++k)
        if (o - k >= 0 && o - k < 3)
          sum += static_cast<float>(x(0, c, o - k)) * static_cast<float>(w(c, 0, k));
    CHECK(y(0, 0, o) == Eigen::bfloat16(sum));
  }
}

TEST_CASE("scalars without SIMD sum in the same order, with their own arithmetic") {
  using Tensor = Eigen::Tensor<long double, 3>;
  Tensor x(1, 5, 6), w(5, 2, 4);
  for (Index i = 0; i < x.size(); ++i) x.data()[i] = std::sin(static_cast<long double>(i));
  for (Index i = 0; i < w.size(); ++i) w.data()[i] = std::cos(static_cast<long double>(3 * i));
  const Eigen::Matrix<long double, 2, 1> bias(0.1L, -0.7L);
  const tconv::ConvOptions<1> options{.padding = {{1, -2}}, .summation = Summation::ordered};
  const Tensor y = tconv::conv_transpose(x, w, bias, options);
  REQUIRE(y.dimension(2) == 10);
  for (Index m = 0; m < 2; ++m)
    for (Index o = 0; o < 10; ++o) {
      long double sum = 0;
      for (Index c = 0; c < 5; ++c)
        for (Index k = 0; k < 4; ++k)
          if (const Index i = o + 1 - k; 0 <= i && i < 6) sum += x(0, c, i) * w(c, m, k);
      CHECK(y(0, m, o) == (o < 8 ? sum + bias(m) : bias(m)));
    }
}

TEST_CASE("an output that no input reaches holds the bias, and others its sum") {
  using Map = Eigen::TensorMap<const Eigen::Tensor<float, 3>>;
  const float pixels[] = {1e8F, 1e8F}, weight = 1;
  const Map x(pixels, 1, 1, 2), w(&weight, 1, 1, 1);
  const Eigen::VectorXf bias{{0.3F}};
  const auto y = tconv::conv_transpose(x, w, bias, {.stride = 3, .summation = Summation::ordered});
  CHECK(y(0, 0, 0) == 1e8F);
  CHECK(y(0, 0, 1) == 0.3F);
}

TEST_CASE("an output that no input reaches holds a bias of -0 too, in any order of sums") {
  Random random(64);
  Index unreached = 0;
  for (int i = 0; i < effort(400); ++i) {
    Problem p = random_problem(random, tconv::Direction::scatter);
    p.bias = true;
    Data<float> data = random_reals<float>(random, p);
    std::fill(data.bias.begin(), data.bias.end(), -0.0F);
    const Index plane = p.out[0] * p.out[1] * p.out[2];
    INFO(p);
    for (const auto implementation : {Implementation::production, Implementation::layer,
                                      Implementation::into, Implementation::scatter}) {
      const std::vector<float> y = run(implementation, p, data);
      // Whether an output is reached depends on its position alone.
      for (Index o = 0; o < plane; ++o) {
        const std::array<Index, 3> at{o / (p.out[1] * p.out[2]),
                                      o % (p.out[1] * p.out[2]) / p.out[2], o % p.out[2]};
        const float sum = ordered_sum(p, data, 0, 0, at, engine_fuses());
        if (sum != 0 || !std::signbit(sum)) continue;
        ++unreached;
        for (Index image = 0; image < p.batch * p.out_channels; ++image) {
          const float value = y[static_cast<std::size_t>(image * plane + o)];
          REQUIRE((value == 0 && std::signbit(value)));
        }
      }
    }
  }
  CHECK(unreached > effort(400));
}
