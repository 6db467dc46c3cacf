// What a shape costs that is seen for the first time: the microseconds of planning it beside those
// of a call that finds the plan, weights packed. First the layers of real networks, then random
// shapes, of which the worst are shown. Planning is to take no longer than one call, or 100 us,
// whichever is more.
//
//   planning [--shapes=N]

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <random>
#include <string>
#include <tconv/engine/run.hpp>
#include <tconv/frontend/engine_call.hpp>
#include <tconv/tconv.hpp>
#include <vector>

#include "problem.hpp"

namespace {

using Eigen::Index;

struct Times {
  std::string name;
  double planning, call;

  /// Of what planning may take.
  double share() const { return planning / std::max(call, 100.0); }
};

/// The least time of some calls, in microseconds.
template <class Call>
double least_time(int calls, const Call& call) {
  double least = 1e30;
  for (int i = 0; i < calls; ++i) {
    const auto begin = std::chrono::steady_clock::now();
    call();
    const std::chrono::duration<double, std::micro> time = std::chrono::steady_clock::now() - begin;
    least = std::min(least, time.count());
  }
  return least;
}

template <int R>
Times measure(const Problem& p) {
  using Tensor = Eigen::Tensor<float, R + 2, Eigen::RowMajor>;
  Tensor x(shape_of<R>(p.batch, p.in_channels, p.in));
  Tensor weight(shape_of<R>(p.in_channels, p.out_channels / p.groups, p.kernel));
  Tensor y(shape_of<R>(p.batch, p.out_channels, p.out()));
  x.setRandom();
  weight.setRandom();
  const auto options = options_of<R>(p);
  const tconv::ConvTranspose<float, R, Eigen::RowMajor> layer(weight, options);
  tconv::Workspace workspace;
  const double call = least_time(5, [&] { layer.run(x, y, workspace); });

  tconv::core::ConvShape shape;
  shape.batch = p.batch;
  shape.groups = p.groups;
  shape.coarse_channels = p.in_channels;
  shape.fine_channels = p.out_channels;
  for (std::size_t a = 0; a < R; ++a)
    shape.axes[3 - R + a] = {p.in[a],     p.out()[a],    p.kernel[a],
                             p.stride[a], p.dilation[a], p.padding[a]};
  const auto resources = tconv::engine::resources<float>(1);
  const double planning = least_time(3, [&] {
    const tconv::engine::Schedule schedule(tconv::engine::make_correlation(shape), resources);
    if (schedule.empty()) std::abort();
  });
  return {p.name, planning, call};
}

Times measure(const Problem& p) {
  return p.axes == 1 ? measure<1>(p) : p.axes == 2 ? measure<2>(p) : measure<3>(p);
}

/// A layer of some 0.1 to 500 MFLOP at most.
Problem random_problem(std::mt19937& random) {
  const auto of = [&](std::initializer_list<Index> values) {
    return values.begin()[random() % values.size()];
  };
  for (;;) {
    Problem p;
    p.axes = static_cast<int>(of({1, 2, 2, 2, 3}));
    p.batch = of({1, 1, 1, 2, 4});
    p.groups = of({1, 1, 1, 1, 2});
    p.in_channels = p.groups * of({1, 3, 5, 8, 16, 21, 32, 64, 128, 256, 512});
    p.out_channels = p.groups * of({1, 2, 3, 8, 16, 21, 32, 64, 128, 256});
    for (std::size_t a = 0; a < static_cast<std::size_t>(p.axes); ++a) {
      p.in[a] = of({1, 2, 4, 5, 7, 8, 13, 16, 28, 32, 56, 64, 112, p.axes == 1 ? 4000 : 100});
      p.kernel[a] = of({1, 2, 3, 3, 4, 4, 5, 7, 8, 9, 16});
      p.stride[a] = of({1, 2, 2, 2, 3, 4, 5, 8, 16});
      p.dilation[a] = of({1, 1, 1, 1, 2, 3});
      p.padding[a] = of({0, 0, 1});
    }
    const auto out = p.out();
    if (std::min({out[0], out[1], out[2]}) < 1 || p.flops() > 5e8 || p.bytes() > 1e8) continue;
    for (std::size_t a = 0; a < static_cast<std::size_t>(p.axes); ++a)
      p.name += (a ? " | " : "in x k s d: ") + std::to_string(p.in[a]) + " x " +
                std::to_string(p.kernel[a]) + " s" + std::to_string(p.stride[a]) + " d" +
                std::to_string(p.dilation[a]);
    p.name += " N " + std::to_string(p.batch) + ", " + std::to_string(p.in_channels) + " to " +
              std::to_string(p.out_channels) + ", groups " + std::to_string(p.groups);
    return p;
  }
}

void print(const Times& times) {
  std::printf("| %s | %.0f | %.0f | %.2f |\n", times.name.c_str(), times.planning, times.call,
              times.share());
}

}  // namespace

int main(int argc, char** argv) {
  int shapes = 1000;
  for (int i = 1; i < argc; ++i)
    if (std::strncmp(argv[i], "--shapes=", 9) == 0) shapes = std::atoi(argv[i] + 9);
  std::printf("| layer | planning, us | call, us | planning / max(call, 100 us) |\n");
  std::printf("|---|--:|--:|--:|\n");
  for (const Problem& p : read_problems(LAYERS)) print(measure(p));

  std::mt19937 random(1);
  std::vector<Times> all;
  for (int i = 0; i < shapes; ++i) all.push_back(measure(random_problem(random)));
  std::sort(all.begin(), all.end(),
            [](const Times& a, const Times& b) { return a.share() > b.share(); });
  const auto above =
      std::count_if(all.begin(), all.end(), [](const Times& t) { return t.share() > 1; });
  std::printf("| %ld of %d random shapes are above 1, the worst: | | | |\n",
              static_cast<long>(above), shapes);
  for (std::size_t i = 0; i < std::min<std::size_t>(10, all.size()); ++i) print(all[i]);
  return 0;
}
