#include "support/run.hpp"

namespace support {

template std::vector<float> run(Implementation, const Problem&, const Data<float>&);

}  // namespace support
