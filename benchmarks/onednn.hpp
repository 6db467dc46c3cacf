#pragma once

/// \file
/// oneDNN's convolution and transposed convolution, which it calls deconvolution, and the gradient
/// of the weight of the second.

#include <array>
#include <dnnl.hpp>
#include <vector>

#include "problem.hpp"

namespace onednn {

/// How many threads all that follows uses, where oneDNN is built on OpenMP.
void set_threads(int threads);

/// A layer in oneDNN's terms.
struct Geometry {
  dnnl::memory::dims x, y, weight, weight_strides, stride, dilation, before, after;

  explicit Geometry(const Problem& p);
};

/// The layer from a problem's tensors to its tensors: in the fastest of the library's own formats,
/// channels last and plain, with the reorders that they need in every call but for the weight's.
class Layer {
 public:
  /// The arrays `x` and `y` stay the caller's.
  /// \throws dnnl::error
  Layer(const Problem& p, float* x, float* weight, float* bias, float* y);

  void run() { run(plan_); }

 private:
  struct Plan {
    dnnl::primitive primitive;
    dnnl::memory x, weight, y;
    dnnl::reorder in, out;  // empty where the format is plain
  };

  void run(const Plan& plan);
  template <class Forward>
  Plan make_plan(const Geometry& geometry, const dnnl::memory::desc& x,
                 const dnnl::memory::desc& y);

  dnnl::engine engine_;
  dnnl::stream stream_;
  dnnl::memory x_, weight_, bias_, y_;
  Plan plan_;
};

/// The weight's gradient, of tensors with some numbers in them.
class WeightGradient {
 public:
  /// \throws dnnl::error
  explicit WeightGradient(const Problem& p);

  /// In oneDNN's own formats.
  void run_native();
  /// In those of tconv, reordered.
  void run();

 private:
  dnnl::engine engine_;
  dnnl::stream stream_;
  dnnl::primitive primitive_;
  std::array<dnnl::memory, 3> own_, user_;
  dnnl::reorder in_x_, in_y_, out_weight_;
};

}  // namespace onednn
