#pragma once

/// \file
/// Where the outputs of linear interpolation lie between the inputs.

#include "tconv/core/eigen.hpp"
#include "tconv/core/isa.hpp"

namespace tconv::inline TCONV_ISA::upsampling {

/// Output `q * scale + phase` of an axis lies between inputs `q + base` and `q + base + 1`, at
/// `fraction` of the way: with half-pixel centres, at `(q * scale + phase + 1/2) / scale - 1/2`.
template <class Real>
struct LinearPhase {
  Index base;
  Real fraction;
  /// The output is the input at `q`.
  bool exact;

  constexpr LinearPhase(Index scale, Index phase)
      : base(2 * phase + 1 < scale ? -1 : 0),
        fraction(Real(static_cast<double>(2 * phase + 1 - scale - 2 * base * scale)) /
                 Real(static_cast<double>(2 * scale))),
        exact(2 * phase + 1 == scale) {}

  constexpr Real near() const { return Real(Real(1) - fraction); }
};

}  // namespace tconv::inline TCONV_ISA::upsampling
