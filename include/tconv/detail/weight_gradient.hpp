#pragma once

/// \file
/// The gradients behind their front doors: the definition of the weight's and the bias's, and the
/// way to the engine.

#include <algorithm>
#include <functional>
#include <numeric>
#include <vector>

#include "tconv/detail/production.hpp"
#include "tconv/engine/weight_gradient.hpp"

namespace tconv::detail {

/// The definition: every product of a coarse and a fine element is a term of the tap at which they
/// meet. The weight's axes are `(coarse channel, fine channel of the group, kernel...)`.
template <int R, class Scalar>
void weight_gradient_loops(const Geometry<R>& geometry,
                           const TensorView<const Scalar, R + 2>& coarse,
                           const TensorView<const Scalar, R + 2>& fine,
                           const TensorView<Scalar, R + 2>& grad_weight) {
  using Sum = Accumulator<Scalar>;
  Extents<R> kernel{};
  std::copy(grad_weight.extents.begin() + 2, grad_weight.extents.end(), kernel.begin());
  const auto strides = dense_strides(kernel, Eigen::RowMajor);
  std::vector<Sum> sums(static_cast<std::size_t>(
      std::accumulate(kernel.begin(), kernel.end(), Index{1}, std::multiplies<>())));
  const Index coarse_per_group = geometry.coarse_channels() / geometry.groups();
  const Index fine_per_group = geometry.fine_channels() / geometry.groups();
  for (Index c = 0; c < geometry.coarse_channels(); ++c)
    for (Index m = 0; m < fine_per_group; ++m) {
      const Index fine_channel = c / coarse_per_group * fine_per_group + m;
      std::fill(sums.begin(), sums.end(), Sum(0));
      for (Index n = 0; n < geometry.batch(); ++n)
        for_each_meeting<R>(geometry.axes(), [&](const auto& i, const auto& k, const auto& o) {
          const Index tap = std::inner_product(k.begin(), k.end(), strides.begin(), Index{0});
          sums[static_cast<std::size_t>(tap)] +=
              static_cast<Sum>(coarse(n, c, i)) * static_cast<Sum>(fine(n, fine_channel, o));
        });
      TensorView<Scalar, R + 2> taps = grad_weight;
      taps.data += c * taps.strides[0] + m * taps.strides[1];
      taps.extents[0] = taps.extents[1] = 1;
      auto sum = sums.begin();
      for_each_row_major(taps, [&](Scalar& value) { value = static_cast<Scalar>(*sum++); });
    }
}

/// Whether the zeros around the fine side are multiplied with numbers only.
template <class Scalar, int R>
bool padding_is_harmless(const std::array<Axis, static_cast<std::size_t>(R)>& axes,
                         const TensorView<const Scalar, R + 2>& coarse) {
  if (std::none_of(axes.begin(), axes.end(), engine::reaches_padding)) return true;
  Index size = 1;
  for (const Index extent : coarse.extents) size *= extent;
  return all_finite(coarse.data, size);
}

/// The plan of a geometry, made once for each workspace.
template <class Scalar, int R>
const engine::GradientPlan& find_gradient_plan(Workspace& workspace, const Geometry<R>& geometry,
                                               int layout) {
  const engine::GradientShape shape{geometry.batch(), geometry.groups(),
                                    geometry.coarse_channels() / geometry.groups(),
                                    geometry.fine_channels() / geometry.groups(),
                                    engine_order<R>(geometry.axes(), layout, Axis{})};
  // A length that no other key has.
  std::array<Index, 25> key{Packet<Scalar>::size, sizeof(Scalar), workspace.threads(),
                            shape.batch,          shape.groups,   shape.coarse_channels,
                            shape.fine_channels};
  std::size_t next = 7;
  for (const Axis& axis : shape.axes)
    for (const Index value :
         {axis.coarse, axis.fine, axis.kernel, axis.stride, axis.dilation, axis.before})
      key[next++] = value;
  return workspace.plan<engine::GradientPlan>(key, [&] {
    return std::make_shared<engine::GradientPlan>(
        shape, Packet<Scalar>::size, engine::scratch_budget<Scalar>(), workspace.threads());
  });
}

/// The gradient of the weight, whichever side is the operator's input.
template <int layout, int R, class Scalar>
void weight_gradient(Workspace& workspace, const Geometry<R>& geometry,
                     const TensorView<const Scalar, R + 2>& coarse,
                     const TensorView<const Scalar, R + 2>& fine,
                     const TensorView<Scalar, R + 2>& grad_weight) {
  if constexpr (EngineScalar<Scalar>) {
    if (geometry.batch() > 0 && engine_counts(geometry) &&
        padding_is_harmless<Scalar, R>(geometry.axes(), coarse)) {
      const Index groups = geometry.groups();
      const engine::GradientPlan& plan = find_gradient_plan<Scalar>(workspace, geometry, layout);
      if (!plan.all_taps())
        for_each_row_major(grad_weight, [](Scalar& value) { value = Scalar(0); });
      engine::weight_gradient(plan, engine_image<R>(coarse, layout), engine_image<R>(fine, layout),
                              engine::GradientTarget<Scalar>{
                                  grad_weight.data, grad_weight.strides[0], grad_weight.strides[1],
                                  engine_strides<R>(grad_weight, layout),
                                  geometry.coarse_channels() / groups * grad_weight.strides[0]},
                              workspace);
      return;
    }
  }
  weight_gradient_loops(geometry, coarse, fine, grad_weight);
}

/// Sums of one channel each. Rows of a plane are summed apart, in several sums each, which keeps
/// the rounding errors of large images small.
template <int R, class Scalar>
void bias_gradient(Workspace& workspace, const TensorView<const Scalar, R + 2>& grad_y,
                   Scalar* grad_bias) {
  using Sum = Accumulator<Scalar>;
  constexpr Index ways = 32;
  const Index channels = grad_y.extents[1];
  // The densest axis goes inside.
  std::array<std::size_t, static_cast<std::size_t>(R) + 1> order{0};
  for (std::size_t a = 1; a < order.size(); ++a) order[a] = a + 1;
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
    return grad_y.strides[a] > grad_y.strides[b];
  });
  workspace.parallel_for(
      channels, static_cast<int>(std::min<Index>(workspace.threads(), channels)),
      [&](Index m, int) {
        const auto sum_axis = [&](const auto& self, std::size_t a, const Scalar* from) -> Sum {
          const Index extent = grad_y.extents[order[a]], stride = grad_y.strides[order[a]];
          Sum total(0);
          if (a + 1 < order.size()) {
            for (Index i = 0; i < extent; ++i) total = total + self(self, a + 1, from + i * stride);
            return total;
          }
          std::array<Sum, static_cast<std::size_t>(ways)> sums;
          sums.fill(Sum(0));
          Index i = 0;
          for (; i + ways <= extent; i += ways)
            for (Index j = 0; j < ways; ++j)
              sums[static_cast<std::size_t>(j)] += static_cast<Sum>(from[(i + j) * stride]);
          for (; i < extent; ++i) total = total + static_cast<Sum>(from[i * stride]);
          for (const Sum& sum : sums) total = total + sum;
          return total;
        };
        grad_bias[m] =
            static_cast<Scalar>(sum_axis(sum_axis, 0, grad_y.data + m * grad_y.strides[1]));
      });
}

}  // namespace tconv::detail
