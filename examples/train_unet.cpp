// Trains a U-Net (Ronneberger and others, 2015) to find the discs, squares and triangles that are
// drawn on pieces of a photograph.
//
//   train_unet [--threads=n] [steps [result.png]]
//
// Convolutions with stride 2 make the image small, so that a pixel sees all of a shape; transposed
// convolutions make it large again. On the way up each level also gets what the same level had on
// the way down, which says where exactly the edges are. The result shows images that the network
// has not seen, on a part of the photograph that it has not seen; the true shapes; and its own.

#define EIGEN_USE_THREADS

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdio>
#include <tconv/tconv.hpp>
#include <vector>

#include "support/drawing.hpp"
#include "support/training.hpp"

namespace {

constexpr tconv::ConvOptions<2> same{.padding = 1, .summation = tconv::Summation::ordered};
constexpr tconv::ConvOptions<2> twice{
    .stride = 2, .padding = 1, .summation = tconv::Summation::ordered};
constexpr Index image_size = 48;

class UNet {
 public:
  explicit UNet(Random& random) : out_({Convolution(Kind::conv, 8, 1, 3, same, random, 1)}) {
    constexpr std::array<Index, levels + 1> width{8, 16, 32, 64};
    const auto block = [](Convolution convolution, Index channels) {
      return std::vector<Network::Layer>{std::move(convolution), BatchNormalization(channels),
                                         Rectifier()};
    };
    for (std::size_t i = 0; i <= levels; ++i) {
      const Index here = width[i];
      if (i == 0)
        down_.emplace_back(block(Convolution(Kind::conv, 3, here, 3, same, random), here));
      else
        down_.emplace_back(
            block(Convolution(Kind::conv, width[i - 1], here, 4, twice, random), here));
      down_.back().append(block(Convolution(Kind::conv, here, here, 3, same, random), here));
      if (i == levels) break;
      up_.emplace_back(
          block(Convolution(Kind::conv_transpose, width[i + 1], here, 4, twice, random), here));
      join_.emplace_back(block(Convolution(Kind::conv, 2 * here, here, 3, same, random), here));
    }
  }

  /// `(n, 1, row, column)`: positive where the network sees a shape.
  Images forward(const Images& image, tconv::Workspace& workspace) {
    std::vector<Images> left{down_[0].forward(image, workspace)};
    for (std::size_t i = 0; i < levels; ++i)
      left.push_back(down_[i + 1].forward(left[i], workspace));
    Images x = left[levels];
    for (std::size_t i = levels; i-- > 0;)
      x = join_[i].forward(join_channels(left[i], up_[i].forward(std::move(x), workspace)),
                           workspace);
    return out_.forward(std::move(x), workspace);
  }

  void backward(Images gradient, tconv::Workspace& workspace) {
    std::array<Images, levels> of_left;
    gradient = out_.backward(std::move(gradient), workspace);
    for (std::size_t i = 0; i < levels; ++i) {
      const Images both = join_[i].backward(std::move(gradient), workspace);
      const Index half = both.dimension(1) / 2;
      of_left[i] = take_channels(both, 0, half);
      gradient = up_[i].backward(take_channels(both, half, half), workspace);
    }
    for (std::size_t i = levels; i > 0; --i)
      gradient = down_[i].backward(std::move(gradient), workspace) + of_left[i - 1];
    down_[0].backward(std::move(gradient), workspace);
  }

  void set_training(bool training) {
    for (std::vector<Network>* part : {&down_, &up_, &join_})
      for (Network& network : *part) network.set_training(training);
  }

  std::vector<Parameter*> parameters() {
    std::vector<Parameter*> all = out_.parameters();
    for (std::vector<Network>* part : {&down_, &up_, &join_})
      for (Network& network : *part)
        for (Parameter* parameter : network.parameters()) all.push_back(parameter);
    return all;
  }

 private:
  static constexpr std::size_t levels = 3;

  Network out_;
  std::vector<Network> down_, up_, join_;
};

struct Examples {
  Images images;
  Images truth;  ///< `(n, 1, row, column)`: 1 in a shape, 0 elsewhere
};

/// One to three shapes on pieces of `photo`, each of a vivid colour that the photograph shines
/// through. The pieces are mirrored and coloured at random, as the photograph is small.
Examples draw_examples(const Picture& photo, Index count, Random& random) {
  Examples examples{Images(count, 3, image_size, image_size),
                    Images(count, 1, image_size, image_size)};
  examples.truth.setZero();
  for (Index n = 0; n < count; ++n) {
    const Index row = random.below(static_cast<int>(photo.dimension(1) - image_size) + 1);
    const Index column = random.below(static_cast<int>(photo.dimension(2) - image_size) + 1);
    const bool mirrored = random.below(2) == 1;
    const float brightness = random.uniform(0.7f, 1.3f);
    for (Index c = 0; c < 3; ++c)
      for (Index i = 0; i < image_size; ++i)
        for (Index j = 0; j < image_size; ++j)
          examples.images(n, c, i, j) =
              brightness * photo(c, row + i, column + (mirrored ? image_size - 1 - j : j));
    for (int shapes = 1 + random.below(3); shapes > 0; --shapes) {
      const auto shape = static_cast<Shape>(random.below(3));
      Placement placement;
      placement.centre.x = random.uniform(8, image_size - 8);
      placement.centre.y = random.uniform(8, image_size - 8);
      placement.scale = random.uniform(6, 12);
      placement.turn = random.uniform(-1, 1);
      std::array<float, 3> colour;
      for (float& part : colour) {
        part = 0.7f * static_cast<float>(random.below(2));
        part += random.uniform(0, 0.3f);
      }
      for (Index i = 0; i < image_size; ++i)
        for (Index j = 0; j < image_size; ++j) {
          const Point p{static_cast<float>(j) + 0.5f, static_cast<float>(i) + 0.5f};
          const float away = placement.scale * distance(shape, placement.inverse(p));
          const float cover = 0.8f * std::clamp(0.5f - away, 0.0f, 1.0f);
          for (Index c = 0; c < 3; ++c) {
            float& pixel = examples.images(n, c, i, j);
            pixel += cover * (colour[static_cast<std::size_t>(c)] - pixel);
          }
          if (away < 0) examples.truth(n, 0, i, j) = 1;
        }
    }
  }
  return examples;
}

/// 1 where the network sees a shape, 0 elsewhere.
Images decide(const Images& scores) {
  Images seen = scores;
  for (Index i = 0; i < seen.size(); ++i) seen.data()[i] = seen.data()[i] > 0 ? 1.0f : 0.0f;
  return seen;
}

/// The pixels that are 1 in both, divided by those that are 1 in either; the mean over the images.
double intersection_over_union(const Images& a, const Images& b) {
  const Index count = a.dimension(0), size = a.size() / count;
  double sum = 0;
  for (Index n = 0; n < count; ++n) {
    float both = 0, either = 0;
    for (Index i = n * size; i < (n + 1) * size; ++i) {
      both += std::min(a.data()[i], b.data()[i]);
      either += std::max(a.data()[i], b.data()[i]);
    }
    sum += static_cast<double>(both / either);
  }
  return sum / static_cast<double>(count);
}

/// The first images.
Images first(const Images& images, Index count) {
  Images::Dimensions part = images.dimensions();
  part[0] = count;
  return images.slice(Images::Dimensions(0, 0, 0, 0), part);
}

int run(const Arguments& given) {
  const TrainingArguments arguments("train_unet", given, 1000, {"train_unet.png"});
  constexpr Index batch = 16, tests = 160, shown = 8;
  const Picture photo = read_png(DATA_FOLDER "/photo.png");
  const Index height = photo.dimension(1), unseen = 60, seen = photo.dimension(2) - unseen;
  using Position = Eigen::array<Index, 3>;
  const Picture for_training = photo.slice(Position{0, 0, 0}, Position{3, height, seen});
  const Picture for_tests = photo.slice(Position{0, 0, seen}, Position{3, height, unseen});

  Threads threads(arguments.threads);
  Random random(1);
  UNet network(random);
  Adam adam(network.parameters());
  Progress progress(arguments.steps, batch);
  for (int step = 1; step <= arguments.steps; ++step) {
    const Examples examples = draw_examples(for_training, batch, random);
    const Images scores = network.forward(examples.images, threads.workspace());
    const Loss loss = binary_cross_entropy(scores, examples.truth);
    network.backward(loss.gradient, threads.workspace());
    adam.step(falling_rate(3e-3f, step, arguments.steps));
    progress.step(loss.value);
  }

  network.set_training(false);
  Random other(2);
  const Examples examples = draw_examples(for_tests, tests, other);
  const Images found = decide(network.forward(examples.images, threads.workspace()));
  std::printf("mean intersection over union on %d unseen images: %.3f\n", static_cast<int>(tests),
              intersection_over_union(found, examples.truth));
  const auto row = [](const Images& images) { return sheet(first(images, shown), shown, 2); };
  save(arguments.files[0],
       one_above_another({row(examples.images), row(examples.truth), row(found)}));
  return 0;
}

}  // namespace

int main(int argc, char** argv) { return run_example(run, argc, argv); }
