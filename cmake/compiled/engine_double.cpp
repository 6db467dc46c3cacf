// The engine and its planners for `double`, as tconv::compiled exports them.
#include "export.hpp"
#include "tconv/engine/run.hpp"

namespace tconv::inline TCONV_ISA::engine {

template TCONV_EXPORT const char* instruction_set<double>();
template TCONV_EXPORT bool run_once(const ConvShape&, const WeightSource<double>&,
                                    const Operands<double>&, runtime::Execution&);
template class TCONV_EXPORT PackedWeights<double>;
template class TCONV_EXPORT PreparedCall<double>;

}  // namespace tconv::inline TCONV_ISA::engine
