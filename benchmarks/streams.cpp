// What parts cost beside the whole, as two tables in Markdown: pushes of a stream, and tiles of a
// large image. Contestants take turns on one thread; the least of all times of each counts, on the
// thread's own clock.
//
//   streams [turns]
//
// A push computes some of the layer's samples, and has a cost of its own. The first table has the
// time of a push, and how many times as long as in the whole layer a sample takes beyond 2 us a
// push. The second has a layer of 16 channels in and 3 out that makes 4096 x 4096 pixels, whole and
// by tiles from slice to slice.

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <tconv/tconv.hpp>
#include <vector>

namespace {

using tconv::Index;

/// Of this thread, so that a busy machine disturbs less.
double cpu_seconds() {
  timespec time{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) + 1e-9 * static_cast<double>(time.tv_nsec);
}

template <class Action>
void time(double& least, const Action& action) {
  const double begin = cpu_seconds();
  action();
  least = std::min(least, cpu_seconds() - begin);
}

void measure_pushes(int turns) {
  using Tensor = Eigen::Tensor<float, 3, Eigen::RowMajor>;
  // The upsamplers of HiFi-GAN (Kong, Kim and Bae, 2020), version 1, on a second of sound.
  const struct {
    Index in_channels, out_channels, kernel, stride, frames;
  } stages[] = {
      {512, 256, 16, 8, 86}, {256, 128, 16, 8, 689}, {128, 64, 4, 2, 5512}, {64, 32, 4, 2, 11025}};
  std::printf(
      "| layer | whole, ns a sample | push of 64, us | sample beyond 2 us / whole |"
      " push of 256, us | sample beyond 2 us / whole |\n|---|--:|--:|--:|--:|--:|\n");
  for (const auto& s : stages) {
    Tensor w(s.in_channels, s.out_channels, s.kernel), x(1, s.in_channels, s.frames);
    w.setRandom(), x.setRandom();
    const tconv::ConvTranspose layer(w, {.stride = s.stride, .padding = (s.kernel - s.stride) / 2});
    Tensor whole(layer.output_dimensions(x.dimensions()));
    tconv::Workspace workspace;
    tconv::Stream stream(layer);
    const Index chunks[] = {64 / s.stride, 256 / s.stride};
    stream.reserve(chunks[1]);
    double layer_time = 1e9, push_times[] = {1e9, 1e9};
    for (int turn = 0; turn < turns; ++turn) {
      time(layer_time, [&] { layer.run(x, whole, workspace); });
      for (std::size_t i = 0; i < 2; ++i) {
        const Tensor chunk = x.slice(Eigen::array<Index, 3>{0, 0, 0},
                                     Eigen::array<Index, 3>{1, s.in_channels, chunks[i]});
        stream.reset();
        double first_time = 1e9;  // it makes fewer samples
        for (int push = 0; push < 20; ++push) {
          Tensor y(1, s.out_channels, stream.available(chunks[i]));
          time(push == 0 ? first_time : push_times[i], [&] { stream.push(chunk, y, workspace); });
        }
      }
    }
    const double sample = layer_time / static_cast<double>(whole.dimension(2));
    std::printf("| %ld -> %ld, k %ld, s %ld | %.1f |", static_cast<long>(s.in_channels),
                static_cast<long>(s.out_channels), static_cast<long>(s.kernel),
                static_cast<long>(s.stride), 1e9 * sample);
    for (std::size_t i = 0; i < 2; ++i)
      std::printf(" %.1f | %.2f |", 1e6 * push_times[i],
                  (push_times[i] - 2e-6) / (i == 0 ? 64 : 256) / sample);
    std::printf("\n");
    std::fflush(stdout);
  }
}

void measure_tiles(int turns) {
  using Tensor = Eigen::Tensor<float, 4, Eigen::RowMajor>;
  constexpr Index size = 4096;
  const tconv::ConvOptions<2> options{.stride = 2, .padding = 1};
  const tconv::Extents<2> in{size / 2, size / 2}, kernel{4, 4};
  Tensor w(16, 3, 4, 4), x(1, 16, in[0], in[1]), y(1, 3, size, size);
  w.setRandom(), x.setRandom(), y.setZero();
  tconv::Workspace workspace;
  const tconv::ConvTranspose layer(w, options);
  std::vector<tconv::ConvTranspose<float, 2, Eigen::RowMajor>> layers;
  const auto run_tiles = [&](Index tiles) {
    const Index tile = size / tiles;
    for (Index i = 0; i < tiles; ++i)
      for (Index j = 0; j < tiles; ++j) {
        const tconv::Extents<2> first{i * tile, j * tile}, end{first[0] + tile, first[1] + tile};
        const auto window = tconv::conv_transpose_window(in, kernel, options, first, end);
        // Tiles inside the image have the same options, those at each border others.
        auto layer_of = std::find_if(layers.begin(), layers.end(), [&](const auto& known) {
          return known.options() == window.options;
        });
        if (layer_of == layers.end()) layer_of = layers.emplace(layers.end(), w, window.options);
        layer_of->run(tconv::slice(x, window),
                      y.slice(Eigen::array<Index, 4>{0, 0, first[0], first[1]},
                              Eigen::array<Index, 4>{1, 3, tile, tile}),
                      workspace);
      }
  };
  constexpr std::array<Index, 3> tiles{2, 4, 16};
  double whole = 1e9;
  std::array<double, 3> times{1e9, 1e9, 1e9};
  for (int turn = 0; turn < turns; ++turn) {
    time(whole, [&] { layer.run(x, y, workspace); });
    for (std::size_t i = 0; i < tiles.size(); ++i) time(times[i], [&] { run_tiles(tiles[i]); });
  }
  std::printf("\n| 4096 x 4096 | ms | / whole |\n|---|--:|--:|\n| whole | %.1f | 1 |\n",
              1e3 * whole);
  for (std::size_t i = 0; i < tiles.size(); ++i)
    std::printf("| %ld x %ld tiles | %.1f | %.2f |\n", static_cast<long>(tiles[i]),
                static_cast<long>(tiles[i]), 1e3 * times[i], times[i] / whole);
}

}  // namespace

int main(int argc, char** argv) {
  const int turns = argc > 1 ? std::max(std::atoi(argv[1]), 1) : 30;
  measure_pushes(turns);
  measure_tiles(std::max(turns / 4, 1));
}
