#pragma once

/// \file
/// The taps of the weight gradient, by the part of the fine side that they read. Plain integers.
///
/// A *span* is a row of fine positions, copied once, in which every tap of the span finds its
/// positions by a shift: coarse position `i` and a tap meet at
///
///     element  (i - first coarse position) * pixel_step + tap.element.
///
/// Either one span holds all positions (pixel_step = stride), or there is one for each remainder
/// of the position by the stride (pixel_step = 1).

#include <algorithm>
#include <tuple>
#include <vector>

#include "tconv/core/axis.hpp"
#include "tconv/core/eigen.hpp"
#include "tconv/core/integer.hpp"
#include "tconv/core/isa.hpp"

namespace tconv::inline TCONV_ISA::gradient {

struct SpanTap {
  Index kernel;
  Index element;
};

struct TapSpan {
  Index origin = 0;      // fine position of the first element for coarse position 0
  Index fine_step = 1;   // fine positions from element to element
  Index pixel_step = 1;  // elements from coarse position to coarse position
  Index reach = 1;       // elements that one coarse position reads
  std::vector<SpanTap> taps;

  Index extent(Index pixels) const { return (pixels - 1) * pixel_step + reach; }
};

/// The spans of one axis. Taps that meet only padding are in none; taps so far apart that most of
/// what lies between them would be copied for nothing are in different ones.
inline std::vector<TapSpan> make_tap_spans(const Axis& axis, bool by_remainder) {
  constexpr Index largest_gap = 16;
  struct Entry {
    Index remainder, element, kernel;
  };
  std::vector<Entry> entries;
  const Index step = by_remainder ? axis.stride : 1;
  for (Index k = 0; k < axis.kernel; ++k) {
    const Index shift = axis.fine_position(0, k);
    const Index first = std::max<Index>(0, ceil_div(-shift, axis.stride));
    const Index last = std::min(axis.coarse - 1, floor_div(axis.fine - 1 - shift, axis.stride));
    if (last < first) continue;
    const Index element = floor_div(shift, step);
    entries.push_back({shift - element * step, element, k});
  }
  std::sort(entries.begin(), entries.end(), [](const Entry& a, const Entry& b) {
    return std::tie(a.remainder, a.element) < std::tie(b.remainder, b.element);
  });
  std::vector<TapSpan> spans;
  const Entry* previous = nullptr;
  Index first = 0;
  for (const Entry& entry : entries) {
    if (!previous || previous->remainder != entry.remainder ||
        entry.element - previous->element > largest_gap) {
      first = entry.element;
      spans.push_back({entry.remainder + first * step, step, axis.stride / step, 1, {}});
    }
    spans.back().taps.push_back({entry.kernel, entry.element - first});
    spans.back().reach = entry.element - first + 1;
    previous = &entry;
  }
  return spans;
}

/// Whether each tap's element follows that of the tap before.
inline bool is_contiguous(const TapSpan& span) {
  return span.reach == static_cast<Index>(span.taps.size());
}

inline Index count_taps(const std::vector<TapSpan>& spans) {
  Index taps = 0;
  for (const TapSpan& span : spans) taps += static_cast<Index>(span.taps.size());
  return taps;
}

}  // namespace tconv::inline TCONV_ISA::gradient
