#include "support/run_gradients.hpp"

namespace support {

template GradientData<double> gradients(Calls, const Problem&, const Data<double>&,
                                        const std::vector<double>&, tconv::Workspace&);

}  // namespace support
