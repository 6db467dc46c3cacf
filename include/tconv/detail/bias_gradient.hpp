#pragma once

/// \file
/// The gradient of the bias: sums over batch and positions. Rows are summed apart, which keeps the
/// rounding errors of large images small.

#include <algorithm>
#include <array>
#include <cstddef>
#include <functional>
#include <utility>

#include "tconv/detail/accumulator.hpp"
#include "tconv/tensor.hpp"
#include "tconv/workspace.hpp"

namespace tconv::detail {

/// Batch and spatial axes, outermost in memory first; axes without a gap between them are one.
template <int R>
struct SumAxes {
  static constexpr std::size_t most = static_cast<std::size_t>(R) + 1;
  std::array<std::pair<Index, Index>, most> axes{};  // stride and extent
  std::size_t count = 0;

  template <class T>
  explicit SumAxes(const TensorView<T, R + 2>& view) {
    std::array<std::pair<Index, Index>, most> all{};
    all[0] = {view.strides[0], view.extents[0]};
    for (std::size_t a = 1; a < most; ++a) all[a] = {view.strides[a + 1], view.extents[a + 1]};
    std::sort(all.begin(), all.end(), std::greater<>());
    for (const auto& [stride, extent] : all) {
      if (extent == 1) continue;
      if (count > 0 && axes[count - 1].first == stride * extent)
        axes[count - 1] = {stride, extent * axes[count - 1].second};
      else
        axes[count++] = {stride, extent};
    }
    if (count == 0) axes[count++] = {1, 1};
  }

  /// Calls `f(first, stride, extent)` for every row.
  template <class T, class F>
  void for_each_row(const T* first, const F& f, std::size_t axis = 0) const {
    const auto [stride, extent] = axes[axis];
    if (axis + 1 == count) {
      f(first, stride, extent);
      return;
    }
    for (Index i = 0; i < extent; ++i) for_each_row(first + i * stride, f, axis + 1);
  }
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
template <class Sum, int R, class Scalar>
void sum_dense_channels(const SumAxes<R>& axes, const Scalar* from, Index count, Scalar* result) {
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

template <int R, class Scalar>
void bias_gradient(Workspace& workspace, const TensorView<const Scalar, R + 2>& grad_y,
                   Scalar* grad_bias) {
  using Sum = Accumulator<Scalar>;
  const SumAxes<R> axes(grad_y);
  const Index channels = grad_y.extents[1];
  if (grad_y.extents[0] == 0) {
    std::fill_n(grad_bias, channels, Scalar(0));
    return;
  }
  const bool dense = grad_y.strides[1] == 1 && channels > 1;
  const Index width = dense ? channels_together : 1;
  const Index tasks = (channels + width - 1) / width;
  const int workers = static_cast<int>(std::min<Index>(workspace.threads(), tasks));
  workspace.parallel_for(tasks, workers, [&](Index task, int) {
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

}  // namespace tconv::detail
