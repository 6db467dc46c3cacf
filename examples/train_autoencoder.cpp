// Trains a small convolutional autoencoder on patches of a photograph, with nothing but tconv's
// gradients and Adam (Kingma and Ba, 2015).
//
//   train_autoencoder [steps [photograph.png [result.png]]]
//
// Two convolutions with stride 2 press a patch into a quarter of its numbers, two transposed
// convolutions draw it again. The result shows the photograph, and what is left of it after the
// network has seen only patches of it.

#define EIGEN_USE_THREADS

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdlib>
#include <iostream>
#include <random>
#include <tconv/tconv.hpp>
#include <thread>
#include <vector>

#include "support/example.hpp"

namespace {

using tconv::Index;
using Images = Eigen::Tensor<float, 4, Eigen::RowMajor>;  // (n, channel, row, column)
using Bias = Eigen::Tensor<float, 1, Eigen::RowMajor>;
using Random = std::mt19937;

/// A tensor that Adam trains.
template <class Tensor>
class Parameter {
 public:
  explicit Parameter(Tensor initial)
      : value(std::move(initial)), mean_(value.constant(0.0f)), square_(value.constant(0.0f)) {}

  Tensor value;

  void step(const Tensor& gradient, int number, float rate) {
    constexpr float keep_mean = 0.9f, keep_square = 0.999f;
    mean_ = mean_ * keep_mean + gradient * (1.0f - keep_mean);
    square_ = square_ * keep_square + gradient.square() * (1.0f - keep_square);
    // The averages start at zero, and are scaled to what they would be without that.
    const auto n = static_cast<float>(number);
    const float unbiased_mean = 1.0f / (1.0f - std::pow(keep_mean, n));
    const float unbiased_square = 1.0f / (1.0f - std::pow(keep_square, n));
    value -= rate * unbiased_mean * mean_ / ((square_ * unbiased_square).sqrt() + 1e-8f);
  }

 private:
  Tensor mean_, square_;
};

Images random_weight(Index axis0, Index axis1, Index inputs, Random& random) {
  Images weight(axis0, axis1, 4, 4);
  std::normal_distribution<float> normal(0.0f, std::sqrt(2.0f / static_cast<float>(inputs)));
  for (Index i = 0; i < weight.size(); ++i) weight.data()[i] = normal(random);
  return weight;
}

/// A convolution or transposed convolution that halves or doubles the image, and a leaky
/// rectifier unless it is the last.
class Layer {
 public:
  enum class Kind { halves, doubles };

  Layer(Kind kind, Index in, Index out, bool last, Random& random)
      : kind_(kind),
        last_(last),
        weight_(kind == Kind::halves ? random_weight(out, in, 16 * in, random)
                                     : random_weight(in, out, 4 * in, random)),
        bias_(Bias(out).setZero()) {}

  Images forward(const Images& x, tconv::Workspace& workspace) {
    x_ = x;
    Images y = kind_ == Kind::halves
                   ? tconv::conv(workspace, x, weight_.value, bias_.value, options)
                   : tconv::conv_transpose(workspace, x, weight_.value, bias_.value, options);
    if (!last_) y = y.cwiseMax(y * leak);
    y_ = y;
    return y;
  }

  /// Takes one step, and returns the gradient of the input.
  Images backward(Images grad_y, int number, float rate, tconv::Workspace& workspace) {
    if (!last_) {
      const Images slope = (y_ > 0.0f).select(y_.constant(1.0f), y_.constant(leak));
      grad_y *= slope;
    }
    auto gradients =
        kind_ == Kind::halves
            ? tconv::conv_backward(workspace, x_, weight_.value, grad_y, options)
            : tconv::conv_transpose_backward(workspace, x_, weight_.value, grad_y, options);
    weight_.step(gradients.weight, number, rate);
    bias_.step(gradients.bias, number, rate);
    return std::move(gradients.input);
  }

 private:
  static constexpr float leak = 0.1f;
  static constexpr tconv::ConvOptions<2> options{.stride = 2, .padding = 1};

  Kind kind_;
  bool last_;
  Parameter<Images> weight_;
  Parameter<Bias> bias_;
  Images x_, y_;
};

class Autoencoder {
 public:
  explicit Autoencoder(Random& random) {
    layers_.emplace_back(Layer::Kind::halves, 3, 48, false, random);
    layers_.emplace_back(Layer::Kind::halves, 48, 12, true, random);
    layers_.emplace_back(Layer::Kind::doubles, 12, 48, false, random);
    layers_.emplace_back(Layer::Kind::doubles, 48, 3, true, random);
  }

  Images operator()(const Images& x, tconv::Workspace& workspace) {
    Images y = x;
    for (Layer& layer : layers_) y = layer.forward(y, workspace);
    return y;
  }

  /// One step of Adam on the mean square error, which is returned.
  float train(const Images& x, int number, float rate, tconv::Workspace& workspace) {
    const Images error = (*this)(x, workspace) - x;
    const auto size = static_cast<float>(error.size());
    Images gradient = error * (2.0f / size);
    for (auto layer = layers_.rbegin(); layer != layers_.rend(); ++layer)
      gradient = layer->backward(std::move(gradient), number, rate, workspace);
    const Eigen::Tensor<float, 0, Eigen::RowMajor> sum = error.square().sum();
    return sum() / size;
  }

 private:
  std::vector<Layer> layers_;
};

Images random_patches(const Picture& photo, Index count, Index size, Random& random) {
  Images patches(count, 3, size, size);
  const auto draw = [&](Index largest) {
    return std::uniform_int_distribution<Index>(0, largest)(random);
  };
  using Position = Eigen::array<Index, 3>;
  for (Index n = 0; n < count; ++n)
    patches.chip<0>(n) =
        photo.slice(Position{0, draw(photo.dimension(1) - size), draw(photo.dimension(2) - size)},
                    Position{3, size, size});
  return patches;
}

int run(const Arguments& arguments) {
  const int steps = arguments.number(0, 2000);
  const std::string in = arguments.text(1, DATA_FOLDER "/photo.png");
  const std::string out = arguments.text(2, "train_autoencoder.png");
  constexpr Index batch = 16, patch = 32;
  if (steps < 1) {
    std::cerr << "usage: train_autoencoder [steps [photograph.png [result.png]]]\n";
    return 1;
  }
  const Picture file = read_png(in);
  // Each layer halves the picture.
  const Eigen::array<Index, 3> whole{3, file.dimension(1) / 4 * 4, file.dimension(2) / 4 * 4};
  const Picture photo = file.slice(Eigen::array<Index, 3>{0, 0, 0}, whole);
  if (whole[1] < patch || whole[2] < patch) {
    std::cerr << in << " is smaller than a patch\n";
    return 1;
  }

  const int threads = static_cast<int>(std::clamp(std::thread::hardware_concurrency(), 1u, 8u));
  Eigen::ThreadPool pool(threads);
  const Eigen::ThreadPoolDevice device(&pool, threads);
  tconv::Workspace workspace(device);
  Random random(1);
  Autoencoder network(random);
  float loss = 0;
  auto start = std::chrono::steady_clock::now();
  const int report = std::max(1, steps / 10);
  for (int step = 1; step <= steps; ++step) {
    // Slower towards the end, to settle.
    const float rate =
        2e-3f * (1.0f - 0.95f * static_cast<float>(step) / static_cast<float>(steps));
    loss += network.train(random_patches(photo, batch, patch, random), step, rate, workspace);
    if (step % report > 0) continue;
    const std::chrono::duration<float> time = std::chrono::steady_clock::now() - start;
    std::cout << "step " << step << ": loss " << loss / static_cast<float>(report) << ", "
              << std::lround(static_cast<float>(report * batch) / time.count()) << " images/s\n";
    loss = 0;
    start = std::chrono::steady_clock::now();
  }

  const Images x = photo.reshape(Eigen::array<Index, 4>{1, 3, whole[1], whole[2]});
  const Picture again = network(x, workspace).reshape(whole);
  save(out, side_by_side(photo, again));
  return 0;
}

}  // namespace

int main(int argc, char** argv) { return run_example(run, argc, argv); }
