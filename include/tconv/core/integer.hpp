#pragma once

/// \file
/// Whole numbers: division, ranges, nearly equal parts.

#include <algorithm>
#include <vector>

#include "tconv/core/eigen.hpp"

namespace tconv::core {

constexpr Index floor_div(Index a, Index b) { return a / b - (a % b < 0 ? 1 : 0); }
constexpr Index ceil_div(Index a, Index b) { return -floor_div(-a, b); }
constexpr Index floor_mod(Index a, Index b) { return a - floor_div(a, b) * b; }
constexpr Index round_up(Index value, Index multiple) {
  return ceil_div(value, multiple) * multiple;
}

struct Range {
  Index first = 0;
  Index end = 0;
  constexpr Index size() const { return end - first; }
  bool operator==(const Range&) const = default;
};

/// `size` things in `parts` nearly equal consecutive parts, all but the last one of whole units.
struct Split {
  Index size = 0;
  Index parts = 1;
  Index unit = 1;

  // One part is the usual case, and small calls wait for divisions.
  constexpr Index begin(Index part) const {
    if (parts == 1) return part == 0 ? 0 : size;
    if (unit == 1) return part * size / parts;
    return std::min(part * ceil_div(size, unit) / parts * unit, size);
  }
  constexpr Index end(Index part) const { return begin(part + 1); }
  constexpr Index largest() const {
    if (parts == 1) return size;
    return std::min(ceil_div(ceil_div(size, unit), parts) * unit, size);
  }
  /// Parts of at most `part` things, or of a unit if that is more.
  static constexpr Split into_at_most(Index size, Index part, Index unit = 1) {
    if (size <= part) return {size, 1, unit};
    const Index units = std::max<Index>(1, part / unit);
    return {size, std::max<Index>(1, ceil_div(ceil_div(size, unit), units)), unit};
  }
};

/// Sorts numbers, and leaves one of those that are equal.
inline void sort_unique(std::vector<Index>& numbers) {
  std::sort(numbers.begin(), numbers.end());
  numbers.erase(std::unique(numbers.begin(), numbers.end()), numbers.end());
}

}  // namespace tconv::core
