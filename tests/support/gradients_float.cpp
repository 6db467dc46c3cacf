#include "support/run_gradients.hpp"

namespace support {

template GradientData<float> gradients(Calls, const Problem&, const Data<float>&,
                                       const std::vector<float>&, tconv::Workspace&);

}  // namespace support
