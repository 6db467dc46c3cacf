// What other layouts and scalars cost, as a table in Markdown: the time of each layer beside that
// of channels-first RowMajor `float`. Contestants take turns on one thread; the least of some 30
// times of each counts.
//
//   worlds [part of a layer's name]

#include <algorithm>
#include <cmath>
#include <complex>
#include <cstdint>
#include <cstdio>
#include <ctime>
#include <functional>
#include <iterator>
#include <memory>
#include <string>
#include <tconv/tconv.hpp>
#include <vector>

#include "problem.hpp"

namespace {

using Run = std::function<void()>;

template <class Scalar, int R, int layout>
Run prepare(const Problem& p, tconv::Workspace& workspace) {
  using Tensor = Eigen::Tensor<Scalar, R + 2, layout>;
  using Up = tconv::ConvTranspose<Scalar, R, layout>;
  struct Layer {
    Tensor x, y;
    Up up;
  };
  const auto image = [&](Eigen::Index channels, const std::array<Eigen::Index, 3>& extents) {
    Tensor tensor(image_shape<R>(p, channels, extents));
    tensor.setRandom();
    return tensor;
  };
  Tensor weight(shape_of<R>(p.in_channels, p.out_channels / p.groups, p.kernel));
  weight.setRandom();
  const auto layer = std::make_shared<Layer>(Layer{
      image(p.in_channels, p.in), image(p.out_channels, p.out()), Up(weight, options_of<R>(p))});
  return [layer, &workspace] { layer->up.run(layer->x, layer->y, workspace); };
}

template <class Scalar, int layout>
Run prepare(const Problem& p, tconv::Workspace& workspace) {
  if (p.axes == 1) return prepare<Scalar, 1, layout>(p, workspace);
  if (p.axes == 2) return prepare<Scalar, 2, layout>(p, workspace);
  return prepare<Scalar, 3, layout>(p, workspace);
}

/// Integers of 8 bits with results of 32, whose weights are packed by each call.
template <int R>
Run prepare_mixed(const Problem& p, tconv::Workspace& workspace) {
  struct Call {
    Eigen::Tensor<std::uint8_t, R + 2, Eigen::RowMajor> x;
    Eigen::Tensor<std::int8_t, R + 2, Eigen::RowMajor> weight;
    Eigen::Tensor<std::int32_t, R + 2, Eigen::RowMajor> y;
    tconv::ConvOptions<R> options;
  };
  const auto call = std::make_shared<Call>();
  call->x.resize(shape_of<R>(p.batch, p.in_channels, p.in));
  call->weight.resize(shape_of<R>(p.in_channels, p.out_channels / p.groups, p.kernel));
  call->y.resize(shape_of<R>(p.batch, p.out_channels, p.out()));
  call->x.setRandom();
  call->weight.setRandom();
  call->options = options_of<R>(p);
  return [call, &workspace] {
    tconv::conv_transpose_into<std::int32_t>(workspace, call->y, call->x, call->weight,
                                             tconv::Quantization{.x_zero_point = 128},
                                             call->options);
  };
}

Run prepare_mixed(const Problem& p, tconv::Workspace& workspace) {
  if (p.axes == 1) return prepare_mixed<1>(p, workspace);
  if (p.axes == 2) return prepare_mixed<2>(p, workspace);
  return prepare_mixed<3>(p, workspace);
}

struct World {
  const char* name;
  Run (*prepare)(const Problem&, tconv::Workspace&);
  bool channels_last = false;
};

constexpr World worlds[] = {
    {"channels first", prepare<float, Eigen::RowMajor>},
    {"channels last", prepare<float, Eigen::RowMajor>, true},
    {"ColMajor", prepare<float, Eigen::ColMajor>},
    {"half", prepare<Eigen::half, Eigen::RowMajor>},
    {"bfloat16", prepare<Eigen::bfloat16, Eigen::RowMajor>},
    {"int8", prepare<std::int8_t, Eigen::RowMajor>},
    {"uint8 x int8 to int32", prepare_mixed},
    {"int32", prepare<std::int32_t, Eigen::RowMajor>},
    {"complex", prepare<std::complex<float>, Eigen::RowMajor>},
};
constexpr std::size_t world_count = std::size(worlds);

double measure(const Run& run) {
  const std::clock_t start = std::clock();
  run();
  return static_cast<double>(std::clock() - start) / CLOCKS_PER_SEC;
}

}  // namespace

int main(int argc, char** argv) {
  std::printf("| layer | us |");
  for (std::size_t i = 1; i < world_count; ++i) std::printf(" %s |", worlds[i].name);
  std::printf("\n|---|--:|");
  for (std::size_t i = 1; i < world_count; ++i) std::printf("--:|");
  std::vector<double> logarithms(world_count);
  double count = 0;
  for (Problem p : read_problems(LAYERS)) {
    if (argc > 1 && p.name.find(argv[1]) == std::string::npos) continue;
    tconv::Workspace workspace;
    std::vector<Run> runs;
    for (const World& world : worlds) {
      p.channels_last = world.channels_last;
      runs.push_back(world.prepare(p, workspace));
    }
    std::vector<double> least(world_count);
    for (int turn = 0; turn < 30; ++turn)
      for (std::size_t i = 0; i < world_count; ++i) {
        const double time = measure(runs[i]);
        // The first call plans and packs.
        least[i] = turn < 2 ? time : std::min(least[i], time);
      }
    std::printf("\n| %s | %.0f |", p.name.c_str(), 1e6 * least[0]);
    for (std::size_t i = 1; i < world_count; ++i) {
      std::printf(" %.2f |", least[i] / least[0]);
      logarithms[i] += std::log(least[i] / least[0]);
    }
    std::fflush(stdout);
    ++count;
  }
  std::printf("\n| geometric mean | |");
  for (std::size_t i = 1; i < world_count; ++i)
    std::printf(" %.2f |", std::exp(logarithms[i] / count));
  std::printf("\n");
  return 0;
}
