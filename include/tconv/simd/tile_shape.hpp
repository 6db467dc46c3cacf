#pragma once

/// \file
/// How large a register tile can be. Plain integers, so that planning needs no packet.

#include <algorithm>

#include "tconv/core/eigen.hpp"
#include "tconv/core/isa.hpp"

namespace tconv::inline TCONV_ISA::simd {

/// SIMD registers of the instruction set.
inline constexpr int simd_registers = EIGEN_ARCH_DEFAULT_NUMBER_OF_REGISTERS;

/// Rows of the largest tile with that many vectors.
constexpr int max_rows(int vectors) {
  return (simd_registers - 2 - std::max(vectors, 2)) / vectors;
}

/// Most vectors of a tile that has a row at all: 2 with the eight registers of 32-bit x86, of plain
/// WebAssembly, and of builds without vectorisation.
inline constexpr int max_vectors = max_rows(8) > 0 ? 8 : max_rows(4) > 0 ? 4 : 2;

/// Which operand of the micro-kernel is loaded into lanes; the other one is broadcast.
enum class LaneOperand { pixels, weights };

/// The same by what the lanes hold. No plan has weights in lanes of one vector, but for what is
/// left of wider panels, whose tiles have as many rows as two vectors allow. Pixels that are
/// broadcast are any distance apart, and from thirteen on clang++ runs out of registers for their
/// addresses.
constexpr int max_rows(LaneOperand lanes, int vectors) {
  return std::min(max_rows(vectors), lanes == LaneOperand::weights ? 12 : max_rows(1));
}

/// Packets of pixels in a micro-tile, the most that leave registers for a panel's rows.
inline Index vectors_for(Index rows) {
  Index vectors = 1;
  while (vectors < max_vectors && max_rows(static_cast<int>(2 * vectors)) >= rows) vectors *= 2;
  return vectors;
}

}  // namespace tconv::inline TCONV_ISA::simd
