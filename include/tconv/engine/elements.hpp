#pragma once

/// \file
/// Images of other elements than the engine's, which convert on their way in and out.

#include "tconv/core/eigen.hpp"
#include "tconv/core/isa.hpp"
#include "tconv/engine/operands.hpp"
#include "tconv/simd/element.hpp"

namespace tconv::inline TCONV_ISA::engine {

template <class Element, class Scalar>
StripReader<Scalar> element_reader() {
  return &simd::read_elements<Element, Scalar>;
}

template <class Element, class Scalar>
StripWriter<Scalar> element_writer() {
  return {&simd::write_elements<Element, Scalar>, nullptr};
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
