#include <algorithm>
#include <array>
#include <cmath>
#include <functional>
#include <limits>
#include <string>
#include <tconv/tconv.hpp>
#include <tuple>
#include <vector>

#include "support/allocations.hpp"
#include "support/catch.hpp"

// What functions that compute into given memory promise, whatever they compute. That they compute
// the right thing in every layout is tested where the functions are.

using namespace tconv;
using T4 = Eigen::Tensor<float, 4, Eigen::RowMajor>;
using T3 = Eigen::Tensor<float, 3, Eigen::RowMajor>;
using T1 = Eigen::Tensor<float, 1, Eigen::RowMajor>;
using Map = Eigen::TensorMap<T4>;

namespace {

template <class Tensor, class... Extent>
Tensor random(Extent... extents) {
  Tensor t(extents...);
  t.setRandom();
  return t;
}

/// Elements with a few more before and behind, all of them poisoned.
class Memory {
 public:
  explicit Memory(Index size) : values_(static_cast<std::size_t>(size + 2 * margin), poison()) {}

  float* data() { return values_.data() + margin; }
  bool holds(const std::vector<float>& expected) const {
    return std::equal(expected.begin(), expected.end(), values_.begin() + margin) &&
           std::all_of(values_.begin(), values_.begin() + margin, is_poison) &&
           std::all_of(values_.end() - margin, values_.end(), is_poison);
  }
  bool is_untouched() const { return std::all_of(values_.begin(), values_.end(), is_poison); }

 private:
  static constexpr Index margin = 16;
  static float poison() { return std::numeric_limits<float>::quiet_NaN(); }
  static bool is_poison(float value) { return std::isnan(value); }
  std::vector<float> values_;
};

constexpr auto last = DataFormat::channels_last;
const Eigen::Matrix<float, 8, 1> eight_zeros = Eigen::Matrix<float, 8, 1>::Zero();
const ConvOptions<2> options{.stride = {2, 1}, .padding = 1, .groups = 2};

/// The arguments of all calls: `y` is what `conv_transpose` makes of `x`.
struct Arguments {
  T4 x = random<T4>(2, 8, 11, 12), w = random<T4>(8, 3, 3, 4), dense = random<T4>(8, 8, 3, 3);
  T1 bias = random<T1>(6);
  T4 y = conv_transpose(x, w, bias, options);
};

const Arguments& arguments() {
  static const Arguments a;
  return a;
}

/// A function into memory of four axes or one, and what it returns otherwise.
struct Function {
  std::string name;    // in messages
  std::string output;  // its name in messages
  std::vector<Index> shape;
  std::vector<float> expected;
  /// Computes into a map of memory, whose last extent is changed by `more`.
  std::function<void(Workspace&, float* memory, Index more)> compute;
  /// Tensors that the output must not overlap, by name.
  std::vector<std::pair<std::string, const T4*>> inputs;

  Index size() const { return static_cast<Index>(expected.size()); }
};

template <class Tensor>
std::vector<float> elements(const Tensor& t) {
  return {t.data(), t.data() + t.size()};
}

/// The table's row of `call(workspace, output map)`, which returns `expected` otherwise.
template <class Tensor, class Call>
Function function(const std::string& name, const std::string& output, const Tensor& expected,
                  const Call& call, std::vector<std::pair<std::string, const T4*>> inputs) {
  const auto dimensions = expected.dimensions();
  return {name,
          output,
          {dimensions.begin(), dimensions.end()},
          elements(expected),
          [=](Workspace& workspace, float* memory, Index more) {
            auto shape = dimensions;
            shape.back() += more;
            call(workspace, Eigen::TensorMap<Tensor>(memory, shape));
          },
          std::move(inputs)};
}

std::vector<Function> functions() {
  const Arguments& a = arguments();
  const auto& [x, w, dense, bias, y] = a;
  return {
      function("conv_transpose_into", "y", y,
               [&](Workspace& s, Map m) { conv_transpose_into(s, m, a.x, a.w, a.bias, options); },
               {{"x", &x}, {"weight", &w}}),
      function("conv_transpose_into", "y", conv_transpose(x, w, options),
               [&](Workspace& s, Map m) { conv_transpose_into(s, m, a.x, a.w, options); },
               {{"x", &x}, {"weight", &w}}),
      function("conv_into", "y", conv(x, dense),
               [&](Workspace& s, Map m) { conv_into(s, m, a.x, a.dense); },
               {{"x", &x}, {"weight", &dense}}),
      function("conv_into", "y", conv(x, dense, eight_zeros),
               [&](Workspace& s, Map m) { conv_into(s, m, a.x, a.dense, eight_zeros); },
               {{"x", &x}, {"weight", &dense}}),
      function(
          "conv_transpose_input_grad_into", "grad_x", conv_transpose_input_grad(w, y, options),
          [&](Workspace& s, Map m) { conv_transpose_input_grad_into(s, m, a.w, a.y, options); },
          {{"weight", &w}, {"grad_y", &y}}),
      function("conv_input_grad_into", "grad_x", conv_input_grad(dense, x, {13, 14}),
               [&](Workspace& s, Map m) {
                 conv_input_grad_into(s, m, a.dense, a.x, {13, 14});
               },
               {{"weight", &dense}, {"grad_y", &x}}),
      function("conv_transpose_weight_grad_into", "grad_weight",
               conv_transpose_weight_grad(x, y, {3, 4}, options),
               [&](Workspace& s, Map m) {
                 conv_transpose_weight_grad_into(s, m, a.x, a.y, {3, 4}, options);
               },
               {{"x", &x}, {"grad_y", &y}}),
      function("conv_weight_grad_into", "grad_weight", conv_weight_grad(y, x, {3, 4}, options),
               [&](Workspace& s, Map m) {
                 conv_weight_grad_into(s, m, a.y, a.x, std::array{3, 4}, options);
               },
               {{"x", &y}, {"grad_y", &x}}),
      function("bias_grad_into", "grad_bias", bias_grad(y),
               [&](Workspace& s, Eigen::TensorMap<T1> m) { bias_grad_into(s, m, a.y); },
               {{"grad_y", &y}}),
      function("upsample_nearest_into", "y", upsample_nearest(x, {3, 2}),
               [&](Workspace& s, Map m) {
                 upsample_nearest_into(s, m, a.x, {3, 2});
               },
               {{"x", &x}}),
      function("upsample_nearest_into", "y", upsample_nearest(x, 2, last),
               [&](Workspace& s, Map m) { upsample_nearest_into(s, m, a.x, 2, last); },
               {{"x", &x}}),
      function("upsample_linear_into", "y", upsample_linear(x, {3, 2}),
               [&](Workspace& s, Map m) {
                 upsample_linear_into<2>(s, m, a.x, {3, 2});
               },
               {{"x", &x}}),
      function("upsample_linear_into", "y", upsample_linear(x, 3, last),
               [&](Workspace& s, Map m) { upsample_linear_into(s, m, a.x, 3, last); }, {{"x", &x}}),
      function("pixel_shuffle_into", "y", pixel_shuffle(x, 2),
               [&](Workspace& s, Map m) { pixel_shuffle_into<2>(s, m, a.x, 2); }, {{"x", &x}}),
      function("pixel_shuffle_into", "y", pixel_shuffle(x, 2, last),
               [&](Workspace& s, Map m) { pixel_shuffle_into(s, m, a.x, 2, last); }, {{"x", &x}}),
      function(
          "upsample_conv_into", "y", upsample_conv(x, dense, 2, {.padding = 1}),
          [&](Workspace& s, Map m) { upsample_conv_into(s, m, a.x, a.dense, 2, {.padding = 1}); },
          {{"x", &x}, {"weight", &dense}}),
      function("upsample_conv_into", "y", upsample_conv(x, dense, eight_zeros, {2, 1}),
               [&](Workspace& s, Map m) {
                 upsample_conv_into(s, m, a.x, a.dense, eight_zeros, {2, 1});
               },
               {{"x", &x}, {"weight", &dense}}),
  };
}

/// Runs `check` for each function of the table.
template <class Check>
void for_each_function(const Check& check) {
  for (const Function& f : functions()) {
    INFO(f.name);
    check(f);
  }
}

}  // namespace

TEST_CASE(
    "functions write the bits that they would return, on any number of threads, and no more") {
  Eigen::ThreadPool pool(3);
  const Eigen::ThreadPoolDevice device(&pool, 3);
  Workspace one, three(device);
  for_each_function([&](const Function& f) {
    for (Workspace* workspace : {&one, &three}) {
      Memory memory(f.size());
      f.compute(*workspace, memory.data(), 0);
      CHECK(memory.holds(f.expected));
    }
  });
}

TEST_CASE("functions into given memory allocate nothing on a workspace that has seen the shape") {
  const long before_all = support::allocations();
  for_each_function([](const Function& f) {
    Workspace workspace;
    Memory memory(f.size());
    f.compute(workspace, memory.data(), 0);
    const long before = support::allocations();
    Eigen::internal::set_is_malloc_allowed(false);
    f.compute(workspace, memory.data(), 0);
    Eigen::internal::set_is_malloc_allowed(true);
    CHECK(support::allocations() == before);
  });
  CHECK(support::allocations() > before_all);  // the counter sees what the first calls allocate
}

TEST_CASE("outputs of a wrong shape are rejected, and left as they were") {
  Workspace workspace;
  for_each_function([&](const Function& f) {
    for (const Index more : {-1, 1}) {
      Memory memory(f.size() + more * f.size());
      const auto text = [&](Index change) {
        std::string shape = "(";
        for (std::size_t a = 0; a < f.shape.size(); ++a) {
          const bool is_last = a + 1 == f.shape.size();
          shape += std::to_string(f.shape[a] + (is_last ? change : 0)) + (is_last ? ")" : ", ");
        }
        return shape;
      };
      CHECK(support::message_of<std::invalid_argument>([&] {
              f.compute(workspace, memory.data(), more);
            }) == "tconv::" + f.name + ": " + f.output + " has shape " + text(more) +
                      ", but the result has " + text(0));
      CHECK(memory.is_untouched());
    }
  });
}

TEST_CASE("outputs that overlap an input are rejected, wholly or by one element") {
  Workspace workspace;
  for_each_function([&](const Function& f) {
    for (const auto& [name, input] : f.inputs) {
      // The inputs are const: nothing is written where the call is rejected.
      float* const begin = const_cast<float*>(input->data());
      const std::vector<float> as_it_was = elements(*input);
      for (float* const output :
           {begin, begin + input->size() - 1, begin - f.size() + 1, begin + input->size() / 2}) {
        const auto message =
            support::message_of<std::invalid_argument>([&] { f.compute(workspace, output, 0); });
        CAPTURE(message, name);
        // Tensors may lie side by side, so that the output reaches another input too.
        CHECK(std::any_of(f.inputs.begin(), f.inputs.end(), [&](const auto& any) {
          return message == "tconv::" + f.name + ": " + f.output + " overlaps " + any.first +
                                " in memory, but must not";
        }));
        CHECK(elements(*input) == as_it_was);
      }
    }
  });
}

TEST_CASE("an output may begin where an input ends, and overlap what an expression was made of") {
  const auto& a = arguments();
  const T4 expected = upsample_nearest(a.x, 2);
  T4 both(3, 8, 22, 24);
  std::copy(a.x.data(), a.x.data() + a.x.size(), both.data());
  const Eigen::TensorMap<const T4> x(both.data(), a.x.dimensions());
  const Map y(both.data() + x.size(), expected.dimensions());
  REQUIRE(x.size() + y.size() <= both.size());
  upsample_nearest_into(y, x, 2);
  CHECK(std::equal(y.data(), y.data() + y.size(), expected.data()));
  const T4 point = a.dense.slice(Extents<4>{0, 0, 1, 1}, Extents<4>{8, 8, 1, 1});
  const T4 product = conv(a.dense, point);
  T4 square = a.dense;
  conv_into(square, square * 1.0f, point);
  CHECK(elements(square) == elements(product));
}

TEST_CASE("outputs are tensors, maps and tensors of fixed size, without a workspace too") {
  const auto& [x, w, dense, bias, y] = arguments();
  T4 tensor(y.dimensions());
  conv_transpose_into(tensor, x, w, bias, options);
  CHECK(elements(tensor) == elements(y));
  tensor.setZero();
  const Map map(tensor.data(), tensor.dimensions());
  conv_transpose_into(map, x, w, Eigen::Map<const Eigen::VectorXf>(bias.data(), 6), options);
  CHECK(elements(tensor) == elements(y));
  Eigen::TensorFixedSize<float, Eigen::Sizes<2, 8, 22, 24>, Eigen::RowMajor> fixed;
  upsample_linear_into(fixed, x, 2);
  CHECK(elements(fixed) == elements(upsample_linear(x, 2)));
  T3 sample(8, 22, 24);
  upsample_linear_into<2>(sample, x.chip<0>(1), 2);
  CHECK(elements(sample) == elements(upsample_linear<2>(x.chip<0>(1), 2)));
  T4 none(0, 6, 21, 13);
  CHECK_NOTHROW(conv_transpose_into(none, T4(0, 8, 11, 12), w, options));
}

TEST_CASE("all gradients go into Gradients, or into what is tied") {
  const auto& [x, w, dense, bias, y] = arguments();
  auto gradients = conv_transpose_backward(x, w, y, options);
  const auto expected = gradients;
  const auto reset = [&] {
    gradients.input.setZero(), gradients.weight.setZero(), gradients.bias.setZero();
  };
  const auto check = [&] {
    CHECK(elements(gradients.input) == elements(expected.input));
    CHECK(elements(gradients.weight) == elements(expected.weight));
    CHECK(elements(gradients.bias) == elements(expected.bias));
    reset();
  };
  Workspace workspace;
  reset();
  conv_transpose_backward_into(gradients, x, w, y, options);
  check();
  conv_transpose_backward_into(
      workspace, std::tie(gradients.input, gradients.weight, gradients.bias), x, w, y, options);
  check();
  conv_transpose_backward_into(
      Gradients{Map(gradients.input.data(), x.dimensions()),
                Map(gradients.weight.data(), w.dimensions()),
                Eigen::Map<Eigen::VectorXf>(gradients.bias.data(), gradients.bias.size())},
      x, w, y, options);
  check();
  conv_transpose_backward_into(std::tie(gradients.input, std::ignore, gradients.bias), x, w, y,
                               options);
  CHECK(elements(gradients.input) == elements(expected.input));
  CHECK(elements(gradients.bias) == elements(expected.bias));
  CHECK(gradients.weight(0, 0, 0, 0) == 0);

  auto back = conv_backward(y, w, x, options);
  const auto back_expected = back;
  back.input.setZero(), back.weight.setZero(), back.bias.setZero();
  conv_backward_into(workspace, back, y, w, x, options);
  CHECK(elements(back.input) == elements(back_expected.input));
  CHECK(elements(back.weight) == elements(back_expected.weight));
  CHECK(elements(back.bias) == elements(back_expected.bias));
}

TEST_CASE("all outputs of gradients are checked before one of them is written") {
  const T4 &x = arguments().x, &w = arguments().w, &y = arguments().y;
  T4 grad_x(x.dimensions()), grad_w(w.dimensions());
  grad_x.setConstant(7), grad_w.setConstant(7);
  Eigen::VectorXf grad_bias(5);
  const auto check = [&](const auto& outputs, const std::string& message) {
    CHECK(support::message_of<std::invalid_argument>([&] {
            conv_transpose_backward_into(outputs, x, w, y, options);
          }) == "tconv::conv_transpose_backward_into: " + message);
    CHECK(
        std::all_of(grad_x.data(), grad_x.data() + grad_x.size(), [](float v) { return v == 7; }));
    CHECK(
        std::all_of(grad_w.data(), grad_w.data() + grad_w.size(), [](float v) { return v == 7; }));
  };
  check(std::tie(grad_x, grad_w, grad_bias), "grad_bias has shape (5), but the result has (6)");
  check(std::tie(grad_x, grad_x, grad_bias),
        "grad_weight has shape (2, 8, 11, 12), but the result has (8, 3, 3, 4)");
  Map inside(grad_x.data() + 5, w.dimensions());
  check(std::tie(grad_x, inside, grad_bias), "grad_weight overlaps grad_x in memory, but must not");
  Eigen::Map<Eigen::VectorXf> tail(grad_w.data() + grad_w.size() - 1, 6);
  check(std::tie(grad_x, grad_w, tail), "grad_bias overlaps grad_weight in memory, but must not");
  Map on_y(const_cast<float*>(y.data()), x.dimensions());
  check(std::tie(on_y, grad_w, grad_bias), "grad_x overlaps grad_y in memory, but must not");
}
