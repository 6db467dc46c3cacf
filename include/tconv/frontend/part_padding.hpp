#pragma once

/// \file
/// The padding with which a part of the inputs makes a part of the outputs, of one axis.

#include "tconv/core/axis.hpp"
#include "tconv/core/eigen.hpp"
#include "tconv/core/integer.hpp"
#include "tconv/geometry.hpp"
#include "tconv/options.hpp"

namespace tconv::core {

/// The padding with which inputs `[in.first, in.end)` of `conv_transpose` make its outputs
/// `[out.first, out.end)`:
///
///     before' = before + out.first - in.first * stride
///     after'  = (in.size - 1) * stride + k_eff + output_padding - before' - out.size
///
/// It is negative where outputs lie in front of the first input, or behind what the last one
/// reaches. `output_padding` stays as it is.
constexpr Padding conv_transpose_padding(const AxisOptions& o, Index kernel, const Range& in,
                                         const Range& out) {
  const Index before = o.padding.before + out.first - in.first * o.stride;
  return {before, (in.size() - 1) * o.stride + (kernel - 1) * o.dilation + 1 + o.output_padding -
                      before - out.size()};
}

/// The same for `conv`:
///
///     before' = before + in.first - out.first * stride
///     after'  = (out.size - 1) * stride + k_eff - before' - in.size
constexpr Padding conv_padding(const AxisOptions& o, Index kernel, const Range& in,
                               const Range& out) {
  const Index before = o.padding.before + in.first - out.first * o.stride;
  return {before, (out.size() - 1) * o.stride + (kernel - 1) * o.dilation + 1 - before - in.size()};
}

template <Direction direction>
constexpr Padding part_padding(const AxisOptions& o, Index kernel, const Range& in,
                               const Range& out) {
  return direction == Direction::scatter ? conv_transpose_padding(o, kernel, in, out)
                                         : conv_padding(o, kernel, in, out);
}

}  // namespace tconv::core
