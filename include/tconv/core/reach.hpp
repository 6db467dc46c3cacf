#pragma once

/// \file
/// Which inputs some outputs of an axis are computed from.
///
/// `conv_transpose`: input `i` and tap `k` meet output `o = i * stride + k * dilation - before`, so
/// outputs `[first, end)` are reached by inputs from
///
///     ceil((first + before - dilation * (kernel - 1)) / stride)  to
///     floor((end - 1 + before) / stride).
///
/// `conv`: output `o` reads `i = o * stride + k * dilation - before`, so outputs `[first, end)`
/// read inputs from
///
///     first * stride - before  to  (end - 1) * stride + dilation * (kernel - 1) - before.
///
/// Both are cut to the image. Where taps are apart, or few outputs lie between two of them, fewer
/// inputs are needed than these bounds say; the functions below find the first and the last one.

#include <algorithm>

#include "tconv/core/axis.hpp"
#include "tconv/core/eigen.hpp"
#include "tconv/core/integer.hpp"

namespace tconv::core {

/// The first coarse position that meets a fine one in `fine`, counted from `-before`; `coarse` if
/// none does. At most `stride` steps.
constexpr Index first_coarse(const Axis& axis, const Range& fine) {
  // With tap `k` it is the first that lies in the range or behind it. The positions grow as `k`
  // falls, so the first tap that hits the range decides; they hit alike again `stride` taps later.
  const Index last = std::min(axis.kernel - 1, (fine.end - 1) / axis.dilation);
  for (Index k = last; k >= 0 && last - k < axis.stride; --k) {
    const Index i = std::max<Index>(ceil_div(fine.first - k * axis.dilation, axis.stride), 0);
    if (i * axis.stride + k * axis.dilation < fine.end) return std::min(i, axis.coarse);
  }
  return axis.coarse;
}

/// The coarse positions, from the first to the last, that meet fine positions in `fine`. Empty if
/// none does.
constexpr Range needed_coarse(const Axis& axis, const Range& fine) {
  const Index size = (axis.coarse - 1) * axis.stride + (axis.kernel - 1) * axis.dilation + 1;
  const Range positions{std::clamp<Index>(fine.first + axis.before, 0, size),
                        std::clamp<Index>(fine.end + axis.before, 0, size)};
  if (positions.size() == 0) return {};
  const Index first = first_coarse(axis, positions);
  if (first == axis.coarse) return {};
  // The last one is the first one seen from behind.
  return {first, axis.coarse - first_coarse(axis, {size - positions.end, size - positions.first})};
}

/// The smallest of the numbers `o * stride + k * dilation - origin`, with `0 <= o < count` and taps
/// `k`, that is at least 0, or -1 if there is none. At most `stride` steps.
constexpr Index smallest_position(const Axis& axis, Index count, Index origin) {
  // With tap `k` it is that of the first `o` for which it is at least 0. These numbers repeat after
  // `stride` taps, and grow once `o` is 0.
  const Index first_tap =
      std::max<Index>(ceil_div(origin - (count - 1) * axis.stride, axis.dilation), 0);
  Index smallest = -1;
  for (Index k = first_tap; k < axis.kernel && k - first_tap < axis.stride; ++k) {
    const Index o = std::max<Index>(ceil_div(origin - k * axis.dilation, axis.stride), 0);
    const Index position = o * axis.stride + k * axis.dilation - origin;
    if (smallest < 0 || position < smallest) smallest = position;
    if (smallest == 0 || o == 0) break;
  }
  return smallest;
}

/// The fine positions, from the first to the last, that meet coarse positions in `coarse`. Empty if
/// none does.
constexpr Range needed_fine(const Axis& axis, const Range& coarse) {
  const Index count = coarse.size();
  const Index first = smallest_position(axis, count, axis.before - coarse.first * axis.stride);
  if (first < 0 || first >= axis.fine) return {};
  // The last one is the first one seen from behind.
  const Index behind = smallest_position(
      axis, count, axis.fine_position(coarse.end - 1, axis.kernel - 1) - (axis.fine - 1));
  return {first, axis.fine - behind};
}

}  // namespace tconv::core
