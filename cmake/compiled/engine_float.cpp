// The engine and its planners for `float`, as tconv::compiled exports them.
#include "tconv/engine/run.hpp"

// The rest of the library is hidden.
#if defined(__GNUC__)
#define TCONV_EXPORT __attribute__((visibility("default")))
#else
#define TCONV_EXPORT
#endif

namespace tconv::inline TCONV_ISA::engine {

template TCONV_EXPORT const char* instruction_set<float>();
template TCONV_EXPORT bool run_once(const ConvShape&, const WeightSource<float>&,
                                    const Operands<float>&, runtime::Execution&);
template class TCONV_EXPORT PackedWeights<float>;
}  // namespace tconv::inline TCONV_ISA::engine
