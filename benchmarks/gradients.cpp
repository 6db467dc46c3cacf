// The gradients of transposed convolutions on the layers of real networks, beside the layer itself
// and beside oneDNN where it is installed: with tensors in its own formats (`onednn_native`), and
// with those of tconv, reordered (`onednn`). To compare, let them take turns:
//
//   gradients --benchmark_enable_random_interleaving=true --benchmark_repetitions=3

#include <benchmark/benchmark.h>

#include <tconv/conv_transpose.hpp>
#include <tconv/gradients.hpp>

#include "problem.hpp"
#ifdef HAS_DNNL
#include "onednn.hpp"
#endif

namespace {

using tconv::Index;

template <int R>
struct Arguments {
  using Tensor = Eigen::Tensor<float, R + 2, Eigen::RowMajor>;
  Tensor x, weight, grad_y;
  std::array<Index, R> kernel{};
  tconv::ConvOptions<R> options;

  explicit Arguments(const Problem& p)
      : x(shape_of<R>(p.batch, p.in_channels, p.in)),
        weight(shape_of<R>(p.in_channels, p.out_channels / p.groups, p.kernel)),
        options(options_of<R>(p)) {
    std::copy_n(p.kernel.begin(), R, kernel.begin());
    x.setRandom();
    weight.setRandom();
    grad_y = tconv::conv_transpose(x, weight, options);
  }
};

template <class F>
void measure(benchmark::State& state, const Problem& p, const F& f) {
  using benchmark::Counter;
  const double peak = probe_peak();
  for (auto _ : state) f();
  const auto rate = Counter::kIsIterationInvariantRate;
  state.counters["FLOP/s"] = Counter(p.flops(), rate);
  state.counters["of_peak"] = Counter(p.flops() / peak, rate);
}

template <int R>
void add(const Problem& p) {
  const auto bench = [&](const char* name, const auto& make) {
    benchmark::RegisterBenchmark((p.name + "/" + name).c_str(), [p, make](benchmark::State& state) {
      make(state);
    })->Unit(benchmark::kMicrosecond);
  };
  bench("forward", [p](benchmark::State& state) {
    const Arguments<R> a(p);
    tconv::Workspace workspace;
    measure(state, p, [&] {
      auto y = tconv::conv_transpose(workspace, a.x, a.weight, a.options);
      benchmark::DoNotOptimize(y.data());
    });
  });
  bench("input_grad", [p](benchmark::State& state) {
    const Arguments<R> a(p);
    tconv::Workspace workspace;
    measure(state, p, [&] {
      auto grad = tconv::conv_transpose_input_grad(workspace, a.weight, a.grad_y, a.options);
      benchmark::DoNotOptimize(grad.data());
    });
  });
  bench("weight_grad", [p](benchmark::State& state) {
    const Arguments<R> a(p);
    tconv::Workspace workspace;
    measure(state, p, [&] {
      auto grad = tconv::conv_transpose_weight_grad(workspace, a.x, a.grad_y, a.kernel, a.options);
      benchmark::DoNotOptimize(grad.data());
    });
  });
#ifdef HAS_DNNL
  bench("weight_grad_onednn", [p](benchmark::State& state) {
    onednn::WeightGradient gradient(p);
    measure(state, p, [&] { gradient.run(); });
  });
  bench("weight_grad_onednn_native", [p](benchmark::State& state) {
    onednn::WeightGradient gradient(p);
    measure(state, p, [&] { gradient.run_native(); });
  });
#endif
}

}  // namespace

int main(int argc, char** argv) {
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 1;
#ifdef HAS_DNNL
  onednn::set_threads(1);
#endif
  for (const Problem& p : read_problems(LAYERS)) {
    if (p.axes == 1) add<1>(p);
    if (p.axes == 2) add<2>(p);
    if (p.axes == 3) add<3>(p);
  }
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}
