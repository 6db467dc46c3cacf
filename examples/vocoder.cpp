// How many times faster than real time HiFi-GAN's generator runs on one core: Kong, Kim and Bae,
// "HiFi-GAN: Generative Adversarial Networks for Efficient and High Fidelity Speech Synthesis"
// (2020), version V1.
//
//   vocoder [seconds of sound [repetitions]]
//
// A spectrogram of 80 bands, 22050 / 256 times a second, becomes 22050 samples of sound a second: a
// convolution, four transposed convolutions along time that enlarge it by 8, 8, 2 and 2, and a
// convolution. Behind each transposed convolution stand residual blocks, whose 18 convolutions do
// most of the network's work. The program measures the chain without these blocks, then with them.
// Weights are random, so that the sound is noise.

#include <array>
#include <cmath>
#include <cstdio>
#include <iostream>
#include <random>
#include <tconv/tconv.hpp>
#include <utility>
#include <vector>

#include "support/example.hpp"
#include "support/floor.hpp"

namespace {

using tconv::Index;
using Signal = Eigen::Tensor<float, 3, Eigen::RowMajor>;  // (n, channel, time)
using Bias = Eigen::Tensor<float, 1, Eigen::RowMajor>;
using Up = tconv::ConvTranspose<float, 1, Eigen::RowMajor>;
using Conv = tconv::Conv<float, 1, Eigen::RowMajor>;

constexpr float leak = 0.1f;
constexpr auto leaky = [](float v) { return v > 0.0f ? v : leak * v; };

/// An output has `products` terms, and varies about as much as an input.
Signal random_weight(Index axis0, Index axis1, Index kernel, Index products, std::mt19937& random) {
  Signal weight(axis0, axis1, kernel);
  std::normal_distribution<float> normal(0.0f, 1.0f / std::sqrt(static_cast<float>(products)));
  for (Index i = 0; i < weight.size(); ++i) weight.data()[i] = normal(random);
  return weight;
}

Bias zeros(Index channels) { return Bias(channels).setZero(); }

/// The length of the sound stays as it is.
Conv make_conv(Index in, Index out, Index kernel, Index dilation, std::mt19937& random) {
  return Conv(random_weight(out, in, kernel, in * kernel, random), zeros(out),
              {.padding = dilation * (kernel - 1) / 2, .dilation = dilation});
}

/// Three pairs of convolutions, each of which adds to its input.
class ResidualBlock {
 public:
  ResidualBlock(Index channels, Index kernel, std::mt19937& random) {
    for (const Index dilation : {1, 3, 5})
      pairs_.emplace_back(make_conv(channels, channels, kernel, dilation, random),
                          make_conv(channels, channels, kernel, 1, random));
  }

  Signal operator()(Signal x, tconv::Workspace& workspace) const {
    Signal inside(x.dimensions()), change(x.dimensions());
    for (const auto& [dilated, plain] : pairs_) {
      change = x.cwiseMax(x * leak);
      dilated.run(change, inside, workspace, leaky);
      plain.run(inside, change, workspace);
      x += change;
    }
    return x;
  }

 private:
  std::vector<std::pair<Conv, Conv>> pairs_;
};

struct Stage {
  Up up;
  std::vector<ResidualBlock> blocks;
};

class Generator {
 public:
  static constexpr Index bands = 80, hop = 256, rate = 22050;

  explicit Generator(std::mt19937& random)
      : first_(make_conv(bands, 512, 7, 1, random)), last_(make_conv(32, 1, 7, 1, random)) {
    Index channels = 512;
    for (const Index stride : {8, 8, 2, 2}) {
      const Index kernel = 2 * stride;
      stages_.push_back({Up(random_weight(channels, channels / 2, kernel, 2 * channels, random),
                            zeros(channels / 2), {.stride = stride, .padding = stride / 2}),
                         {}});
      channels /= 2;
      for (const Index of_block : {3, 7, 11})
        stages_.back().blocks.emplace_back(channels, of_block, random);
    }
  }

  /// `(1, 80, frames)` to `(1, 1, 256 frames)`.
  Signal operator()(const Signal& spectrogram, bool with_blocks,
                    tconv::Workspace& workspace) const {
    Signal x(first_.output_dimensions(spectrogram.dimensions()));
    first_.run(spectrogram, x, workspace, leaky);
    for (const Stage& stage : stages_) {
      Signal y(stage.up.output_dimensions(x.dimensions()));
      if (with_blocks) {
        stage.up.run(x, y, workspace);
        Signal sum(y.dimensions());
        sum.setZero();
        for (const ResidualBlock& block : stage.blocks) sum += block(y, workspace);
        y = sum / static_cast<float>(stage.blocks.size());
        y = y.cwiseMax(y * leak).eval();
      } else {
        stage.up.run(x, y, workspace, leaky);
      }
      x = std::move(y);
    }
    Signal sound(last_.output_dimensions(x.dimensions()));
    last_.run(x, sound, workspace, [](float v) { return std::tanh(v); });
    return sound;
  }

 private:
  Conv first_, last_;
  std::vector<Stage> stages_;
};

int run(const Arguments& arguments) {
  const int length = arguments.number(0, 1), repetitions = arguments.number(1, 5);
  if (length < 1 || length > 60 || repetitions < 1) {
    std::cerr << "usage: vocoder [seconds of sound, 1 to 60 [repetitions]]\n";
    return 1;
  }
  std::mt19937 random(1);
  const Generator generator(random);
  const Index frames = length * Generator::rate / Generator::hop + 1;
  Signal spectrogram(1, Generator::bands, frames);
  std::normal_distribution<float> normal;
  for (Index i = 0; i < spectrogram.size(); ++i) spectrogram.data()[i] = normal(random);

  tconv::Workspace workspace;
  std::printf("%ld frames of %ld bands, one thread, %s\n", static_cast<long>(frames),
              static_cast<long>(Generator::bands), tconv::instruction_set());
  for (const bool with_blocks : {false, true}) {
    // Packs the weights.
    Signal sound = generator(spectrogram, with_blocks, workspace);
    std::vector<double> times;
    for (int i = 0; i < repetitions; ++i)
      times.push_back(seconds([&] { sound = generator(spectrogram, with_blocks, workspace); }));
    const double time = median(times);
    const double duration = static_cast<double>(sound.size()) / Generator::rate;
    std::printf("%s: %.3f s for %.2f s of sound, %.1f times faster than real time\n",
                with_blocks ? "with residual blocks   " : "transposed convolutions", time, duration,
                duration / time);
  }
  return 0;
}

}  // namespace

int main(int argc, char** argv) { return run_example(run, argc, argv); }
