/// \file
/// Streams: the outputs of chunks one after another are those of the layer.

#if defined(__linux__)
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#endif

#include <algorithm>
#include <cmath>
#include <complex>
#include <cstring>
#include <limits>
#include <stdexcept>
#include <string>
#include <tconv/stream.hpp>
#include <tconv/tconv.hpp>
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

/// A part of an image on its first spatial axis.
template <class Image>
Image frames_of(const Image& x, std::size_t time, Index first, Index count) {
  auto offsets = x.dimensions(), extents = offsets;
  for (auto& offset : offsets) offset = 0;
  offsets[time] = first;
  extents[time] = count;
  return x.slice(offsets, extents);
}

template <class Image>
bool same_bytes(const Image& a, const Image& b) {
  return a.dimensions() == b.dimensions() &&
         (a.size() == 0 ||
          std::memcmp(a.data(), b.data(), static_cast<std::size_t>(a.size()) * sizeof(*a.data())) ==
              0);
}

/// Runs a stream over `x` in random chunks and compares each result with its part of `whole`.
template <class AnyStream, class Image, class F>
void check_stream(Random& random, AnyStream& stream, const Image& x, const Image& whole,
                  std::size_t time, Index longest, Workspace& workspace, const F& f) {
  const Index length = x.dimension(time);
  Index written = 0;
  const auto make_y = [&](Index count) {
    auto dimensions = whole.dimensions();
    dimensions[time] = count;
    Image y(dimensions);
    y.setConstant(std::numeric_limits<float>::quiet_NaN());
    return y;
  };
  for (Index done = 0; done < length;) {
    const Index count = std::min(draw(random, 0, longest), length - done);
    Image y = make_y(stream.available(count));
    stream.push(frames_of(x, time, done, count), y, workspace, f);
    REQUIRE(stream.remaining() <= stream.latency());
    REQUIRE(same_bytes(y, frames_of(whole, time, written, y.dimension(time))));
    done += count;
    written += y.dimension(time);
  }
  Image rest = make_y(stream.remaining());
  REQUIRE(written + rest.dimension(time) == whole.dimension(time));
  stream.finish(rest, workspace, f);
  REQUIRE(same_bytes(rest, frames_of(whole, time, written, rest.dimension(time))));
  REQUIRE(stream.remaining() == 0);
}

/// A stream of a layer with the extents of a problem.
template <int R, class Layer>
auto stream_of(const Layer& layer, const Problem& p) {
  if constexpr (R == 1)
    return Stream(layer, p.batch);
  else if constexpr (R == 2)
    return Stream(layer, p.batch, p.in[1]);
  else
    return Stream(layer, p.batch, p.in[1], p.in[2]);
}

template <int R, int layout, template <class, int, int> class AnyLayer>
void check_problem(Random& random, const Problem& p, bool integers, Workspace& workspace) {
  using Image = Eigen::Tensor<float, R + 2, layout>;
  std::array<Index, static_cast<std::size_t>(R) + 2> x_shape{p.batch, p.in_channels},
      w_shape{p.scatters() ? p.in_channels : p.out_channels,
              (p.scatters() ? p.out_channels : p.in_channels) / p.groups};
  std::copy_n(p.in.begin(), R, x_shape.begin() + 2);
  std::copy_n(p.kernel.begin(), R, w_shape.begin() + 2);
  if (p.channels_last) std::rotate(x_shape.begin() + 1, x_shape.begin() + 2, x_shape.end());
  Image x(x_shape), w(w_shape);
  Eigen::Tensor<float, 1, layout> bias(p.out_channels);
  std::uniform_real_distribution<float> real(-1, 1);
  const auto fill = [&](auto& tensor) {
    for (Index i = 0; i < tensor.size(); ++i)
      tensor.data()[i] = integers ? static_cast<float>(draw(random, -4, 4)) : real(random);
  };
  fill(x), fill(w), fill(bias);
  if (draw(random, 0, 1) == 0) bias(0) = -0.0F;
  const AnyLayer<float, R, layout> layer = p.bias
                                               ? AnyLayer<float, R, layout>(w, bias, p.options<R>())
                                               : AnyLayer<float, R, layout>(w, p.options<R>());
  Image whole(layer.output_dimensions(x.dimensions()));
  const auto f = [fused = draw(random, 0, 1) == 0](float value, Index channel) {
    return fused ? 2 * value + static_cast<float>(channel) : value;
  };
  Workspace own;
  layer.run(x, whole, own, f);
  auto stream = stream_of<R>(layer, p);
  const std::size_t time = p.channels_last ? 1 : 2;
  // A stream that has prepared for nothing, for some pushes, for all.
  for (int i = 0; i < 3; ++i) {
    const Index longest = draw(random, 1, 12);
    INFO(p << " chunks up to " << longest << " pass " << i);
    if (i > 0) stream.reserve(i == 1 ? draw(random, 1, longest) : longest);
    check_stream(random, stream, x, whole, time, longest, workspace, f);
  }
}

template <int R>
void check_problem(Random& random, const Problem& p, bool integers, Workspace& workspace) {
  if (p.col_major) {
    if (p.scatters())
      check_problem<R, Eigen::ColMajor, ConvTranspose>(random, p, integers, workspace);
    else
      check_problem<R, Eigen::ColMajor, Conv>(random, p, integers, workspace);
  } else {
    if (p.scatters())
      check_problem<R, Eigen::RowMajor, ConvTranspose>(random, p, integers, workspace);
    else
      check_problem<R, Eigen::RowMajor, Conv>(random, p, integers, workspace);
  }
}

/// A random problem that is long on its first axis, with wider choices there.
Problem random_signal(Random& random, Direction direction) {
  for (;;) {
    Problem p = random_problem(random, direction, 5);
    p.unbatched = false;
    p.in[0] = draw(random, 1, p.rank == 1 ? 60 : 20);
    p.kernel[0] = draw(random, 1, 7);
    p.dilation[0] = draw(random, 1, 5);
    p.stride[0] = draw(random, 1, 5);
    p.before[0] = draw(random, -6, 9);
    p.after[0] = draw(random, -6, 9);
    p.output_padding[0] = draw(random, 0, std::max(p.stride[0], p.dilation[0]) - 1);
    const Index reach = p.dilation[0] * (p.kernel[0] - 1) + 1;
    if (p.scatters()
            ? (p.in[0] - 1) * p.stride[0] + reach + p.output_padding[0] > p.before[0] + p.after[0]
            : p.in[0] + p.before[0] + p.after[0] >= reach)
      return p;
  }
}

}  // namespace

TEST_CASE("the outputs of chunks are those of the layer, however they are cut") {
  Random random(81);
  Eigen::ThreadPool pool(2);
  const Eigen::ThreadPoolDevice device(&pool, 2);
  Workspace one, two(device);
  for (int i = 0; i < effort(1500); ++i) {
    Problem p = random_signal(random, i % 3 == 0 ? Direction::gather : Direction::scatter);
    // Small integers are exact in any order; other numbers need one order.
    const bool integers = i % 2 == 0;
    if (!integers) p.summation = Summation::ordered;
    Workspace& workspace = i % 5 == 0 ? two : one;
    if (p.rank == 1) check_problem<1>(random, p, integers, workspace);
    if (p.rank == 2) check_problem<2>(random, p, integers, workspace);
    if (p.rank == 3) check_problem<3>(random, p, integers, workspace);
  }
}

TEST_CASE("a stream writes what is complete and certain, and is behind by its latency at most") {
  Random random(82);
  for (int i = 0; i < effort(3000); ++i) {
    const Problem p = random_signal(random, i % 2 == 0 ? Direction::gather : Direction::scatter);
    const ConvOptions<1> options = [&] {
      ConvOptions<1> o;
      o.stride = p.stride[0], o.dilation = p.dilation[0];
      o.padding[0] = {p.before[0], p.after[0]};
      o.output_padding = p.output_padding[0];
      return o;
    }();
    INFO(p);
    Eigen::Tensor<float, 3> w(1, 1, p.kernel[0]);
    w.setConstant(1);
    const auto check = [&](const auto& layer) {
      Stream stream(layer);
      const auto total = [&](Index n) -> Index {
        try {
          return layer.output_dimensions(Eigen::array<Index, 3>{1, 1, n})[2];
        } catch (const std::invalid_argument&) {
          return 0;
        }
      };
      constexpr Index end = 80;
      Index latency = 0;
      for (Index n = 0; n < 40; ++n) {
        // The first output that a later input reaches.
        Index complete = std::numeric_limits<Index>::max();
        for (Index x = n; x < end; ++x)
          for (Index k = 0; k < p.kernel[0]; ++k) {
            const Index reach = k * p.dilation[0] - p.before[0];
            Index o = x * p.stride[0] + reach;
            if (!p.scatters()) {
              if ((x - reach) % p.stride[0] != 0) continue;
              o = (x - reach) / p.stride[0];
            }
            if (o >= 0) complete = std::min(complete, o);
          }
        const Index expected = n == 0 ? 0 : std::min(complete, total(n));
        REQUIRE(stream.available(n) == expected);
        if (n > 0) latency = std::max(latency, total(n) - expected);
      }
      REQUIRE(stream.latency() == latency);
    };
    if (p.scatters())
      check(ConvTranspose(w, options));
    else
      check(Conv(w, options));
  }
}

TEST_CASE("a reserved stream allocates nothing, whatever the workspace has seen") {
  using Image = Eigen::Tensor<float, 3, Eigen::RowMajor>;
  const struct {
    Index c, m, k;
    ConvOptions<1> options;
  } cases[] = {{32, 16, 16, {.stride = 8, .padding = 4}},
               {8, 8, 3, {.dilation = 20}},
               {64, 32, 4, {.stride = 2, .padding = {{3, 9}}}},
               {16, 16, 4, {.stride = 2, .padding = 1, .groups = 16}}};
  for (const auto& c : cases) {
    for (const bool finite : {true, false}) {
      Image w(c.c, c.m / c.options.groups, c.k);
      w.setRandom();
      if (!finite) w(0, 0, 0) = std::numeric_limits<float>::infinity();
      const Eigen::VectorXf bias = Eigen::VectorXf::Random(c.m);
      const ConvTranspose layer(w, bias, c.options);
      Stream stream(layer, 2);
      stream.reserve(40);
      const auto f = [](float value) { return value > 0 ? value : 0.1F * value; };
      std::vector<Image> xs, ys;
      for (const Index count : {1, 0, 40, 7, 39, 3, 33}) {
        xs.emplace_back(2, c.c, count).setRandom();
        // Values that no transform can take.
        if (count == 39) xs.back().setConstant(std::numeric_limits<float>::max());
        ys.emplace_back();
      }
      ys.emplace_back();
      // The sizes are those of a dry run.
      for (std::size_t i = 0; i < xs.size(); ++i) {
        ys[i].resize(2, c.m, stream.available(xs[i].dimension(2)));
        Workspace dry;
        stream.push(xs[i], ys[i], dry);
      }
      ys.back().resize(2, c.m, stream.remaining());
      stream.reset();
      Workspace workspace;
      const long before = allocations();
      Eigen::internal::set_is_malloc_allowed(false);
      for (std::size_t i = 0; i < xs.size(); ++i) stream.push(xs[i], ys[i], workspace, f);
      stream.finish(ys.back(), workspace, f);
      Eigen::internal::set_is_malloc_allowed(true);
      CHECK(allocations() == before);
    }
  }
}

#if defined(__linux__) && !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
TEST_CASE("a reserved stream calls the system for nothing") {
  using Image = Eigen::Tensor<float, 3, Eigen::RowMajor>;
  Image w(64, 32, 8), x(1, 64, 32), y(1, 32, 128);
  w.setRandom(), x.setRandom(), y.setZero();
  Stream stream(ConvTranspose(w, {.stride = 4}));
  stream.reserve(32);
  Workspace workspace;
  // A process that may only leave: any other call of the system ends it by a signal.
  const auto in_jail = [](const auto& action) {
    const pid_t child = fork();
    if (child == 0) {
      if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT) != 0) _exit(2);
      action();
      syscall(SYS_exit, 0);
    }
    int status = 0;
    waitpid(child, &status, 0);
    return status;
  };
  CHECK(WIFSIGNALED(in_jail([] { getppid(); })));
  const int status = in_jail([&] { stream.push(x, y, workspace); });
  CHECK((WIFEXITED(status) && WEXITSTATUS(status) == 0));
}
#endif

TEST_CASE("an unreserved stream allocates, which the counter sees") {
  Eigen::Tensor<float, 3, Eigen::RowMajor> w(4, 4, 3), x(1, 4, 5);
  w.setRandom(), x.setRandom();
  Stream stream(ConvTranspose(w, {.stride = 2}));
  Eigen::Tensor<float, 3, Eigen::RowMajor> y(1, 4, stream.available(5));
  Workspace workspace;
  const long before = allocations();
  stream.push(x, y, workspace);
  CHECK(allocations() > before);
}

TEST_CASE("streams of every scalar, and of weights that are not finite") {
  Random random(83);
  const auto check = [&]<class Scalar>(Scalar, bool infinite) {
    using Image = Eigen::Tensor<Scalar, 3, Eigen::RowMajor>;
    Image w(2, 2, 5), x(1, 2, 30);
    for (Index i = 0; i < w.size(); ++i)
      w.data()[i] = static_cast<Scalar>(static_cast<float>(draw(random, -3, 3)));
    for (Index i = 0; i < x.size(); ++i)
      x.data()[i] = static_cast<Scalar>(static_cast<float>(draw(random, 1, 3)));
    if constexpr (std::is_floating_point_v<Scalar>)
      if (infinite) w(1, 0, 4) = std::numeric_limits<Scalar>::infinity();
    const ConvTranspose up(w, {.stride = 2, .padding = 3});
    const Conv down(w, {.stride = 2, .padding = 3});
    Workspace workspace;
    const auto check_layer = [&](const auto& layer) {
      const Image whole = layer(x);
      Stream stream(layer);
      for (const Index reserved : {0, 6}) {
        if (reserved > 0) stream.reserve(reserved);
        Index written = 0;
        const auto compare = [&](const Image& y) {
          for (Index m = 0; m < 2; ++m)
            for (Index o = 0; o < y.dimension(2); ++o) {
              const Scalar value = y(0, m, o), expected = whole(0, m, written + o);
              REQUIRE((value == expected || (value != value && expected != expected)));
            }
          written += y.dimension(2);
        };
        for (Index done = 0; done < 30; done += 6) {
          Image y(1, 2, stream.available(6));
          stream.push(frames_of(x, 2, done, 6), y, workspace);
          compare(y);
        }
        Image rest(1, 2, stream.remaining());
        stream.finish(rest, workspace);
        compare(rest);
        REQUIRE(written == whole.dimension(2));
      }
    };
    check_layer(up);
    check_layer(down);
  };
  check(float(), true);
  check(double(), false);
  check(static_cast<long double>(0), true);
  check(std::complex<float>(), false);
  check(int(), false);
  check(Eigen::bfloat16(), false);
}

TEST_CASE("a single stream takes frames without a batch axis") {
  Eigen::Tensor<float, 4> w(3, 2, 4, 3), x(1, 3, 9, 5);
  w.setRandom(), x.setRandom();
  const ConvTranspose up(w, {.stride = 2, .summation = Summation::ordered});
  const Eigen::Tensor<float, 4> whole = up(x);
  Stream stream(up, 1, 5);
  Workspace workspace;
  Eigen::Tensor<float, 3> chunk =
      x.chip(0, 0).slice(Eigen::array<Index, 3>{0, 0, 0}, Eigen::array<Index, 3>{3, 4, 5});
  Eigen::Tensor<float, 3> y(2, stream.available(4), 11);
  stream.push(chunk, y, workspace);
  for (Index m = 0; m < 2; ++m)
    for (Index o = 0; o < y.dimension(1); ++o)
      for (Index i = 0; i < 11; ++i) CHECK(y(m, o, i) == whole(0, m, o, i));
}

TEST_CASE("bad arguments leave the stream as it was") {
  using Image = Eigen::Tensor<float, 3, Eigen::RowMajor>;
  Image w(3, 2, 4), x(1, 3, 6);
  w.setRandom(), x.setRandom();
  const ConvTranspose up(w, {.stride = 2, .padding = 1});
  const Image whole = up(x);
  Stream stream(up);
  Workspace workspace;
  const auto push = [&](const Image& chunk, Image y) {
    return message_of<std::invalid_argument>([&] { stream.push(chunk, y, workspace); });
  };
  for (const bool reserved : {false, true}) {
    if (reserved) stream.reserve(4);
    CHECK(push(Image(1, 2, 4), Image(1, 2, 7)) ==
          "tconv::Stream: x has shape (1, 2, 4), but must have (1, 3, 4)");
    CHECK(push(Image(1, 3, 4), Image(1, 2, 8)) ==
          "tconv::Stream: y has shape (1, 2, 8), but must have (1, 2, 7)");
    CHECK(push(Image(2, 3, 4), Image(2, 2, 7)).starts_with("tconv::Stream: x has shape"));
    CHECK_THROWS_AS(stream.available(-1), std::invalid_argument);
    CHECK_THROWS_AS(stream.available(std::numeric_limits<Index>::max()), std::length_error);
    CHECK_THROWS_AS(stream.reserve(-1), std::invalid_argument);
    Image y(1, 2, stream.available(6));
    CHECK(y.dimension(2) == 11);
    stream.push(x, y, workspace);
    CHECK(push(x, Image(1, 2, 11)).starts_with("tconv::Stream: y has shape"));
    CHECK(message_of<std::invalid_argument>([&] {
            Image rest(1, 2, 2);
            stream.finish(rest, workspace);
          }) == "tconv::Stream: y has shape (1, 2, 2), but must have (1, 2, 1)");
    Image rest(1, 2, stream.remaining());
    stream.finish(rest, workspace);
    for (Index m = 0; m < 2; ++m) {
      for (Index o = 0; o < 11; ++o) CHECK(std::abs(y(0, m, o) - whole(0, m, o)) < 1e-5F);
      CHECK(std::abs(rest(0, m, 0) - whole(0, m, 11)) < 1e-5F);
    }
  }
  CHECK_THROWS_AS(Stream(up, -1), std::invalid_argument);
  const Conv image(Eigen::Tensor<float, 4>(2, 2, 3, 3));
  CHECK_THROWS_AS(Stream(image, 1, 0), std::invalid_argument);
  CHECK_THROWS_AS(Stream(image, 1, 2), std::invalid_argument);  // smaller than the kernel
}

TEST_CASE("an output that no frame of a short stream reaches holds the bias, its sign too") {
  Eigen::Tensor<float, 3> w(1, 1, 2), x(1, 1, 1), y(1, 1, 1), rest(1, 1, 3);
  w.setConstant(1), x.setConstant(1);
  const Eigen::VectorXf bias{{-0.0F}};
  Stream stream(ConvTranspose(w, bias, {.dilation = 3}));
  stream.reserve(4);
  Workspace workspace;
  stream.push(x, y, workspace);
  stream.finish(rest, workspace);
  CHECK(y(0, 0, 0) == 1);
  for (const Index o : {0, 1}) CHECK((rest(0, 0, o) == 0 && std::signbit(rest(0, 0, o))));
  CHECK(rest(0, 0, 2) == 1);
}

TEST_CASE("a push into its own input is rejected") {
  Eigen::Tensor<float, 3> w(1, 1, 1), x(1, 1, 4);
  w.setConstant(1), x.setRandom();
  Stream stream(Conv{w});
  Workspace workspace;
  CHECK_THROWS_AS(stream.push(x, x, workspace), std::invalid_argument);
}

TEST_CASE("an empty batch streams") {
  Eigen::Tensor<float, 3> w(2, 3, 4), x(0, 2, 5);
  w.setRandom();
  Stream stream(ConvTranspose(w, {.stride = 2}), 0);
  stream.reserve(5);
  Workspace workspace;
  Eigen::Tensor<float, 3> y(0, 3, stream.available(5));
  stream.push(x, y, workspace);
  CHECK(stream.remaining() == 2);
  Eigen::Tensor<float, 3> rest(0, 3, 2);
  stream.finish(rest, workspace);
}

TEST_CASE("the report of a chain of streams") {
  Random random(84);
  const auto make = [&](Direction direction) {
    const Problem p = random_signal(random, direction);
    ConvOptions<1> o;
    o.stride = draw(random, 1, 3), o.dilation = draw(random, 1, 2);
    o.padding[0] = {p.before[0], p.after[0]};
    return std::pair(Eigen::Tensor<float, 3>(1, 1, p.kernel[0]), o);
  };
  for (int i = 0; i < effort(300); ++i) {
    const auto [w0, o0] = make(Direction::scatter);
    const auto [w1, o1] = make(Direction::gather);
    const auto [w2, o2] = make(Direction::scatter);
    const Stream first(ConvTranspose(w0, o0));
    const Stream second(Conv(w1, o1));
    const Stream third(ConvTranspose(w2, o2));
    const ChainReport report = chain_report(first, second, third);
    CHECK(report.outputs * o1.stride[0] == report.frames * o0.stride[0] * o2.stride[0]);
    // What is missing after n frames: by the streams' own numbers.
    const auto total = [](const auto& layer, Index n) -> Index {
      try {
        return n == 0 ? 0 : layer.output_dimensions(Eigen::array<Index, 3>{1, 1, n})[2];
      } catch (const std::invalid_argument&) {
        return 0;
      }
    };
    Index latency = 0;
    for (Index n = 1; n < 120; ++n) {
      const Index written = third.available(second.available(first.available(n)));
      const Index all =
          total(ConvTranspose(w2, o2), total(Conv(w1, o1), total(ConvTranspose(w0, o0), n)));
      latency = std::max(latency, all - written);
    }
    INFO(o0.stride[0] << " " << o1.stride[0] << " " << o2.stride[0]);
    CHECK(report.latency == latency);
    // Which frames reach an output in the middle: through ones in place of weights.
    Eigen::Tensor<float, 3> ones0 = w0, ones1 = w1, ones2 = w2;
    ones0.setConstant(1), ones1.setConstant(1), ones2.setConstant(1);
    constexpr Index frames = 60;
    Eigen::Tensor<float, 3> x(frames, 1, frames);  // each sample has one frame that is not 0
    x.setZero();
    for (Index n = 0; n < frames; ++n) x(n, 0, n) = 1;
    const Eigen::Tensor<float, 3> y =
        conv_transpose(Eigen::Tensor<float, 3>(
                           conv(Eigen::Tensor<float, 3>(conv_transpose(x, ones0, o0)), ones1, o1)),
                       ones2, o2);
    Index field = 0;
    for (Index o = 0; o < y.dimension(2); ++o) {
      Index begin = frames, end = 0;
      for (Index n = 0; n < frames; ++n)
        if (y(n, 0, o) != 0) begin = std::min(begin, n), end = n + 1;
      field = std::max(field, end - begin);
    }
    // A bound where taps are apart.
    if (o0.dilation[0] == 1 && o1.dilation[0] == 1 && o2.dilation[0] == 1)
      CHECK(report.receptive_field >= field);
    CHECK(report.receptive_field < field + 30);
  }
}
