#pragma once

/// \file
/// Registers sorted by the remainder of their elements' position.

#include <cstddef>

#include "tconv/core/isa.hpp"
#include "tconv/simd/packet.hpp"
#include "tconv/simd/register.hpp"

namespace tconv::inline TCONV_ISA::simd {

/// The elements of `period` packets that follow one another, a power of two, sorted by the
/// remainder of their position.
template <class Scalar, std::size_t period>
EIGEN_ALWAYS_INLINE void split_packets(
    typename Register<Scalar, Packet<Scalar>::size>::Type (&packets)[period]) {
  using Register = Register<Scalar, Packet<Scalar>::size>;
  if constexpr (period > 1) {
    typename Register::Type even[period / 2], odd[period / 2];
    for (std::size_t i = 0; i < period / 2; ++i) {
      even[i] = Register::template alternate<0>(packets[2 * i], packets[2 * i + 1]);
      odd[i] = Register::template alternate<1>(packets[2 * i], packets[2 * i + 1]);
    }
    split_packets<Scalar>(even);
    split_packets<Scalar>(odd);
    for (std::size_t i = 0; i < period / 2; ++i) {
      packets[2 * i] = even[i];
      packets[2 * i + 1] = odd[i];
    }
  }
}

}  // namespace tconv::inline TCONV_ISA::simd
