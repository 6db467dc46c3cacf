#include "support/run.hpp"

namespace support {

template std::vector<double> run(Implementation, const Problem&, const Data<double>&);

}  // namespace support
