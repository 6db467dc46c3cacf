/// \file
/// Windows: parts of an output from parts of the input.

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <limits>
#include <optional>
#include <string>
#include <tconv/tconv.hpp>
#include <tconv/window.hpp>

#include "support/catch.hpp"
#include "support/problem.hpp"

using namespace support;
using namespace tconv;

namespace {

Index draw(Random& random, Index low, Index high) {
  return std::uniform_int_distribution<Index>(low, high)(random);
}

/// One axis of a problem.
struct Line {
  bool scatters;
  Index in, kernel;
  ConvOptions<1> options;

  Index position(Index coarse, Index k) const {
    return coarse * options.stride[0] + k * options.dilation[0] - options.padding[0].before;
  }
  Index out() const {
    return (scatters ? conv_transpose_output_extents({in}, {kernel}, options)
                     : conv_output_extents({in}, {kernel}, options))[0];
  }
  Window<1> window(Index first, Index end) const {
    return scatters ? conv_transpose_window({in}, {kernel}, options, {first}, {end})
                    : conv_window({in}, {kernel}, options, {first}, {end});
  }
  bool needs(Index i, Index first, Index end) const {
    for (Index k = 0; k < kernel; ++k)
      if (scatters) {
        if (first <= position(i, k) && position(i, k) < end) return true;
      } else {
        for (Index o = first; o < end; ++o)
          if (position(o, k) == i) return true;
      }
    return false;
  }
};

/// A line that is valid, some with taps far apart or far from the image.
Line random_line(Random& random) {
  for (;;) {
    Line line{draw(random, 0, 1) == 0, draw(random, 1, 9), draw(random, 1, 6), {}};
    line.options.stride = draw(random, 1, 5);
    line.options.dilation = draw(random, 1, 7);
    line.options.padding[0] = {draw(random, -4, 8), draw(random, -4, 8)};
    line.options.output_padding =
        draw(random, 0, std::max(line.options.stride[0], line.options.dilation[0]) - 1);
    const Index reach = (line.kernel - 1) * line.options.dilation[0] + 1;
    const Index padding = line.options.padding[0].before + line.options.padding[0].after;
    if (line.scatters
            ? (line.in - 1) * line.options.stride[0] + reach + line.options.output_padding[0] >
                  padding
            : line.in + padding >= reach)
      return line;
  }
}

}  // namespace

TEST_CASE("a window is the smallest part that its outputs need, or one position") {
  Random random(71);
  int empty = 0;
  for (int i = 0; i < effort(20000); ++i) {
    const Line line = random_line(random);
    const Index first = draw(random, 0, line.out() - 1), end = draw(random, first + 1, line.out());
    const Window<1> window = line.window(first, end);
    Index begin = line.in, behind = 0;
    for (Index x = 0; x < line.in; ++x)
      if (line.needs(x, first, end)) begin = std::min(begin, x), behind = x + 1;
    if (behind == 0) {
      ++empty;
      REQUIRE((window.end[0] == window.first[0] + 1 && window.first[0] >= 0 &&
               window.end[0] <= line.in));
    } else {
      REQUIRE((window.first[0] == begin && window.end[0] == behind));
    }
    // The part is computed by the same relation, seen from its corner.
    const Line part{line.scatters, window.end[0] - window.first[0], line.kernel, window.options};
    REQUIRE(part.out() == end - first);
    REQUIRE(part.position(0, 0) == line.position(line.scatters ? window.first[0] : first, 0) -
                                       (line.scatters ? first : window.first[0]));
    ConvOptions<1> rest = window.options;
    rest.padding = line.options.padding;
    REQUIRE(rest == line.options);
  }
  CHECK(empty > effort(20000) / 20);
}

TEST_CASE("the window of all outputs keeps the options where they need all inputs") {
  const ConvOptions<1> options{.stride = 3, .padding = {{1, 2}}, .output_padding = 2};
  CHECK(conv_transpose_window({5}, {4}, options, {0}, {15}) == Window<1>{{0}, {5}, options});
}

namespace {

template <class Tensor>
bool same_bits(const Tensor& a, const Tensor& b) {
  return a.dimensions() == b.dimensions() &&
         std::memcmp(a.data(), b.data(), static_cast<std::size_t>(a.size()) * sizeof(*a.data())) ==
             0;
}

/// Compares random parts of a problem's result with the same parts of the whole.
template <int R, int layout>
void check_parts(Random& random, const Problem& p, bool integers) {
  using Image = Eigen::Tensor<float, R + 2, layout>;
  const ConvOptions<R> options = p.options<R>();
  const auto shape = [&](Index channels, const std::array<Index, 3>& extents) {
    std::array<Index, static_cast<std::size_t>(R) + 2> result{p.batch, channels};
    std::copy_n(extents.begin(), R, result.begin() + 2);
    if (p.channels_last) std::rotate(result.begin() + 1, result.begin() + 2, result.end());
    return result;
  };
  std::array<Index, static_cast<std::size_t>(R) + 2> w_shape{
      p.scatters() ? p.in_channels : p.out_channels,
      (p.scatters() ? p.out_channels : p.in_channels) / p.groups};
  std::copy_n(p.kernel.begin(), R, w_shape.begin() + 2);
  Image x(shape(p.in_channels, p.in)), w(w_shape);
  Eigen::Tensor<float, 1, layout> bias(p.out_channels);
  std::uniform_real_distribution<float> real(-1, 1);
  const auto fill = [&](auto& tensor) {
    for (Index i = 0; i < tensor.size(); ++i)
      tensor.data()[i] = integers ? static_cast<float>(draw(random, -4, 4)) : real(random);
  };
  fill(x), fill(w), fill(bias);
  const auto compute = [&](const auto& part, const ConvOptions<R>& o) -> Image {
    return p.scatters() ? conv_transpose(part, w, bias, o) : conv(part, w, bias, o);
  };
  const Image whole = compute(x, options);
  for (int i = 0; i < 3; ++i) {
    Extents<R> in{}, kernel{}, first{}, end{};
    for (std::size_t a = 0; a < first.size(); ++a) {
      in[a] = p.in[a], kernel[a] = p.kernel[a];
      first[a] = draw(random, 0, p.out[a] - 1);
      end[a] = draw(random, first[a] + 1, p.out[a]);
    }
    const Window<R> window = p.scatters() ? conv_transpose_window(in, kernel, options, first, end)
                                          : conv_window(in, kernel, options, first, end);
    const Image part = slice(x, window);
    const Image y = compute(part, window.options);
    const Image expected = slice(whole, Window<R>{first, end, options});
    INFO(p << " first " << first[0] << " end " << end[0]);
    REQUIRE(same_bits(y, expected));
    // The same without copies, from image to image.
    REQUIRE(same_bits(compute(slice(x, window), window.options), expected));
  }
}

template <int R>
void check_parts(Random& random, const Problem& p, bool integers) {
  if (p.col_major)
    check_parts<R, Eigen::ColMajor>(random, p, integers);
  else
    check_parts<R, Eigen::RowMajor>(random, p, integers);
}

}  // namespace

TEST_CASE("a part of the output is that part of the whole") {
  Random random(72);
  for (int i = 0; i < effort(900); ++i) {
    Problem p = random_problem(random, i % 3 == 0 ? Direction::gather : Direction::scatter);
    // Small integers are exact in any order; other numbers need one order.
    const bool integers = i % 2 == 0;
    if (!integers) p.summation = Summation::ordered;
    if (p.rank == 1) check_parts<1>(random, p, integers);
    if (p.rank == 2) check_parts<2>(random, p, integers);
    if (p.rank == 3) check_parts<3>(random, p, integers);
  }
}

TEST_CASE("an output that no input reaches holds the bias in a part too") {
  Eigen::Tensor<float, 3> x(1, 1, 4), w(1, 1, 2);
  x.setConstant(1), w.setConstant(1);
  const Eigen::VectorXf bias{{0.3F}};
  const ConvOptions<1> options{.stride = 5, .padding = {{-3, -4}}};
  for (const Index o : {0, 2, 7, 21, 23}) {  // in front of all, in a gap, in the gap, behind all
    const auto window = conv_transpose_window({4}, {2}, options, {o}, {o + 1});
    const Eigen::Tensor<float, 3> y = conv_transpose(slice(x, window), w, bias, window.options);
    CHECK(y.dimension(2) == 1);
    CHECK(y(0, 0, 0) == 0.3F);
  }
}

TEST_CASE("windows reject what is no part, and positions that overflow") {
  const auto part = [&](Index first, Index end) {
    return message_of<std::invalid_argument>([=] {
      static_cast<void>(conv_transpose_window({6, 5}, {4, 3}, {.stride = 2}, {0, first}, {1, end}));
    });
  };
  CHECK(part(2, 12) ==
        "tconv::conv_transpose_window: the outputs from 2 to 12 of spatial axis 1 are not a part "
        "of [0, 11)");
  for (const auto& [first, end] : {std::pair<Index, Index>{-1, 2}, {2, 2}, {3, 2}, {11, 12}})
    CHECK(part(first, end).find("are not a part of [0, 11)") != std::string::npos);
  CHECK(message_of<std::invalid_argument>([] {
          static_cast<void>(conv_window({2}, {3}, {}, {0}, {1}));
        }).starts_with("tconv::conv_window: padded input has extent 2"));
  constexpr Index most = std::numeric_limits<Index>::max();
  CHECK_THROWS_AS(conv_transpose_window({2}, {1}, {.stride = most - 1}, {0}, {1}),
                  std::length_error);
  CHECK_THROWS_AS(conv_window({most}, {1}, {.padding = {{most, -most}}}, {0}, {1}),
                  std::length_error);
}

TEST_CASE("windows are found when a program is compiled") {
  constexpr Window<2> window =
      conv_transpose_window({100, 80}, {4, 4}, {.stride = 2, .padding = 1}, {0, 32}, {16, 64});
  static_assert(window.first == Extents<2>{0, 15} && window.end == Extents<2>{9, 33});
  static_assert(window.extents() == Extents<2>{9, 18});
  static_assert(conv_transpose_output_extents(window.extents(), {4, 4}, window.options) ==
                Extents<2>{16, 32});
  CHECK(window.options.padding == PerAxis<2, Padding>{{1, 3}, {3, 3}});
}

namespace {

using T4 = Eigen::Tensor<float, 4, Eigen::RowMajor>;

/// A random operator of two axes.
struct RandomStep {
  int kind;  // conv, conv_transpose, nearest, linear
  T4 w;
  ConvOptions<2> options;
  PerAxis<2, Index> scale;

  explicit RandomStep(Random& random)
      : kind(static_cast<int>(draw(random, 0, 3))),
        w(2, 2, draw(random, 1, 4), draw(random, 1, 4)),
        scale{draw(random, 1, 3), draw(random, 1, 3)} {
    for (Index i = 0; i < w.size(); ++i) w.data()[i] = static_cast<float>(draw(random, -3, 3));
    for (int a = 0; a < 2; ++a) {
      options.stride[a] = draw(random, 1, 3);
      options.dilation[a] = draw(random, 1, 2);
      options.padding[a] = {draw(random, -1, 3), draw(random, -1, 3)};
    }
  }
  T4 operator()(const T4& x, const ConvOptions<2>& o) const {
    return kind == 0   ? conv(x, w, o)
           : kind == 1 ? conv_transpose(x, w, o)
           : kind == 2 ? upsample_nearest(x, scale)
                       : upsample_linear(x, scale);
  }
  void add_to(Chain<2>& chain) const {
    const Extents<2> kernel{w.dimension(2), w.dimension(3)};
    if (kind == 0) chain.conv(kernel, options);
    if (kind == 1) chain.conv_transpose(kernel, options);
    if (kind == 2) chain.upsample_nearest(scale);
    if (kind == 3) chain.upsample_linear(scale);
  }
};

/// What a chain makes of `x`, or nothing if its extents do not fit, or become large.
std::optional<T4> run_chain(const std::vector<RandomStep>& steps, const T4& x) {
  T4 y = x;
  for (const RandomStep& step : steps) try {
      y = step(y, step.options);
      if (y.size() > 20000) return std::nullopt;
    } catch (const std::invalid_argument&) {
      return std::nullopt;
    }
  return y;
}

}  // namespace

TEST_CASE("a chain walks back from a window of the last output to one of the first input") {
  Random random(73);
  int done = 0;
  while (done < effort(1500)) {
    T4 x(1, 2, draw(random, 1, 12), draw(random, 1, 12));
    for (Index i = 0; i < x.size(); ++i) x.data()[i] = static_cast<float>(draw(random, -3, 3));
    std::vector<RandomStep> steps;
    Chain<2> chain;
    for (Index i = draw(random, 1, 4); i > 0; --i) {
      steps.emplace_back(random);
      steps.back().add_to(chain);
    }
    const std::optional<T4> whole = run_chain(steps, x);
    if (!whole) continue;
    const Extents<2> in{x.dimension(2), x.dimension(3)};
    Extents<2> first{}, end{};
    for (std::size_t a = 0; a < 2; ++a) {
      const Index out = whole->dimension(a + 2);
      REQUIRE(chain.output_extents(in)[a] == out);
      first[a] = draw(random, 0, out - 1);
      end[a] = draw(random, first[a] + 1, out);
    }
    const ChainWindow<2> window = chain.window(in, first, end);
    T4 y = slice(x, window.steps[0]);
    for (std::size_t i = 0; i < steps.size(); ++i) {
      const Extents<2> expected = window.steps[i].extents();
      REQUIRE((y.dimension(2) == expected[0] && y.dimension(3) == expected[1]));
      y = steps[i](y, window.steps[i].options);
    }
    const T4 part =
        slice(y, Window<2>{window.skip,
                           {window.skip[0] + end[0] - first[0], window.skip[1] + end[1] - first[1]},
                           {}});
    const T4 expected = slice(*whole, Window<2>{first, end, {}});
    for (Index i = 0; i < part.size(); ++i) {
      INFO(part.data()[i] << " is not " << expected.data()[i]);
      // Linear upsampling divides, so that sums round.
      REQUIRE(std::abs(part.data()[i] - expected.data()[i]) <=
              1e-4F * (1 + std::abs(expected.data()[i])));
    }
    ++done;
  }
}

TEST_CASE("a chain's linear upsampling and convolution are one fused call") {
  T4 x(1, 3, 9, 8), w(4, 3, 3, 3);
  x.setRandom(), w.setRandom();
  Chain<2> chain;
  chain.upsample_linear(2).conv({3, 3}, {.padding = 1});
  const T4 whole = upsample_conv(x, w, 2, {.padding = 1});
  const auto window = chain.window({9, 8}, {5, 0}, {12, 7});
  const T4 part = upsample_conv(T4(slice(x, window.steps[0])), w, 2, window.steps[1].options);
  const T4 expected = slice(whole, Window<2>{{5, 0}, {12, 7}, {}});
  REQUIRE(part.dimensions() == expected.dimensions());
  for (Index i = 0; i < part.size(); ++i)
    CHECK(std::abs(part.data()[i] - expected.data()[i]) < 1e-5F);
}
