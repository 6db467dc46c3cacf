// Weight gradients for `double`, as tconv::compiled exports them.
#include "export.hpp"
#include "tconv/gradient/run.hpp"

namespace tconv::inline TCONV_ISA::gradient {

template TCONV_EXPORT bool weight_gradient(const ConvShape&, const Image<const double>&,
                                           const Image<const double>&,
                                           const GradientTarget<double>&, runtime::Execution&);
template TCONV_EXPORT bool nonfinite_weight_gradient(const ConvShape&, const Image<const double>&,
                                                     const Image<const double>&,
                                                     const GradientTarget<double>&,
                                                     runtime::Execution&);

}  // namespace tconv::inline TCONV_ISA::gradient
