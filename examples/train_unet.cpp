// Trains a U-Net (Ronneberger and others, 2015) to tell discs, squares and triangles, drawn on a
// photograph, from each other and from the photograph.
//
//   train_unet [--threads=n] [steps [result.png]]
//
// Convolutions with stride 2 make the image small, so that a pixel sees all of a shape; transposed
// convolutions make it large again. On the way up each level also gets what the same level had on
// the way down, which says where exactly the edges are. The result shows images that the network
// has not seen, on a part of the photograph that it has not seen; the true classes; and its own.

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
constexpr int classes = 4;  // the photograph, and one for each shape

class UNet {
 public:
  explicit UNet(Random& random) : out_({Convolution(Kind::conv, 8, classes, 3, same, random, 1)}) {
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

  /// Scores of the classes, `(n, class, row, column)`.
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

  std::vector<Network*> networks() {
    std::vector<Network*> all{&out_};
    for (std::vector<Network>* part : {&down_, &up_, &join_})
      for (Network& network : *part) all.push_back(&network);
    return all;
  }

 private:
  static constexpr std::size_t levels = 3;

  Network out_;
  std::vector<Network> down_, up_, join_;
};

struct Examples {
  Images images;
  std::vector<int> classes;  ///< of each pixel, in the order of `(n, row, column)`
};

/// One to three shapes on pieces of `photo`, each of a colour that the photograph shines through.
Examples draw_examples(const Picture& photo, Index count, Random& random) {
  Examples examples{Images(count, 3, image_size, image_size), {}};
  for (Index n = 0; n < count; ++n) {
    const auto any = [&](Index largest) {
      return static_cast<Index>(random.below(static_cast<int>(largest) + 1));
    };
    const Index row = any(photo.dimension(1) - image_size),
                column = any(photo.dimension(2) - image_size);
    examples.images.chip<0>(n) = photo.slice(Eigen::array<Index, 3>{0, row, column},
                                             Eigen::array<Index, 3>{3, image_size, image_size});
    std::array<int, image_size * image_size> drawn{};
    for (int shapes = 1 + random.below(3); shapes > 0; --shapes) {
      const int shape = random.below(classes - 1);
      Placement placement;
      placement.centre.x = random.uniform(8, image_size - 8);
      placement.centre.y = random.uniform(8, image_size - 8);
      placement.scale = random.uniform(6, 12);
      placement.turn = random.uniform(-1, 1);
      std::array<float, 3> colour;
      for (float& part : colour) part = random.uniform();
      for (Index i = 0; i < image_size; ++i)
        for (Index j = 0; j < image_size; ++j) {
          const Point p{static_cast<float>(j) + 0.5f, static_cast<float>(i) + 0.5f};
          const float away =
              placement.scale * distance(static_cast<Shape>(shape), placement.inverse(p));
          const float cover = 0.8f * std::clamp(0.5f - away, 0.0f, 1.0f);
          for (Index c = 0; c < 3; ++c) {
            float& pixel = examples.images(n, c, i, j);
            pixel += cover * (colour[static_cast<std::size_t>(c)] - pixel);
          }
          if (away < 0) drawn[static_cast<std::size_t>(i * image_size + j)] = shape + 1;
        }
    }
    examples.classes.insert(examples.classes.end(), drawn.begin(), drawn.end());
  }
  return examples;
}

/// The class with the highest score at each pixel.
std::vector<int> decide(const Images& scores) {
  std::vector<int> best;
  for (Index n = 0; n < scores.dimension(0); ++n)
    for (Index i = 0; i < image_size; ++i)
      for (Index j = 0; j < image_size; ++j) {
        int choice = 0;
        for (int c = 1; c < classes; ++c)
          if (scores(n, c, i, j) > scores(n, choice, i, j)) choice = c;
        best.push_back(choice);
      }
  return best;
}

/// The pixels that both call a class, divided by those that either does; the mean of the classes.
double intersection_over_union(const std::vector<int>& a, const std::vector<int>& b) {
  double sum = 0;
  for (int c = 0; c < classes; ++c) {
    int both = 0, either = 0;
    for (std::size_t i = 0; i < a.size(); ++i) {
      both += a[i] == c && b[i] == c;
      either += a[i] == c || b[i] == c;
    }
    sum += static_cast<double>(both) / std::max(either, 1);
  }
  return sum / classes;
}

/// `(count, 3, row, column)`: each class in a colour.
Images paint(const std::vector<int>& classes_of_pixels, Index count) {
  constexpr float colours[classes][3] = {
      {0.15f, 0.15f, 0.15f}, {0.9f, 0.6f, 0}, {0.35f, 0.7f, 0.9f}, {0, 0.6f, 0.5f}};
  Images images(count, 3, image_size, image_size);
  std::size_t pixel = 0;
  for (Index n = 0; n < count; ++n)
    for (Index i = 0; i < image_size; ++i)
      for (Index j = 0; j < image_size; ++j, ++pixel)
        for (Index c = 0; c < 3; ++c) images(n, c, i, j) = colours[classes_of_pixels[pixel]][c];
  return images;
}

int run(const Arguments& given) {
  const TrainingArguments arguments("train_unet", given, 2000, {"train_unet.png"});
  constexpr Index batch = 16, tests = 160, shown = 8;
  const Picture photo = read_png(DATA_FOLDER "/photo.png");
  const Index height = photo.dimension(1), unseen = 60, seen = photo.dimension(2) - unseen;
  using Position = Eigen::array<Index, 3>;
  const Picture for_training = photo.slice(Position{0, 0, 0}, Position{3, height, seen});
  const Picture for_tests = photo.slice(Position{0, 0, seen}, Position{3, height, unseen});

  Threads threads(arguments.threads);
  Random random(1);
  UNet network(random);
  std::vector<Parameter*> parameters;
  for (Network* part : network.networks())
    for (Parameter* parameter : part->parameters()) parameters.push_back(parameter);
  Adam adam(parameters);
  Progress progress(arguments.steps, batch);
  for (int step = 1; step <= arguments.steps; ++step) {
    const Examples examples = draw_examples(for_training, batch, random);
    const Images scores = network.forward(examples.images, threads.workspace());
    const Loss loss = cross_entropy(scores, examples.classes);
    network.backward(loss.gradient, threads.workspace());
    adam.step(falling_rate(5e-3f, step, arguments.steps));
    progress.step(loss.value);
  }

  for (Network* part : network.networks()) part->set_training(false);
  Random other(2);
  const Examples examples = draw_examples(for_tests, tests, other);
  const std::vector<int> found = decide(network.forward(examples.images, threads.workspace()));
  std::printf("mean intersection over union on %d unseen images: %.3f\n", static_cast<int>(tests),
              intersection_over_union(found, examples.classes));
  const Images images = examples.images.slice(Images::Dimensions(0, 0, 0, 0),
                                              Images::Dimensions(shown, 3, image_size, image_size));
  const Images rows =
      images.concatenate(paint(examples.classes, shown), 0).concatenate(paint(found, shown), 0);
  save(arguments.files[0], sheet(rows, shown, 2));
  return 0;
}

}  // namespace

int main(int argc, char** argv) { return run_example(run, argc, argv); }
