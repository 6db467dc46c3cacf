#pragma once

/// \file
/// Images of other elements than the engine's, which convert on their way in and out.

#include <algorithm>
#include <array>
#include <atomic>
#include <complex>
#include <cstddef>
#include <cstdint>

#include "tconv/core/eigen.hpp"
#include "tconv/core/integer_bits.hpp"
#include "tconv/core/isa.hpp"
#include "tconv/engine/operands.hpp"
#include "tconv/simd/complex.hpp"
#include "tconv/simd/element.hpp"
#include "tconv/simd/strip.hpp"

namespace tconv::inline TCONV_ISA::engine {

/// Writes rows of sums, which are whole numbers.
template <class Element, class Scalar>
void write_integers(const void* context, void* image, const simd::Strip& strip, const Scalar* from,
                    Index from_step) {
  const auto& output = *static_cast<const IntegerOutput<Element>*>(context);
  constexpr Index most = 256;
  std::array<Element, most> row;
  for (Index c = 0; c < strip.channels; ++c) {
    const Index channel = strip.channel + c;
    const std::uint32_t bias = output.bias ? bits_of(output.bias[channel]) : 0;
    for (Index first = 0; first < strip.count; first += most) {
      const Index count = std::min(most, strip.count - first);
      Element* const to = static_cast<Element*>(image) + strip.begin() + c * strip.channel_step +
                          first * strip.step;
      const Scalar* const sums = from + c * from_step + first;
      for (Index i = 0; i < count; ++i)
        row[static_cast<std::size_t>(i)] =
            static_cast<Element>((integer_of(sums[i]) << output.shift) + bias);
      if (output.accumulates)
        for (Index i = 0; i < count; ++i)
          row[static_cast<std::size_t>(i)] = static_cast<Element>(
              bits_of(row[static_cast<std::size_t>(i)]) + bits_of(to[i * strip.step]));
      if (output.finish) output.finish(output.function, row.data(), count, channel);
      if (strip.step == 1)
        std::copy_n(row.data(), count, to);
      else
        for (Index i = 0; i < count; ++i) to[i * strip.step] = row[static_cast<std::size_t>(i)];
    }
  }
}

template <class Element, class Scalar>
StripReader<Scalar> element_reader() {
  return {&simd::read_elements<Element, Scalar>, nullptr};
}

template <class Element, class Scalar>
StripWriter<Scalar> element_writer() {
  return {&simd::write_elements<Element, Scalar>, nullptr};
}

template <class Element, class Scalar>
StripWriter<Scalar> integer_writer(const IntegerOutput<Element>& output) {
  return {&write_integers<Element, Scalar>, &output};
}

/// Writes the parts of complex numbers, and has each number finished.
template <class Scalar>
void write_complex(const void* context, void* image, const simd::Strip& strip, const Scalar* from,
                   Index from_step) {
  const auto& output = *static_cast<const ComplexOutput<Scalar>*>(context);
  if (!simd::strip_is_finite(strip, from, from_step))
    output.not_finite->store(true, std::memory_order_relaxed);
  simd::write_complex(image, strip, from, from_step);
  if (!output.finish) return;
  for (Index c = 0; c < strip.channels; c += 2) {
    const Index channel = (strip.channel + c) / 2;
    output.finish(
        output.function,
        static_cast<std::complex<Scalar>*>(image) + strip.at + channel * strip.channel_step,
        strip.step, strip.count, channel);
  }
}

template <class Scalar>
StripReader<Scalar> complex_reader() {
  return {&simd::read_complex<Scalar>, nullptr};
}

template <class Scalar>
StripWriter<Scalar> complex_writer(const ComplexOutput<Scalar>& output) {
  return {&write_complex<Scalar>, &output};
}

template <class Element, class Scalar>
void widen(const Element* from, Index count, Scalar* to) {
  simd::widen_row(from, count, to);
}

template <class Element, class Scalar>
void narrow(const Scalar* from, Index count, Element* to) {
  simd::narrow_row(from, count, to);
}

}  // namespace tconv::inline TCONV_ISA::engine
