// tconv as a layer and as a free function, and what a user would write with Eigen instead (matrix
// product and col2im), on the layers of real networks. Everything a call costs its user is inside:
// packing and allocation too, where the call does them.
//
//   layers [--threads=N] [Google Benchmark's options]

#define EIGEN_USE_THREADS

#include <benchmark/benchmark.h>

#include <cstring>
#include <tconv/tconv.hpp>

#include "problem.hpp"

namespace {

using tconv::Index;

template <int rank>
using Tensor = Eigen::Tensor<float, rank, Eigen::RowMajor>;

template <int R>
struct Layer {
  Tensor<R + 2> x, weight;
  Tensor<1> bias;
  tconv::ConvOptions<R> options;

  explicit Layer(const Problem& p) : bias(p.out_channels) {
    tconv::Extents<R + 2> x_shape{p.batch, p.in_channels};
    tconv::Extents<R + 2> w_shape{p.in_channels, p.out_channels / p.groups};
    for (std::size_t a = 0; a < R; ++a) {
      x_shape[a + 2] = p.in[a];
      w_shape[a + 2] = p.kernel[a];
      options.stride[a] = p.stride[a];
      options.padding[a] = p.padding[a];
      options.output_padding[a] = p.output_padding[a];
      options.dilation[a] = p.dilation[a];
    }
    options.groups = p.groups;
    x.resize(x_shape);
    weight.resize(w_shape);
    x.setRandom();
    weight.setRandom();
    bias.setRandom();
  }
};

void report(benchmark::State& state, const Problem& p, double peak) {
  using benchmark::Counter;
  const auto rate = Counter::kIsIterationInvariantRate;
  state.counters["FLOP/s"] = Counter(p.flops(), rate);
  state.counters["of_peak"] = Counter(p.flops() / peak, rate);
  state.counters["B/s"] = Counter(p.bytes(), rate);
}

template <int R>
void run_layer(benchmark::State& state, const Problem& p, tconv::Workspace& workspace) {
  const double peak = probe_peak() * workspace.threads();
  const Layer<R> layer(p);
  const tconv::ConvTranspose up(layer.weight, layer.bias, layer.options);
  Tensor<R + 2> y(up.output_dimensions(layer.x.dimensions()));
  for (auto _ : state) {
    up.run(layer.x, y, workspace);
    benchmark::ClobberMemory();
  }
  report(state, p, peak);
}

template <int R>
void run_free(benchmark::State& state, const Problem& p, tconv::Workspace& workspace) {
  const double peak = probe_peak() * workspace.threads();
  const Layer<R> layer(p);
  for (auto _ : state) {
    auto y = tconv::conv_transpose(workspace, layer.x, layer.weight, layer.bias, layer.options);
    benchmark::DoNotOptimize(y.data());
  }
  report(state, p, peak);
}

/// Eigen's matrix product into a column buffer, and its columns added to the output.
void run_gemm(benchmark::State& state, const Problem& p) {
  using Matrix = Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
  const double peak = probe_peak();
  const Index in = p.in[0] * p.in[1] * p.in[2], taps = p.kernel[0] * p.kernel[1] * p.kernel[2];
  const auto out = p.out();
  const Index c_group = p.in_channels / p.groups, m_group = p.out_channels / p.groups;
  const Matrix x = Matrix::Random(p.batch * p.in_channels, in);
  const Matrix weight = Matrix::Random(p.in_channels, m_group * taps);
  const Eigen::VectorXf bias = Eigen::VectorXf::Random(p.out_channels);
  Matrix y(p.batch * p.out_channels, out[0] * out[1] * out[2]), columns(m_group * taps, in);
  for (auto _ : state) {
    for (Index n = 0; n < p.batch; ++n)
      for (Index g = 0; g < p.groups; ++g) {
        columns.noalias() = weight.middleRows(g * c_group, c_group).transpose() *
                            x.middleRows(n * p.in_channels + g * c_group, c_group);
        for (Index m = 0; m < m_group; ++m) {
          auto plane = y.row(n * p.out_channels + g * m_group + m);
          plane.setConstant(bias[g * m_group + m]);
          const float* from = columns.row(m * taps).data();
          for (Index k0 = 0; k0 < p.kernel[0]; ++k0)
            for (Index k1 = 0; k1 < p.kernel[1]; ++k1)
              for (Index k2 = 0; k2 < p.kernel[2]; ++k2, from += in)
                for (Index i0 = 0; i0 < p.in[0]; ++i0)
                  for (Index i1 = 0; i1 < p.in[1]; ++i1) {
                    const Index o0 = i0 * p.stride[0] + k0 * p.dilation[0] - p.padding[0];
                    const Index o1 = i1 * p.stride[1] + k1 * p.dilation[1] - p.padding[1];
                    if (o0 < 0 || o0 >= out[0] || o1 < 0 || o1 >= out[1]) continue;
                    float* row = plane.data() + (o0 * out[1] + o1) * out[2];
                    const float* column = from + (i0 * p.in[1] + i1) * p.in[2];
                    for (Index i2 = 0; i2 < p.in[2]; ++i2) {
                      const Index o2 = i2 * p.stride[2] + k2 * p.dilation[2] - p.padding[2];
                      if (0 <= o2 && o2 < out[2]) row[o2] += column[i2];
                    }
                  }
        }
      }
    benchmark::ClobberMemory();
  }
  report(state, p, peak);
}

template <int R>
void add(const Problem& p, tconv::Workspace& workspace) {
  const auto time = [](benchmark::internal::Benchmark* b) {
    b->UseRealTime()->Unit(benchmark::kMicrosecond);
  };
  time(benchmark::RegisterBenchmark((p.name + "/layer").c_str(), [&, p](benchmark::State& state) {
    run_layer<R>(state, p, workspace);
  }));
  time(benchmark::RegisterBenchmark((p.name + "/free").c_str(), [&, p](benchmark::State& state) {
    run_free<R>(state, p, workspace);
  }));
  if (workspace.threads() == 1)
    time(benchmark::RegisterBenchmark((p.name + "/eigen_gemm_col2im").c_str(),
                                      [p](benchmark::State& state) { run_gemm(state, p); }));
}

}  // namespace

int main(int argc, char** argv) {
  int threads = 1;
  for (int i = 1; i < argc; ++i)
    if (std::strncmp(argv[i], "--threads=", 10) == 0) {
      threads = std::max(1, std::atoi(argv[i] + 10));
      std::rotate(argv + i, argv + i + 1, argv + argc--);
    }
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 1;
  Eigen::ThreadPool pool(threads);
  const Eigen::ThreadPoolDevice device(&pool, threads);
  tconv::Workspace workspace = threads > 1 ? tconv::Workspace(device) : tconv::Workspace();
  for (const Problem& p : read_problems(LAYERS)) {
    if (p.axes == 1) add<1>(p, workspace);
    if (p.axes == 2) add<2>(p, workspace);
    if (p.axes == 3) add<3>(p, workspace);
  }
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}
