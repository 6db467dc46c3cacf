#pragma once

/// \file
/// Which phases of an axis are computed together, and what of them a plan depends on. Plain
/// integers.

#include <algorithm>
#include <limits>
#include <vector>

#include "tconv/core/axis.hpp"
#include "tconv/core/eigen.hpp"
#include "tconv/core/integer.hpp"
#include "tconv/core/isa.hpp"
#include "tconv/engine/correlation.hpp"

namespace tconv::inline TCONV_ISA::engine {

struct PhaseSet {
  Index first = 0;
  Index count = 0;
  std::vector<Tap> taps;
  std::vector<Index> remainders;  // of the taps' shifts by the input's stride, in order
  std::vector<const Phase*> members;

  Index end() const { return first + count; }
  Index size() const { return static_cast<Index>(members.size()); }
};

/// Which phases of an axis share a set.
enum class Merge {
  none,    ///< each phase is a set
  equal,   ///< phases that read the same taps for the same q
  unequal  ///< phases that read the same taps; q spans all, a few pixels computed for nothing
};

/// Whether two phases read the same taps, so that their rows can share one product.
inline bool same_shifts(const std::vector<Tap>& a, const std::vector<Tap>& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](const Tap& s, const Tap& t) { return s.shift == t.shift; });
}

/// The positions that the taps read, from one q to the next, where they repeat.
inline std::vector<Index> shift_remainders(const PhasedAxis& axis, const std::vector<Tap>& taps) {
  std::vector<Index> remainders;
  remainders.reserve(taps.size());
  for (const Tap& tap : taps) remainders.push_back(floor_mod(tap.shift, axis.in_stride));
  sort_unique(remainders);
  return remainders;
}

inline std::vector<PhaseSet> make_phase_sets(const PhasedAxis& axis, Merge merge) {
  std::vector<PhaseSet> sets;
  for (const Phase& phase : axis.phases) {
    const auto fits = [&](const PhaseSet& set) {
      return merge != Merge::none && same_shifts(set.taps, phase.taps) &&
             (merge == Merge::unequal || (set.first == phase.first && set.count == phase.count));
    };
    auto set = std::find_if(sets.begin(), sets.end(), fits);
    if (set == sets.end())
      set = sets.insert(
          sets.end(),
          {phase.first, phase.count, phase.taps, shift_remainders(axis, phase.taps), {}});
    const Index end = std::max(set->end(), phase.end());
    set->first = std::min(set->first, phase.first);
    set->count = end - set->first;
    set->members.push_back(&phase);
  }
  return sets;
}

/// Bounds of q over all phases of an axis.
inline Range q_range(const PhasedAxis& axis) {
  Range range{std::numeric_limits<Index>::max(), std::numeric_limits<Index>::min()};
  for (const Phase& phase : axis.phases) {
    range.first = std::min(range.first, phase.first);
    range.end = std::max(range.end, phase.end());
  }
  return range;
}

/// Smallest and largest shift over all taps of an axis.
inline Range shift_range(const PhasedAxis& axis) {
  Range range{0, 1};
  bool any = false;
  for (const Phase& phase : axis.phases)
    for (const Tap& tap : phase.taps) {
      range = any ? Range{std::min(range.first, tap.shift), std::max(range.end, tap.shift + 1)}
                  : Range{tap.shift, tap.shift + 1};
      any = true;
    }
  return range;
}

/// The first and the last shift in units of the input's stride.
inline Range stride_range(const PhasedAxis& axis) {
  const Range shifts = shift_range(axis);
  return {floor_div(shifts.first, axis.in_stride), floor_div(shifts.end - 1, axis.in_stride) + 1};
}

/// Windows that differ in their first pixel or extent, one for each tap of a set.
inline Index count_windows(const PhasedAxis& axis, const std::vector<PhaseSet>& sets) {
  // First pixel and extent as one number.
  std::vector<Index> windows;
  for (const PhaseSet& set : sets)
    for (const Tap& tap : set.taps)
      windows.push_back((set.first * axis.in_stride + tap.shift) * (axis.out + 1) + set.count);
  sort_unique(windows);
  return static_cast<Index>(windows.size());
}

/// Sets that cost the same.
struct SetKind {
  Index count;    // pixels of a set
  Index members;  // phases of a set
  Index taps;
  Index remainders;
  Index sets;  // that there are

  bool is_of(const PhaseSet& set) const {
    return count == set.count && members == set.size() &&
           taps == static_cast<Index>(set.taps.size()) &&
           remainders == static_cast<Index>(set.remainders.size());
  }
  /// Whether a set of another kind has no less of anything.
  bool is_within(const SetKind& other) const {
    return count <= other.count && members <= other.members && taps <= other.taps &&
           remainders <= other.remainders;
  }
  /// Windows that the taps of a set read.
  Index windows(bool copied) const { return copied ? taps : remainders; }
};

/// The sets of an axis as far as a plan depends on them.
struct SetKinds {
  std::vector<SetKind> kinds;    // in the order of their first sets
  std::vector<SetKind> largest;  // those that are not within others: they need the most scratch
  Index sets = 0;
  Index q = 0;        // that all phases span
  Index reach = 1;    // strides of the input that the taps reach over
  Index windows = 0;  // that differ, one for each tap

  SetKinds() = default;
  SetKinds(const PhasedAxis& axis, const std::vector<PhaseSet>& all)
      : sets(static_cast<Index>(all.size())),
        q(q_range(axis).size()),
        reach(stride_range(axis).size()),
        windows(count_windows(axis, all)) {
    for (const PhaseSet& set : all) {
      const auto kind = std::find_if(kinds.begin(), kinds.end(),
                                     [&](const SetKind& known) { return known.is_of(set); });
      if (kind != kinds.end())
        ++kind->sets;
      else
        kinds.push_back({set.count, set.size(), static_cast<Index>(set.taps.size()),
                         static_cast<Index>(set.remainders.size()), 1});
    }
    for (const SetKind& kind : kinds)
      if (std::none_of(kinds.begin(), kinds.end(), [&](const SetKind& other) {
            return &other != &kind && kind.is_within(other);
          }))
        largest.push_back(kind);
  }

  /// Pixels of equal remainder that `pixels` consecutive outputs of every phase read.
  Index halo_extent(Index pixels) const { return pixels - 1 + reach; }
};

}  // namespace tconv::inline TCONV_ISA::engine
