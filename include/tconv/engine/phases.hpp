#pragma once

/// \file
/// The outputs of a phase that lie in a tile. Plain integers.

#include <algorithm>
#include <cstddef>

#include "tconv/core/eigen.hpp"
#include "tconv/core/function_ref.hpp"
#include "tconv/core/integer.hpp"
#include "tconv/core/isa.hpp"
#include "tconv/engine/correlation.hpp"

namespace tconv::inline TCONV_ISA::engine {

/// The outputs of a phase whose q lie in a range: `count` of them from output `first` on, which
/// belong to the pixels from `pixel` on.
struct PhasePixels {
  Index pixel = 0;
  Index first = 0;
  Index count = 0;
};

inline PhasePixels phase_pixels(const Phase& phase, const Range& q, Index out_stride) {
  const Index first = std::max(q.first, phase.first);
  return {first - q.first, first * out_stride + phase.offset,
          std::max<Index>(std::min(q.end, phase.end()) - first, 0)};
}

/// Calls `visit(p, outputs)` for the phases that have outputs in `q`, in their order. These outputs
/// follow one another; the first one of a phase counts from where all begin. Returns them all.
inline Range for_each_phase(
    const PhasedAxis& axis, const Range& q,
    const FunctionRef<void(std::size_t phase, const PhasePixels& outputs)>& visit) {
  const auto outputs_of = [&](const Phase& phase) {
    return phase_pixels(phase, q, axis.out_stride);
  };
  // The phases take turns, from the one that begins the row.
  const auto begins = std::min_element(
      axis.phases.begin(), axis.phases.end(),
      [&](const Phase& a, const Phase& b) { return outputs_of(a).first < outputs_of(b).first; });
  const auto first = static_cast<std::size_t>(begins - axis.phases.begin());
  Range range{outputs_of(*begins).first, outputs_of(*begins).first};
  for (std::size_t i = 0; i < axis.phases.size(); ++i) {
    const std::size_t p = (first + i) % axis.phases.size();
    PhasePixels outputs = outputs_of(axis.phases[p]);
    if (outputs.count == 0) continue;
    range.end = std::max(range.end, outputs.first + (outputs.count - 1) * axis.out_stride + 1);
    outputs.first -= range.first;
    visit(p, outputs);
  }
  return range;
}

}  // namespace tconv::inline TCONV_ISA::engine
