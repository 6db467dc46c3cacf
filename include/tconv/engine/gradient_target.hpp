#pragma once

/// \file
/// What a weight gradient reads and writes.

#include <array>
#include <cstddef>

#include "tconv/engine/pack.hpp"

namespace tconv::engine {

/// Batch, groups, channels of a group and the relation of three axes.
struct GradientShape {
  Index batch = 1, groups = 1, coarse_channels = 1, fine_channels = 1;
  std::array<Axis, 3> axes;
};

/// The gradient, as (coarse channel, fine channel of the group, taps of three axes).
template <class Scalar>
struct GradientTarget {
  Scalar* data = nullptr;
  Index coarse_stride = 0, fine_stride = 0;
  std::array<Index, 3> tap_strides{};
  Index group_stride = 0;
};

}  // namespace tconv::engine
