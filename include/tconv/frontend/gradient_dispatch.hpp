#pragma once

/// \file
/// The way from `TensorView`s to weight gradients.

#include <complex>
#include <cstddef>

#include "tconv/core/accumulator.hpp"
#include "tconv/core/axis.hpp"
#include "tconv/core/isa.hpp"
#include "tconv/core/reference_loops.hpp"
#include "tconv/core/view.hpp"
#include "tconv/frontend/dispatch.hpp"
#include "tconv/frontend/engine_call.hpp"
#include "tconv/frontend/scalars/complex.hpp"
#include "tconv/geometry.hpp"
#include "tconv/gradient/entrance.hpp"
#include "tconv/workspace.hpp"

namespace tconv::inline TCONV_ISA::frontend {

/// The gradient of the weight of an operator, whose input is the coarse side if it scatters. Where
/// sums of finite elements overflow, it is computed again by the definition.
template <Direction direction, int layout, int R, class Scalar>
void compute_weight_gradient(const Geometry<R>& geometry,
                             const TensorView<const Scalar, R + 2>& coarse,
                             const TensorView<const Scalar, R + 2>& fine,
                             const TensorView<Scalar, R + 2>& grad_weight, Workspace& workspace);

/// The same of narrow elements: images are widened as a whole, and the gradient rounded once.
template <Direction direction, int layout, int R, class Scalar>
void compute_narrow_weight_gradient(const Geometry<R>& geometry,
                                    const TensorView<const Scalar, R + 2>& coarse,
                                    const TensorView<const Scalar, R + 2>& fine,
                                    const TensorView<Scalar, R + 2>& grad_weight,
                                    Workspace& workspace) {
  using Sum = Accumulator<Scalar>;
  const Index sizes[] = {size_of(coarse.extents), size_of(fine.extents),
                         size_of(grad_weight.extents)};
  auto* const memory = reinterpret_cast<Sum*>(execution_of(workspace).operand_scratch(
      static_cast<std::size_t>(sizes[0] + sizes[1] + sizes[2]) * sizeof(Sum)));
  Sum *const wide_fine = memory + sizes[0], *const wide_weight = wide_fine + sizes[1];
  engine::widen(coarse.data, sizes[0], memory);
  engine::widen(fine.data, sizes[1], wide_fine);
  compute_weight_gradient<direction, layout, R, Sum>(
      geometry, {memory, coarse.extents, coarse.strides}, {wide_fine, fine.extents, fine.strides},
      {wide_weight, grad_weight.extents, grad_weight.strides}, workspace);
  engine::narrow(wide_weight, sizes[2], grad_weight.data);
}

/// The same of complex numbers, whose parts become channels, of images as a whole. Returns false
/// where an element is not finite.
template <Direction direction, int layout, int R, class Real>
bool compute_complex_weight_gradient(const Geometry<R>& geometry,
                                     const TensorView<const std::complex<Real>, R + 2>& coarse,
                                     const TensorView<const std::complex<Real>, R + 2>& fine,
                                     const TensorView<std::complex<Real>, R + 2>& grad_weight,
                                     Workspace& workspace) {
  const Index coarse_size = 2 * size_of(coarse.extents), fine_size = 2 * size_of(fine.extents);
  const Index size = coarse_size + fine_size + 4 * size_of(grad_weight.extents);
  auto* const memory = reinterpret_cast<Real*>(
      execution_of(workspace).operand_scratch(static_cast<std::size_t>(size) * sizeof(Real)));
  const TensorView<const Real, R + 2> coarse_parts = split_channels<R>(coarse, memory);
  const TensorView<const Real, R + 2> fine_parts = split_channels<R>(fine, memory + coarse_size);
  const Extents<R + 2> extents = doubled_channels<R>(grad_weight.extents);
  const TensorView<Real, R + 2> products{memory + coarse_size + fine_size, extents,
                                         dense_strides(extents, layout)};
  ConvShape shape = shape_of<direction>(geometry, layout);
  shape.coarse_channels *= 2;
  shape.fine_channels *= 2;
  const gradient::GradientTarget<Real> target{
      products.data, products.strides[0], products.strides[1], memory_strides<R>(products, layout),
      shape.coarse_per_group() * products.strides[0]};
  return gradient::weight_gradient(shape, image_of<R>(coarse_parts, layout),
                                   image_of<R>(fine_parts, layout), target,
                                   execution_of(workspace)) &&
         join_products<layout, R>(products, grad_weight);
}

template <Direction direction, int layout, int R, class Scalar>
void compute_weight_gradient(const Geometry<R>& geometry,
                             const TensorView<const Scalar, R + 2>& coarse,
                             const TensorView<const Scalar, R + 2>& fine,
                             const TensorView<Scalar, R + 2>& grad_weight, Workspace& workspace) {
  if constexpr (EngineComplex<Scalar>)
    if (geometry.batch() > 0 && engine_counts(geometry) &&
        compute_complex_weight_gradient<direction, layout>(geometry, coarse, fine, grad_weight,
                                                           workspace))
      return;
  if constexpr (StoredNarrow<Scalar>)
    return compute_narrow_weight_gradient<direction, layout>(geometry, coarse, fine, grad_weight,
                                                             workspace);
  if constexpr (EngineScalar<Scalar>)
    if (geometry.batch() > 0 && engine_counts(geometry)) {
      const gradient::GradientTarget<Scalar> target{
          grad_weight.data, grad_weight.strides[0], grad_weight.strides[1],
          memory_strides<R>(grad_weight, layout),
          geometry.coarse_channels() / geometry.groups() * grad_weight.strides[0]};
      const ConvShape shape = shape_of<direction>(geometry, layout);
      const Image<const Scalar> coarse_image = image_of<R>(coarse, layout);
      const Image<const Scalar> fine_image = image_of<R>(fine, layout);
      runtime::Execution& execution = execution_of(workspace);
      if (gradient::weight_gradient(shape, coarse_image, fine_image, target, execution) ||
          gradient::nonfinite_weight_gradient(shape, coarse_image, fine_image, target, execution))
        return;
    }
  weight_gradient_loops<R>(geometry.axes(), geometry.groups(), coarse, fine, grad_weight);
}

}  // namespace tconv::inline TCONV_ISA::frontend
