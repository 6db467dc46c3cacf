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
#include <dnnl.hpp>
#endif

namespace {

using tconv::Index;

template <int R>
struct Arguments {
  using Tensor = Eigen::Tensor<float, R + 2, Eigen::RowMajor>;
  Tensor x, weight, grad_y;
  std::array<Index, R> kernel{};
  tconv::ConvOptions<R> options;

  explicit Arguments(const Problem& p) {
    tconv::Extents<R + 2> x_shape{p.batch, p.in_channels};
    tconv::Extents<R + 2> w_shape{p.in_channels, p.out_channels / p.groups};
    for (std::size_t a = 0; a < R; ++a) {
      x_shape[a + 2] = p.in[a];
      w_shape[a + 2] = kernel[a] = p.kernel[a];
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

#ifdef HAS_DNNL

/// oneDNN's weight gradient of a deconvolution.
class DnnlWeightGradient {
 public:
  explicit DnnlWeightGradient(const Problem& p)
      : engine_(dnnl::engine::kind::cpu, 0), stream_(engine_) {
    using dnnl::memory;
    using Dims = memory::dims;
    Dims x{p.batch, p.in_channels}, y{p.batch, p.out_channels}, w, w_strides, stride, dilation,
        before, after;
    Index taps = p.kernel[0] * p.kernel[1] * p.kernel[2];
    const Index c = p.in_channels / p.groups, m = p.out_channels / p.groups;
    // Its weight is (groups, out, in, taps), ours (groups, in, out, taps).
    if (p.groups > 1) {
      w = {p.groups, m, c};
      w_strides = {c * m * taps, taps, m * taps};
    } else {
      w = {m, c};
      w_strides = {taps, m * taps};
    }
    const auto out = p.out();
    for (std::size_t a = 0; a < static_cast<std::size_t>(p.axes); ++a) {
      x.push_back(p.in[a]);
      y.push_back(out[a]);
      w.push_back(p.kernel[a]);
      taps /= p.kernel[a];
      w_strides.push_back(taps);
      stride.push_back(p.stride[a]);
      dilation.push_back(p.dilation[a] - 1);
      before.push_back(p.padding[a]);
      after.push_back(p.padding[a] - p.output_padding[a]);
    }
    const auto f32 = memory::data_type::f32;
    const auto any = memory::format_tag::any;
    const memory::desc any_x(x, f32, any), any_y(y, f32, any), any_w(w, f32, any);
    using Forward = dnnl::deconvolution_forward;
    using Backward = dnnl::deconvolution_backward_weights;
    const auto method = dnnl::algorithm::deconvolution_direct;
#if DNNL_VERSION_MAJOR >= 3
    const Forward::primitive_desc forward(engine_, dnnl::prop_kind::forward_training, method, any_x,
                                          any_w, any_y, stride, dilation, before, after);
    const Backward::primitive_desc backward(engine_, method, any_x, any_w, any_y, stride, dilation,
                                            before, after, forward);
#else
    const Forward::primitive_desc forward(
        Forward::desc(dnnl::prop_kind::forward_training, method, any_x, any_w, any_y, stride,
                      dilation, before, after),
        engine_);
    const Backward::primitive_desc backward(
        Backward::desc(method, any_x, any_w, any_y, stride, dilation, before, after), engine_,
        forward);
#endif
    primitive_ = Backward(backward);
    own_ = {memory(backward.src_desc(), engine_), memory(backward.diff_dst_desc(), engine_),
            memory(backward.diff_weights_desc(), engine_)};
    user_ = {memory({x, f32, plain_strides(x)}, engine_),
             memory({y, f32, plain_strides(y)}, engine_), memory({w, f32, w_strides}, engine_)};
    for (auto& argument : user_) fill(argument);
    in_x_ = dnnl::reorder(user_[0], own_[0]);
    in_y_ = dnnl::reorder(user_[1], own_[1]);
    out_w_ = dnnl::reorder(own_[2], user_[2]);
    run();
  }

  void run_native() {
    primitive_.execute(
        stream_,
        {{DNNL_ARG_SRC, own_[0]}, {DNNL_ARG_DIFF_DST, own_[1]}, {DNNL_ARG_DIFF_WEIGHTS, own_[2]}});
    stream_.wait();
  }
  void run() {
    in_x_.execute(stream_, user_[0], own_[0]);
    in_y_.execute(stream_, user_[1], own_[1]);
    run_native();
    out_w_.execute(stream_, own_[2], user_[2]);
    stream_.wait();
  }

 private:
  static dnnl::memory::dims plain_strides(const dnnl::memory::dims& dims) {
    dnnl::memory::dims strides(dims.size(), 1);
    for (std::size_t a = dims.size() - 1; a-- > 0;) strides[a] = strides[a + 1] * dims[a + 1];
    return strides;
  }
  static void fill(dnnl::memory& memory) {
    auto* data = static_cast<float*>(memory.get_data_handle());
    const std::size_t size = memory.get_desc().get_size() / sizeof(float);
    for (std::size_t i = 0; i < size; ++i) data[i] = static_cast<float>(i % 17) / 8.0f - 1.0f;
  }

  dnnl::engine engine_;
  dnnl::stream stream_;
  dnnl::primitive primitive_;
  std::array<dnnl::memory, 3> own_, user_;
  dnnl::reorder in_x_, in_y_, out_w_;
};

#endif

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
    DnnlWeightGradient gradient(p);
    measure(state, p, [&] { gradient.run(); });
  });
  bench("weight_grad_onednn_native", [p](benchmark::State& state) {
    DnnlWeightGradient gradient(p);
    measure(state, p, [&] { gradient.run_native(); });
  });
#endif
}

}  // namespace

int main(int argc, char** argv) {
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 1;
  for (const Problem& p : read_problems(LAYERS)) {
    if (p.axes == 1) add<1>(p);
    if (p.axes == 2) add<2>(p);
    if (p.axes == 3) add<3>(p);
  }
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}
