// Trains the super-resolution network of examples/super_resolution (FSRCNN; see support/fsrcnn.hpp)
// on photographs.
//
//   train_super_resolution [--threads=n] [steps [photographs [parameters]]]
//
// `photographs` is a folder of PNG files, `parameters` the folder into which the result goes. The
// network learns their brightness at several sizes: patches are shrunk by cubic convolution, and
// the network has to draw what was there before. First the body and the transposed convolution for
// factor 2 learn together, then those for 3 and 4 on the body as it is, in a third of the steps.
// The network begins as bilinear interpolation: its first feature is the image itself, which
// bilinear_kernel enlarges.

#define EIGEN_USE_THREADS

#include <algorithm>
#include <array>
#include <filesystem>
#include <iostream>
#include <stdexcept>
#include <string>
#include <tconv/tconv.hpp>
#include <utility>
#include <vector>

#include "support/example.hpp"
#include "support/fsrcnn.hpp"
#include "support/training.hpp"

namespace {

constexpr Index batch = 16;
/// Pixels of the small image. What becomes of the `margin` at the edge of a patch is no part of the
/// loss: it depends on the zeros around the patch.
constexpr Index patch = 32, margin = 6;

/// The brightness of all photographs of a folder, each at several sizes.
std::vector<Plane> read_photographs(const std::string& folder) {
  if (!std::filesystem::is_directory(folder))
    throw std::runtime_error(folder + ": is no folder; give one with photographs as PNG files");
  std::vector<std::string> files;
  for (const auto& entry : std::filesystem::directory_iterator(folder))
    if (entry.path().extension() == ".png") files.push_back(entry.path().string());
  // The order of a folder differs from system to system.
  std::sort(files.begin(), files.end());
  std::vector<Plane> planes;
  for (const std::string& file : files) {
    const Plane whole = fsrcnn::luma(read_png(file));
    for (const double scale : {1.0, 0.75, 0.5}) {
      const auto rows = static_cast<Index>(scale * static_cast<double>(whole.dimension(0)));
      const auto columns = static_cast<Index>(scale * static_cast<double>(whole.dimension(1)));
      planes.push_back(bicubic::resize(whole, rows, columns));
    }
  }
  return planes;
}

/// Photographs, and what is left of them in a picture `factor` times smaller.
class Examples {
 public:
  Examples(const std::vector<Plane>& photographs, Index factor) : factor_(factor) {
    for (const Plane& photograph : photographs) {
      const Index rows = photograph.dimension(0) / factor,
                  columns = photograph.dimension(1) / factor;
      if (std::min(rows, columns) < patch) continue;
      using Position = Eigen::array<Index, 2>;
      const Plane large =
          photograph.slice(Position{0, 0}, Position{rows * factor, columns * factor});
      small_.push_back(rounded_to_bytes(bicubic::resize(large, rows, columns)));
      large_.push_back(large);
    }
    if (small_.empty())
      throw std::runtime_error("no photograph has " + std::to_string(patch * factor) +
                               " rows and columns, as factor " + std::to_string(factor) + " needs");
  }

  struct Batch {
    Images small, large;
  };

  /// Patches from anywhere, turned and mirrored; the large ones without the margin.
  Batch draw(Random& random) const {
    const Index inside = patch - 2 * margin;
    Batch drawn{Images(batch, 1, patch, patch),
                Images(batch, 1, inside * factor_, inside * factor_)};
    for (Index n = 0; n < batch; ++n) {
      const auto which = static_cast<std::size_t>(random.below(static_cast<int>(small_.size())));
      const Index i0 = random.below(static_cast<int>(small_[which].dimension(0) - patch + 1));
      const Index j0 = random.below(static_cast<int>(small_[which].dimension(1) - patch + 1));
      const int turn = random.below(8);
      copy(small_[which], i0, j0, turn, n, drawn.small);
      copy(large_[which], (i0 + margin) * factor_, (j0 + margin) * factor_, turn, n, drawn.large);
    }
    return drawn;
  }

 private:
  /// One of the eight ways to lay a square on itself.
  static void copy(const Plane& from, Index i0, Index j0, int turn, Index n, Images& to) {
    const Index size = to.dimension(2);
    for (Index i = 0; i < size; ++i)
      for (Index j = 0; j < size; ++j) {
        const Index a = turn & 1 ? size - 1 - i : i, b = turn & 2 ? size - 1 - j : j;
        to(n, 0, i, j) = turn & 4 ? from(i0 + b, j0 + a) : from(i0 + a, j0 + b);
      }
  }

  Index factor_;
  std::vector<Plane> small_, large_;
};

/// The first output channel becomes the first input channel, which is never negative.
void pass_first_channel(Convolution& convolution, const fsrcnn::Shape& shape) {
  std::vector<float>& weight = convolution.parameters()[0]->value;
  const Index inputs = shape.in * shape.kernel * shape.kernel;
  std::fill_n(weight.begin(), inputs, 0.0f);
  weight[static_cast<std::size_t>(shape.kernel * shape.kernel / 2)] = 1;
}

/// So that losses are the same on every machine: see support/training.hpp.
tconv::ConvOptions<2> ordered(tconv::ConvOptions<2> options) {
  options.summation = tconv::Summation::ordered;
  return options;
}

Network make_body(Random& random) {
  std::vector<Network::Layer> layers;
  for (const fsrcnn::Shape& shape : fsrcnn::body) {
    Convolution convolution(Kind::conv, shape.in, shape.out, shape.kernel,
                            ordered(fsrcnn::body_options(shape)), random);
    pass_first_channel(convolution, shape);
    layers.emplace_back(std::move(convolution));
    layers.emplace_back(ParametricRectifier(shape.out));
  }
  return Network(std::move(layers));
}

/// Bilinear interpolation of the first feature, and little of the others.
Convolution make_up(Index factor, Random& random) {
  const tconv::ConvOptions<2> options = ordered(fsrcnn::up_options(factor));
  Convolution up(Kind::conv_transpose, fsrcnn::features, 1, fsrcnn::up_kernel, options, random,
                 1e-4f);
  std::vector<float>& weight = up.parameters()[0]->value;
  const Index kernel = 2 * factor - factor % 2;
  const Images bilinear = tconv::bilinear_kernel<float>(1, 1, kernel);
  std::fill_n(weight.begin(), fsrcnn::up_kernel * fsrcnn::up_kernel, 0.0f);
  // By itself the bilinear kernel has the padding of (kernel - factor) / 2.
  const Index first = options.padding[0].before - (kernel - factor) / 2;
  for (Index i = 0; i < kernel; ++i)
    for (Index j = 0; j < kernel; ++j)
      weight[static_cast<std::size_t>((first + i) * fsrcnn::up_kernel + first + j)] =
          bilinear(0, 0, i, j);
  return up;
}

/// The loss without the margin, and its gradient with zeros there.
Loss loss_inside(const Images& y, const Images& truth) {
  const Index border = (y.dimension(2) - truth.dimension(2)) / 2;
  const Eigen::array<Index, 4> first{0, 0, border, border};
  const Images inside = y.slice(first, truth.dimensions());
  Loss loss = mean_square(inside, truth);
  Images gradient(y.dimensions());
  gradient.setZero();
  gradient.slice(first, truth.dimensions()) = loss.gradient;
  loss.gradient = std::move(gradient);
  return loss;
}

void train(Network& body, Convolution& up, bool with_body, const Examples& examples, int steps,
           Random& random, tconv::Workspace& workspace) {
  std::vector<Parameter*> parameters = up.parameters();
  if (with_body)
    for (Parameter* parameter : body.parameters()) parameters.push_back(parameter);
  Adam adam(parameters);
  Progress progress(steps, batch);
  for (int step = 1; step <= steps; ++step) {
    const Examples::Batch drawn = examples.draw(random);
    const Images y = up.forward(body.forward(drawn.small, workspace), workspace);
    const Loss loss = loss_inside(y, drawn.large);
    const Images gradient = up.backward(loss.gradient, workspace);
    if (with_body) body.backward(gradient, workspace);
    adam.step(falling_rate(1e-3f, step, steps));
    progress.step(loss.value);
  }
}

void save_parameters(const std::string& path, const std::vector<Parameter*>& parameters) {
  std::vector<float> all;
  for (const Parameter* parameter : parameters)
    all.insert(all.end(), parameter->value.begin(), parameter->value.end());
  npy::write(path, fsrcnn::Vector(Eigen::TensorMap<const fsrcnn::Vector>(
                       all.data(), static_cast<Index>(all.size()))));
  std::cout << "wrote " << path << '\n';
}

int run(const Arguments& arguments) {
  const TrainingArguments given("train_super_resolution", arguments, 8000, {"photographs", "."});
  const std::vector<Plane> photographs = read_photographs(given.files[0]);
  const std::string folder = given.files[1];
  // Found out before the training rather than behind it.
  if (!std::filesystem::is_directory(folder)) throw std::runtime_error(folder + ": is no folder");
  Threads threads(given.threads);
  Random random(1);
  Network body = make_body(random);
  for (const int factor : fsrcnn::factors) {
    const bool first = factor == fsrcnn::factors.front();
    std::cout << "factor " << factor << '\n';
    Convolution up = make_up(factor, random);
    train(body, up, first, Examples(photographs, factor),
          first ? given.steps : (given.steps + 2) / 3, random, threads.workspace());
    if (first) save_parameters(fsrcnn::body_file(folder), body.parameters());
    save_parameters(fsrcnn::up_file(folder, factor), up.parameters());
  }
  return 0;
}

}  // namespace

int main(int argc, char** argv) { return run_example(run, argc, argv); }
