#pragma once

/// \file
/// What a plan may use, and from where on it pays.

#include <algorithm>

#include "tconv/core/eigen.hpp"
#include "tconv/core/isa.hpp"
#include "tconv/engine/planning/machine.hpp"

namespace tconv::inline TCONV_ISA::engine {

/// Tensors of so many scratch budgets, some 6 MiB, come from memory.
inline constexpr Index cached_budgets = 10;

/// Larger ones, of some 16 MiB, pass even the third-level cache by: results are streamed.
inline constexpr Index streamed_budgets = 25;

/// Cycles for which it pays to wake another thread, some 20 us.
inline constexpr double cycles_of_a_thread = 60e3;

/// What a plan may use.
struct Resources {
  Index lane_count = 1;   ///< elements of a packet
  Index first_level = 1;  ///< elements of the first-level cache
  Index budget = 1;       ///< elements of scratch that may lie in the second-level cache
  int threads = 1;
  const Machine* machine = &this_machine();

  /// Those of the threads that work of some cycles is worth.
  int threads_for(double cycles) const {
    return 1 + static_cast<int>(std::min(cycles / cycles_of_a_thread, threads - 1.0));
  }
};

}  // namespace tconv::inline TCONV_ISA::engine
