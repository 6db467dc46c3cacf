// tconv as a layer and as a free function, beside oneDNN and XNNPACK where they are installed, and
// beside what a user would write with Eigen instead (matrix product and col2im), on the layers of
// real networks. Everything a call costs its user is inside: the conversions to and from the
// formats that a library wants, packing and allocation too, where the call does them. Layers are
// packed before. Each result is compared with that of tconv.
//
//   layers [--threads=N] [Google Benchmark's options]
//   layers --table [--threads=N]
//   layers --table --conv [--threads=N]
//   layers --table --channels-last [--threads=N]
//
// The second writes the README's table, the third the same of convolutions, the fourth that of
// images with channels last, which oneDNN and XNNPACK read and write without a conversion then.
// Google Benchmark's options do not concern them.

#define EIGEN_USE_THREADS

#include <benchmark/benchmark.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <functional>
#include <iostream>
#include <iterator>
#include <memory>
#include <stdexcept>
#include <string>
#include <tconv/tconv.hpp>
#include <thread>
#include <vector>

#include "eigen_gemm.hpp"
#include "problem.hpp"
#ifdef HAS_DNNL
#include "onednn.hpp"
#endif
#ifdef HAS_XNNPACK
#include "xnnpack.hpp"
#endif

namespace {

template <int rank>
using Tensor = Eigen::Tensor<float, rank, Eigen::RowMajor>;

using Run = std::function<void()>;

enum class Contestant { layer, free, onednn, xnnpack, eigen_gemm };

struct Names {
  Contestant contestant;
  const char *benchmark, *column;
};

constexpr Names contestants[] = {
    {Contestant::layer, "layer", "tconv layer"},
    {Contestant::free, "free", "tconv free function"},
    {Contestant::onednn, "onednn", "oneDNN"},
    {Contestant::xnnpack, "xnnpack", "XNNPACK"},
    {Contestant::eigen_gemm, "eigen_gemm_col2im", "Eigen GEMM + col2im"},
};

/// Whether it is installed, has such layers and uses so many threads.
bool takes_part(Contestant contestant, [[maybe_unused]] const Problem& p, int threads) {
  switch (contestant) {
    case Contestant::onednn:
#ifdef HAS_DNNL
      return true;
#else
      return false;
#endif
    case Contestant::xnnpack:
#ifdef HAS_XNNPACK
      return p.axes <= 2 && !p.gathers;
#else
      return false;
#endif
    case Contestant::eigen_gemm:
      return threads == 1 && !p.gathers && !p.channels_last;
    default:
      return true;
  }
}

template <int R>
struct Layer {
  Tensor<R + 2> x, weight, y;
  Tensor<1> bias;
  tconv::ConvOptions<R> options;

  explicit Layer(const Problem& p)
      : x(image_shape<R>(p, p.in_channels, p.in)),
        weight(p.gathers ? shape_of<R>(p.out_channels, p.in_channels / p.groups, p.kernel)
                         : shape_of<R>(p.in_channels, p.out_channels / p.groups, p.kernel)),
        y(image_shape<R>(p, p.out_channels, p.out())),
        bias(p.out_channels),
        options(options_of<R>(p)) {
    x.setRandom();
    weight.setRandom();
    bias.setRandom();
  }
};

/// The result by the free function, of a convolution if the problem gathers.
template <int R>
Tensor<R + 2> compute(const Problem& p, const Layer<R>& l, tconv::Workspace& workspace) {
  if (p.gathers) return tconv::conv(workspace, l.x, l.weight, l.bias, l.options);
  return tconv::conv_transpose(workspace, l.x, l.weight, l.bias, l.options);
}

/// A call of a layer of tconv.
template <class Operator, int R>
Run run_of(const std::shared_ptr<Layer<R>>& layer, tconv::Workspace& workspace) {
  const auto own = std::make_shared<Operator>(layer->weight, layer->bias, layer->options);
  return [layer, own, &workspace] { own->run(layer->x, layer->y, workspace); };
}

/// \throws std::runtime_error unless `run` writes the layer's result
template <int R>
void check(const Run& run, const Problem& p, Layer<R>& layer, tconv::Workspace& workspace) {
  using Array = Eigen::Map<const Eigen::ArrayXf>;
  const Tensor<R + 2> y = compute(p, layer, workspace);
  const Array expected(y.data(), y.size()), result(layer.y.data(), layer.y.size());
  layer.y.setZero();
  run();
  const float error = (result - expected).abs().maxCoeff<Eigen::PropagateNaN>();
  if (!(error < 1e-4f * expected.abs().maxCoeff()))
    throw std::runtime_error("the result differs from that of tconv by " + std::to_string(error));
}

/// A function that owns a layer and computes it.
template <int R>
Run prepare(Contestant contestant, const Problem& p, tconv::Workspace& workspace) {
  const auto layer = std::make_shared<Layer<R>>(p);
  Run run;
  // `peer` points into the arrays of `layer`.
  const auto peer = [&](auto own) { run = [layer, own] { own->run(); }; };
  Layer<R>& l = *layer;
  switch (contestant) {
    case Contestant::layer:
      run = p.gathers ? run_of<tconv::Conv<float, R, Eigen::RowMajor>>(layer, workspace)
                      : run_of<tconv::ConvTranspose<float, R, Eigen::RowMajor>>(layer, workspace);
      break;
    case Contestant::free:
      return [p, layer, &workspace] {
        const auto y = compute(p, *layer, workspace);
        benchmark::DoNotOptimize(y.data());
      };
    case Contestant::onednn:
#ifdef HAS_DNNL
      peer(std::make_shared<onednn::Layer>(p, l.x.data(), l.weight.data(), l.bias.data(),
                                           l.y.data()));
#endif
      break;
    case Contestant::xnnpack:
#ifdef HAS_XNNPACK
      peer(std::make_shared<xnnpack::Layer>(p, l.x.data(), l.weight.data(), l.bias.data(),
                                            l.y.data(), workspace.threads()));
#endif
      break;
    case Contestant::eigen_gemm:
      peer(std::make_shared<EigenGemm>(p, l.x.data(), l.weight.data(), l.bias.data(), l.y.data()));
      break;
  }
  check(run, p, l, workspace);
  return run;
}

Run prepare(Contestant contestant, const Problem& p, tconv::Workspace& workspace) {
  if (p.axes == 1) return prepare<1>(contestant, p, workspace);
  if (p.axes == 2) return prepare<2>(contestant, p, workspace);
  return prepare<3>(contestant, p, workspace);
}

void run_benchmark(benchmark::State& state, Contestant contestant, const Problem& p,
                   tconv::Workspace& workspace) {
  Run run;
  try {
    run = prepare(contestant, p, workspace);
  } catch (const std::exception& error) {
    state.SkipWithError(error.what());
    return;
  }
  const double peak = probe_peak() * workspace.threads();
  for (auto _ : state) {
    run();
    benchmark::ClobberMemory();
  }
  using benchmark::Counter;
  const auto rate = Counter::kIsIterationInvariantRate;
  state.counters["FLOP/s"] = Counter(p.flops(), rate);
  state.counters["of_peak"] = Counter(p.flops() / peak, rate);
  state.counters["B/s"] = Counter(p.bytes(), rate);
}

void add_benchmarks(const Problem& p, tconv::Workspace& workspace) {
  for (const auto& [contestant, name, column] : contestants) {
    if (!takes_part(contestant, p, workspace.threads())) continue;
    auto* added = benchmark::RegisterBenchmark(
        (p.name + "/" + name).c_str(), [p, &workspace, who = contestant](benchmark::State& state) {
          run_benchmark(state, who, p, workspace);
        });
    added->Unit(benchmark::kMicrosecond);
    if (workspace.threads() > 1) added->UseRealTime();
  }
}

/// Processor time for one thread, which other programs do not disturb.
double now(int threads) {
  if (threads == 1) return static_cast<double>(std::clock()) / CLOCKS_PER_SEC;
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

/// The share of the peak that the calls of some 30 ms reach.
double measure(const Run& run, const Problem& p, int threads) {
  // The threads of the contestant before may still spin in wait of work.
  if (threads > 1) std::this_thread::sleep_for(std::chrono::milliseconds(20));
  const double peak = probe_peak() * threads;
  const auto time = [&](int calls) {
    const double start = now(threads);
    for (int i = 0; i < calls; ++i) run();
    return now(threads) - start;
  };
  time(1);
  const int calls = std::max(1, static_cast<int>(0.03 / std::max(time(1), 1e-6)));
  return p.flops() * calls / time(calls) / peak;
}

double median(std::vector<double> values) {
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

/// The contestants take turns, so that what disturbs the machine disturbs them alike. No number
/// where one does not take part.
std::vector<double> shares_of_peak(const Problem& p, tconv::Workspace& workspace) {
  constexpr std::size_t count = std::size(contestants), repetitions = 7;
  std::vector<Run> runs(count);
  for (std::size_t i = 0; i < count; ++i) {
    const auto& [contestant, name, column] = contestants[i];
    if (takes_part(contestant, p, workspace.threads())) try {
        runs[i] = prepare(contestant, p, workspace);
      } catch (const std::exception& error) {
        std::cerr << p.name << '/' << name << ": " << error.what() << '\n';
      }
  }
  std::vector<std::vector<double>> shares(count);
  for (std::size_t repetition = 0; repetition < repetitions; ++repetition)
    for (std::size_t i = 0; i < count; ++i)
      if (runs[i]) shares[i].push_back(measure(runs[i], p, workspace.threads()));
  std::vector<double> medians(count, std::nan(""));
  for (std::size_t i = 0; i < count; ++i)
    if (runs[i]) medians[i] = median(shares[i]);
  return medians;
}

/// Percent of the peak; in the last row how many times faster the layer is than the best of the
/// others that are not of tconv.
void print_table(const std::vector<Problem>& problems, tconv::Workspace& workspace) {
  std::printf("| layer | MFLOP |");
  for (const auto& names : contestants) std::printf(" %s |", names.column);
  std::printf("\n|---|--:|");
  for (std::size_t i = 0; i < std::size(contestants); ++i) std::printf("--:|");
  double logarithms = 0;
  for (const Problem& p : problems) {
    const std::vector<double> shares = shares_of_peak(p, workspace);
    std::printf("\n| %s | %.1f |", p.name.c_str(), p.flops() / 1e6);
    for (const double share : shares)
      std::isnan(share) ? std::printf(" - |") : std::printf(" %.1f |", 100 * share);
    std::fflush(stdout);
    double best = 0;
    for (std::size_t i = 2; i < shares.size(); ++i) best = std::fmax(best, shares[i]);
    logarithms += std::log(shares[0] / best);
  }
  std::printf("\n| tconv layer / best peer, geometric mean | | %.2f |",
              std::exp(logarithms / static_cast<double>(problems.size())));
  for (std::size_t i = 1; i < std::size(contestants); ++i) std::printf(" |");
  std::printf("\n");
}

}  // namespace

int main(int argc, char** argv) {
  int threads = 1;
  bool table = false, conv = false, channels_last = false;
  const auto is_ours = [&](const char* argument) {
    if (std::strcmp(argument, "--table") == 0) return table = true;
    if (std::strcmp(argument, "--conv") == 0) return conv = true;
    if (std::strcmp(argument, "--channels-last") == 0) return channels_last = true;
    if (std::strncmp(argument, "--threads=", 10) != 0) return false;
    threads = std::max(1, std::atoi(argument + 10));
    return true;
  };
  argc = static_cast<int>(std::remove_if(argv + 1, argv + argc, is_ours) - argv);
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 1;
#ifdef HAS_DNNL
  onednn::set_threads(threads);
#endif
  Eigen::ThreadPool pool(threads);
  const Eigen::ThreadPoolDevice device(&pool, threads);
  tconv::Workspace workspace = threads > 1 ? tconv::Workspace(device) : tconv::Workspace();
  auto problems = conv ? read_problems(CONV_LAYERS, true) : read_problems(LAYERS);
  for (Problem& p : problems) p.channels_last = channels_last;
  if (table) {
    print_table(problems, workspace);
    return 0;
  }
  for (const Problem& p : problems) add_benchmarks(p, workspace);
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}
