// The engine and its planners for `float`, as tconv::compiled exports them.
#include "export.hpp"
#include "tconv/engine/run.hpp"

namespace tconv::inline TCONV_ISA::engine {

template TCONV_EXPORT const char* instruction_set<float>();
template TCONV_EXPORT bool run_once(const ConvShape&, const WeightSource<float>&,
                                    const Operands<float>&, runtime::Execution&);
template class TCONV_EXPORT PackedWeights<float>;
template class TCONV_EXPORT PreparedCall<float>;

template TCONV_EXPORT StripReader<float> element_reader<Eigen::half, float>();
template TCONV_EXPORT StripWriter<float> element_writer<Eigen::half, float>();
template TCONV_EXPORT void widen(const Eigen::half*, Index, float*);
template TCONV_EXPORT void narrow(const float*, Index, Eigen::half*);
template TCONV_EXPORT StripReader<float> element_reader<Eigen::bfloat16, float>();
template TCONV_EXPORT StripWriter<float> element_writer<Eigen::bfloat16, float>();
template TCONV_EXPORT void widen(const Eigen::bfloat16*, Index, float*);
template TCONV_EXPORT void narrow(const float*, Index, Eigen::bfloat16*);

template TCONV_EXPORT StripReader<float> complex_reader<float>();
template TCONV_EXPORT StripWriter<float> complex_writer<float>(const ComplexOutput<float>&);

template TCONV_EXPORT StripReader<float> element_reader<std::int8_t, float>();
template TCONV_EXPORT StripWriter<float> integer_writer<std::int8_t, float>(
    const IntegerOutput<std::int8_t>&);
template TCONV_EXPORT StripReader<float> element_reader<std::uint8_t, float>();
template TCONV_EXPORT StripWriter<float> integer_writer<std::uint8_t, float>(
    const IntegerOutput<std::uint8_t>&);
template TCONV_EXPORT StripReader<float> element_reader<std::int16_t, float>();
template TCONV_EXPORT StripWriter<float> integer_writer<std::int16_t, float>(
    const IntegerOutput<std::int16_t>&);
template TCONV_EXPORT StripReader<float> element_reader<std::uint16_t, float>();
template TCONV_EXPORT StripWriter<float> integer_writer<std::uint16_t, float>(
    const IntegerOutput<std::uint16_t>&);
template TCONV_EXPORT StripReader<float> element_reader<std::int32_t, float>();
template TCONV_EXPORT StripWriter<float> integer_writer<std::int32_t, float>(
    const IntegerOutput<std::int32_t>&);
template TCONV_EXPORT StripReader<float> element_reader<std::uint32_t, float>();
template TCONV_EXPORT StripWriter<float> integer_writer<std::uint32_t, float>(
    const IntegerOutput<std::uint32_t>&);

}  // namespace tconv::inline TCONV_ISA::engine
