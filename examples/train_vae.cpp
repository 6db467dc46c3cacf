// Trains a variational autoencoder (Kingma and Welling, 2014) on digits.
//
//   train_vae [--threads=n] [steps [result.png]]
//
// The encoder, of convolutions, makes a few means and variances of an image. The decoder, of
// transposed convolutions, draws the image again from normal numbers with these means and
// variances. A second loss keeps them close to mean 0 and variance 1, so that the decoder also
// draws digits from normal numbers that come from no image, and from those between two images.
//
// The result shows three things. Left: pairs of a digit that the network has not seen, and what the
// decoder makes of its means. Middle: what it makes of random numbers. Right: in each row a walk
// from the means of one digit to those of another.

#define EIGEN_USE_THREADS

#include <cstddef>
#include <tconv/tconv.hpp>
#include <vector>

#include "support/drawing.hpp"
#include "support/training.hpp"

namespace {

constexpr tconv::ConvOptions<2> whole{.summation = tconv::Summation::ordered};
constexpr tconv::ConvOptions<2> twice{
    .stride = 2, .padding = 1, .summation = tconv::Summation::ordered};
constexpr Index image_size = 32, latent_size = 8;

class VariationalAutoencoder {
 public:
  explicit VariationalAutoencoder(Random& random)
      : encoder_({Convolution(Kind::conv, 1, 16, 4, twice, random), Rectifier(0.1f),
                  Convolution(Kind::conv, 16, 32, 4, twice, random), Rectifier(0.1f),
                  Convolution(Kind::conv, 32, 64, 4, twice, random), Rectifier(0.1f),
                  Convolution(Kind::conv, 64, 2 * latent_size, 4, whole, random, 0.1f)}),
        decoder_({Convolution(Kind::conv_transpose, latent_size, 64, 4, whole, random, 16),
                  Rectifier(0.1f), Convolution(Kind::conv_transpose, 64, 32, 4, twice, random),
                  Rectifier(0.1f), Convolution(Kind::conv_transpose, 32, 16, 4, twice, random),
                  Rectifier(0.1f), Convolution(Kind::conv_transpose, 16, 1, 4, twice, random)}) {}

  std::vector<Parameter*> parameters() {
    std::vector<Parameter*> all = encoder_.parameters();
    for (Parameter* parameter : decoder_.parameters()) all.push_back(parameter);
    return all;
  }

  /// The means, `(n, latent, 1, 1)`.
  Images encode(const Images& images, tconv::Workspace& workspace) {
    return take_channels(encoder_.forward(images, workspace), 0, latent_size);
  }

  /// Images in [0, 1].
  Images decode(const Images& latent, tconv::Workspace& workspace) {
    Images y = decoder_.forward(latent, workspace);
    for (Index i = 0; i < y.size(); ++i) y.data()[i] = static_cast<float>(sigmoid(y.data()[i]));
    return y;
  }

  /// Adds to the gradients of all parameters. The loss, that of an image, is how badly it is drawn
  /// again, and the divergence of its latent numbers from the normal distribution:
  /// `weight` times the sum of (mean^2 + variance - 1 - log(variance)) / 2. A weight above 1 makes
  /// reconstructions less exact, and more of the random numbers become digits (Higgins and others,
  /// 2017).
  double add_gradients(const Images& images, Random& random, tconv::Workspace& workspace) {
    const Index count = images.dimension(0);
    constexpr double weight = 3;
    const double scale = weight / static_cast<double>(count);
    const Images code = encoder_.forward(images, workspace);
    const Images mean = take_channels(code, 0, latent_size);
    const Images log_variance = take_channels(code, latent_size, latent_size);
    Images noise(mean.dimensions()), latent(mean.dimensions()), deviation(mean.dimensions());
    for (Index i = 0; i < latent.size(); ++i) {
      noise.data()[i] = random.normal();
      deviation.data()[i] =
          static_cast<float>(exponential(0.5 * static_cast<double>(log_variance.data()[i])));
      latent.data()[i] = mean.data()[i] + deviation.data()[i] * noise.data()[i];
    }
    Loss drawn = binary_cross_entropy(decoder_.forward(latent, workspace), images);
    const auto pixels = static_cast<float>(images.size() / count);
    const Images of_latent = decoder_.backward(drawn.gradient * pixels, workspace);

    Images of_mean(mean.dimensions()), of_log_variance(mean.dimensions());
    const double divergence = sum_of(mean.size(), [&](Index i) {
      const double m = mean.data()[i], l = log_variance.data()[i], d = deviation.data()[i];
      const double g = of_latent.data()[i];
      of_mean.data()[i] = static_cast<float>(g + scale * m);
      of_log_variance.data()[i] =
          static_cast<float>(0.5 * (g * d * noise.data()[i] + scale * (d * d - 1)));
      return 0.5 * (m * m + d * d - 1 - l);
    });
    encoder_.backward(join_channels(of_mean, of_log_variance), workspace);
    return drawn.value * pixels + divergence * scale;
  }

 private:
  Network encoder_, decoder_;
};

/// Each image of `a` with that of `b` behind it.
Images in_pairs(const Images& a, const Images& b) {
  Images pairs(2 * a.dimension(0), 1, image_size, image_size);
  for (Index n = 0; n < a.dimension(0); ++n) {
    pairs.chip<0>(2 * n) = a.chip<0>(n);
    pairs.chip<0>(2 * n + 1) = b.chip<0>(n);
  }
  return pairs;
}

/// From each latent to the next, and from the last to the first, in `count` even steps.
Images walks(const Images& latent, Index count) {
  const Index rows = latent.dimension(0);
  Images way(rows * count, latent_size, 1, 1);
  for (Index row = 0; row < rows; ++row)
    for (Index n = 0; n < count; ++n)
      for (Index c = 0; c < latent_size; ++c) {
        const float from = latent(row, c, 0, 0), to = latent((row + 1) % rows, c, 0, 0);
        way(row * count + n, c, 0, 0) =
            from + (to - from) * (static_cast<float>(n) / static_cast<float>(count - 1));
      }
  return way;
}

int run(const Arguments& given) {
  const TrainingArguments arguments("train_vae", given, 4000, {"train_vae.png"});
  constexpr Index batch = 32, rows = 5, samples = 5, steps_of_walk = 8;
  Threads threads(arguments.threads);
  tconv::Workspace& workspace = threads.workspace();
  Random random(1);
  VariationalAutoencoder network(random);
  Adam adam(network.parameters());
  Progress progress(arguments.steps, batch);
  for (int step = 1; step <= arguments.steps; ++step) {
    const Images digits = draw_digits(batch, image_size, random);
    const double loss = network.add_gradients(digits, random, workspace);
    adam.step(falling_rate(2e-3f, step, arguments.steps));
    progress.step(loss);
  }

  const Images unseen = draw_digits(2 * rows, image_size, random);
  const Images means = network.encode(unseen, workspace);
  Images latent(rows * samples, latent_size, 1, 1);
  for (Index i = 0; i < latent.size(); ++i) latent.data()[i] = random.normal();
  const Picture again = sheet(in_pairs(unseen, network.decode(means, workspace)), 4, 2);
  const Picture drawn = sheet(network.decode(latent, workspace), samples, 2);
  const Images first =
      means.slice(Images::Dimensions(0, 0, 0, 0), Images::Dimensions(rows, latent_size, 1, 1));
  const Picture walked =
      sheet(network.decode(walks(first, steps_of_walk), workspace), steps_of_walk, 2);
  save(arguments.files[0], side_by_side(side_by_side(again, drawn), walked));
  return 0;
}

}  // namespace

int main(int argc, char** argv) { return run_example(run, argc, argv); }
