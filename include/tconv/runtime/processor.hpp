#pragma once

/// \file
/// What a program cannot know of its processor when it is compiled.

#include "tconv/core/eigen.hpp"

namespace tconv::runtime {

/// Whether instructions of 512 bits are computed in halves, as by AMD's processors of family 19h
/// (Zen 4).
inline bool halves_wide_packets() {
#ifdef EIGEN_CPUID
  static const bool halves = [] {
    int registers[4];
    EIGEN_CPUID(registers, 0, 0);
    const bool is_amd = registers[1] == 0x68747541 && registers[3] == 0x69746e65 &&
                        registers[2] == 0x444d4163;  // AuthenticAMD
    EIGEN_CPUID(registers, 1, 0);
    const int family = ((registers[0] >> 8) & 0xf) + ((registers[0] >> 20) & 0xff);
    return is_amd && family == 0x19;
  }();
  return halves;
#else
  return false;
#endif
}

}  // namespace tconv::runtime
