// Restores a photograph that was blurred, sampled at every second pixel and disturbed by noise.
//
//   deblur [photograph.png [result.png]]
//
// From left to right: the photograph; what is left of it; the transposed convolution of that, which
// has the photograph's size and is no inverse; and the least-squares solution, by Eigen's conjugate
// gradients with the convolution as a matrix that is never made.

#include <Eigen/IterativeLinearSolvers>
#include <cmath>
#include <iomanip>
#include <iostream>
#include <random>
#include <tconv/tconv.hpp>

#include "support/example.hpp"

namespace {

using tconv::Index;
using Weight = Eigen::Tensor<float, 4, Eigen::RowMajor>;
using Operator = tconv::ConvOperator<float, 2>;

/// The same round blur for each colour: a Gaussian.
Weight blur(Index size, float deviation) {
  Weight weight(3, 1, size, size);
  const float centre = static_cast<float>(size - 1) / 2;
  for (Index i = 0; i < size; ++i)
    for (Index j = 0; j < size; ++j) {
      const float y = static_cast<float>(i) - centre, x = static_cast<float>(j) - centre;
      const float value = std::exp(-(x * x + y * y) / (2 * deviation * deviation));
      for (Index c = 0; c < 3; ++c) weight(c, 0, i, j) = value;
    }
  const Eigen::Tensor<float, 0, Eigen::RowMajor> sum = weight.sum();
  return weight * (3 / sum());
}

void add_noise(Picture& picture, float deviation) {
  std::mt19937 random(1);
  std::normal_distribution<float> noise(0, deviation);
  for (Index i = 0; i < picture.size(); ++i) picture.data()[i] += noise(random);
}

/// A picture whose image under the operator is `degraded` up to the noise: to come nearer would be
/// to restore the noise. Eigen's solver says nothing while it works, so it is stopped every few
/// iterations and taken up again.
Picture restore(const Operator& a, const Picture& degraded, const Picture& start, float noise) {
  Eigen::LeastSquaresConjugateGradient<Operator> solver(a);
  solver.setMaxIterations(2);
  const Eigen::VectorXf y = tconv::vec(degraded);
  Eigen::VectorXf x = tconv::vec(start);
  const float target = noise * std::sqrt(static_cast<float>(y.size()));
  float residual = (a * x - y).norm();
  for (int iteration = 0; residual > target && iteration < 200;) {
    x = solver.solveWithGuess(y, x);
    iteration += 2;
    residual = (a * x - y).norm();
    std::cout << "iteration " << std::setw(3) << iteration << ": |A x - y| = " << residual
              << ", of which noise " << target << std::endl;
  }
  return tconv::unvec(x, {3, start.dimension(1), start.dimension(2)});
}

float difference(const Picture& a, const Picture& b) {
  const Eigen::Tensor<float, 0, Eigen::RowMajor> mean = (a - b).square().mean();
  return std::sqrt(mean());
}

int run(const Arguments& arguments) {
  const std::string in = arguments.text(0, DATA_FOLDER "/photo.png");
  const std::string out = arguments.text(1, "deblur.png");
  const Picture photo = read_png(in);
  const Weight weight = blur(7, 1.4f);
  const tconv::ConvOptions<2> options{.stride = 2, .padding = 3, .groups = 3};

  Picture degraded = tconv::conv(photo, weight, options);
  const float noise = 0.002f;
  add_noise(degraded, noise);
  const auto back =
      tconv::with_output_extents(options, {degraded.dimension(1), degraded.dimension(2)}, {7, 7},
                                 {photo.dimension(1), photo.dimension(2)});
  // Each pixel is seen by a quarter as many samples as there are pixels.
  const Picture transposed = tconv::conv_transpose(degraded, weight, back) * 4.0f;

  const Operator a(weight, {photo.dimension(1), photo.dimension(2)}, options);
  std::cout << a.rows() << " samples of " << a.cols() << " unknowns\n";
  const Picture restored = restore(a, degraded, transposed, noise);
  std::cout << "distance from the photograph: transposed convolution "
            << difference(transposed, photo) << ", restored " << difference(restored, photo)
            << '\n';
  save(out,
       side_by_side(side_by_side(photo, enlarge(degraded, 2)), side_by_side(transposed, restored)));
  return 0;
}

}  // namespace

int main(int argc, char** argv) { return run_example(run, argc, argv); }
