// The engine and its planners for `float`, as tconv::compiled exports them.
#include "tconv/engine/run.hpp"

namespace tconv::inline TCONV_ISA::engine {

template [[gnu::visibility("default")]] const char* instruction_set<float>();
template [[gnu::visibility("default")]] bool run_once(const ConvShape&, const WeightSource<float>&,
                                                      const Operands<float>&, runtime::Execution&);
template class [[gnu::visibility("default")]] PackedWeights<float>;

}  // namespace tconv::inline TCONV_ISA::engine
