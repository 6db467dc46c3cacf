// The engine and its planners for `float`, as tconv::compiled exports them.
#include "export.hpp"
#include "tconv/engine/run.hpp"

namespace tconv::inline TCONV_ISA::engine {

template TCONV_EXPORT const char* instruction_set<float>();
template TCONV_EXPORT bool run_once(const ConvShape&, const WeightSource<float>&,
                                    const Operands<float>&, runtime::Execution&);
template class TCONV_EXPORT PackedWeights<float>;
template class TCONV_EXPORT PreparedCall<float>;

}  // namespace tconv::inline TCONV_ISA::engine
