// The upsampling functions beside `memcpy` of as many bytes as they read and write, and the fused
// convolution of an upsampled image beside the two calls it stands for.
//
//   upsample [--fresh] [--threads=N] [--into] [--channels_last] [--col_major]
//            [Google Benchmark's options]
//
// Each takes turns with its reference within one measurement; `of_reference` is the reference's
// time over its own. Both write to new tensors, in memory that the process has used before, or with
// --fresh in pages that the system has yet to provide. Some options set another reference:
//
//   --into                         the same function, which returns a new tensor: the measured one
//                                  computes into a tensor that is kept
//   --threads=N                    the same function on one thread; times are of the wall's clock
//   --channels_last, --col_major   the same function on RowMajor tensors with channels first

#define EIGEN_USE_THREADS

#include <benchmark/benchmark.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <functional>
#include <limits>
#include <memory>
#include <string>
#include <tconv/tconv.hpp>
#include <type_traits>
#include <vector>

#ifdef __GLIBC__
#include <malloc.h>
#endif

namespace {

using tconv::Index;
template <int rank, int layout = Eigen::RowMajor>
using Tensor = Eigen::Tensor<float, rank, layout>;
using Run = std::function<void()>;

struct Settings {
  bool fresh = false, into = false, channels_last = false, col_major = false;
  int threads = 1;
};
Settings settings;

template <int rank, int layout = Eigen::RowMajor>
Tensor<rank, layout> random_tensor(const tconv::Extents<rank>& extents) {
  Tensor<rank, layout> tensor(extents);
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

/// Processor time of one thread, which other programs do not disturb as much.
double seconds(const Run& run, int calls) {
  if (settings.threads > 1) {
    const auto start = std::chrono::steady_clock::now();
    for (int i = 0; i < calls; ++i) run();
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count() / calls;
  }
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

tconv::Workspace& one_thread() {
  static tconv::Workspace workspace;
  return workspace;
}

tconv::Workspace& all_threads() {
  static Eigen::ThreadPool pool(settings.threads);
  static const Eigen::ThreadPoolDevice device(&pool, settings.threads);
  static tconv::Workspace workspace(device);
  return workspace;
}

/// `f(workspace, x)`, which returns a tensor.
template <class X, class F>
Run call(tconv::Workspace& workspace, const std::shared_ptr<X>& x, const F& f) {
  return [&workspace, x, f] {
    const auto y = f(workspace, *x);
    benchmark::DoNotOptimize(y.data());
    benchmark::ClobberMemory();
  };
}

/// An image of the canonical shape in a layout.
template <int R, int layout>
auto make_image(const tconv::Extents<R + 2>& shape, tconv::DataFormat format) {
  return std::make_shared<Tensor<R + 2, layout>>(random_tensor<R + 2, layout>(
      tconv::frontend::own_order<static_cast<std::size_t>(R) + 2>(shape, format)));
}

/// `f(workspace, x, format)`, and `into(workspace, y, x, format)`, in the layout of the settings,
/// beside the reference that the settings name, or else `other`.
template <int R, int layout, class F, class Into>
void add_function(const std::string& name, const tconv::Extents<R + 2>& shape, const F& f,
                  const Into& into, const Run& other, Index bytes) {
  constexpr auto first = tconv::DataFormat::channels_first;
  const auto format = settings.channels_last ? tconv::DataFormat::channels_last : first;
  const auto bound = [&f](tconv::DataFormat its_format) {
    return [f, its_format](tconv::Workspace& w, const auto& x) { return f(w, x, its_format); };
  };
  const auto x = make_image<R, layout>(shape, format);
  const Run own = call(all_threads(), x, bound(format));
  if (settings.into) {
    const auto y = std::make_shared<Tensor<R + 2, layout>>(f(one_thread(), *x, format));
    const Run given = [=] {
      into(all_threads(), *y, *x, format);
      benchmark::DoNotOptimize(y->data());
      benchmark::ClobberMemory();
    };
    add(name, given, own, bytes);
  } else if (settings.threads > 1) {
    add(name, own, call(one_thread(), x, bound(format)), bytes);
  } else if (layout == Eigen::ColMajor || settings.channels_last) {
    add(name, own, call(one_thread(), make_image<R, Eigen::RowMajor>(shape, first), bound(first)),
        bytes);
  } else {
    add(name, own, other, bytes);
  }
}

template <int R, int layout>
void add_image(const char* name, const tconv::Extents<R + 1>& image, Index scale) {
  tconv::Extents<R + 2> shape{1}, phases_shape{1};
  std::copy(image.begin(), image.end(), shape.begin() + 1);
  phases_shape = shape;
  Index size = 1, phases_size = 1;
  for (const Index extent : shape) size *= extent;
  for (int a = 0; a < R; ++a) phases_shape[1] *= scale;
  phases_size = size * phases_shape[1] / shape[1];
  const std::string suffix = std::string("/") + name + "/x" + std::to_string(scale);
  const auto beside_copy = [&](const char* function, const tconv::Extents<R + 2>& x_shape,
                               Index read, const auto& f, const auto& into) {
    const Index bytes = (read + phases_size) * static_cast<Index>(sizeof(float));
    add_function<R, layout>(function + suffix, x_shape, f, into, copy(bytes / 2), bytes);
  };
  beside_copy(
      "nearest", shape, size,
      [=](auto& w, const auto& x, auto format) {
        return tconv::upsample_nearest(w, x, scale, format);
      },
      [=](auto& w, auto& y, const auto& x, auto format) {
        tconv::upsample_nearest_into(w, y, x, scale, format);
      });
  beside_copy(
      "linear", shape, size,
      [=](auto& w, const auto& x, auto format) {
        return tconv::upsample_linear(w, x, scale, format);
      },
      [=](auto& w, auto& y, const auto& x, auto format) {
        tconv::upsample_linear_into(w, y, x, scale, format);
      });
  beside_copy(
      "pixel_shuffle", phases_shape, phases_size,
      [=](auto& w, const auto& x, auto format) {
        return tconv::pixel_shuffle(w, x, scale, format);
      },
      [=](auto& w, auto& y, const auto& x, auto format) {
        tconv::pixel_shuffle_into(w, y, x, scale, format);
      });
  tconv::Extents<R + 2> weight_shape;
  weight_shape.fill(3);
  weight_shape[0] = weight_shape[1] = image[0];
  const auto row = random_tensor<R + 2>(weight_shape);
  const auto own = random_tensor<R + 2, layout>(weight_shape);
  const auto weight_for = [=](const auto& x) -> const auto& {
    if constexpr (tconv::core::tensor_layout<std::remove_cvref_t<decltype(x)>> == layout)
      return own;
    else
      return row;
  };
  const auto x = make_image<R, Eigen::RowMajor>(shape, tconv::DataFormat::channels_first);
  add_function<R, layout>(
      "conv" + suffix, shape,
      [=](auto& w, const auto& from, auto format) {
        return tconv::upsample_conv(w, from, weight_for(from), scale,
                                    {.padding = 1, .data_format = format});
      },
      [=](auto& w, auto& y, const auto& from, auto format) {
        tconv::upsample_conv_into(w, y, from, weight_for(from), scale,
                                  {.padding = 1, .data_format = format});
      },
      call(one_thread(), x,
           [=](auto& w, const auto& from) {
             return tconv::conv(w, tconv::upsample_linear(from, scale), row, {.padding = 1});
           }),
      0);
}

template <int layout>
void add_images() {
  add_image<1, layout>("line_64x16384", {64, 16384}, 2);
  add_image<2, layout>("picture_3x512x512", {3, 512, 512}, 2);
  for (const Index scale : {2, 3, 4})
    add_image<2, layout>("picture_3x720x1280", {3, 720, 1280}, scale);
  add_image<2, layout>("features_64x128x128", {64, 128, 128}, 2);
  add_image<2, layout>("features_512x16x16", {512, 16, 16}, 2);
  add_image<2, layout>("odd_16x101x173", {16, 101, 173}, 2);
  add_image<3, layout>("volume_1x64x64x64", {1, 64, 64, 64}, 2);
}

bool read_setting(const char* argument) {
  const struct {
    const char* name;
    bool& value;
  } flags[] = {{"--fresh", settings.fresh},
               {"--into", settings.into},
               {"--channels_last", settings.channels_last},
               {"--col_major", settings.col_major}};
  for (const auto& flag : flags)
    if (std::strcmp(argument, flag.name) == 0) return flag.value = true;
  constexpr char threads[] = "--threads=";
  if (std::strncmp(argument, threads, sizeof(threads) - 1) != 0) return false;
  settings.threads = std::max(std::atoi(argument + sizeof(threads) - 1), 1);
  return true;
}

}  // namespace

int main(int argc, char** argv) {
  argc = static_cast<int>(std::remove_if(argv + 1, argv + argc, read_setting) - argv);
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 1;
#ifdef __GLIBC__
  // Large blocks are mapped anew for each result, or come from memory that is never given back.
  mallopt(M_MMAP_THRESHOLD, settings.fresh ? 1 << 17 : std::numeric_limits<int>::max());
  mallopt(M_TRIM_THRESHOLD, std::numeric_limits<int>::max());
#endif
  if (settings.col_major)
    add_images<Eigen::ColMajor>();
  else
    add_images<Eigen::RowMajor>();
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}
