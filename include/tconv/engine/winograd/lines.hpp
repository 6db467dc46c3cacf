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
#include "tconv/engine/winograd/parts.hpp"

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
  };

  /// The innermost axis is copied in blocks of a period, whose positions are its shifts.
  std::array<std::vector<Index>, 2> shifts;  // of the outer axes
  Index first_shift = 0;                     // of the innermost axis
  Index periods = 1;
  std::vector<Combination> inputs;  // of copies, `[z shift][y shift][x shift]`
  std::vector<Product> products;
  std::vector<Rows> rows;
  Index period = 1;
  Index taps = 0;  // of all products
};

/// The same correlation with transformed axes: what is multiplied.
inline Correlation transformed(const Correlation& c,
                               const std::array<const WinogradAxis*, 3>& axes) {
  Correlation terms = c;
  terms.order = TermOrder::any;
  terms.zeros_around = true;
  terms.output_span = 0;
  for (std::size_t a = 0; a < 3; ++a) terms.axes[a] = axes[a]->terms;
  return terms;
}

/// A correlation with transformed axes.
class WinogradProblem {
 public:
  /// `axes` are those of `c`, transformed or only numbered. The families of the outer axes may
  /// share one line, and with it the inputs that several of them read.
  WinogradProblem(const Correlation& c, const std::array<const WinogradAxis*, 3>& axes,
                  bool one_line)
      : axes_{*axes[0], *axes[1], *axes[2]}, terms_(transformed(c, axes)) {
    std::array<std::vector<WinogradPart>, 3> parts;
    std::array<WinogradAxisCounts, 3> counts;
    for (std::size_t a = 0; a < 3; ++a) {
      parts[a] = list_parts(axes_[a], one_line || a == 2, a == 2);
      counts[a] = WinogradAxisCounts(axes_[a], parts[a]);
    }
    shape_ = WinogradShape(axes_[2], counts);
    for (const WinogradPart& z : parts[0])
      for (const WinogradPart& y : parts[1]) lines_.push_back(make_line({&z, &y, &parts[2][0]}));
  }
  WinogradProblem(const WinogradProblem&) = delete;
  WinogradProblem& operator=(const WinogradProblem&) = delete;

  /// What is multiplied.
  const Correlation& terms() const { return terms_; }
  const WinogradAxis& axis(std::size_t a) const { return axes_[a]; }
  const std::vector<WinogradLine>& lines() const { return lines_; }
  /// The counts of the lines.
  const WinogradShape& shape() const { return shape_; }
  /// Elements of a transformed kernel.
  std::array<Index, 3> kernel_counts() const {
    std::array<Index, 3> counts{};
    for (std::size_t a = 0; a < 3; ++a) counts[a] = static_cast<Index>(axes_[a].kernels.size());
    return counts;
  }

 private:
  /// What a line has of each axis.
  using Parts = std::array<const WinogradPart*, 3>;

  const WinogradAxis::Family& family(std::size_t a, Index g) const {
    return axes_[a].families[static_cast<std::size_t>(g)];
  }

  static std::array<Index, 3> counts(const Parts& parts, auto WinogradPart::*list) {
    std::array<Index, 3> result{};
    for (std::size_t a = 0; a < 3; ++a) result[a] = static_cast<Index>((parts[a]->*list).size());
    return result;
  }

  WinogradLine make_line(const Parts& parts) const {
    const WinogradPart& x = *parts[2];
    WinogradLine line;
    line.period = axes_[2].outputs.in_stride;
    line.shifts = {parts[0]->shifts, parts[1]->shifts};
    line.first_shift = x.shifts.empty() ? 0 : x.shifts.front();
    line.periods = static_cast<Index>(x.shifts.size()) / line.period;
    list_inputs(parts, line);
    list_products(parts, line);
    list_rows(parts, line);
    return line;
  }

  /// Lists of which copies a line's inputs are sums.
  void list_inputs(const Parts& parts, WinogradLine& line) const {
    const std::array<Index, 3> steps = row_major_steps(counts(parts, &WinogradPart::shifts));
    for (const Combination& z : parts[0]->sums)
      for (const Combination& y : parts[1]->sums)
        for (const Combination& x : parts[2]->sums)
          line.inputs.push_back(combine_axes({&z, &y, &x}, steps));
  }

  /// Lists the products of a line, and which inputs their taps read.
  void list_products(const Parts& parts, WinogradLine& line) const {
    const std::array<Index, 3> steps = row_major_steps(counts(parts, &WinogradPart::inputs));
    const std::size_t y_terms = terms_.axes[1].phases.size();
    for (const std::size_t tz : parts[0]->terms)
      for (const std::size_t ty : parts[1]->terms)
        for (const std::size_t tx : parts[2]->terms) {
          WinogradLine::Product product;
          product.product = (tz * y_terms + ty) * parts[2]->terms.size() + tx;
          for (const Tap& kz : terms_.axes[0].phases[tz].taps)
            for (const Tap& ky : terms_.axes[1].phases[ty].taps)
              for (const Tap& kx : terms_.axes[2].phases[tx].taps)
                product.inputs.push_back(place_of(parts[0]->inputs, kz.shift) * steps[0] +
                                         place_of(parts[1]->inputs, ky.shift) * steps[1] +
                                         place_of(parts[2]->inputs, kx.shift));
          product.taps_before = line.taps;
          line.taps += static_cast<Index>(product.inputs.size());
          line.products.push_back(std::move(product));
        }
  }

  /// Lists the output rows of a line, and of which products they are sums.
  void list_rows(const Parts& parts, WinogradLine& line) const {
    const std::array<Index, 3> steps = row_major_steps(counts(parts, &WinogradPart::terms));
    for_each_output(0, parts, [&](std::size_t z_phase, const Combination& z) {
      for_each_output(1, parts, [&](std::size_t y_phase, const Combination& y) {
        WinogradLine::Rows rows{&axes_[0].outputs.phases[z_phase],
                                &axes_[1].outputs.phases[y_phase],
                                std::vector<Combination>(axes_[2].outputs.phases.size())};
        for_each_output(2, parts, [&](std::size_t x_phase, const Combination& x) {
          rows.sums[x_phase] = combine_axes({&z, &y, &x}, steps);
        });
        line.rows.push_back(std::move(rows));
      });
    });
  }

  /// Calls `visit(phase, terms)` for the outputs of a line's families of an axis, with the terms
  /// numbered from the first family on.
  void for_each_output(
      std::size_t a, const Parts& parts,
      const FunctionRef<void(std::size_t phase, const Combination& terms)>& visit) const {
    const Index first = family(a, parts[a]->families.first).terms.first;
    for (Index g = parts[a]->families.first; g < parts[a]->families.end; ++g)
      for (const auto& output : family(a, g).outputs) {
        Combination terms = output.terms;
        for (Multiple& term : terms) term.index += family(a, g).terms.first - first;
        visit(output.phase, terms);
      }
  }

  std::array<WinogradAxis, 3> axes_;
  Correlation terms_;
  WinogradShape shape_;
  std::vector<WinogradLine> lines_;
};

}  // namespace tconv::inline TCONV_ISA::engine
