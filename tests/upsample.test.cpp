#include <cmath>
#include <complex>
#include <limits>
#include <random>
#include <tconv/conv_transpose.hpp>
#include <tconv/gradients.hpp>
#include <tconv/upsample.hpp>
#include <unsupported/Eigen/AutoDiff>

#include "support/catch.hpp"

using namespace tconv;
using T4 = Eigen::Tensor<double, 4, Eigen::RowMajor>;

namespace {

using Random = std::mt19937;

Index draw(Random& random, Index low, Index high) {
  return std::uniform_int_distribution<Index>(low, high)(random);
}

template <int R>
struct Case {
  Extents<R + 2> shape;  // (n, c, spatial...)
  PerAxis<R, Index> scale;
  DataFormat format;
};

template <int R>
Case<R> random_case(Random& random, Index largest_scale) {
  Case<R> c{{draw(random, 1, 3), draw(random, 1, 4)},
            {},
            draw(random, 0, 1) ? DataFormat::channels_last : DataFormat::channels_first};
  for (std::size_t a = 0; a < R; ++a) {
    // Rows longer than a few SIMD registers, and the smallest there are.
    c.shape[a + 2] = draw(random, 0, 3) == 0 ? 1 : draw(random, 1, R == 1 ? 90 : R == 2 ? 40 : 9);
    c.scale[a] = draw(random, 1, largest_scale);
  }
  return c;
}

/// A tensor of the given canonical shape with small integers.
template <class Scalar, int R, int layout>
Eigen::Tensor<Scalar, R + 2, layout> random_tensor(Random& random, const Extents<R + 2>& shape,
                                                   DataFormat format) {
  Eigen::Tensor<Scalar, R + 2, layout> x(
      frontend::own_order<static_cast<std::size_t>(R) + 2>(shape, format));
  for (Index i = 0; i < x.size(); ++i) x.data()[i] = static_cast<Scalar>(draw(random, -4, 4));
  return x;
}

/// Calls `f(n, c, o)` for every position of a canonical shape.
template <std::size_t rank, class F>
void for_each_position(const std::array<Index, rank>& shape, const F& f) {
  std::array<Index, rank - 2> o{};
  const auto visit = [&](const auto& self, Index n, Index c, std::size_t a) -> void {
    if (a == o.size()) return f(n, c, o);
    for (o[a] = 0; o[a] < shape[a + 2]; ++o[a]) self(self, n, c, a + 1);
  };
  for (Index n = 0; n < shape[0]; ++n)
    for (Index c = 0; c < shape[1]; ++c) visit(visit, n, c, 0);
}

/// Linear interpolation at output position `o`, from its definition with half-pixel centres.
template <int R, class View>
double interpolated(const View& x, const PerAxis<R, Index>& scale, Index n, Index c,
                    const Extents<R>& o) {
  double sum = 0;
  for (int corner = 0; corner < 1 << R; ++corner) {
    Extents<R> i{};
    double weight = 1;
    for (std::size_t a = 0; a < R; ++a) {
      // At (o + 1/2) / scale - 1/2, in halves of a scaled pixel: exact.
      const Index unit = 2 * scale[a], at = 2 * o[a] + 1 - scale[a];
      const Index floor = (at + unit) / unit - 1;
      const double fraction = static_cast<double>(at - floor * unit) / static_cast<double>(unit);
      const int side = corner >> a & 1;
      weight *= side ? fraction : 1 - fraction;
      i[a] = std::clamp<Index>(floor + side, 0, x.extents[a + 2] - 1);
    }
    sum += weight * static_cast<double>(x(n, c, i));
  }
  return sum;
}

/// Three threads.
Workspace& team() {
  static Eigen::ThreadPool pool(3);
  static const Eigen::ThreadPoolDevice device(&pool, 3);
  static Workspace workspace(device);
  return workspace;
}

/// Whether `call(workspace, map)` writes the bits of `expected` into poisoned memory, on one thread
/// and on three.
template <class Tensor, class Call>
bool writes(const Tensor& expected, const Call& call) {
  using Scalar = typename Tensor::Scalar;
  bool same = true;
  for (Workspace* workspace : {&thread_workspace(), &team()}) {
    Tensor y(expected.dimensions());
    y.setConstant(std::numeric_limits<Scalar>::quiet_NaN());
    call(*workspace, Eigen::TensorMap<Tensor>(y.data(), y.dimensions()));
    same = same && std::equal(y.data(), y.data() + y.size(), expected.data());
  }
  return same;
}

template <class Scalar, int R, int layout>
void check_upsampling(Random& random) {
  const auto c = random_case<R>(random, 5);
  const auto x = random_tensor<Scalar, R, layout>(random, c.shape, c.format);
  const auto x_view = frontend::image_view<R>(x, c.format);
  Extents<R + 2> y_shape = c.shape;
  for (std::size_t a = 0; a < R; ++a) y_shape[a + 2] *= c.scale[a];

  const auto nearest = upsample_nearest(x, c.scale, c.format);
  const auto nearest_view = frontend::image_view<R>(nearest, c.format);
  const auto linear = upsample_linear(x, c.scale, c.format);
  const auto linear_view = frontend::image_view<R>(linear, c.format);
  REQUIRE(nearest_view.extents == y_shape);
  REQUIRE(linear_view.extents == y_shape);
  // Weights add up to one and the integers are below 5.
  const double epsilon = std::max(static_cast<double>(std::numeric_limits<Scalar>::epsilon()),
                                  std::numeric_limits<double>::epsilon());
  const double bound = 4 * 4 * R * epsilon;
  bool repeats = true, interpolates = true;
  for_each_position(y_shape, [&](Index n, Index m, const Extents<R>& o) {
    Extents<R> i = o;
    for (std::size_t a = 0; a < R; ++a) i[a] /= c.scale[a];
    repeats = repeats && nearest_view(n, m, o) == x_view(n, m, i);
    interpolates = interpolates && std::abs(static_cast<double>(linear_view(n, m, o)) -
                                            interpolated<R>(x_view, c.scale, n, m, o)) <= bound;
  });
  CHECK(repeats);
  CHECK(interpolates);
  CHECK(writes(nearest, [&](Workspace& workspace, const auto& map) {
    upsample_nearest_into(workspace, map, x, c.scale, c.format);
  }));
  CHECK(writes(linear, [&](Workspace& workspace, const auto& map) {
    upsample_linear_into(workspace, map, x, c.scale, c.format);
  }));
}

template <int R, int layout>
void check_shuffle(Random& random) {
  auto c = random_case<R>(random, 3);
  // Channels are picked in one way where there are few, in another where there are many.
  if (draw(random, 0, 2) == 0) c.shape[1] *= 7;
  const Extents<R + 2> y_shape = [&] {
    auto shape = c.shape;
    for (std::size_t a = 0; a < R; ++a) {
      shape[a + 2] *= c.scale[a];
      c.shape[1] *= c.scale[a];
    }
    return shape;
  }();
  const auto x = random_tensor<float, R, layout>(random, c.shape, c.format);
  const auto x_view = frontend::image_view<R>(x, c.format);
  const auto y = pixel_shuffle(x, c.scale, c.format);
  const auto y_view = frontend::image_view<R>(y, c.format);
  REQUIRE(y_view.extents == y_shape);
  bool shuffles = true;
  for_each_position(y_shape, [&](Index n, Index m, const Extents<R>& o) {
    Index channel = m;
    Extents<R> i{};
    for (std::size_t a = 0; a < R; ++a) {
      channel = channel * c.scale[a] + o[a] % c.scale[a];
      i[a] = o[a] / c.scale[a];
    }
    shuffles = shuffles && y_view(n, m, o) == x_view(n, channel, i);
  });
  CHECK(shuffles);
  CHECK(writes(y, [&](Workspace& workspace, const auto& map) {
    pixel_shuffle_into(workspace, map, x, c.scale, c.format);
  }));
}

T4 two_by_two() {
  T4 x(1, 1, 2, 2);
  x.setValues({{{{1, 2}, {3, 4}}}});
  return x;
}

template <class Tensor>
bool same_bits(const Tensor& a, const Tensor& b) {
  return a.dimensions() == b.dimensions() && std::equal(a.data(), a.data() + a.size(), b.data());
}

bool equals(const T4& y, const std::vector<double>& expected) {
  return static_cast<std::size_t>(y.size()) == expected.size() &&
         std::equal(expected.begin(), expected.end(), y.data());
}

}  // namespace

TEST_CASE("the bilinear kernel is the outer product of two triangles") {
  // The filters of FCN's surgery for factors 2 (k = 4, k = 3) and 3 (k = 5), one axis.
  const struct {
    Index k;
    std::vector<double> triangle;
  } cases[] = {{1, {1}},
               {2, {0.5, 0.5}},
               {3, {0.5, 1, 0.5}},
               {4, {0.25, 0.75, 0.75, 0.25}},
               {5, {1.0 / 3, 2.0 / 3, 1, 2.0 / 3, 1.0 / 3}}};
  for (const auto& c : cases) {
    const auto w = bilinear_kernel<double>(1, 1, c.k);
    REQUIRE(w.dimensions() == Eigen::DSizes<Index, 4>(1, 1, c.k, c.k));
    for (Index i = 0; i < c.k; ++i)
      for (Index j = 0; j < c.k; ++j) {
        const double expected =
            c.triangle[static_cast<std::size_t>(i)] * c.triangle[static_cast<std::size_t>(j)];
        CHECK(std::abs(w(0, 0, i, j) - expected) <= 1e-15);
      }
  }
}

TEST_CASE("the bilinear kernel joins each channel to its own and no other") {
  for (const auto& [c_in, c_out] : {std::pair<Index, Index>{3, 3}, {2, 4}, {4, 2}}) {
    const auto w = bilinear_kernel<double>(c_in, c_out, 4);
    REQUIRE(w.dimensions() == Eigen::DSizes<Index, 4>(c_in, c_out, 4, 4));
    for (Index c = 0; c < c_in; ++c)
      for (Index m = 0; m < c_out; ++m) CHECK(w(c, m, 1, 2) == (c == m ? 0.5625 : 0.0));
  }
}

TEST_CASE("the bilinear kernel interpolates a ramp exactly away from the border") {
  T4 x(1, 1, 6, 5);
  for (Index i = 0; i < 6; ++i)
    for (Index j = 0; j < 5; ++j) x(0, 0, i, j) = static_cast<double>(4 * i - 2 * j);
  const auto y = conv_transpose(x, bilinear_kernel<double>(1, 1, 4), {.stride = 2, .padding = 1});
  REQUIRE(y.dimensions() == Eigen::DSizes<Index, 4>(1, 1, 12, 10));
  // With half-pixel centres, output o lies at input (o - 0.5) / 2.
  for (Index o = 1; o < 11; ++o)
    for (Index p = 1; p < 9; ++p)
      CHECK(y(0, 0, o, p) ==
            4 * (static_cast<double>(o) - 0.5) / 2 - 2 * (static_cast<double>(p) - 0.5) / 2);
}

TEST_CASE("bilinear_kernel rejects extents below one") {
  CHECK_THROWS_AS(bilinear_kernel<float>(0, 1, 4), std::invalid_argument);
  CHECK_THROWS_WITH(bilinear_kernel<float>(1, -2, 4),
                    support::contains("tconv::bilinear_kernel: C_out is -2"));
  CHECK_THROWS_WITH(bilinear_kernel<float>(1, 1, 0),
                    support::contains("tconv::bilinear_kernel: k is 0"));
  CHECK(support::message_of<std::length_error>(
            [] { bilinear_kernel<float>(1, 1, Index{1} << 32); }) ==
        "tconv::bilinear_kernel: the kernel has shape (1, 1, 4294967296, 4294967296), which is "
        "more than its index type can count");
}

TEST_CASE("upsampling gives the values of PyTorch's documentation") {
  CHECK(equals(upsample_nearest(two_by_two(), 2), {1, 1, 2, 2,  //
                                                   1, 1, 2, 2,  //
                                                   3, 3, 4, 4,  //
                                                   3, 3, 4, 4}));
  CHECK(equals(upsample_linear(two_by_two(), 2), {1.00, 1.25, 1.75, 2.00,  //
                                                  1.50, 1.75, 2.25, 2.50,  //
                                                  2.50, 2.75, 3.25, 3.50,  //
                                                  3.00, 3.25, 3.75, 4.00}));
}

TEST_CASE("pixel_shuffle takes phase (i, j) from channel c r^2 + i r + j") {
  T4 x(1, 4, 1, 2);
  x.setValues({{{{0, 1}}, {{10, 11}}, {{20, 21}}, {{30, 31}}}});
  CHECK(equals(pixel_shuffle(x, 2), {0, 10, 1, 11, 20, 30, 21, 31}));
}

TEST_CASE("upsampling is what its definition says, for all ranks, layouts and scales") {
  Random random(29);
  for (int i = 0; i < 60; ++i) {
    check_upsampling<float, 1, Eigen::RowMajor>(random);
    check_upsampling<float, 2, Eigen::RowMajor>(random);
    check_upsampling<float, 2, Eigen::ColMajor>(random);
    check_upsampling<double, 2, Eigen::RowMajor>(random);
    check_upsampling<double, 3, Eigen::ColMajor>(random);
    check_upsampling<long double, 3, Eigen::RowMajor>(random);
  }
}

TEST_CASE("pixel_shuffle is what its definition says, for all ranks, layouts and factors") {
  Random random(31);
  for (int i = 0; i < 60; ++i) {
    check_shuffle<1, Eigen::RowMajor>(random);
    check_shuffle<1, Eigen::ColMajor>(random);
    check_shuffle<2, Eigen::RowMajor>(random);
    check_shuffle<2, Eigen::ColMajor>(random);
    check_shuffle<3, Eigen::RowMajor>(random);
    check_shuffle<3, Eigen::ColMajor>(random);
  }
}

TEST_CASE("rows of any length are interpolated to their end") {
  Random random(37);
  for (const Index width : {4100, 9000}) {
    const Extents<4> shape{1, 1, 2, width};
    const auto x = random_tensor<float, 2, Eigen::RowMajor>(random, shape, {});
    const auto y = upsample_linear(x, {1, 3});
    bool right = true;
    for_each_position(Extents<4>{1, 1, 2, 3 * width}, [&](Index, Index, const Extents<2>& o) {
      right = right &&
              std::abs(static_cast<double>(y(0, 0, o[0], o[1])) -
                       interpolated<2>(frontend::image_view<2>(x, {}), {1, 3}, 0, 0, o)) <= 4e-6;
    });
    CHECK(right);
  }
}

TEST_CASE("results larger than the caches are right too, wherever their rows begin") {
  Random random(59);
  // Channels lie inside, if there are several.
  for (const Index channels : {1, 3, 8})
    for (const Index width : {448, 451}) {
      const auto format = channels > 1 ? DataFormat::channels_last : DataFormat::channels_first;
      const Index height = 1601 / channels + 1;
      const auto x =
          random_tensor<float, 2, Eigen::RowMajor>(random, {1, channels, height, width}, format);
      const auto phases = random_tensor<float, 2, Eigen::RowMajor>(
          random, {1, 6 * channels, height, width}, format);
      const auto linear = upsample_linear(x, {2, 3}, format),
                 nearest = upsample_nearest(x, {2, 3}, format),
                 shuffled = pixel_shuffle(phases, {2, 3}, format);
      const auto view = [&](const auto& tensor) { return frontend::image_view<2>(tensor, format); };
      const auto x_view = view(x), phases_view = view(phases), linear_view = view(linear),
                 nearest_view = view(nearest), shuffled_view = view(shuffled);
      bool interpolates = true, repeats = true, shuffles = true;
      for_each_position(Extents<4>{1, channels, 2 * height, 3 * width}, [&](Index n, Index c,
                                                                            const Extents<2>& o) {
        const Extents<2> i{o[0] / 2, o[1] / 3};
        // Every fifth row of the image will do.
        if (i[0] % 5 != 0) return;
        interpolates = interpolates && std::abs(static_cast<double>(linear_view(n, c, o)) -
                                                interpolated<2>(x_view, {2, 3}, n, c, o)) <= 4e-6;
        repeats = repeats && nearest_view(n, c, o) == x_view(n, c, i);
        shuffles = shuffles &&
                   shuffled_view(n, c, o) == phases_view(n, 6 * c + o[0] % 2 * 3 + o[1] % 3, i);
      });
      INFO(channels << " channels, rows of " << width);
      CHECK(interpolates);
      CHECK(repeats);
      CHECK(shuffles);
      CHECK(same_bits(upsample_linear(team(), x, {2, 3}, format), linear));
      CHECK(same_bits(upsample_nearest(team(), x, {2, 3}, format), nearest));
      CHECK(same_bits(pixel_shuffle(team(), phases, {2, 3}, format), shuffled));
    }
}

TEST_CASE("upsampling cuts images for threads without a seam, whatever their layout") {
  Random random(71);
  constexpr auto first = DataFormat::channels_first, last = DataFormat::channels_last;
  const auto check = [&]<int R, int layout>(const Extents<R + 2>& shape,
                                            const PerAxis<R, Index>& scale, DataFormat format) {
    Eigen::Tensor<float, R + 2, layout> x(
        frontend::own_order<static_cast<std::size_t>(R) + 2>(shape, format));
    x.setRandom();
    const auto linear = upsample_linear(x, scale, format);
    CHECK(same_bits(upsample_linear(team(), x, scale, format), linear));
    CHECK(
        same_bits(upsample_nearest(team(), x, scale, format), upsample_nearest(x, scale, format)));
    const auto x_view = frontend::image_view<R>(x, format);
    const auto y_view = frontend::image_view<R>(linear, format);
    bool interpolates = true;
    for_each_position(y_view.extents, [&](Index n, Index c, const Extents<R>& o) {
      interpolates = interpolates && std::abs(static_cast<double>(y_view(n, c, o)) -
                                              interpolated<R>(x_view, scale, n, c, o)) <= 1e-6;
    });
    CHECK(interpolates);
    auto phases_shape = shape;
    for (std::size_t a = 0; a < R; ++a) phases_shape[1] *= scale[a];
    Eigen::Tensor<float, R + 2, layout> phases(
        frontend::own_order<static_cast<std::size_t>(R) + 2>(phases_shape, format));
    phases.setRandom();
    CHECK(same_bits(pixel_shuffle(team(), phases, scale, format),
                    pixel_shuffle(phases, scale, format)));
  };
  const auto check_layouts = [&]<int R>(const Extents<R + 2>& shape,
                                        const PerAxis<R, Index>& scale) {
    for (const DataFormat format : {first, last}) {
      check.template operator()<R, Eigen::RowMajor>(shape, scale, format);
      check.template operator()<R, Eigen::ColMajor>(shape, scale, format);
    }
  };
  // Many planes, many rows, and one row alone.
  check_layouts.template operator()<2>({2, 5, 31, 97}, {3, 4});
  check_layouts.template operator()<2>({1, 1, 411, 97}, {2, 3});
  check_layouts.template operator()<2>({1, 3, 211, 197}, {2, 1});
  check_layouts.template operator()<2>({1, 37, 40, 23}, {4, 3});
  check_layouts.template operator()<2>({3, 16, 20, 70}, 2);
  check_layouts.template operator()<1>({1, 1, 100003}, 4);
  check_layouts.template operator()<1>({1, 2, 40001}, 5);
  check_layouts.template operator()<3>({1, 2, 17, 23, 31}, {3, 2, 2});
}

TEST_CASE("images of more rows than are placed at once have no seam") {
  Random random(61);
  const auto x = random_tensor<double, 3, Eigen::RowMajor>(random, {2, 1, 3, 1300, 2}, {});
  const auto y = upsample_linear(x, {2, 3, 1});
  bool right = true;
  for_each_position(Extents<5>{2, 1, 6, 3900, 2}, [&](Index n, Index c, const Extents<3>& o) {
    right = right &&
            std::abs(y(n, c, o[0], o[1], o[2]) -
                     interpolated<3>(frontend::image_view<3>(x, {}), {2, 3, 1}, n, c, o)) <= 1e-14;
  });
  CHECK(right);
}

TEST_CASE("a constant image stays as it is at scale 2, infinities included") {
  Random random(67);
  std::uniform_real_distribution<float> draw(-1, 1);
  for (int i = 0; i < 200; ++i) {
    Eigen::Tensor<float, 5, Eigen::RowMajor> x(1, 1, 2, 3, draw(random) < 0 ? 5 : 17);
    const float value = i == 0 ? std::numeric_limits<float>::infinity() : draw(random);
    x.setConstant(value);
    const auto y = upsample_linear(x, 2);
    CHECK(std::all_of(y.data(), y.data() + y.size(), [&](float o) { return o == value; }));
  }
}

TEST_CASE("away from the border, linear upsampling is the bilinear transposed convolution") {
  Random random(41);
  const auto x = random_tensor<double, 2, Eigen::RowMajor>(random, {1, 2, 7, 6}, {});
  const auto y = upsample_linear(x, 4);
  const auto z = conv_transpose(x, bilinear_kernel<double>(2, 2, 8), {.stride = 4, .padding = 2});
  REQUIRE(y.dimensions() == z.dimensions());
  for (Index c = 0; c < 2; ++c)
    for (Index o = 2; o < 26; ++o)
      for (Index p = 2; p < 22; ++p) CHECK(y(0, c, o, p) == z(0, c, o, p));
}

TEST_CASE("upsampling takes every scalar; integers are rounded") {
  const auto line = [](auto a, auto b) {
    Eigen::Tensor<decltype(a), 3> x(1, 1, 2);
    x.setValues({{{a, b}}});
    return x;
  };
  using C = std::complex<double>;
  CHECK(upsample_linear(line(C(0, 4), C(8, 0)), 2)(0, 0, 1) == C(2, 3));
  CHECK(static_cast<float>(upsample_linear(line(Eigen::half(1), Eigen::half(2)), 2)(0, 0, 1)) ==
        1.25f);
  const auto integers = upsample_linear(line(-5, 1), 2);
  CHECK(integers(0, 0, 1) == -4);  // -3.5
  CHECK(integers(0, 0, 2) == -1);  // -0.5
  constexpr auto largest = std::numeric_limits<std::int32_t>::max();
  CHECK(upsample_linear(line(largest, largest), 3)(0, 0, 2) == largest);
  CHECK(upsample_nearest(line(largest, 0), 2)(0, 0, 1) == largest);

  using Derivative = Eigen::AutoDiffScalar<Eigen::Vector2d>;
  const auto y = upsample_linear(line(Derivative(1, 2, 0), Derivative(3, 2, 1)), 2);
  CHECK(y(0, 0, 1).value() == 1.5);
  CHECK(y(0, 0, 1).derivatives() == Eigen::Vector2d(0.75, 0.25));
}

TEST_CASE("upsampling takes expressions, maps and an empty batch") {
  const T4 x = two_by_two();
  const Eigen::TensorMap<const T4> map(x.data(), x.dimensions());
  CHECK(equals(upsample_linear(x * 2.0, {1, 2}), {2, 2.5, 3.5, 4, 6, 6.5, 7.5, 8}));
  CHECK(equals(upsample_nearest(map, {2, 1}), {1, 2, 1, 2, 3, 4, 3, 4}));
  const T4 none(0, 4, 3, 2);
  CHECK(upsample_linear(none, 3).dimensions() == Eigen::DSizes<Index, 4>(0, 4, 9, 6));
  CHECK(upsample_nearest(none, 3).dimensions() == Eigen::DSizes<Index, 4>(0, 4, 9, 6));
  CHECK(pixel_shuffle(none, 2).dimensions() == Eigen::DSizes<Index, 4>(0, 1, 6, 4));
}

TEST_CASE("with the number of spatial axes given, one sample will do") {
  const auto check = [](DataFormat format) {
    const bool last = format == DataFormat::channels_last;
    Eigen::Tensor<float, 4> x(1, last ? 3 : 4, last ? 2 : 3, last ? 4 : 2);
    for (Index i = 0; i < x.size(); ++i) x.data()[i] = static_cast<float>(i * i % 17);
    const Eigen::TensorMap<const Eigen::Tensor<float, 3>> sample(x.data(), x.dimension(1),
                                                                 x.dimension(2), x.dimension(3));
    const auto same = [](const Eigen::Tensor<float, 3>& a, const Eigen::Tensor<float, 4>& b) {
      for (std::size_t axis = 0; axis < 3; ++axis)
        CHECK(a.dimension(axis) == b.dimension(axis + 1));
      CHECK(std::equal(a.data(), a.data() + a.size(), b.data(), b.data() + b.size()));
    };
    same(upsample_nearest<2>(sample, {2, 3}, format), upsample_nearest(x, {2, 3}, format));
    same(upsample_linear<2>(sample, 2, format), upsample_linear(x, 2, format));
    same(pixel_shuffle<2>(sample, 2, format), pixel_shuffle(x, 2, format));
    const auto sums = bias_grad<2>(sample, format), all = bias_grad(x, format);
    CHECK(std::equal(sums.data(), sums.data() + sums.size(), all.data(), all.data() + all.size()));
    CHECK(upsample_linear<2>(x, 2, format).dimensions() ==
          upsample_linear(x, 2, format).dimensions());
  };
  check(DataFormat::channels_first);
  check(DataFormat::channels_last);
}

TEST_CASE("NaN reaches the outputs that lie beside it and no other") {
  constexpr double nan = std::numeric_limits<double>::quiet_NaN();
  Eigen::Tensor<double, 3> x(1, 1, 4);
  x.setValues({{{1, nan, 2, 3}}});
  const auto check = [&](Index scale, const std::vector<bool>& expected) {
    const auto y = upsample_linear(x, scale);
    for (Index o = 0; o < y.dimension(2); ++o)
      CHECK(std::isnan(y(0, 0, o)) == expected[static_cast<std::size_t>(o)]);
  };
  check(2, {false, true, true, true, true, false, false, false});
  // The middle of each three is the input itself.
  check(3, {false, false, true, true, true, true, true, false, false, false, false, false});
}

TEST_CASE("upsampling rejects extents and scales that make no image") {
  T4 x(1, 6, 2, 3);
  x.setZero();
  CHECK_THROWS_WITH(
      upsample_nearest(x, {2, 0}),
      "tconv::upsample_nearest: scale is 0 on spatial axis 1, but must be at least 1");
  CHECK_THROWS_WITH(
      upsample_linear(x, -3),
      "tconv::upsample_linear: scale is -3 on spatial axis 0, but must be at least 1");
  CHECK_THROWS_WITH(pixel_shuffle(x, 0),
                    "tconv::pixel_shuffle: r is 0 on spatial axis 0, but must be at least 1");
  CHECK_THROWS_WITH(pixel_shuffle(x, {2, 2}),
                    "tconv::pixel_shuffle: x has 6 channels (axis 1), but it must be a multiple of "
                    "4, the product of r over the axes");
  CHECK_THROWS_WITH(pixel_shuffle(x, 2, DataFormat::channels_last),
                    support::contains("x has 3 channels (axis 3)"));
  CHECK_THROWS_WITH(upsample_linear(T4(1, 1, 0, 3), 2),
                    support::contains("tconv::upsample_linear: x has extent 0 on spatial axis 0"));
  CHECK_THROWS_WITH(upsample_nearest(T4(1, 0, 2, 3), 2),
                    support::contains("tconv::upsample_nearest: x has 0 channels"));
  constexpr Index huge = Index{1} << 31;
  const auto rejects = [](const std::string& message, const auto& call) {
    CHECK(support::message_of<std::length_error>(call) == "tconv::" + message);
  };
  rejects(
      "upsample_nearest: the result has shape (1, 6, 4294967296, 6442450944), which is more than "
      "its index type can count",
      [&] { upsample_nearest(x, huge); });
  rejects(
      "upsample_linear: x has extent 2 on spatial axis 0 and scale is 4611686018427387904, the "
      "product of which overflows",
      [&] {
        upsample_linear(x, {huge << 31, 1});
      });
  rejects("pixel_shuffle: r is (4294967296, 4294967296), the product of which overflows",
          [&] { pixel_shuffle(x, huge << 1); });
}
