#pragma once

/// \file
/// Winograd's minimal filtering on one axis of a correlation. Plain integers.
///
/// Two outputs of a phase that lie `D` inputs apart share most of what they read. With the taps w_0
/// and w_1, which also lie `D` apart, both are sums of three products instead of four,
///
///     y_0 = (d_0 - d_1) w_0 + d_1 (w_0 + w_1)
///     y_1 =                   d_1 (w_0 + w_1) + (d_2 - d_1) w_1,
///
/// and with three taps of four instead of six (S. Winograd, Arithmetic Complexity of Computations,
/// 1980; A. Lavin and S. Gray, Fast Algorithms for Convolutional Neural Networks, 2016). A phase's
/// taps form *chains*, whose members lie `D` apart, in twos and threes. The products of all chains
/// are added in at most four *terms*, from which both outputs are joined:
///
///     y_0 = t_0 + t_1 + t_2,    y_1 = t_1 - t_2 + t_3.
///
/// So a correlation becomes another one: its phases are the terms, its taps the transformed taps,
/// and their shifts count *inputs*, the transformed ones. Several axes are transformed one
/// within the other.

#include <algorithm>
#include <array>
#include <cstddef>
#include <numeric>
#include <utility>
#include <vector>

#include "tconv/core/eigen.hpp"
#include "tconv/core/integer.hpp"
#include "tconv/core/isa.hpp"
#include "tconv/engine/correlation.hpp"
#include "tconv/engine/tile.hpp"

namespace tconv::inline TCONV_ISA::engine {

/// `factor` times the thing number `index`.
struct Multiple {
  Index index = 0;
  double factor = 1;

  bool operator==(const Multiple&) const = default;
};

using Combination = std::vector<Multiple>;

/// One axis, before or after the transform.
struct WinogradAxis {
  /// Some phases' outputs and the terms that they are joined from.
  struct Family {
    struct Output {
      std::size_t phase = 0;
      Combination terms;  // numbered in the family
    };
    Range terms;
    std::vector<Output> outputs;
  };

  /// The correlation with as many phases as make one period of the transform. All begin at q = 0.
  PhasedAxis outputs;
  /// A phase for each term, whose taps are numbers of `kernels` and `inputs`.
  PhasedAxis terms;
  std::vector<Combination> kernels;  // of taps
  std::vector<Combination> inputs;   // of shifts of `outputs`
  std::vector<Family> families;
};

/// How many outputs of a phase lie between the two that are computed together: as many as let their
/// taps overlap. Zero if no phase has two taps.
inline Index winograd_distance(const PhasedAxis& axis) {
  Index spacing = 0;
  for (const Phase& phase : axis.phases)
    for (std::size_t t = 1; t < phase.taps.size(); ++t)
      spacing = std::gcd(spacing, phase.taps[t].shift - phase.taps[t - 1].shift);
  if (spacing == 0) return 0;
  const Index distance = spacing / std::gcd(spacing, axis.in_stride);
  const auto has_chain = [&](const Phase& phase) {
    for (const Tap& a : phase.taps)
      for (const Tap& b : phase.taps)
        if (b.shift - a.shift == distance * axis.in_stride) return true;
    return false;
  };
  return std::any_of(axis.phases.begin(), axis.phases.end(), has_chain) ? distance : 0;
}

/// Transforms an axis for outputs `distance` apart, or only numbers its taps if that is zero.
class WinogradBuilder {
 public:
  WinogradBuilder(const PhasedAxis& axis, Index distance)
      : axis_(axis), distance_(distance), period_(std::max<Index>(2 * distance, 1)) {
    result_.outputs = {axis.in, axis.out, period_ * axis.in_stride, period_ * axis.out_stride, {}};
    for (Index r = 0; r < period_; ++r)
      for (const Phase& phase : axis.phases) result_.outputs.phases.push_back(refine(phase, r));
    for (Index r = 0; r < std::max<Index>(distance, 1); ++r)
      for (std::size_t p = 0; p < axis.phases.size(); ++p) add_family(p, r);
    result_.terms.in = axis.in;
    result_.terms.out = axis.out;
    const Index count = q_range(result_.outputs).size();
    for (Phase& term : result_.terms.phases) term.count = count;
  }

  const WinogradAxis& result() const { return result_; }

 private:
  std::size_t refined(std::size_t phase, Index r) const {
    return static_cast<std::size_t>(r) * axis_.phases.size() + phase;
  }

  /// Every output number `r` of a period.
  Phase refine(const Phase& phase, Index r) const {
    const Index q = phase.first + r;
    Phase result{phase.offset + q * axis_.out_stride, 0,
                 std::max<Index>(ceil_div(phase.count - r, period_), 0), phase.taps};
    for (Tap& tap : result.taps) tap.shift += q * axis_.in_stride;
    return result;
  }

  void add_family(std::size_t p, Index r) {
    const std::vector<Tap>& taps = result_.outputs.phases[refined(p, r)].taps;
    WinogradAxis::Family family;
    if (distance_ == 0) {
      Phase term;
      for (const Tap& tap : taps) add(term, {{tap.shift, 1}}, {{tap.kernel, 1}});
      family.outputs = {{refined(p, r), {{0, 1}}}};
      add_terms(family, {term});
    } else {
      std::array<Phase, 4> terms;
      for (const std::vector<Tap>& chain : chains(taps)) add_chain(terms, chain);
      family.outputs = {{refined(p, r), {{0, 1}, {1, 1}, {2, 1}}},
                        {refined(p, r + distance_), {{1, 1}, {2, -1}, {3, 1}}}};
      add_terms(family, {terms.begin(), terms.end()});
    }
    result_.families.push_back(std::move(family));
  }

  /// Appends the terms of a family. Without taps only the outer ones remain, from which each output
  /// gets its zero.
  void add_terms(WinogradAxis::Family& family, const std::vector<Phase>& terms) {
    family.terms.first = static_cast<Index>(result_.terms.phases.size());
    std::vector<Index> number(terms.size(), -1);
    for (std::size_t t = 0; t < terms.size(); ++t) {
      if (terms[t].taps.empty() && t % 3 != 0) continue;
      number[t] = static_cast<Index>(result_.terms.phases.size()) - family.terms.first;
      result_.terms.phases.push_back(terms[t]);
    }
    family.terms.end = static_cast<Index>(result_.terms.phases.size());
    for (auto& output : family.outputs) {
      for (Multiple& term : output.terms) term.index = number[static_cast<std::size_t>(term.index)];
      std::erase_if(output.terms, [](const Multiple& term) { return term.index < 0; });
    }
  }

  /// The taps in chains of at most three, in the order of their shifts.
  std::vector<std::vector<Tap>> chains(std::vector<Tap> taps) const {
    const Index step = distance_ * axis_.in_stride;
    std::sort(taps.begin(), taps.end(), [&](const Tap& a, const Tap& b) {
      return std::pair(floor_mod(a.shift, step), a.shift) <
             std::pair(floor_mod(b.shift, step), b.shift);
    });
    std::vector<std::vector<Tap>> result;
    for (std::size_t begin = 0, end = 0; begin < taps.size(); begin = end) {
      for (end = begin + 1; end < taps.size() && taps[end].shift == taps[end - 1].shift + step;)
        ++end;
      for (std::size_t first = begin; first < end;) {
        const std::size_t left = end - first;
        // Two chains of two take as many products as one of three and one of one, and round less.
        const std::size_t length = left == 4 || left == 2 ? 2 : std::min<std::size_t>(left, 3);
        result.emplace_back(taps.begin() + static_cast<Index>(first),
                            taps.begin() + static_cast<Index>(first + length));
        first += length;
      }
    }
    return result;
  }

  void add_chain(std::array<Phase, 4>& terms, const std::vector<Tap>& chain) {
    const auto d = [&](Index i) { return chain[0].shift + i * distance_ * axis_.in_stride; };
    const auto w = [&](std::size_t i) { return chain[i].kernel; };
    if (chain.size() == 1) {
      add(terms[0], {{d(0), 1}}, {{w(0), 1}});
      add(terms[3], {{d(1), 1}}, {{w(0), 1}});
    } else if (chain.size() == 2) {
      add(terms[0], {{d(1), 1}, {d(0), -1}}, {{w(0), -1}});
      add(terms[1], {{d(1), 1}}, {{w(0), 1}, {w(1), 1}});
      add(terms[3], {{d(2), 1}, {d(1), -1}}, {{w(1), 1}});
    } else {
      add(terms[0], {{d(2), 1}, {d(0), -1}}, {{w(0), -1}});
      add(terms[1], {{d(2), 1}, {d(1), 1}}, {{w(0), .5}, {w(1), .5}, {w(2), .5}});
      add(terms[2], {{d(2), 1}, {d(1), -1}}, {{w(0), .5}, {w(1), -.5}, {w(2), .5}});
      add(terms[3], {{d(3), 1}, {d(1), -1}}, {{w(2), 1}});
    }
  }

  void add(Phase& term, const Combination& input, const Combination& kernel) {
    term.taps.push_back({number_of(result_.kernels, kernel), number_of(result_.inputs, input)});
  }

  /// Equal combinations are one: phases side by side read the same differences.
  static Index number_of(std::vector<Combination>& all, const Combination& combination) {
    const auto found = std::find(all.begin(), all.end(), combination);
    const auto number = static_cast<Index>(found - all.begin());
    if (found == all.end()) all.push_back(combination);
    return number;
  }

  const PhasedAxis& axis_;
  Index distance_, period_;
  WinogradAxis result_;
};

}  // namespace tconv::inline TCONV_ISA::engine
