#pragma once

/// \file
/// A correlation after Winograd's transform of some axes, line by line. Plain integers.

#include <algorithm>
#include <array>
#include <cstddef>
#include <limits>
#include <utility>
#include <vector>

#include "tconv/core/eigen.hpp"
#include "tconv/core/function_ref.hpp"
#include "tconv/core/integer.hpp"
#include "tconv/core/isa.hpp"
#include "tconv/engine/correlation.hpp"
#include "tconv/engine/input/stage.hpp"
#include "tconv/engine/layout.hpp"
#include "tconv/engine/winograd/filter.hpp"

namespace tconv::inline TCONV_ISA::engine {

/// Steps from number to number of each axis, in row-major order of `counts`.
constexpr std::array<Index, 3> row_major_steps(const std::array<Index, 3>& counts) {
  return {counts[1] * counts[2], counts[2], 1};
}

/// Every sum of a thing of each axis, whose number is the sum of theirs times `steps`.
inline Combination combine_axes(const std::array<const Combination*, 3>& axes,
                                const std::array<Index, 3>& steps) {
  Combination result;
  for (const Multiple& z : *axes[0])
    for (const Multiple& y : *axes[1])
      for (const Multiple& x : *axes[2])
        result.push_back({z.index * steps[0] + y.index * steps[1] + x.index * steps[2],
                          z.factor * y.factor * x.factor});
  return result;
}

inline Index count_parts(const std::vector<Combination>& sums) {
  std::size_t parts = 0;
  for (const Combination& sum : sums) parts += sum.size();
  return static_cast<Index>(parts);
}

/// Some families of terms of each outer axis, with all terms of the innermost one: whole output
/// rows.
struct WinogradLine {
  struct Product {
    std::size_t product = 0;    // in the layout of the terms
    std::vector<Index> inputs;  // that its taps read
    Index taps_before = 0;      // in the products before it
  };
  /// The rows of one phase of each outer axis.
  struct Rows {
    const Phase* z;
    const Phase* y;
    std::vector<Combination> sums;  // of products, for each phase of the innermost axis
    Index parts = 0;                // of all sums
  };

  /// The innermost axis is copied in blocks of a period, whose positions are its shifts.
  std::array<std::vector<Index>, 2> shifts;  // of the outer axes
  Index first_shift = 0;                     // of the innermost axis
  Index periods = 1;
  std::vector<Combination> inputs;  // of copies, `[z shift][y shift][x shift]`
  Index input_parts = 0;            // of all inputs
  std::vector<Product> products;
  std::vector<Rows> rows;
  Index period = 1;
  Index taps = 0;  // of all products

  Index copies() const {
    return static_cast<Index>(shifts[0].size() * shifts[1].size()) * periods * period;
  }
  /// The shifts of an axis from the first to the last.
  Range reach(std::size_t a) const {
    if (a == 2) return {first_shift, first_shift + periods * period};
    return shifts[a].empty() ? Range{} : Range{shifts[a].front(), shifts[a].back() + 1};
  }
};

/// The most that any line of a problem has.
struct WinogradExtremes {
  Index period = 1;
  Index outer_shifts = 0;  // pairs of shifts of the outer axes
  Index copies = 0;
  Index inputs = 0;
  Index products = 0;
};

/// A correlation with transformed axes.
class WinogradProblem {
 public:
  /// `axes` are those of `c`, transformed or only numbered. The families of the outer axes may
  /// share one line, and with it the inputs that several of them read.
  WinogradProblem(const Correlation& c, const std::array<const WinogradAxis*, 3>& axes,
                  bool one_line)
      : terms_(c) {
    terms_.order = TermOrder::any;
    terms_.zeros_around = true;
    terms_.output_span = 0;
    for (std::size_t a = 0; a < 3; ++a) {
      axes_[a] = *axes[a];
      terms_.axes[a] = axes_[a].terms;
    }
    const auto z_families = static_cast<Index>(axes_[0].families.size());
    const auto y_families = static_cast<Index>(axes_[1].families.size());
    const Index z_step = one_line ? z_families : 1, y_step = one_line ? y_families : 1;
    for (Index z = 0; z < z_families; z += z_step)
      for (Index y = 0; y < y_families; y += y_step)
        lines_.push_back(make_line({z, z + z_step}, {y, y + y_step}));
    for (const WinogradLine& line : lines_) {
      const std::size_t shifts = line.shifts[0].size() * line.shifts[1].size();
      most_.period = std::max(most_.period, line.period);
      most_.outer_shifts = std::max(most_.outer_shifts, static_cast<Index>(shifts));
      most_.copies = std::max(most_.copies, line.copies());
      most_.inputs = std::max(most_.inputs, static_cast<Index>(line.inputs.size()));
      most_.products = std::max(most_.products, static_cast<Index>(line.products.size()));
    }
    find_reach();
  }
  WinogradProblem(const WinogradProblem&) = delete;
  WinogradProblem& operator=(const WinogradProblem&) = delete;

  /// What is multiplied.
  const Correlation& terms() const { return terms_; }
  const WinogradAxis& axis(std::size_t a) const { return axes_[a]; }
  const std::vector<WinogradLine>& lines() const { return lines_; }
  const WinogradExtremes& most() const { return most_; }
  /// What the copies of all lines read.
  const Reach& reach() const { return reach_; }
  /// Elements of a transformed kernel.
  std::array<Index, 3> kernel_counts() const {
    std::array<Index, 3> counts{};
    for (std::size_t a = 0; a < 3; ++a) counts[a] = static_cast<Index>(axes_[a].kernels.size());
    return counts;
  }

 private:
  /// What a line has on each axis: the numbers of its terms, and of the inputs that those read.
  struct Parts {
    std::array<Range, 3> families;
    std::array<std::vector<std::size_t>, 3> terms;
    std::array<std::vector<Index>, 3> inputs;
  };

  void find_reach() {
    for (std::size_t a = 0; a < 3; ++a) {
      const PhasedAxis& outputs = axes_[a].outputs;
      Range shifts{std::numeric_limits<Index>::max(), std::numeric_limits<Index>::min()};
      for (const WinogradLine& line : lines_) {
        const Range own = line.reach(a);
        if (own.size() == 0) continue;
        shifts = {std::min(shifts.first, own.first), std::max(shifts.end, own.end)};
      }
      reach_[a] = {outputs.in, outputs.in_stride, shifts.first < shifts.end ? shifts : Range{0, 1}};
    }
  }

  const WinogradAxis::Family& family(std::size_t a, Index g) const {
    return axes_[a].families[static_cast<std::size_t>(g)];
  }

  static Index place(const std::vector<Index>& sorted, Index value) {
    return static_cast<Index>(std::lower_bound(sorted.begin(), sorted.end(), value) -
                              sorted.begin());
  }

  template <class T>
  static std::array<Index, 3> counts(const std::array<std::vector<T>, 3>& lists) {
    return {static_cast<Index>(lists[0].size()), static_cast<Index>(lists[1].size()),
            static_cast<Index>(lists[2].size())};
  }

  /// The line of some families of the outer axes.
  WinogradLine make_line(const Range& z_families, const Range& y_families) const {
    const auto x_families = static_cast<Index>(axes_[2].families.size());
    Parts parts{{z_families, y_families, {0, x_families}}, {}, {}};
    for (std::size_t a = 0; a < 3; ++a) list_parts(a, parts);
    WinogradLine line;
    line.period = axes_[2].outputs.in_stride;
    list_inputs(parts, line);
    list_products(parts, line);
    list_rows(parts, line);
    return line;
  }

  /// Lists the terms of an axis, and the different inputs that they read.
  void list_parts(std::size_t a, Parts& parts) const {
    for (Index g = parts.families[a].first; g < parts.families[a].end; ++g)
      for (Index t = family(a, g).terms.first; t < family(a, g).terms.end; ++t)
        parts.terms[a].push_back(static_cast<std::size_t>(t));
    std::vector<Index>& inputs = parts.inputs[a];
    for (const std::size_t term : parts.terms[a])
      for (const Tap& tap : terms_.axes[a].phases[term].taps) inputs.push_back(tap.shift);
    sort_unique(inputs);
  }

  /// Lists the copies that a line needs, and of which its inputs are sums.
  void list_inputs(const Parts& parts, WinogradLine& line) const {
    std::array<std::vector<Combination>, 3> sums;
    std::array<Index, 3> copy_counts{};
    for (std::size_t a = 0; a < 3; ++a) {
      std::vector<Index> shifts;
      for (const Index input : parts.inputs[a]) {
        sums[a].push_back(axes_[a].inputs[static_cast<std::size_t>(input)]);
        for (const Multiple& part : sums[a].back()) shifts.push_back(part.index);
      }
      sort_unique(shifts);
      copy_counts[a] = static_cast<Index>(shifts.size());
      if (a == 2) {
        line.first_shift = shifts.empty() ? 0 : shifts.front();
        line.periods =
            shifts.empty() ? 0 : ceil_div(shifts.back() + 1 - line.first_shift, line.period);
        copy_counts[a] = line.periods * line.period;
      }
      for (Combination& sum : sums[a])
        for (Multiple& part : sum)
          part.index = a < 2 ? place(shifts, part.index) : part.index - line.first_shift;
      if (a < 2) line.shifts[a] = std::move(shifts);
    }
    for (const Combination& z : sums[0])
      for (const Combination& y : sums[1])
        for (const Combination& x : sums[2])
          line.inputs.push_back(combine_axes({&z, &y, &x}, row_major_steps(copy_counts)));
    line.input_parts = count_parts(line.inputs);
  }

  /// Lists the products of a line, and which inputs their taps read.
  void list_products(const Parts& parts, WinogradLine& line) const {
    const std::array<Index, 3> steps = row_major_steps(counts(parts.inputs));
    const std::size_t y_terms = terms_.axes[1].phases.size();
    for (const std::size_t tz : parts.terms[0])
      for (const std::size_t ty : parts.terms[1])
        for (const std::size_t tx : parts.terms[2]) {
          WinogradLine::Product product;
          product.product = (tz * y_terms + ty) * parts.terms[2].size() + tx;
          for (const Tap& kz : terms_.axes[0].phases[tz].taps)
            for (const Tap& ky : terms_.axes[1].phases[ty].taps)
              for (const Tap& kx : terms_.axes[2].phases[tx].taps)
                product.inputs.push_back(place(parts.inputs[0], kz.shift) * steps[0] +
                                         place(parts.inputs[1], ky.shift) * steps[1] +
                                         place(parts.inputs[2], kx.shift));
          product.taps_before = line.taps;
          line.taps += static_cast<Index>(product.inputs.size());
          line.products.push_back(std::move(product));
        }
  }

  /// Lists the output rows of a line, and of which products they are sums.
  void list_rows(const Parts& parts, WinogradLine& line) const {
    const std::array<Index, 3> steps = row_major_steps(counts(parts.terms));
    for_each_output(0, parts, [&](std::size_t z_phase, const Combination& z) {
      for_each_output(1, parts, [&](std::size_t y_phase, const Combination& y) {
        WinogradLine::Rows rows{&axes_[0].outputs.phases[z_phase],
                                &axes_[1].outputs.phases[y_phase],
                                std::vector<Combination>(axes_[2].outputs.phases.size())};
        for_each_output(2, parts, [&](std::size_t x_phase, const Combination& x) {
          rows.sums[x_phase] = combine_axes({&z, &y, &x}, steps);
        });
        rows.parts = count_parts(rows.sums);
        line.rows.push_back(std::move(rows));
      });
    });
  }

  /// Calls `visit(phase, terms)` for the outputs of a line's families of an axis, with the terms
  /// numbered from the first family on.
  void for_each_output(
      std::size_t a, const Parts& parts,
      const FunctionRef<void(std::size_t phase, const Combination& terms)>& visit) const {
    const Index first = family(a, parts.families[a].first).terms.first;
    for (Index g = parts.families[a].first; g < parts.families[a].end; ++g)
      for (const auto& output : family(a, g).outputs) {
        Combination terms = output.terms;
        for (Multiple& term : terms) term.index += family(a, g).terms.first - first;
        visit(output.phase, terms);
      }
  }

  std::array<WinogradAxis, 3> axes_;
  Correlation terms_;
  std::vector<WinogradLine> lines_;
  WinogradExtremes most_;
  Reach reach_;
};

}  // namespace tconv::inline TCONV_ISA::engine
