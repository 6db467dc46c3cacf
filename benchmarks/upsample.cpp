// The upsampling functions beside a copy, in bytes read and written each second, and the
// fused convolution of an upsampled image beside the two calls it stands for.
//
//   upsample [Google Benchmark's options]

#include <benchmark/benchmark.h>

#include <cstdlib>
#include <limits>
#include <string>
#include <tconv/tconv.hpp>

#ifdef __GLIBC__
#include <malloc.h>
#endif

namespace {

using tconv::Index;
using Tensor = Eigen::Tensor<float, 4, Eigen::RowMajor>;

struct Image {
  const char* name;
  Index channels, rows, cols;
};

Tensor random_image(Index channels, Index rows, Index cols) {
  Tensor image(1, channels, rows, cols);
  image.setRandom();
  return image;
}

template <class F>
void run(benchmark::State& state, const Tensor& x, const F& f) {
  Index elements = 0;
  for (auto _ : state) {
    const Tensor y = f(x);
    benchmark::DoNotOptimize(y.data());
    elements = x.size() + y.size();
  }
  state.SetBytesProcessed(state.iterations() * elements * static_cast<Index>(sizeof(float)));
}

template <class F>
void add(const std::string& name, const Tensor& x, const F& f) {
  benchmark::RegisterBenchmark(name.c_str(), [x, f](benchmark::State& state) {
    run(state, x, f);
  })->Unit(benchmark::kMicrosecond);
}

void add_image(const Image& image, Index scale) {
  const auto& [name, channels, rows, cols] = image;
  const std::string suffix = std::string("/") + name + "/x" + std::to_string(scale);
  const Tensor x = random_image(channels, rows, cols);
  const Tensor large = random_image(channels, rows * scale, cols * scale);
  const Tensor phases = random_image(channels * scale * scale, rows, cols);
  const Tensor weight = [&] {
    Tensor w(channels, channels, 3, 3);
    w.setRandom();
    return w;
  }();
  add("copy" + suffix, large, [](const Tensor& from) { return from; });
  add("nearest" + suffix, x,
      [=](const Tensor& from) { return tconv::upsample_nearest(from, scale); });
  add("linear" + suffix, x,
      [=](const Tensor& from) { return tconv::upsample_linear(from, scale); });
  add("pixel_shuffle" + suffix, phases,
      [=](const Tensor& from) { return tconv::pixel_shuffle(from, scale); });
  add("conv_fused" + suffix, x, [=](const Tensor& from) {
    return tconv::upsample_conv(from, weight, scale, {.padding = 1});
  });
  add("conv_unfused" + suffix, x, [=](const Tensor& from) {
    return tconv::conv(tconv::upsample_linear(from, scale), weight, {.padding = 1});
  });
}

}  // namespace

int main(int argc, char** argv) {
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 1;
#ifdef __GLIBC__
  // Results come from memory that is in use already, not from new pages of the system.
  mallopt(M_MMAP_THRESHOLD, std::numeric_limits<int>::max());
  mallopt(M_TRIM_THRESHOLD, std::numeric_limits<int>::max());
#endif
  for (const Index scale : {2, 3, 4}) {
    add_image({"photo", 3, 720, 1280}, scale);
    add_image({"features", 64, 128, 128}, scale);
  }
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}
