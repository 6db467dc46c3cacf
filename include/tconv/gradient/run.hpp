#pragma once

/// \file
/// What lies behind the entrance to weight gradients: the choice between panels, dot products
/// and lanes of channels.

#include <array>
#include <cstddef>
#include <memory>

#include "tconv/core/axis.hpp"
#include "tconv/core/eigen.hpp"
#include "tconv/core/isa.hpp"
#include "tconv/core/view.hpp"
#include "tconv/gradient/depthwise.hpp"
#include "tconv/gradient/dots/plan.hpp"
#include "tconv/gradient/dots/run.hpp"
#include "tconv/gradient/entrance.hpp"
#include "tconv/gradient/nonfinite.hpp"
#include "tconv/gradient/panels/plan.hpp"
#include "tconv/gradient/panels/run.hpp"
#include "tconv/gradient/target.hpp"
#include "tconv/runtime/caches.hpp"
#include "tconv/runtime/execution.hpp"
#include "tconv/simd/packet.hpp"

namespace tconv::inline TCONV_ISA::gradient {

/// Both ways to compute a weight gradient, and which one is faster.
struct GradientPlans {
  GradientPlan panels;
  DotPlan rows;
  bool by_rows;

  GradientPlans(const ConvShape& shape, Index lanes, Index budget, int threads)
      : panels(shape, lanes, budget, threads),
        rows(shape, lanes),
        by_rows(rows.is_small() && 1.3 * rows.cycles() < panels.cycles()) {}
};

/// The plans of a shape, made once for each execution.
template <class Scalar>
const GradientPlans& find_gradient_plans(const ConvShape& shape, runtime::Execution& execution) {
  constexpr Index lanes = simd::Packet<Scalar>::size;
  return execution.plan<GradientPlans>(
      shape.key(std::array<Index, 3>{lanes, sizeof(Scalar), execution.threads()}), [&] {
        return std::make_shared<GradientPlans>(shape, lanes, runtime::scratch_budget<Scalar>(),
                                               execution.threads());
      });
}

/// The gradient that a call asks for.
template <class Scalar>
struct GradientCall {
  ConvShape shape;
  Image<const Scalar> coarse, fine;
  GradientTarget<Scalar> target;
};

/// Makes the batch the last axis where it is densest in memory, so that images have rows. Only two
/// axes at most may be in front of it, and short rows would be worse than none. Returns whether it
/// did.
template <class Scalar>
bool make_batch_an_axis(GradientCall<Scalar>& call) {
  ConvShape& shape = call.shape;
  if (shape.batch < 8 || call.coarse.batch_stride != 1 || call.fine.batch_stride != 1 ||
      shape.axes[0] != Axis{})
    return false;
  core::make_batch_an_axis(shape, call.coarse, call.fine);
  auto& taps = call.target.tap_strides;
  taps = {taps[1], taps[2], 0};
  return true;
}

template <class Scalar>
bool weight_gradient(const ConvShape& shape, const Image<const Scalar>& coarse,
                     const Image<const Scalar>& fine, const GradientTarget<Scalar>& target,
                     runtime::Execution& execution) {
  if (const DepthwiseGradient<Scalar> depthwise(shape, coarse, fine); depthwise.applies()) {
    depthwise.run(target, execution);
    return true;
  }
  if (GradientCall<Scalar> call{shape, coarse, fine, target}; make_batch_an_axis(call))
    return weight_gradient(call.shape, call.coarse, call.fine, call.target, execution);
  const GradientPlans& plans = find_gradient_plans<Scalar>(shape, execution);
  if (!plans.panels.all_taps()) {
    const auto& [z, y, x] = shape.axes;
    const auto& tap = target.tap_strides;
    for_each_row_major(
        TensorView<Scalar, 5>{
            target.data,
            {shape.coarse_channels, shape.fine_per_group(), z.kernel, y.kernel, x.kernel},
            {target.coarse_stride, target.fine_stride, tap[0], tap[1], tap[2]}},
        [](Scalar& value) { value = Scalar(0); });
  }
  return plans.by_rows ? dot_gradient(plans.rows, coarse, fine, target, execution)
                       : panel_gradient(plans.panels, coarse, fine, target, execution);
}

template <class Scalar>
bool nonfinite_weight_gradient(const ConvShape& shape, const Image<const Scalar>& coarse,
                               const Image<const Scalar>& fine,
                               const GradientTarget<Scalar>& target,
                               runtime::Execution& execution) {
  const auto& [z, y, x] = shape.axes;
  NonfiniteSide<Scalar> coarse_side{coarse, shape.coarse_channels, {z.coarse, y.coarse, x.coarse}};
  NonfiniteSide<Scalar> fine_side{fine, shape.fine_channels, {z.fine, y.fine, x.fine}};
  const Index coarse_size = coarse_side.size(shape.batch), fine_size = fine_side.size(shape.batch);
  auto* const memory = reinterpret_cast<Scalar*>(
      execution.image_scratch(static_cast<std::size_t>(coarse_size + fine_size) * sizeof(Scalar)));
  if (!weight_gradient(shape, coarse_side.copy_finite(coarse_size, memory),
                       fine_side.copy_finite(fine_size, memory + coarse_size), target, execution))
    return false;
  NonfiniteTerms<Scalar>(shape, coarse_side, fine_side, target).add(execution);
  return true;
}

}  // namespace tconv::inline TCONV_ISA::gradient
