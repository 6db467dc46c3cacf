#pragma once

/// \file
/// The gradient of the bias: sums over batch and positions. Rows are summed apart, which keeps the
/// rounding errors of large images small.

#include <algorithm>
#include <array>
#include <cstddef>

#include "tconv/core/accumulator.hpp"
#include "tconv/core/eigen.hpp"
#include "tconv/core/isa.hpp"
#include "tconv/core/view.hpp"
#include "tconv/runtime/execution.hpp"

namespace tconv::inline TCONV_ISA::gradient {

/// Batch and spatial axes, outermost in memory first; axes without a gap between them are one.
class SumAxes {
 public:
  template <class T, int rank>
  explicit SumAxes(const TensorView<T, rank>& view) {
    for (std::size_t a = 0; a < view.extents.size(); ++a)
      if (a != 1 && view.extents[a] > 1) insert({view.strides[a], view.extents[a]});
    std::size_t joined = 0;
    for (std::size_t a = 1; a < count_; ++a) {
      const Axis& inner = axes_[a];
      if (axes_[joined].stride == inner.stride * inner.extent)
        axes_[joined] = {inner.stride, inner.extent * axes_[joined].extent};
      else
        axes_[++joined] = inner;
    }
    count_ = joined + 1;
  }

  /// Calls `f(first, stride, extent)` for every row.
  template <class T, class F>
  void for_each_row(const T* first, const F& f) const {
    // The axes in front of the last, and as many of extent 1 as make three.
    std::array<Axis, 3> outer{};
    std::copy_n(axes_.begin(), count_ - 1, outer.begin());
    const Axis& row = axes_[count_ - 1];
    for (Index i = 0; i < outer[0].extent; ++i)
      for (Index j = 0; j < outer[1].extent; ++j)
        for (Index k = 0; k < outer[2].extent; ++k)
          f(first + i * outer[0].stride + j * outer[1].stride + k * outer[2].stride, row.stride,
            row.extent);
  }

 private:
  struct Axis {
    Index stride = 1, extent = 1;
  };

  /// In the order of descending strides.
  void insert(const Axis& axis) {
    std::size_t at = count_++;
    for (; at > 0 && axes_[at - 1].stride < axis.stride; --at) axes_[at] = axes_[at - 1];
    axes_[at] = axis;
  }

  std::array<Axis, 4> axes_{};
  std::size_t count_ = 0;
};

/// The sum of a row, in several sums at a time.
template <class Sum, class Scalar>
Sum sum_row(const Scalar* from, Index stride, Index extent) {
  constexpr Index ways = 32;
  std::array<Sum, static_cast<std::size_t>(ways)> sums;
  sums.fill(Sum(0));
  Index i = 0;
  if (stride == 1)
    for (; i + ways <= extent; i += ways)
      for (Index j = 0; j < ways; ++j)
        sums[static_cast<std::size_t>(j)] += static_cast<Sum>(from[i + j]);
  for (Index j = 0; i < extent; ++i, j = (j + 1) % ways)
    sums[static_cast<std::size_t>(j)] += static_cast<Sum>(from[i * stride]);
  Sum total(0);
  for (const Sum& sum : sums) total = total + sum;
  return total;
}

/// Channels that are dense in memory are read together, so many at a time.
inline constexpr Index channels_together = 64;

/// The sums of the first `count` of dense channels.
template <class Sum, class Scalar>
void sum_dense_channels(const SumAxes& axes, const Scalar* from, Index count, Scalar* result) {
  using Sums = std::array<Sum, static_cast<std::size_t>(channels_together)>;
  Sums totals;
  totals.fill(Sum(0));
  axes.for_each_row(from, [&](const Scalar* row, Index stride, Index extent) {
    // Short of a row where axes have been joined.
    constexpr Index at_once = 256;
    for (Index begin = 0; begin < extent; begin += at_once) {
      Sums sums;
      sums.fill(Sum(0));
      for (Index i = begin; i < std::min(begin + at_once, extent); ++i)
        for (Index c = 0; c < count; ++c)
          sums[static_cast<std::size_t>(c)] += static_cast<Sum>(row[i * stride + c]);
      for (std::size_t c = 0; c < totals.size(); ++c) totals[c] = totals[c] + sums[c];
    }
  });
  for (Index c = 0; c < count; ++c)
    result[c] = static_cast<Scalar>(totals[static_cast<std::size_t>(c)]);
}

template <int rank, class Scalar>
void bias_gradient(runtime::Execution& execution, const TensorView<const Scalar, rank>& grad_y,
                   Scalar* grad_bias) {
  using Sum = Accumulator<Scalar>;
  const SumAxes axes(grad_y);
  const Index channels = grad_y.extents[1];
  if (grad_y.extents[0] == 0) {
    std::fill_n(grad_bias, channels, Scalar(0));
    return;
  }
  const bool dense = grad_y.strides[1] == 1 && channels > 1;
  const Index width = dense ? channels_together : 1;
  const Index tasks = (channels + width - 1) / width;
  const int workers = static_cast<int>(std::min<Index>(execution.threads(), tasks));
  execution.parallel_for(tasks, workers, [&](Index task, int) {
    const Index first = task * width;
    const Scalar* const from = grad_y.data + first * grad_y.strides[1];
    if (dense) {
      sum_dense_channels<Sum>(axes, from, std::min(width, channels - first), grad_bias + first);
      return;
    }
    Sum total(0);
    axes.for_each_row(from, [&](const Scalar* row, Index stride, Index extent) {
      total = total + sum_row<Sum>(row, stride, extent);
    });
    grad_bias[first] = static_cast<Scalar>(total);
  });
}

}  // namespace tconv::inline TCONV_ISA::gradient
