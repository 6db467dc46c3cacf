// Checks what the training programs are made of: layers and losses against tables and finite
// differences, gradients in a fixed order against tconv's own, Adam's first step.

#define EIGEN_USE_THREADS

#include <array>
#include <cmath>
#include <cstdio>
#include <functional>
#include <tconv/tconv.hpp>
#include <vector>

#include "training.hpp"

namespace {

int failures = 0;

void check(bool holds, const char* sentence) {
  if (holds) return;
  std::printf("not true: %s\n", sentence);
  ++failures;
}

Images random_images(Index n, Index channels, Index rows, Index columns, Random& random) {
  Images images(n, channels, rows, columns);
  for (Index i = 0; i < images.size(); ++i) images.data()[i] = random.normal();
  return images;
}

/// Small integers, so that every order of summation gives the same.
Images random_integers(Images images, Random& random) {
  for (Index i = 0; i < images.size(); ++i)
    images.data()[i] = static_cast<float>(random.below(9) - 4);
  return images;
}

/// Whether the loss changes as `gradient` says when `values` move along it.
bool predicts(float* values, const float* gradient, std::size_t size,
              const std::function<double()>& loss) {
  double square = 0;
  for (std::size_t i = 0; i < size; ++i) square += static_cast<double>(gradient[i]) * gradient[i];
  const double norm = std::sqrt(square);
  if (norm < 1e-6) return true;
  const std::vector<float> before(values, values + size);
  const std::vector<float> along(gradient, gradient + size);
  const auto moved = [&](double way) {
    for (std::size_t i = 0; i < size; ++i)
      values[i] = static_cast<float>(before[i] + way / norm * along[i]);
    const double result = loss();
    std::copy(before.begin(), before.end(), values);
    return result;
  };
  constexpr double way = 2e-3;
  const double slope = (moved(way) - moved(-way)) / (2 * way);
  return std::abs(slope - norm) < 0.01 * norm + 1e-5;
}

void check_rectifiers(tconv::Workspace& workspace) {
  // Enough numbers for every path of a vectorized loop, on two channels.
  constexpr std::array<float, 3> x{-2, 0, 3}, halved{-1, 0, 3}, slopes{0.5f, 0.5f, 1};
  Images in(1, 2, 1, 51);
  for (Index i = 0; i < in.size(); ++i) in.data()[i] = x[static_cast<std::size_t>(i % 3)];
  const Images ones = Images(in.dimensions()).setConstant(1.0f);
  Rectifier fixed(0.5f);
  ParametricRectifier learnt(2, 0.5f);
  const std::array<Images, 2> y{fixed.forward(in, workspace), learnt.forward(in, workspace)};
  const std::array<Images, 2> grad_x{fixed.backward(ones, workspace),
                                     learnt.backward(ones, workspace)};
  for (Index i = 0; i < in.size(); ++i)
    for (std::size_t k = 0; k < 2; ++k) {
      check(y[k].data()[i] == halved[static_cast<std::size_t>(i % 3)],
            "a rectifier of slope 1/2 halves negative numbers only");
      check(grad_x[k].data()[i] == slopes[static_cast<std::size_t>(i % 3)],
            "a rectifier's gradient is the slope at the input");
    }
  for (const float gradient : learnt.parameters()[0]->gradient)
    check(gradient == -2.0f * 17, "a slope's gradient sums the negative inputs of its channel");
}

void check_normalization(tconv::Workspace& workspace, Random& random) {
  const Images x = 3.0f * random_images(6, 3, 5, 7, random) + 1.0f;
  const Images y = BatchNormalization(3).forward(x, workspace);
  for (Index c = 0; c < 3; ++c) {
    double sum = 0, square = 0;
    for (Index n = 0; n < 6; ++n)
      for (Index i = 0; i < 35; ++i) {
        const double value = y.data()[(n * 3 + c) * 35 + i];
        sum += value / 210;
        square += value * value / 210;
      }
    check(std::abs(sum) < 1e-5 && std::abs(square - 1) < 1e-4,
          "normalized channels have mean 0 and variance 1");
  }
  BatchNormalization normalization(3);
  for (int i = 0; i < 600; ++i) normalization.forward(x, workspace);
  normalization.set_training(false);
  const Images later = normalization.forward(x, workspace);
  for (Index i = 0; i < y.size(); ++i)
    check(std::abs(later.data()[i] - y.data()[i]) < 1e-3f,
          "the average of equal batches normalizes as each of them");
}

void check_ordered_gradients(tconv::Workspace& workspace) {
  using Options = tconv::ConvOptions<2>;
  for (const Kind kind : {Kind::conv, Kind::conv_transpose})
    for (Options options :
         {Options{}, Options{.stride = 2, .padding = 1}, Options{.dilation = {2, 1}},
          Options{.stride = {3, 2}, .padding = {{0, 1}, {2, -1}}, .dilation = {1, 2}}}) {
      std::array<std::vector<float>, 2> gradients;
      for (const auto summation : {tconv::Summation::fastest, tconv::Summation::ordered}) {
        options.summation = summation;
        Random same(7);
        Convolution layer(kind, 3, 4, 3, options, same);
        const Images y = layer.forward(random_integers(Images(2, 3, 11, 9), same), workspace);
        layer.backward(random_integers(y, same), workspace);
        gradients[static_cast<std::size_t>(summation)] = layer.parameters()[0]->gradient;
      }
      check(gradients[0] == gradients[1], "the ordered weight gradient is tconv's");
    }
}

void check_network(tconv::Workspace& workspace, Random& random) {
  constexpr tconv::ConvOptions<2> twice{
      .stride = 2, .padding = 1, .summation = tconv::Summation::ordered};
  Network network({Convolution(Kind::conv, 2, 5, 4, twice, random), BatchNormalization(5),
                   Rectifier(0.2f), Convolution(Kind::conv, 5, 6, 3, {.padding = 1}, random),
                   ParametricRectifier(6),
                   Convolution(Kind::conv_transpose, 6, 3, 4, twice, random)});
  Images x = random_images(3, 2, 8, 10, random);
  const Images truth = random_images(3, 3, 8, 10, random);
  Images bits(truth.dimensions());
  for (Index i = 0; i < bits.size(); ++i) bits.data()[i] = static_cast<float>(random.below(2));
  const std::array<std::function<Loss(const Images&)>, 2> losses{
      [&](const Images& y) { return mean_square(y, truth); },
      [&](const Images& y) { return binary_cross_entropy(y, bits); }};
  for (const auto& loss : losses) {
    const auto value = [&] { return loss(network.forward(x, workspace)).value; };
    network.forget_gradients();
    const Images grad_x = network.backward(loss(network.forward(x, workspace)).gradient, workspace);
    check(predicts(x.data(), grad_x.data(), static_cast<std::size_t>(x.size()), value),
          "the gradient of the input predicts the loss");
    for (Parameter* parameter : network.parameters())
      check(predicts(parameter->value.data(), parameter->gradient.data(), parameter->value.size(),
                     value),
            "the gradient of a parameter predicts the loss");
  }
}

void check_adam() {
  Parameter parameter(3, 1.0f);
  parameter.gradient = {5, -0.01f, 0};
  Adam adam({&parameter});
  adam.step(0.25f);
  const std::array<float, 3> expected{0.75f, 1.25f, 1};
  for (std::size_t i = 0; i < 3; ++i) {
    check(std::abs(parameter.value[i] - expected[i]) < 1e-4f,
          "Adam's first step has the size of its rate");
    check(parameter.gradient[i] == 0, "gradients are zero after a step");
  }
}

void check_functions() {
  for (double x = -30; x < 30; x += 0.01) {
    check(std::abs(exponential(x) / std::exp(x) - 1) < 1e-13, "exponential() is e^x");
    check(std::abs(logarithm(std::exp(x)) - x) < 1e-13, "logarithm() is its inverse");
    check(std::abs(softplus(x) - std::log1p(std::exp(x))) < 1e-13, "softplus() is log(1 + e^x)");
  }
}

int run(const Arguments&) {
  Threads threads(2);
  Random random(3);
  check_rectifiers(threads.workspace());
  check_normalization(threads.workspace(), random);
  check_ordered_gradients(threads.workspace());
  check_network(threads.workspace(), random);
  check_adam();
  check_functions();
  return failures == 0 ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) { return run_example(run, argc, argv); }
