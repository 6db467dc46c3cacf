// The engine and its planners for `double`, as tconv::compiled exports them.
#include "export.hpp"
#include "tconv/engine/run.hpp"

namespace tconv::inline TCONV_ISA::engine {

template TCONV_EXPORT const char* instruction_set<double>();
template TCONV_EXPORT bool run_once(const ConvShape&, const WeightSource<double>&,
                                    const Operands<double>&, runtime::Execution&);
template class TCONV_EXPORT PackedWeights<double>;
template class TCONV_EXPORT PreparedCall<double>;

template TCONV_EXPORT StripReader<double> complex_reader<double>();
template TCONV_EXPORT StripWriter<double> complex_writer<double>(const ComplexOutput<double>&);

template TCONV_EXPORT StripReader<double> element_reader<std::int8_t, double>();
template TCONV_EXPORT StripWriter<double> integer_writer<std::int8_t, double>(
    const IntegerOutput<std::int8_t>&);
template TCONV_EXPORT StripReader<double> element_reader<std::uint8_t, double>();
template TCONV_EXPORT StripWriter<double> integer_writer<std::uint8_t, double>(
    const IntegerOutput<std::uint8_t>&);
template TCONV_EXPORT StripReader<double> element_reader<std::int16_t, double>();
template TCONV_EXPORT StripWriter<double> integer_writer<std::int16_t, double>(
    const IntegerOutput<std::int16_t>&);
template TCONV_EXPORT StripReader<double> element_reader<std::uint16_t, double>();
template TCONV_EXPORT StripWriter<double> integer_writer<std::uint16_t, double>(
    const IntegerOutput<std::uint16_t>&);
template TCONV_EXPORT StripReader<double> element_reader<std::int32_t, double>();
template TCONV_EXPORT StripWriter<double> integer_writer<std::int32_t, double>(
    const IntegerOutput<std::int32_t>&);
template TCONV_EXPORT StripReader<double> element_reader<std::uint32_t, double>();
template TCONV_EXPORT StripWriter<double> integer_writer<std::uint32_t, double>(
    const IntegerOutput<std::uint32_t>&);
template TCONV_EXPORT StripReader<double> element_reader<LowHalf<std::int32_t>, double>();
template TCONV_EXPORT StripReader<double> element_reader<HighHalf<std::int32_t>, double>();
template TCONV_EXPORT StripReader<double> element_reader<LowHalf<std::uint32_t>, double>();
template TCONV_EXPORT StripReader<double> element_reader<HighHalf<std::uint32_t>, double>();

}  // namespace tconv::inline TCONV_ISA::engine
