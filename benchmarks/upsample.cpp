// The upsampling functions beside `memcpy` of as many bytes as they read and write, and the fused
// convolution of an upsampled image beside the two calls it stands for.
//
//   upsample [--fresh] [Google Benchmark's options]
//
// Each takes turns with its reference within one measurement; `of_reference` is the reference's
// time over its own. Both write to new tensors, in memory that the process has used before, or with
// --fresh in pages that the system has yet to provide.

#include <benchmark/benchmark.h>

#include <algorithm>
#include <cstring>
#include <ctime>
#include <functional>
#include <limits>
#include <memory>
#include <string>
#include <tconv/tconv.hpp>
#include <vector>

#ifdef __GLIBC__
#include <malloc.h>
#endif

namespace {

using tconv::Index;
template <int rank>
using Tensor = Eigen::Tensor<float, rank, Eigen::RowMajor>;
using Run = std::function<void()>;

template <int rank>
Tensor<rank> random_tensor(const tconv::Extents<rank>& extents) {
  Tensor<rank> tensor(extents);
  tensor.setRandom();
  return tensor;
}

Run copy(Index bytes) {
  return [from = std::make_shared<Tensor<1>>(
              random_tensor<1>({bytes / static_cast<Index>(sizeof(float))}))] {
    // As results are made: large ones ask for huge pages.
    auto to = tconv::frontend::make_tensor<Tensor<1>>(tconv::Extents<1>{from->size()});
    std::memcpy(to.data(), from->data(), static_cast<std::size_t>(from->size()) * sizeof(float));
    benchmark::DoNotOptimize(to.data());
    benchmark::ClobberMemory();
  };
}

double median(std::vector<double> values) {
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

/// Processor time, which other programs do not disturb as much.
double seconds(const Run& run, int calls) {
  const std::clock_t start = std::clock();
  for (int i = 0; i < calls; ++i) run();
  return static_cast<double>(std::clock() - start) / CLOCKS_PER_SEC / calls;
}

void measure(benchmark::State& state, const Run& run, const Run& reference, Index bytes) {
  seconds(run, 1);
  const int calls = 1 + static_cast<int>(1e-3 / seconds(run, 1));
  std::vector<double> own, other;
  for (auto _ : state) {
    // The caches are full of what the other has left there.
    seconds(reference, 1);
    other.push_back(seconds(reference, calls));
    seconds(run, 1);
    own.push_back(seconds(run, calls));
    state.SetIterationTime(own.back());
  }
  state.SetBytesProcessed(state.iterations() * bytes);
  state.counters["of_reference"] = median(other) / median(own);
}

void add(const std::string& name, const Run& run, const Run& reference, Index bytes = 0) {
  benchmark::RegisterBenchmark(
      name.c_str(), [=](benchmark::State& state) { measure(state, run, reference, bytes); })
      ->Unit(benchmark::kMicrosecond)
      ->UseManualTime();
}

template <class X, class F>
Run call(const std::shared_ptr<X>& x, const F& f) {
  return [x, f] {
    const auto y = f(*x);
    benchmark::DoNotOptimize(y.data());
    benchmark::ClobberMemory();
  };
}

template <int R>
void add_image(const char* name, const tconv::Extents<R + 1>& image, Index scale) {
  tconv::Extents<R + 2> shape{1}, phases_shape{1};
  std::copy(image.begin(), image.end(), shape.begin() + 1);
  phases_shape = shape;
  for (int a = 0; a < R; ++a) phases_shape[1] *= scale;
  const auto x = std::make_shared<Tensor<R + 2>>(random_tensor<R + 2>(shape));
  const auto phases = std::make_shared<Tensor<R + 2>>(random_tensor<R + 2>(phases_shape));
  const std::string suffix = std::string("/") + name + "/x" + std::to_string(scale);
  const auto beside_copy = [&](const char* function, Index read, const Run& run) {
    const Index bytes = (read + phases->size()) * static_cast<Index>(sizeof(float));
    add(function + suffix, run, copy(bytes / 2), bytes);
  };
  beside_copy("nearest", x->size(),
              call(x, [=](const auto& from) { return tconv::upsample_nearest(from, scale); }));
  beside_copy("linear", x->size(),
              call(x, [=](const auto& from) { return tconv::upsample_linear(from, scale); }));
  beside_copy("pixel_shuffle", phases->size(),
              call(phases, [=](const auto& from) { return tconv::pixel_shuffle(from, scale); }));
  tconv::Extents<R + 2> weight_shape;
  weight_shape.fill(3);
  weight_shape[0] = weight_shape[1] = image[0];
  const auto weight = random_tensor<R + 2>(weight_shape);
  add("conv" + suffix,
      call(x,
           [=](const auto& from) {
             return tconv::upsample_conv(from, weight, scale, {.padding = 1});
           }),
      call(x, [=](const auto& from) {
        return tconv::conv(tconv::upsample_linear(from, scale), weight, {.padding = 1});
      }));
}

}  // namespace

int main(int argc, char** argv) {
  bool fresh = false;
  const auto is_ours = [&](const char* argument) {
    const bool ours = std::strcmp(argument, "--fresh") == 0;
    fresh = fresh || ours;
    return ours;
  };
  argc = static_cast<int>(std::remove_if(argv + 1, argv + argc, is_ours) - argv);
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 1;
#ifdef __GLIBC__
  // Large blocks are mapped anew for each result, or come from memory that is never given back.
  mallopt(M_MMAP_THRESHOLD, fresh ? 1 << 17 : std::numeric_limits<int>::max());
  mallopt(M_TRIM_THRESHOLD, std::numeric_limits<int>::max());
#endif
  add_image<1>("line_64x16384", {64, 16384}, 2);
  add_image<2>("picture_3x512x512", {3, 512, 512}, 2);
  for (const Index scale : {2, 3, 4}) add_image<2>("picture_3x720x1280", {3, 720, 1280}, scale);
  add_image<2>("features_64x128x128", {64, 128, 128}, 2);
  add_image<2>("features_512x16x16", {512, 16, 16}, 2);
  add_image<2>("odd_16x101x173", {16, 101, 173}, 2);
  add_image<3>("volume_1x64x64x64", {1, 64, 64, 64}, 2);
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}
