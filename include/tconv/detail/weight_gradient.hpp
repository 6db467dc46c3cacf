#pragma once

/// \file
/// The weight gradient behind its front doors: its definition, and the way to the engine.

#include <algorithm>
#include <functional>
#include <numeric>
#include <vector>

#include "tconv/detail/production.hpp"
#include "tconv/engine/dot_gradient.hpp"
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

/// Both ways to compute a weight gradient, and which one is faster.
struct GradientPlans {
  engine::GradientPlan panels;
  engine::DotPlan rows;
  bool by_rows;

  GradientPlans(const engine::GradientShape& shape, Index lanes, Index budget, int threads)
      : panels(shape, lanes, budget, threads),
        rows(shape, lanes),
        by_rows(rows.is_small() && 1.3 * rows.cycles() < panels.cycles()) {}
};

/// The plans of a geometry, made once for each workspace.
template <class Scalar, int R>
const GradientPlans& find_gradient_plans(Workspace& workspace, const Geometry<R>& geometry,
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
  return workspace.plan<GradientPlans>(key, [&] {
    return std::make_shared<GradientPlans>(shape, Packet<Scalar>::size,
                                           engine::scratch_budget<Scalar>(), workspace.threads());
  });
}

/// The gradient of the weight, whichever side is the operator's input. The engine multiplies some
/// elements with zeros that are no term of the sum. What is not finite then makes a NaN, so that a
/// finite result is right, and any other is computed again by the definition.
template <int layout, int R, class Scalar>
void weight_gradient(Workspace& workspace, const Geometry<R>& geometry,
                     const TensorView<const Scalar, R + 2>& coarse,
                     const TensorView<const Scalar, R + 2>& fine,
                     const TensorView<Scalar, R + 2>& grad_weight) {
  if constexpr (EngineScalar<Scalar>) {
    if (geometry.batch() > 0 && engine_counts(geometry)) {
      const GradientPlans& plans = find_gradient_plans<Scalar>(workspace, geometry, layout);
      const engine::Image<const Scalar> coarse_image = engine_image<R>(coarse, layout);
      const engine::Image<const Scalar> fine_image = engine_image<R>(fine, layout);
      const engine::GradientTarget<Scalar> target{
          grad_weight.data, grad_weight.strides[0], grad_weight.strides[1],
          engine_strides<R>(grad_weight, layout),
          geometry.coarse_channels() / geometry.groups() * grad_weight.strides[0]};
      if (!plans.panels.all_taps())
        for_each_row_major(grad_weight, [](Scalar& value) { value = Scalar(0); });
      const bool finite =
          plans.by_rows
              ? engine::dot_gradient(plans.rows, coarse_image, fine_image, target, workspace)
              : engine::weight_gradient(plans.panels, coarse_image, fine_image, target, workspace);
      if (finite) return;
    }
  }
  weight_gradient_loops(geometry, coarse, fine, grad_weight);
}

}  // namespace tconv::detail
