#pragma once

/// \file
/// What a weight gradient reads and writes.

#include <array>

#include "tconv/core/eigen.hpp"
#include "tconv/core/isa.hpp"

namespace tconv::inline TCONV_ISA::gradient {

/// The gradient, as (coarse channel, fine channel of the group, taps of three axes).
template <class Scalar>
struct GradientTarget {
  Scalar* data = nullptr;
  Index coarse_stride = 0, fine_stride = 0;
  std::array<Index, 3> tap_strides{};
  Index group_stride = 0;
};

}  // namespace tconv::inline TCONV_ISA::gradient
