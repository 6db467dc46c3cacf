#include "onednn.hpp"

#include <dlfcn.h>

#include <algorithm>
#include <chrono>
#include <limits>

namespace onednn {

namespace {

using dnnl::memory;
using Convolution = dnnl::convolution_forward;
using Deconvolution = dnnl::deconvolution_forward;
using Backward = dnnl::deconvolution_backward_weights;

constexpr auto f32 = memory::data_type::f32;
constexpr auto any = memory::format_tag::any;
constexpr auto method = dnnl::algorithm::deconvolution_direct;

template <class Forward>
constexpr auto method_of = dnnl::algorithm::deconvolution_direct;
template <>
constexpr auto method_of<Convolution> = dnnl::algorithm::convolution_auto;

memory::desc plain(const memory::dims& dims) {
  memory::dims strides(dims.size(), 1);
  for (std::size_t a = dims.size() - 1; a-- > 0;) strides[a] = strides[a + 1] * dims[a + 1];
  return {dims, f32, strides};
}

memory::desc channels_last(const memory::dims& dims) {
  memory::dims strides(dims.size(), 1);
  memory::dim step = dims[1];
  for (std::size_t a = dims.size(); a-- > 2; step *= dims[a]) strides[a] = step;
  strides[0] = step;
  return {dims, f32, strides};
}

template <class Forward>
typename Forward::primitive_desc describe(const dnnl::engine& engine, dnnl::prop_kind purpose,
                                          const Geometry& g, const memory::desc& x,
                                          const memory::desc& bias, const memory::desc& y) {
  const memory::desc weight(g.weight, f32, any);
#if DNNL_VERSION_MAJOR >= 3
  return {engine, purpose,  method_of<Forward>, x,        weight, bias,
          y,      g.stride, g.dilation,         g.before, g.after};
#else
  return {
      {purpose, method_of<Forward>, x, weight, bias, y, g.stride, g.dilation, g.before, g.after},
      engine};
#endif
}

Backward::primitive_desc describe_gradient(const dnnl::engine& engine, const Geometry& g) {
  const memory::desc x(g.x, f32, any), weight(g.weight, f32, any), y(g.y, f32, any);
  const auto forward =
      describe<Deconvolution>(engine, dnnl::prop_kind::forward_training, g, x, memory::desc(), y);
#if DNNL_VERSION_MAJOR >= 3
  return {engine, method, x, weight, y, g.stride, g.dilation, g.before, g.after, forward};
#else
  return {{method, x, weight, y, g.stride, g.dilation, g.before, g.after}, engine, forward};
#endif
}

void fill(const memory& memory) {
  auto* data = static_cast<float*>(memory.get_data_handle());
  const std::size_t size = memory.get_desc().get_size() / sizeof(float);
  for (std::size_t i = 0; i < size; ++i) data[i] = static_cast<float>(i % 17) / 8.0f - 1.0f;
}

}  // namespace

void set_threads(int threads) {
  // Of the OpenMP that oneDNN has loaded, whichever that is. Its variables would come too late.
  using SetThreads = void (*)(int);
  if (void* found = dlsym(RTLD_DEFAULT, "omp_set_num_threads"))
    reinterpret_cast<SetThreads>(found)(threads);
}

Geometry::Geometry(const Problem& p) : x{p.batch, p.in_channels}, y{p.batch, p.out_channels} {
  Eigen::Index taps = p.kernel[0] * p.kernel[1] * p.kernel[2];
  const Eigen::Index c = p.in_channels / p.groups, m = p.out_channels / p.groups;
  // Its weight is (groups, out, in, taps), ours of a transposed convolution (groups, in, out,
  // taps).
  const Eigen::Index m_step = p.gathers ? c * taps : taps, c_step = p.gathers ? taps : m * taps;
  if (p.groups > 1) {
    weight = {p.groups, m, c};
    weight_strides = {c * m * taps, m_step, c_step};
  } else {
    weight = {m, c};
    weight_strides = {m_step, c_step};
  }
  const auto out = p.out();
  for (std::size_t a = 0; a < static_cast<std::size_t>(p.axes); ++a) {
    x.push_back(p.in[a]);
    y.push_back(out[a]);
    weight.push_back(p.kernel[a]);
    taps /= p.kernel[a];
    weight_strides.push_back(taps);
    stride.push_back(p.stride[a]);
    dilation.push_back(p.dilation[a] - 1);
    before.push_back(p.padding[a]);
    after.push_back(p.padding[a] - p.output_padding[a]);
  }
}

Layer::Layer(const Problem& p, float* x, float* weight, float* bias, float* y)
    : engine_(dnnl::engine::kind::cpu, 0), stream_(engine_) {
  const Geometry g(p);
  const auto image = p.channels_last ? channels_last : plain;
  x_ = memory(image(g.x), engine_, x);
  weight_ = memory({g.weight, f32, g.weight_strides}, engine_, weight);
  bias_ = memory(plain({p.out_channels}), engine_, bias);
  y_ = memory(image(g.y), engine_, y);
  const std::array<std::array<memory::desc, 2>, 3> formats{
      {{memory::desc(g.x, f32, any), memory::desc(g.y, f32, any)},
       {channels_last(g.x), channels_last(g.y)},
       {plain(g.x), plain(g.y)}}};
  auto best = std::chrono::nanoseconds::max();
  for (const auto& [x_format, y_format] : formats) try {
      const Plan plan = p.gathers ? make_plan<Convolution>(g, x_format, y_format)
                                  : make_plan<Deconvolution>(g, x_format, y_format);
      auto time = std::chrono::nanoseconds::max();
      for (int repetition = 0; repetition < 5; ++repetition) {
        const auto start = std::chrono::steady_clock::now();
        run(plan);
        time = std::min<std::chrono::nanoseconds>(time, std::chrono::steady_clock::now() - start);
      }
      if (time < best) {
        best = time;
        plan_ = plan;
      }
    } catch (const dnnl::error& error) {
      if (error.status != dnnl_unimplemented) throw;
    }
  if (!plan_.primitive)
    throw dnnl::error(dnnl_unimplemented, "oneDNN has no implementation of this layer");
}

template <class Forward>
Layer::Plan Layer::make_plan(const Geometry& geometry, const memory::desc& x,
                             const memory::desc& y) {
  const auto description = describe<Forward>(engine_, dnnl::prop_kind::forward_inference, geometry,
                                             x, bias_.get_desc(), y);
  Plan plan;
  plan.primitive = Forward(description);
  plan.weight = memory(description.weights_desc(), engine_);
  dnnl::reorder(weight_, plan.weight).execute(stream_, weight_, plan.weight);
  stream_.wait();
  plan.x = x_;
  if (description.src_desc() != x_.get_desc()) {
    plan.x = memory(description.src_desc(), engine_);
    plan.in = dnnl::reorder(x_, plan.x);
  }
  plan.y = y_;
  if (description.dst_desc() != y_.get_desc()) {
    plan.y = memory(description.dst_desc(), engine_);
    plan.out = dnnl::reorder(plan.y, y_);
  }
  return plan;
}

void Layer::run(const Plan& plan) {
  if (plan.in) plan.in.execute(stream_, {{DNNL_ARG_FROM, x_}, {DNNL_ARG_TO, plan.x}});
  plan.primitive.execute(stream_, {{DNNL_ARG_SRC, plan.x},
                                   {DNNL_ARG_WEIGHTS, plan.weight},
                                   {DNNL_ARG_BIAS, bias_},
                                   {DNNL_ARG_DST, plan.y}});
  if (plan.out) plan.out.execute(stream_, {{DNNL_ARG_FROM, plan.y}, {DNNL_ARG_TO, y_}});
  stream_.wait();
}

WeightGradient::WeightGradient(const Problem& p)
    : engine_(dnnl::engine::kind::cpu, 0), stream_(engine_) {
  const Geometry g(p);
  const auto description = describe_gradient(engine_, g);
  primitive_ = Backward(description);
  own_ = {memory(description.src_desc(), engine_), memory(description.diff_dst_desc(), engine_),
          memory(description.diff_weights_desc(), engine_)};
  user_ = {memory(plain(g.x), engine_), memory(plain(g.y), engine_),
           memory({g.weight, f32, g.weight_strides}, engine_)};
  for (const auto& argument : user_) fill(argument);
  in_x_ = dnnl::reorder(user_[0], own_[0]);
  in_y_ = dnnl::reorder(user_[1], own_[1]);
  out_weight_ = dnnl::reorder(own_[2], user_[2]);
  run();
}

void WeightGradient::run_native() {
  primitive_.execute(
      stream_,
      {{DNNL_ARG_SRC, own_[0]}, {DNNL_ARG_DIFF_DST, own_[1]}, {DNNL_ARG_DIFF_WEIGHTS, own_[2]}});
  stream_.wait();
}

void WeightGradient::run() {
  in_x_.execute(stream_, user_[0], own_[0]);
  in_y_.execute(stream_, user_[1], own_[1]);
  run_native();
  out_weight_.execute(stream_, own_[2], user_[2]);
  stream_.wait();
}

}  // namespace onednn
