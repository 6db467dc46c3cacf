#pragma once

/// \file
/// What a program cannot know of its processor when it is compiled.

#include "tconv/core/eigen.hpp"

namespace tconv::runtime {

/// The family that AMD gives a processor of its own, or zero.
inline int amd_family() {
#ifdef EIGEN_CPUID
  static const int family = [] {
    int registers[4];
    EIGEN_CPUID(registers, 0, 0);
    const bool is_amd = registers[1] == 0x68747541 && registers[3] == 0x69746e65 &&
                        registers[2] == 0x444d4163;  // AuthenticAMD
    EIGEN_CPUID(registers, 1, 0);
    return is_amd ? ((registers[0] >> 8) & 0xf) + ((registers[0] >> 20) & 0xff) : 0;
  }();
  return family;
#else
  return 0;
#endif
}

/// Whether AMD has made the processor.
inline bool is_amd() { return amd_family() != 0; }

/// Whether instructions of 512 bits are computed in halves, as by AMD's family 19h (Zen 4).
inline bool halves_wide_packets() { return amd_family() == 0x19; }

}  // namespace tconv::runtime
