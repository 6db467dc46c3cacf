#pragma once

/// \file
/// Integers modulo 2^32, and the floating-point numbers that are whole.

#include <bit>
#include <cstdint>

#include "tconv/core/isa.hpp"

namespace tconv::core::inline TCONV_ISA {

/// The integer modulo 2^32 that a number of magnitude below 2^51 is, rounded to nearest, ties to
/// even.
inline std::uint32_t integer_of(double number) {
  constexpr double unit = 0x1.8p52;  // the last bit of its sums counts ones
  return static_cast<std::uint32_t>(std::bit_cast<std::uint64_t>(number + unit));
}
/// The same of a whole number of magnitude below 2^31.
inline std::uint32_t integer_of(float number) {
  return static_cast<std::uint32_t>(static_cast<std::int32_t>(number));
}

/// An integer modulo 2^32.
template <class Element>
std::uint32_t bits_of(Element value) {
  return static_cast<std::uint32_t>(static_cast<std::int64_t>(value));
}

}  // namespace tconv::core::inline TCONV_ISA
