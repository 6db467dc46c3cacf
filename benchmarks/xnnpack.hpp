#pragma once

/// \file
/// XNNPACK's transposed convolution, which it calls deconvolution: one and two axes, channels last.

#include <pthreadpool.h>
#include <xnnpack.h>

#include <memory>
#include <vector>

#include "problem.hpp"

namespace xnnpack {

/// The layer with the library's threads. Each call converts images with channels first to and from
/// channels last.
class Layer {
 public:
  /// The arrays `x` and `y` stay the caller's. An `x` with channels last is copied here, as the
  /// library reads beyond its end.
  /// \throws std::runtime_error if XNNPACK does not support the layer or this processor
  Layer(const Problem& p, const float* x, const float* weight, const float* bias, float* y,
        int threads);

  void run();

 private:
  struct Delete {
    void operator()(xnn_operator* layer) const { xnn_delete_operator(layer); }
    void operator()(pthreadpool* pool) const { pthreadpool_destroy(pool); }
  };

  Problem problem_;
  const float* x_;
  float* y_;
  std::vector<float> own_x_, own_y_;
  std::unique_ptr<pthreadpool, Delete> pool_;
  std::unique_ptr<xnn_operator, Delete> layer_;
};

}  // namespace xnnpack
