// What two promises cost, as a table in Markdown: `Summation::ordered`, and weights of which one is
// infinite, beside the layer as it is. Contestants take turns on one thread; the least of some 30
// times of each counts.
//
//   promises

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <limits>
#include <tconv/tconv.hpp>

#include "problem.hpp"

namespace {

using Seconds = std::chrono::duration<double>;

struct Ratios {
  double ordered, infinite;
};

template <int R>
Ratios measure(const Problem& p) {
  using Tensor = Eigen::Tensor<float, R + 2, Eigen::RowMajor>;
  using Layer = tconv::ConvTranspose<float, R, Eigen::RowMajor>;
  Tensor x(shape_of<R>(p.batch, p.in_channels, p.in));
  Tensor weight(shape_of<R>(p.in_channels, p.out_channels / p.groups, p.kernel));
  Tensor y(shape_of<R>(p.batch, p.out_channels, p.out()));
  x.setRandom();
  weight.setRandom();
  const auto options = options_of<R>(p);
  auto ordered = options;
  ordered.summation = tconv::Summation::ordered;
  Tensor infinite = weight;
  infinite.data()[infinite.size() / 2] = std::numeric_limits<float>::infinity();
  const Layer layers[] = {Layer(weight, options), Layer(weight, ordered), Layer(infinite, options)};

  tconv::Workspace workspace;
  double least[3] = {};
  for (int i = 0; i < 30; ++i)
    for (int k = 0; k < 3; ++k) {
      const auto begin = std::chrono::steady_clock::now();
      layers[k].run(x, y, workspace);
      const double time = Seconds(std::chrono::steady_clock::now() - begin).count();
      // The first call plans and packs.
      least[k] = i < 2 ? time : std::min(least[k], time);
    }
  return {least[1] / least[0], least[2] / least[0]};
}

}  // namespace

int main() {
  std::printf("| layer | ordered | an infinite weight |\n|---|--:|--:|\n");
  double ordered = 0, infinite = 0, count = 0;
  for (const Problem& p : read_problems(LAYERS)) {
    const Ratios ratios = p.axes == 1 ? measure<1>(p) : p.axes == 2 ? measure<2>(p) : measure<3>(p);
    std::printf("| %s | %.2f | %.2f |\n", p.name.c_str(), ratios.ordered, ratios.infinite);
    ordered += std::log(ratios.ordered);
    infinite += std::log(ratios.infinite);
    ++count;
  }
  std::printf("| geometric mean | %.2f | %.2f |\n", std::exp(ordered / count),
              std::exp(infinite / count));
  return 0;
}
