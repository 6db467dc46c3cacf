// Weight gradients for `float`, as tconv::compiled exports them.
#include "tconv/gradient/run.hpp"

// The rest of the library is hidden.
#if defined(__GNUC__)
#define TCONV_EXPORT __attribute__((visibility("default")))
#else
#define TCONV_EXPORT
#endif

namespace tconv::inline TCONV_ISA::gradient {

template TCONV_EXPORT bool weight_gradient(const ConvShape&, const Image<const float>&,
                                           const Image<const float>&, const GradientTarget<float>&,
                                           runtime::Execution&);
}  // namespace tconv::inline TCONV_ISA::gradient
