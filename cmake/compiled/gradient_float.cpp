// Weight gradients for `float`, as tconv::compiled exports them.
#include "export.hpp"
#include "tconv/gradient/run.hpp"

namespace tconv::inline TCONV_ISA::gradient {

template TCONV_EXPORT bool weight_gradient(const ConvShape&, const Image<const float>&,
                                           const Image<const float>&, const GradientTarget<float>&,
                                           runtime::Execution&);
template TCONV_EXPORT bool nonfinite_weight_gradient(const ConvShape&, const Image<const float>&,
                                                     const Image<const float>&,
                                                     const GradientTarget<float>&,
                                                     runtime::Execution&);

}  // namespace tconv::inline TCONV_ISA::gradient
