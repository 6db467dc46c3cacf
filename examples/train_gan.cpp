// Trains a small DCGAN (Radford and others, 2016) to draw digits.
//
//   train_gan [--threads=n] [steps [result.png]]
//
// The generator makes an image of random numbers by transposed convolutions. The discriminator, of
// convolutions, learns to tell its images from those that the generator is to imitate, and the
// generator learns to deceive it. The result shows images of the same random numbers early in the
// training, midway and at the end.

#define EIGEN_USE_THREADS

#include <algorithm>
#include <cstddef>
#include <tconv/tconv.hpp>
#include <vector>

#include "support/drawing.hpp"
#include "support/training.hpp"

namespace {

constexpr tconv::ConvOptions<2> whole{.summation = tconv::Summation::ordered};
constexpr tconv::ConvOptions<2> twice{
    .stride = 2, .padding = 1, .summation = tconv::Summation::ordered};
constexpr Index image_size = 32, latent_size = 32, batch = 32;

Network make_generator(Random& random) {
  return Network(
      {Convolution(Kind::conv_transpose, latent_size, 64, 4, whole, random), BatchNormalization(64),
       Rectifier(), Convolution(Kind::conv_transpose, 64, 32, 4, twice, random),
       BatchNormalization(32), Rectifier(),
       Convolution(Kind::conv_transpose, 32, 16, 4, twice, random), BatchNormalization(16),
       Rectifier(), Convolution(Kind::conv_transpose, 16, 1, 4, twice, random, 1)});
}

/// A positive number says that the image is a true one.
Network make_discriminator(Random& random) {
  return Network({Convolution(Kind::conv, 1, 16, 4, twice, random), Rectifier(0.2f),
                  Convolution(Kind::conv, 16, 32, 4, twice, random), BatchNormalization(32),
                  Rectifier(0.2f), Convolution(Kind::conv, 32, 64, 4, twice, random),
                  BatchNormalization(64), Rectifier(0.2f),
                  Convolution(Kind::conv, 64, 1, 4, whole, random, 1)});
}

/// The generator, with values in [0, 1].
class Painter {
 public:
  explicit Painter(Random& random) : network_(make_generator(random)) {}

  Images forward(const Images& latent, tconv::Workspace& workspace) {
    y_ = network_.forward(latent, workspace);
    for (Index i = 0; i < y_.size(); ++i) y_.data()[i] = static_cast<float>(sigmoid(y_.data()[i]));
    return y_;
  }
  void backward(Images gradient, tconv::Workspace& workspace) {
    for (Index i = 0; i < y_.size(); ++i) gradient.data()[i] *= y_.data()[i] * (1 - y_.data()[i]);
    network_.backward(gradient, workspace);
  }
  std::vector<Parameter*> parameters() { return network_.parameters(); }

 private:
  Network network_;
  Images y_;
};

Images draw_latent(Index count, Random& random) {
  Images latent(count, latent_size, 1, 1);
  for (Index i = 0; i < latent.size(); ++i) latent.data()[i] = random.normal();
  return latent;
}

/// `count` of the images, each drawn at random.
Images choose(const Images& images, Index count, Random& random) {
  Images chosen(count, 1, image_size, image_size);
  for (Index n = 0; n < count; ++n)
    chosen.chip<0>(n) = images.chip<0>(random.below(static_cast<int>(images.dimension(0))));
  return chosen;
}

int run(const Arguments& given) {
  const TrainingArguments arguments("train_gan", given, 8000, {"train_gan.png"});
  constexpr Index digits = 5000, columns = 5, shown = 25;
  Threads threads(arguments.threads);
  tconv::Workspace& workspace = threads.workspace();
  Random random(1);
  const Images truth = draw_digits(digits, image_size, random);
  Painter generator(random);
  Network discriminator = make_discriminator(random);
  constexpr double keep_mean = 0.5;
  Adam of_generator(generator.parameters(), keep_mean);
  Adam of_discriminator(discriminator.parameters(), keep_mean);
  const Images shown_latent = draw_latent(shown, random);
  const int early = std::max(1, arguments.steps / 50),
            midway = std::max(early + 1, arguments.steps / 8);
  std::vector<Picture> pictures;

  Images answer(batch, 1, 1, 1);
  Progress progress(arguments.steps, batch);
  for (int step = 1; step <= arguments.steps; ++step) {
    const float rate = falling_rate(4e-4f, step, arguments.steps);
    // Not quite certain of true images: the generator keeps something to learn from.
    answer.setConstant(0.9f);
    const Loss of_true = binary_cross_entropy(
        discriminator.forward(choose(truth, batch, random), workspace), answer);
    discriminator.backward(of_true.gradient, workspace);
    const Images images = generator.forward(draw_latent(batch, random), workspace);
    answer.setConstant(0);
    const Loss of_false = binary_cross_entropy(discriminator.forward(images, workspace), answer);
    discriminator.backward(of_false.gradient, workspace);
    of_discriminator.step(rate);

    answer.setConstant(1);
    const Loss deceived = binary_cross_entropy(discriminator.forward(images, workspace), answer);
    generator.backward(discriminator.backward(deceived.gradient, workspace), workspace);
    discriminator.forget_gradients();
    of_generator.step(rate);
    progress.step(of_true.value + of_false.value);

    if (step == early || step == midway)
      pictures.push_back(sheet(generator.forward(shown_latent, workspace), columns, 2));
  }
  pictures.push_back(sheet(generator.forward(shown_latent, workspace), columns, 2));
  Picture result = pictures[0];
  for (std::size_t i = 1; i < pictures.size(); ++i) result = side_by_side(result, pictures[i]);
  save(arguments.files[0], result);
  return 0;
}

}  // namespace

int main(int argc, char** argv) { return run_example(run, argc, argv); }
