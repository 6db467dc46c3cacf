// The engine and its planners for `double`, as tconv::compiled exports them.
#include "tconv/engine/run.hpp"

namespace tconv::inline TCONV_ISA::engine {

template [[gnu::visibility("default")]] const char* instruction_set<double>();
template [[gnu::visibility("default")]] bool run_once(const ConvShape&, const WeightSource<double>&,
                                                      const Operands<double>&, runtime::Execution&);
template class [[gnu::visibility("default")]] PackedWeights<double>;

}  // namespace tconv::inline TCONV_ISA::engine
