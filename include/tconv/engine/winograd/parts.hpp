#pragma once

/// \file
/// What Winograd's terms of one axis read, and how many of everything lines of all axes have. Plain
/// integers.

#include <algorithm>
#include <array>
#include <cstddef>
#include <limits>
#include <vector>

#include "tconv/core/eigen.hpp"
#include "tconv/core/integer.hpp"
#include "tconv/core/isa.hpp"
#include "tconv/engine/correlation.hpp"
#include "tconv/engine/input/stage.hpp"
#include "tconv/engine/winograd/filter.hpp"

namespace tconv::inline TCONV_ISA::engine {

/// The place of a value that is there.
inline Index place_of(const std::vector<Index>& sorted, Index value) {
  return static_cast<Index>(std::lower_bound(sorted.begin(), sorted.end(), value) - sorted.begin());
}

/// Some families of an axis, as a part of a line.
struct WinogradPart {
  Range families;
  std::vector<std::size_t> terms;
  std::vector<Index> inputs;      // that the terms' taps read
  std::vector<Index> shifts;      // of the copies that inputs are made of
  std::vector<Combination> sums;  // of these copies, for each input

  /// The innermost axis is copied in blocks of a period, whose positions are its shifts.
  WinogradPart(const WinogradAxis& axis, const Range& numbers, bool innermost) : families(numbers) {
    for (Index g = families.first; g < families.end; ++g) {
      const Range& own = axis.families[static_cast<std::size_t>(g)].terms;
      for (Index t = own.first; t < own.end; ++t) terms.push_back(static_cast<std::size_t>(t));
    }
    for (const std::size_t term : terms)
      for (const Tap& tap : axis.terms.phases[term].taps) inputs.push_back(tap.shift);
    sort_unique(inputs);
    for (const Index input : inputs) {
      sums.push_back(axis.inputs[static_cast<std::size_t>(input)]);
      for (const Multiple& part : sums.back()) shifts.push_back(part.index);
    }
    sort_unique(shifts);
    if (innermost && !shifts.empty()) {
      const Index first = shifts.front(), period = axis.outputs.in_stride;
      const Index count = round_up(shifts.back() + 1 - first, period);
      shifts.clear();
      for (Index s = 0; s < count; ++s) shifts.push_back(first + s);
    }
    for (Combination& sum : sums)
      for (Multiple& part : sum) part.index = place_of(shifts, part.index);
  }
};

/// The parts of all lines: each family makes one, unless all make one `together`, as those of the
/// innermost axis do.
inline std::vector<WinogradPart> list_parts(const WinogradAxis& axis, bool together,
                                            bool innermost) {
  const auto families = static_cast<Index>(axis.families.size());
  const Index step = together ? families : 1;
  std::vector<WinogradPart> parts;
  for (Index g = 0; g < families; g += step)
    parts.emplace_back(axis, Range{g, g + step}, innermost);
  return parts;
}

inline Index count_parts(const std::vector<Combination>& sums) {
  std::size_t parts = 0;
  for (const Combination& sum : sums) parts += sum.size();
  return static_cast<Index>(parts);
}

/// How many of everything a line has: products of what it has of each axis.
struct WinogradCounts {
  Index lines = 0;
  Index terms = 0;
  Index shifts = 0;
  Index inputs = 0;
  Index input_parts = 0;   // of all inputs
  Index outputs = 0;       // phases
  Index output_parts = 0;  // of all outputs

  static constexpr std::array<Index WinogradCounts::*, 7> each();

  void add(const WinogradCounts& line) {
    for (const auto count : each()) this->*count += line.*count;
  }
  /// Makes each at least as large as that of a line.
  void raise_to(const WinogradCounts& line) {
    for (const auto count : each()) this->*count = std::max(this->*count, line.*count);
  }
};

constexpr std::array<Index WinogradCounts::*, 7> WinogradCounts::each() {
  using Counts = WinogradCounts;
  return {&Counts::lines,       &Counts::terms,   &Counts::shifts,      &Counts::inputs,
          &Counts::input_parts, &Counts::outputs, &Counts::output_parts};
}

/// The counts of an axis: of all lines together, and the most of any.
struct WinogradAxisCounts {
  WinogradCounts all, most;
  AxisReach reach;

  WinogradAxisCounts() = default;
  WinogradAxisCounts(const WinogradAxis& axis, const std::vector<WinogradPart>& parts) {
    Range shifts{std::numeric_limits<Index>::max(), std::numeric_limits<Index>::min()};
    for (const WinogradPart& part : parts) {
      const WinogradCounts line = counts_of(axis, part);
      all.add(line);
      most.raise_to(line);
      if (part.shifts.empty()) continue;
      shifts = {std::min(shifts.first, part.shifts.front()),
                std::max(shifts.end, part.shifts.back() + 1)};
    }
    reach = {axis.outputs.in, axis.outputs.in_stride,
             shifts.first < shifts.end ? shifts : Range{0, 1}};
  }

 private:
  static WinogradCounts counts_of(const WinogradAxis& axis, const WinogradPart& part) {
    WinogradCounts counts{1,
                          static_cast<Index>(part.terms.size()),
                          static_cast<Index>(part.shifts.size()),
                          static_cast<Index>(part.inputs.size()),
                          count_parts(part.sums),
                          0,
                          0};
    for (Index g = part.families.first; g < part.families.end; ++g)
      for (const auto& output : axis.families[static_cast<std::size_t>(g)].outputs) {
        ++counts.outputs;
        counts.output_parts += static_cast<Index>(output.terms.size());
      }
    return counts;
  }
};

/// The lines of a transformed correlation as far as a plan depends on them.
class WinogradShape {
 public:
  WinogradShape() = default;
  /// `x` is the innermost axis.
  WinogradShape(const WinogradAxis& x, const std::array<WinogradAxisCounts, 3>& axes)
      : axes_(axes), period_(x.outputs.in_stride), out_stride_(x.outputs.out_stride) {}

  /// Of one count over all lines.
  Index all(Index WinogradCounts::*count) const {
    return axes_[0].all.*count * (axes_[1].all.*count) * (axes_[2].all.*count);
  }
  /// The most that any line has.
  Index most(Index WinogradCounts::*count) const {
    return axes_[0].most.*count * (axes_[1].most.*count) * (axes_[2].most.*count);
  }
  Index lines() const { return all(&WinogradCounts::lines); }
  /// Pairs of shifts of the outer axes, at most.
  Index outer_shifts() const { return axes_[0].most.shifts * axes_[1].most.shifts; }
  /// Output rows of all lines: pairs of phases of the outer axes.
  Index rows() const { return axes_[0].all.outputs * axes_[1].all.outputs; }
  /// Phases of the innermost axis.
  Index phases() const { return axes_[2].all.outputs; }
  /// Input positions after which copies of the innermost axis repeat, and its outputs.
  Index period() const { return period_; }
  Index out_stride() const { return out_stride_; }
  /// What the copies of all lines read.
  Reach reach() const { return {axes_[0].reach, axes_[1].reach, axes_[2].reach}; }

 private:
  std::array<WinogradAxisCounts, 3> axes_;
  Index period_ = 1, out_stride_ = 1;
};

}  // namespace tconv::inline TCONV_ISA::engine
