#pragma once

/// \file
/// The way from `TensorView`s to weight gradients.

#include "tconv/core/accumulator.hpp"
#include "tconv/core/axis.hpp"
#include "tconv/core/isa.hpp"
#include "tconv/core/reference_loops.hpp"
#include "tconv/core/view.hpp"
#include "tconv/frontend/dispatch.hpp"
#include "tconv/geometry.hpp"
#include "tconv/gradient/entrance.hpp"
#include "tconv/workspace.hpp"

namespace tconv::inline TCONV_ISA::frontend {

/// The gradient of the weight of an operator, whose input is the coarse side if it scatters. A
/// result that is not finite is computed again by the definition.
template <Direction direction, int layout, int R, class Scalar>
void compute_weight_gradient(const Geometry<R>& geometry,
                             const TensorView<const Scalar, R + 2>& coarse,
                             const TensorView<const Scalar, R + 2>& fine,
                             const TensorView<Scalar, R + 2>& grad_weight, Workspace& workspace) {
  if constexpr (EngineScalar<Scalar>)
    if (geometry.batch() > 0 && engine_counts(geometry)) {
      const gradient::GradientTarget<Scalar> target{
          grad_weight.data, grad_weight.strides[0], grad_weight.strides[1],
          memory_strides<R>(grad_weight, layout),
          geometry.coarse_channels() / geometry.groups() * grad_weight.strides[0]};
      if (gradient::weight_gradient(shape_of<direction>(geometry, layout),
                                    image_of<R>(coarse, layout), image_of<R>(fine, layout), target,
                                    execution_of(workspace)))
        return;
    }
  weight_gradient_loops<R>(geometry.axes(), geometry.groups(), coarse, fine, grad_weight);
}

}  // namespace tconv::inline TCONV_ISA::frontend
