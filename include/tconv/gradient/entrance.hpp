#pragma once

/// \file
/// The entrance to weight gradients: the two images of a convolution go in, the gradient comes out.
/// Nothing here depends on the width of a register; see engine/entrance.hpp.

#include "tconv/core/axis.hpp"
#include "tconv/core/isa.hpp"
#include "tconv/core/view.hpp"
#include "tconv/gradient/target.hpp"
#include "tconv/runtime/execution.hpp"

namespace tconv::inline TCONV_ISA::gradient {

/// The gradient of the weight, whichever side is the operator's input. Some elements are multiplied
/// with zeros that are no term of the sum; what is not finite then makes a NaN. Returns whether all
/// elements are finite, and so right.
template <class Scalar>
bool weight_gradient(const ConvShape& shape, const Image<const Scalar>& coarse,
                     const Image<const Scalar>& fine, const GradientTarget<Scalar>& target,
                     runtime::Execution& execution);

/// The same where elements of the images, which are dense, are infinite or no number. Returns
/// whether all sums of the others are finite, and so right.
template <class Scalar>
bool nonfinite_weight_gradient(const ConvShape& shape, const Image<const Scalar>& coarse,
                               const Image<const Scalar>& fine,
                               const GradientTarget<Scalar>& target, runtime::Execution& execution);

}  // namespace tconv::inline TCONV_ISA::gradient

#ifndef TCONV_COMPILED
#include "tconv/gradient/run.hpp"
#endif
