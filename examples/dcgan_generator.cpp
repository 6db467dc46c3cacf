// How fast the generator of DCGAN runs on one core: Radford, Metz and Chintala, "Unsupervised
// Representation Learning with Deep Convolutional Generative Adversarial Networks" (2016),
// figure 1.
//
//   dcgan_generator [images [repetitions]]
//
// Five transposed convolutions at full width make pictures of 64 x 64 pixels of 100 numbers each.
// Weights are random. Batch normalisation is taken to be folded into weights and biases, as one
// does for inference; rectifiers and the last hyperbolic tangent are computed in the store of their
// layer. Each layer's time stands beside its floor: the time for its products by the definition at
// the peak of this core, or for its data at the speed of main memory, whichever is longer. Some
// layers are below it, because Winograd's transform saves products.

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <iostream>
#include <random>
#include <tconv/tconv.hpp>
#include <vector>

#include "support/example.hpp"
#include "support/floor.hpp"

namespace {

using tconv::Index;
using Images = Eigen::Tensor<float, 4, Eigen::RowMajor>;  // (n, channel, row, column)
using Bias = Eigen::Tensor<float, 1, Eigen::RowMajor>;

/// The hyperbolic tangent within 1e-4, by the continued fraction of Lambert. It has neither a
/// branch nor a call, so that the compiler computes it in SIMD registers: with `std::tanh` the last
/// layer takes several times as long.
float hyperbolic_tangent(float v) {
  const float x = std::clamp(v, -4.9f, 4.9f), s = x * x;
  return x * (135135.0f + s * (17325.0f + s * (378.0f + s))) /
         (135135.0f + s * (62370.0f + s * (3150.0f + s * 28.0f)));
}

/// A transposed convolution with a 4x4 kernel: the first draws 4x4 pixels of one, the others double
/// the image.
class Layer {
 public:
  Layer(Index in, Index out, bool first, std::mt19937& random)
      : in_(in),
        out_(out),
        convolution_(random_weight(in, out, first, random), zeros(out),
                     {.stride = first ? 1 : 2, .padding = first ? 0 : 1}) {}

  Index in() const { return in_; }
  Index out() const { return out_; }
  auto output_dimensions(const Images& x) const {
    return convolution_.output_dimensions(x.dimensions());
  }

  void run(const Images& x, Images& y, bool last, tconv::Workspace& workspace) const {
    if (last)
      convolution_.run(x, y, workspace, [](float v) { return hyperbolic_tangent(v); });
    else
      convolution_.run(x, y, workspace, [](float v) { return v > 0.0f ? v : 0.0f; });
  }

  double flops(const Images& x) const {
    return 2.0 * static_cast<double>(x.size()) * static_cast<double>(out_) * 16.0;
  }
  double bytes(const Images& x, const Images& y) const {
    return sizeof(float) * static_cast<double>(x.size() + y.size() + in_ * out_ * 16);
  }

 private:
  /// Outputs vary as much as inputs do: the first layer's see `in` products, the others' four times
  /// as many, half of them behind a rectifier.
  static Images random_weight(Index in, Index out, bool first, std::mt19937& random) {
    Images weight(in, out, 4, 4);
    const auto products = static_cast<float>(first ? in : 2 * in);
    std::normal_distribution<float> normal(0.0f, 1.0f / std::sqrt(products));
    for (Index i = 0; i < weight.size(); ++i) weight.data()[i] = normal(random);
    return weight;
  }
  static Bias zeros(Index out) { return Bias(out).setZero(); }

  Index in_, out_;
  tconv::ConvTranspose<float, 2, Eigen::RowMajor> convolution_;
};

int run(const Arguments& arguments) {
  const Index images = arguments.number(0, 16);
  const int repetitions = arguments.number(1, 20);
  if (images < 1 || repetitions < 1) {
    std::cerr << "usage: dcgan_generator [images [repetitions]]\n";
    return 1;
  }
  constexpr std::array<Index, 6> channels{100, 1024, 512, 256, 128, 3};
  constexpr std::size_t count = channels.size() - 1;
  std::mt19937 random(1);
  std::vector<Layer> layers;
  // What each layer reads; behind the last one, the pictures.
  std::vector<Images> values{Images(images, channels[0], 1, 1)};
  std::normal_distribution<float> normal;
  for (Index i = 0; i < values[0].size(); ++i) values[0].data()[i] = normal(random);
  for (std::size_t l = 0; l < count; ++l) {
    layers.emplace_back(channels[l], channels[l + 1], l == 0, random);
    values.emplace_back(layers[l].output_dimensions(values[l]));
  }

  tconv::Workspace workspace;
  std::array<std::vector<double>, count> times;
  Machine machine;
  // The first pass packs the weights and is not counted.
  for (int repetition = 0; repetition <= repetitions; ++repetition) {
    machine.probe();
    for (std::size_t l = 0; l < count; ++l) {
      const double time =
          seconds([&] { layers[l].run(values[l], values[l + 1], l + 1 == count, workspace); });
      if (repetition > 0) times[l].push_back(time);
    }
  }

  double total = 0, total_floor = 0;
  for (const auto& of_layer : times) total += median(of_layer);
  std::printf("%ld images, one thread, %s; peak %.0f GFLOP/s, main memory %.0f GB/s\n\n",
              static_cast<long>(images), tconv::instruction_set(), machine.flops() / 1e9,
              machine.bytes() / 1e9);
  std::printf("layer           image        MFLOP      ms   share  floor ms  floor / time\n");
  for (std::size_t l = 0; l < count; ++l) {
    const double time = median(times[l]), flops = layers[l].flops(values[l]);
    const double floor = machine.floor(flops, layers[l].bytes(values[l], values[l + 1]));
    total_floor += floor;
    std::printf("%4ld -> %4ld  %2ldx%-2ld -> %2ldx%-2ld  %7.1f %7.2f  %4.1f %%  %8.2f  %10.0f %%\n",
                static_cast<long>(layers[l].in()), static_cast<long>(layers[l].out()),
                static_cast<long>(values[l].dimension(2)),
                static_cast<long>(values[l].dimension(3)),
                static_cast<long>(values[l + 1].dimension(2)),
                static_cast<long>(values[l + 1].dimension(3)), flops / 1e6, 1e3 * time,
                100 * time / total, 1e3 * floor, 100 * floor / time);
  }
  std::printf("\n%.1f images/s; at the floor %.1f\n", static_cast<double>(images) / total,
              static_cast<double>(images) / total_floor);
  return 0;
}

}  // namespace

int main(int argc, char** argv) { return run_example(run, argc, argv); }
