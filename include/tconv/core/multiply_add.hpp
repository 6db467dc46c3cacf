#pragma once

/// \file
/// A product and a sum, rounded once where the hardware can.

#include <cmath>
#include <type_traits>

#include "tconv/core/isa.hpp"

namespace tconv::core::inline TCONV_ISA {

/// `a * b + c`, for floating-point numbers rounded once where the hardware can.
template <class Scalar>
Scalar multiply_add(const Scalar& a, const Scalar& b, const Scalar& c) {
#if defined(__FMA__) || defined(EIGEN_VECTORIZE_FMA) || defined(__ARM_FEATURE_FMA)
  if constexpr (std::is_same_v<Scalar, float> || std::is_same_v<Scalar, double>)
    return std::fma(a, b, c);
  else
#endif
    return c + a * b;
}

}  // namespace tconv::core::inline TCONV_ISA
