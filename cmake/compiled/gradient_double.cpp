// Weight gradients for `double`, as tconv::compiled exports them.
#include "tconv/gradient/run.hpp"

// The rest of the library is hidden.
#if defined(__GNUC__)
#define TCONV_EXPORT __attribute__((visibility("default")))
#else
#define TCONV_EXPORT
#endif

namespace tconv::inline TCONV_ISA::gradient {

template TCONV_EXPORT bool weight_gradient(const ConvShape&, const Image<const double>&,
                                           const Image<const double>&,
                                           const GradientTarget<double>&, runtime::Execution&);
}  // namespace tconv::inline TCONV_ISA::gradient
