#include "support/gradients.hpp"

#include <cmath>
#include <complex>
#include <cstring>
#include <limits>
#include <numeric>
#include <tconv/tconv.hpp>
#include <unsupported/Eigen/AutoDiff>

#include "support/catch.hpp"

using namespace support;
using tconv::ConvOptions;
using tconv::Direction;

namespace {

using T3 = Eigen::Tensor<double, 3, Eigen::RowMajor>;
using T4 = Eigen::Tensor<double, 4, Eigen::RowMajor>;
using F4 = Eigen::Tensor<float, 4, Eigen::RowMajor>;

Direction direction_of(int i) { return i % 2 == 0 ? Direction::scatter : Direction::gather; }

template <class Scalar>
std::vector<Scalar> random_grad_y(Random& random, const Problem& p) {
  std::vector<Scalar> grad_y(static_cast<std::size_t>(p.y_size()));
  for (Scalar& value : grad_y)
    value = static_cast<Scalar>(std::uniform_int_distribution<int>(-4, 4)(random));
  return grad_y;
}

template <class Scalar>
void check_exact(Random& random, const Problem& p) {
  const Data<Scalar> data = random_integers<Scalar>(random, p);
  const std::vector<Scalar> grad_y = random_grad_y<Scalar>(random, p);
  const auto expected = gradient_reference(p, data, grad_y);
  tconv::Workspace workspace;
  INFO(p);
  for (const Calls calls :
       {Calls::together, Calls::one_by_one, Calls::together_into, Calls::one_by_one_into}) {
    const auto result = gradients(calls, p, data, grad_y, workspace);
    REQUIRE(result.input == expected.input);
    REQUIRE(result.weight == expected.weight);
    REQUIRE(result.bias == expected.bias);
  }
}

/// A 2-D problem; the caller changes what it is about.
Problem plain(Direction direction, Index in_channels, Index out_channels, Index in, Index kernel,
              Index stride) {
  Problem p;
  p.direction = direction;
  p.rank = 2;
  p.in_channels = in_channels;
  p.out_channels = out_channels;
  for (std::size_t a = 0; a < 2; ++a) {
    p.in[a] = in + static_cast<Index>(a);
    p.kernel[a] = kernel;
    p.stride[a] = stride;
  }
  return p;
}

/// Sets the output's extents; false if there are none.
bool complete(Problem& p) {
  for (std::size_t a = 0; a < static_cast<std::size_t>(p.rank); ++a) {
    p.out[a] = out_extent(p, a);
    if (p.out[a] < 1) return false;
  }
  return true;
}

template <class Tensor>
double dot(const Tensor& a, const Tensor& b) {
  return std::inner_product(a.data(), a.data() + a.size(), b.data(), 0.0);
}

T4 random_tensor(Index a, Index b, Index c, Index d) {
  T4 t(a, b, c, d);
  t.setRandom();
  return t;
}

template <class Tensor>
bool same_bits(const Tensor& a, const Tensor& b) {
  return a.dimensions() == b.dimensions() &&
         std::memcmp(a.data(), b.data(), static_cast<std::size_t>(a.size()) * sizeof(*a.data())) ==
             0;
}

}  // namespace

TEST_CASE("gradients are exact on small integers") {
  Random random(21);
  for (int i = 0; i < effort(300); ++i) {
    const Problem p = random_problem(random, direction_of(i));
    if (i % 3 == 0)
      check_exact<double>(random, p);
    else
      check_exact<float>(random, p);
  }
}

TEST_CASE("gradients are exact around every block size") {
  Random random(22);
  for (int i = 0; i < effort(60); ++i)
    check_exact<float>(random, random_problem(random, direction_of(i), 40));
  // Channels around the widths of the registers, and more pixels than a tile.
  int next = 0;
  for (const Index in_channels : {1, 3, 15, 17, 33, 63, 65, 130})
    for (const Index out_channels : {1, 2, 13, 15, 29, 64, 129}) {
      ++next;
      Problem p = plain(direction_of(next), in_channels, out_channels, next % 3 == 0 ? 23 : 9,
                        1 + next % 4, 1 + next % 3);
      p.before = {next % 2, 1, 0};
      p.batch = 1 + next % 2;
      p.channels_last = next % 5 == 0;
      p.col_major = next % 7 == 0;
      if (complete(p)) check_exact<float>(random, p);
    }
}

TEST_CASE("gradients of batches that lie side by side in memory are exact, of any size") {
  Random random(29);
  for (int i = 0; i < effort(80); ++i) {
    Problem p = random_problem(random, direction_of(i), i % 3 == 0 ? 30 : 7);
    p.col_major = true;
    p.unbatched = p.channels_last = false;
    p.batch = 2 + i % 21;
    check_exact<float>(random, p);
  }
}

TEST_CASE("gradients of layers with a special shape are exact") {
  Random random(23);
  for (const Direction direction : {Direction::scatter, Direction::gather}) {
    Problem depthwise = plain(direction, 24, 24, 19, 4, 2);
    depthwise.groups = 24;
    depthwise.before = depthwise.after = {1, 1, 0};
    Problem multiplied = depthwise;
    (direction == Direction::scatter ? multiplied.out_channels : multiplied.in_channels) = 48;
    Problem grouped = plain(direction, 40, 24, 17, 3, 1);
    grouped.groups = 8;
    Problem one_input = plain(direction, 20, 30, 1, 4, 1);
    one_input.batch = 9;
    one_input.in = {direction == Direction::scatter ? 1 : 4,
                    direction == Direction::scatter ? 1 : 4, 1};
    Problem one_input_last = one_input;
    one_input_last.channels_last = true;
    Problem one_input_col = one_input;
    one_input_col.col_major = true;
    Problem image = plain(direction, 3, 33, 40, 4, 2);
    Problem to_image = plain(direction, 33, 3, 40, 9, 3);
    Problem one_pixel_kernel = plain(direction, 33, 20, 20, 1, 2);
    Problem gaps = plain(direction, 7, 5, 12, 2, 7);
    Problem dilated = plain(direction, 9, 11, 30, 3, 2);
    dilated.dilation = {3, 9, 1};
    Problem line;
    line.direction = direction;
    line.rank = 1;
    line.in_channels = direction == Direction::scatter ? 37 : 1;
    line.out_channels = direction == Direction::scatter ? 1 : 37;
    line.in[0] = direction == Direction::scatter ? 50 : 2000;
    line.kernel[0] = 129;
    line.stride[0] = 32;
    line.before[0] = 64;
    Problem scores = plain(direction, 21, 21, direction == Direction::scatter ? 5 : 90, 32, 16);
    scores.before = scores.after = {8, 8, 0};
    for (Problem p : {depthwise, multiplied, grouped, one_input, one_input_last, one_input_col,
                      image, to_image, one_pixel_kernel, gaps, dilated, line, scores})
      for (const bool last : {false, true}) {
        p.channels_last = p.channels_last || last;
        REQUIRE(complete(p));
        check_exact<float>(random, p);
        check_exact<double>(random, p);
      }
  }
}

TEST_CASE("the gradients are the adjoints of the operator") {
  Random random(24);
  for (int i = 0; i < effort(60); ++i) {
    Problem p = random_problem(random, direction_of(i));
    p.bias = false;
    const Data<double> data = random_integers<double>(random, p);
    const std::vector<double> grad_y = random_grad_y<double>(random, p);
    tconv::Workspace workspace;
    const auto result = gradients(Calls::together, p, data, grad_y, workspace);
    const auto y = run(Implementation::production, p, data);
    const auto product = [](const std::vector<double>& a, const std::vector<double>& b) {
      return std::inner_product(a.begin(), a.end(), b.begin(), 0.0);
    };
    INFO(p);
    CHECK(product(grad_y, y) == product(result.input, data.x));
    CHECK(product(grad_y, y) == product(result.weight, data.w));
  }
}

TEST_CASE("gradients agree with central differences") {
  const ConvOptions<2> options{
      .stride = {2, 1}, .padding = {{0, 1}, {1, 0}}, .dilation = {1, 2}, .groups = 2};
  T4 x = random_tensor(2, 4, 5, 4), w = random_tensor(4, 3, 3, 2);
  Eigen::Tensor<double, 1, Eigen::RowMajor> bias(6);
  bias.setRandom();
  const T4 y = tconv::conv_transpose(x, w, bias, options);
  const T4 dy = random_tensor(y.dimension(0), y.dimension(1), y.dimension(2), y.dimension(3));
  const auto g = tconv::conv_transpose_backward(x, w, dy, options);
  const auto check = [&](auto& argument, const auto& gradient) {
    for (Index i = 0; i < argument.size(); ++i) {
      const double value = argument.data()[i], h = 1e-3;
      const auto loss = [&](double at) {
        argument.data()[i] = at;
        return dot(tconv::conv_transpose(x, w, bias, options), dy);
      };
      // The loss is linear in one element, so that rounding is the only error.
      const double slope = (loss(value + h) - loss(value - h)) / (2 * h);
      argument.data()[i] = value;
      REQUIRE(std::abs(slope - gradient.data()[i]) < 1e-9);
    }
  };
  check(x, g.input);
  check(w, g.weight);
  check(bias, g.bias);
}

TEST_CASE("gradients agree with automatic differentiation of the definition") {
  using Dual = Eigen::AutoDiffScalar<Eigen::VectorXd>;
  using D3 = Eigen::Tensor<Dual, 3, Eigen::RowMajor>;
  const ConvOptions<1> options{.stride = 2, .padding = 1, .output_padding = 1};
  T3 x(2, 2, 4), w(2, 3, 3);
  x.setRandom();
  w.setRandom();
  const Index variables = x.size() + w.size();
  D3 dual_x(2, 2, 4), dual_w(2, 3, 3);
  for (Index i = 0; i < x.size(); ++i)
    dual_x.data()[i] = Dual(x.data()[i], static_cast<int>(variables), static_cast<int>(i));
  for (Index i = 0; i < w.size(); ++i)
    dual_w.data()[i] =
        Dual(w.data()[i], static_cast<int>(variables), static_cast<int>(x.size() + i));
  const D3 y = tconv::scatter::conv_transpose(dual_x, dual_w, options);
  T3 dy(y.dimension(0), y.dimension(1), y.dimension(2));
  dy.setRandom();
  Eigen::VectorXd expected = Eigen::VectorXd::Zero(variables);
  for (Index i = 0; i < y.size(); ++i)
    if (y.data()[i].derivatives().size() > 0) expected += dy.data()[i] * y.data()[i].derivatives();
  const auto g = tconv::conv_transpose_backward(x, w, dy, options);
  for (Index i = 0; i < x.size(); ++i) CHECK(std::abs(g.input.data()[i] - expected[i]) < 1e-12);
  for (Index i = 0; i < w.size(); ++i)
    CHECK(std::abs(g.weight.data()[i] - expected[x.size() + i]) < 1e-12);
}

TEST_CASE("complex gradients are those of the bilinear form, not conjugated") {
  using Complex = std::complex<double>;
  Eigen::Tensor<Complex, 2, Eigen::RowMajor> x(1, 1), dy(1, 1);
  Eigen::Tensor<Complex, 3, Eigen::RowMajor> w(1, 1, 1);
  x(0, 0) = {1, 2};
  w(0, 0, 0) = {3, -1};
  dy(0, 0) = {0, 1};
  const auto g = tconv::conv_transpose_backward(x, w, dy);
  CHECK(g.input(0, 0) == Complex(1, 3));
  CHECK(g.weight(0, 0, 0) == Complex(-2, 1));
  CHECK(g.bias(0) == Complex(0, 1));
}

TEST_CASE("gradients are the same bits for any number of threads") {
  Random random(26);
  Eigen::ThreadPool pool(4);
  for (int i = 0; i < effort(40); ++i) {
    Problem p = random_problem(random, direction_of(i), 30);
    // Few channels and many pixels, of which there are several tiles, in both algorithms.
    if (i == 0) p = plain(Direction::scatter, 3, 2, 150, 3, 2);
    if (i == 1) p = plain(Direction::scatter, 40, 20, 100, 3, 2);
    REQUIRE((i > 1 || complete(p)));
    const Data<float> data = random_reals<float>(random, p);
    std::vector<float> grad_y(static_cast<std::size_t>(p.y_size()));
    for (float& value : grad_y) value = std::uniform_real_distribution<float>(-1, 1)(random);
    tconv::Workspace serial;
    const auto expected = gradients(Calls::together, p, data, grad_y, serial);
    for (int threads = 1; threads <= 4; ++threads) {
      const Eigen::ThreadPoolDevice device(&pool, threads);
      tconv::Workspace workspace(device);
      INFO(p << " threads " << threads);
      REQUIRE(gradients(Calls::together, p, data, grad_y, workspace) == expected);
    }
  }
}

TEST_CASE("gradients overwrite scratch and results that hold NaN") {
  Random random(27);
  tconv::Workspace workspace;
  for (int i = 0; i < effort(40); ++i) {
    const Problem p = random_problem(random, direction_of(i), 20);
    const Data<float> data = random_integers<float>(random, p);
    const auto grad_y = random_grad_y<float>(random, p);
    const std::size_t bytes = std::size_t{4} << 20;
    std::memset(execution_of(workspace).scratch(bytes), 0xff, bytes);
    std::memset(execution_of(workspace).weight_scratch(bytes), 0xff, bytes);
    INFO(p);
    REQUIRE(gradients(Calls::together, p, data, grad_y, workspace) ==
            gradient_reference(p, data, grad_y));
  }
}

TEST_CASE("NaN and infinity reach the weight gradients whose sums hold them, and no others") {
  Random random(28);
  tconv::Workspace workspace;
  for (int i = 0; i < effort(300); ++i) {
    const Problem p = random_problem(random, direction_of(i), i % 5 == 0 ? 20 : 7);
    Data<float> data = random_integers<float>(random, p);
    std::vector<float> grad_y = random_grad_y<float>(random, p);
    // From a few elements to all of them.
    const int rarity = i % 7 == 0 ? 1 : i % 7 == 1 ? 3 : 40;
    const int which = i / 2 % 3;
    if (which != 1) spoil(random, data.x, rarity);
    if (which != 0) spoil(random, grad_y, rarity);
    INFO(p << " spoiled " << which);
    const auto result = gradients(Calls::together, p, data, grad_y, workspace);
    const auto expected = gradient_reference(p, data, grad_y);
    REQUIRE(same_or_nan(result.weight, expected.weight));
    REQUIRE(same_or_nan(result.bias, expected.bias));
  }
}

TEST_CASE("an empty batch has zero gradients") {
  const F4 x(0, 3, 4, 4), dy(0, 2, 6, 6);
  F4 w(3, 2, 3, 3);
  w.setConstant(1.0f);
  const auto g = tconv::conv_transpose_backward(x, w, dy);
  CHECK(g.input.dimensions() == x.dimensions());
  CHECK(g.weight.dimensions() == w.dimensions());
  CHECK(std::all_of(g.weight.data(), g.weight.data() + g.weight.size(),
                    [](float v) { return v == 0.0f; }));
  CHECK(g.bias.size() == 2);
  CHECK((g.bias(0) == 0.0f && g.bias(1) == 0.0f));
  CHECK(tconv::conv_transpose_input_grad(w, dy).dimensions() == x.dimensions());
}

TEST_CASE("the input gradient of conv is zero where the stride left inputs unread") {
  T3 dy(1, 1, 2), w(1, 1, 2);
  dy.setConstant(1.0);
  w.setConstant(1.0);
  const T3 dx = tconv::conv_input_grad(w, dy, {7}, {.stride = 3});
  const std::vector<double> expected{1, 1, 0, 1, 1, 0, 0};
  CHECK(std::vector<double>(dx.data(), dx.data() + dx.size()) == expected);
}

TEST_CASE("extents are arrays of any integers, or braces") {
  const T4 x = random_tensor(2, 3, 6, 5), w = random_tensor(3, 2, 3, 2);
  const ConvOptions<2> options{.stride = 2};
  const T4 y = tconv::conv_transpose(x, w, options);
  const T4 expected = tconv::conv_transpose_backward(x, w, y, options).weight;
  const std::array<Index, 2> kernel{3, 2};
  const std::array<int, 2> ints{3, 2};
  const Eigen::array<long, 2> longs{3, 2};
  const Eigen::DSizes<Index, 2> sizes(3, 2);
  const int plain_array[2] = {3, 2};
  tconv::Workspace workspace;
  CHECK(same_bits(tconv::conv_transpose_weight_grad(x, y, kernel, options), expected));
  CHECK(same_bits(tconv::conv_transpose_weight_grad(x, y, ints, {.stride = 2}), expected));
  CHECK(same_bits(tconv::conv_transpose_weight_grad(x, y, longs, options), expected));
  CHECK(same_bits(tconv::conv_transpose_weight_grad(x, y, sizes, options), expected));
  CHECK(same_bits(tconv::conv_transpose_weight_grad(x, y, plain_array, options), expected));
  CHECK(same_bits(tconv::conv_transpose_weight_grad(x, y, {3, 2}, {.stride = 2}), expected));
  CHECK(same_bits(tconv::conv_transpose_weight_grad(workspace, x, y, {3, 2}, {.stride = 2}),
                  expected));
  CHECK(
      same_bits(tconv::conv_transpose_weight_grad(tconv::Workspace(), x, y, kernel, {.stride = 2}),
                expected));
  // conv with the images exchanged has the same weight gradient.
  CHECK(same_bits(tconv::conv_weight_grad(y, x, {3, 2}, {.stride = 2}), expected));
  CHECK(same_bits(tconv::conv_weight_grad(workspace, y, x, ints, options), expected));
  CHECK(same_bits(tconv::conv_input_grad(w, x, {13, 10}, {.stride = 2}), y));
  CHECK(same_bits(tconv::conv_input_grad(workspace, w, x, std::array{13, 10}, options), y));
  CHECK(same_bits(tconv::conv_transpose_input_grad(w * 1.0, y, options),
                  tconv::conv_transpose_backward(tconv::Workspace(), x, w, y, options).input));
  CHECK(same_bits(tconv::bias_grad(y), tconv::bias_grad(workspace, y * 1.0)));
  CHECK(same_bits(tconv::conv_weight_grad(y.chip<0>(0), x.chip<0>(0), kernel, options),
                  tconv::conv_backward(y.chip<0>(0), w, x.chip<0>(0), options).weight));
}

TEST_CASE("wrong arguments of gradients are rejected with their name and numbers") {
  const auto image = [](Index n, Index c, Index h, Index w) { return random_tensor(n, c, h, w); };
  const T4 x = image(2, 4, 5, 5), w = image(4, 3, 3, 3), dy = image(2, 3, 7, 7);
  const auto message = [](const auto& call) -> std::string {
    try {
      call();
    } catch (const std::invalid_argument& error) {
      return error.what();
    }
    return "nothing was thrown";
  };
  const auto check = [&](const std::string& text, std::initializer_list<const char*> parts) {
    INFO(text);
    for (const char* part : parts) CHECK(text.find(part) != std::string::npos);
  };
  check(message([&] { tconv::conv_transpose_backward(x, w, image(2, 3, 7, 8)); }),
        {"tconv::conv_transpose_backward: grad_y", "8", "axis 1", "7"});
  check(message([&] { tconv::conv_transpose_backward(x, w, image(1, 3, 7, 7)); }),
        {"tconv::conv_transpose_backward: grad_y", "batch", "1", "2"});
  check(message([&] { tconv::conv_transpose_backward(x, w, image(2, 6, 7, 7)); }),
        {"tconv::conv_transpose_backward: grad_y", "6 channels (axis 1)", "3"});
  check(message([&] { tconv::conv_backward(x, w, dy); }),
        {"tconv::conv_backward: weight", "3 input channels", "4"});
  check(message([&] { tconv::conv_transpose_backward(x, w, dy, {.stride = 0}); }),
        {"tconv::conv_transpose_backward: stride", "0", "at least 1"});
  check(message([&] { tconv::conv_transpose_input_grad(w, image(2, 3, 7, 6), {.stride = 2}); }),
        {"tconv::conv_transpose_input_grad: grad_y", "6", "axis 1", "stride 2"});
  check(message([&] { tconv::conv_transpose_input_grad(w, image(2, 3, 7, 2)); }),
        {"tconv::conv_transpose_input_grad: grad_y", "2", "kernel 3"});
  check(message([&] { tconv::conv_transpose_input_grad(w, image(2, 4, 7, 7)); }),
        {"tconv::conv_transpose_input_grad: grad_y", "4 channels", "3"});
  check(message([&] {
          tconv::conv_transpose_weight_grad(x, dy, {3, 4});
        }),
        {"tconv::conv_transpose_weight_grad: grad_y", "7", "8"});
  check(message([&] {
          tconv::conv_transpose_weight_grad(x, dy, {3, 0});
        }),
        {"tconv::conv_transpose_weight_grad: kernel", "0", "axis 1"});
  check(message([&] {
          tconv::conv_transpose_weight_grad(x, dy, {3, 3}, {.groups = 2});
        }),
        {"tconv::conv_transpose_weight_grad: grad_y", "3 channels", "2"});
  check(message([&] {
          tconv::conv_weight_grad(dy, x, {3, 3}, {.groups = 3});
        }),
        {"tconv::conv_weight_grad: grad_y", "4 channels", "3"});
  check(message([&] {
          tconv::conv_input_grad(w, x, {7, 8});
        }),
        {"tconv::conv_input_grad: grad_y", "5", "6"});
  check(message([&] {
          tconv::conv_input_grad(w, x, {7, 2});
        }),
        {"tconv::conv_input_grad: padded input", "2", "3"});
  check(message([&] {
          tconv::conv_input_grad(w, x, {7, 0});
        }),
        {"tconv::conv_input_grad: in", "0", "axis 1"});
  CHECK_THROWS_AS(
      tconv::conv_input_grad(w, x, {std::numeric_limits<Index>::max() / 2, Index{4}},
                             {.stride = {std::numeric_limits<Index>::max() / 2, Index{1}}}),
      std::logic_error);
}
