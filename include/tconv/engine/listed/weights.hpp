#pragma once

/// \file
/// Packs weights for problems whose terms are listed.

#include <algorithm>

#include "tconv/core/eigen.hpp"
#include "tconv/core/isa.hpp"
#include "tconv/engine/listed/schedule.hpp"
#include "tconv/engine/operands.hpp"

namespace tconv::inline TCONV_ISA::engine {

/// Packs the weights of a tap and panel, of which `count` output channels exist; zeros stand in for
/// the others.
template <class Scalar>
Scalar* pack_tap(const WeightSource<Scalar>& source, const Scalar* from, Index in_channels,
                 Index count, Index rows, Scalar* to) {
  for (Index c = 0; c < in_channels; ++c, from += source.in_stride, to += rows) {
    for (Index m = 0; m < count; ++m) to[m] = from[m * source.out_stride];
    std::fill(to + count, to + rows, Scalar(0));
  }
  return to;
}

/// Packs the weights of all groups.
template <class Scalar>
void pack_listed(const ListedSchedule& schedule, const WeightSource<Scalar>& source, Scalar* to) {
  const Correlation& c = schedule.correlation();
  const auto& [depth, height, width] = schedule.kernel();
  const Index rows = schedule.rows();
  for (Index g = 0; g < c.groups; ++g)
    for (Index m = 0; m < c.out_channels; m += rows)
      for (Index z = 0; z < depth; ++z)
        for (Index y = 0; y < height; ++y)
          for (Index x = 0; x < width; ++x)
            to = pack_tap(source,
                          source.data + g * source.group_stride + m * source.out_stride +
                              z * source.tap_strides[0] + y * source.tap_strides[1] +
                              x * source.tap_strides[2],
                          c.in_channels, std::min(rows, c.out_channels - m), rows, to);
}

}  // namespace tconv::inline TCONV_ISA::engine
