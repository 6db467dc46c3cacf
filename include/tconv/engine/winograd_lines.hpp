#pragma once

/// \file
/// A correlation after Winograd's transform of some axes, line by line. Plain integers.

#include <algorithm>
#include <array>
#include <cstddef>
#include <vector>

#include "tconv/engine/winograd.hpp"

namespace tconv::engine {

/// Every sum of a thing of each axis, numbered in row-major order of `counts`.
inline Combination combine_axes(const std::array<const Combination*, 3>& axes,
                                const std::array<Index, 3>& counts) {
  Combination result;
  for (const Multiple& z : *axes[0])
    for (const Multiple& y : *axes[1])
      for (const Multiple& x : *axes[2])
        result.push_back({(z.index * counts[1] + y.index) * counts[2] + x.index,
                          z.factor * y.factor * x.factor});
  return result;
}

/// A group of terms of each outer axis, with all terms of the innermost one: whole output rows.
struct WinogradLine {
  struct Product {
    std::size_t product = 0;     // in the layout of the terms
    std::vector<Index> windows;  // that its taps read
    Index taps_before = 0;       // in the products before it
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
  Index blocks = 1;
  std::vector<Combination> windows;  // of copies, `[z shift][y shift][x shift]`
  std::vector<Product> products;
  std::vector<Rows> rows;
  Index period = 1;
  Index taps = 0;  // of all products

  Index copies() const {
    return static_cast<Index>(shifts[0].size() * shifts[1].size()) * blocks * period;
  }
};

/// A correlation with transformed axes.
class WinogradProblem {
 public:
  /// Transforms the axes for which `distances` is not zero.
  WinogradProblem(const Correlation& c, const std::array<Index, 3>& distances)
      : terms_{c.batch, c.groups, c.in_channels, c.out_channels, {}} {
    for (std::size_t a = 0; a < 3; ++a) {
      axes_[a] = WinogradBuilder(c.axes[a], distances[a]).result();
      terms_.axes[a] = axes_[a].terms;
    }
    for (const WinogradAxis::Group& z : axes_[0].groups)
      for (const WinogradAxis::Group& y : axes_[1].groups) lines_.push_back(make_line(z, y));
  }
  WinogradProblem(const WinogradProblem&) = delete;
  WinogradProblem& operator=(const WinogradProblem&) = delete;

  /// What is multiplied.
  const Correlation& terms() const { return terms_; }
  const WinogradAxis& axis(std::size_t a) const { return axes_[a]; }
  const std::vector<WinogradLine>& lines() const { return lines_; }
  /// Elements of a transformed kernel.
  std::array<Index, 3> kernel_counts() const {
    std::array<Index, 3> counts{};
    for (std::size_t a = 0; a < 3; ++a) counts[a] = static_cast<Index>(axes_[a].kernels.size());
    return counts;
  }

 private:
  using Terms = std::vector<std::size_t>;

  static Terms terms_of(const Range& range) {
    Terms terms;
    for (Index t = range.first; t < range.end; ++t) terms.push_back(static_cast<std::size_t>(t));
    return terms;
  }

  /// The different windows that some terms of an axis read.
  std::vector<Index> windows_of(std::size_t a, const Terms& terms) const {
    std::vector<Index> windows;
    for (const std::size_t term : terms)
      for (const Tap& tap : terms_.axes[a].phases[term].taps) windows.push_back(tap.shift);
    std::sort(windows.begin(), windows.end());
    windows.erase(std::unique(windows.begin(), windows.end()), windows.end());
    return windows;
  }

  /// The different shifts of some windows.
  std::vector<Index> shifts_of(std::size_t a, const std::vector<Index>& windows) const {
    std::vector<Index> shifts;
    for (const Index window : windows)
      for (const Multiple& part : axes_[a].windows[static_cast<std::size_t>(window)])
        shifts.push_back(part.index);
    std::sort(shifts.begin(), shifts.end());
    shifts.erase(std::unique(shifts.begin(), shifts.end()), shifts.end());
    return shifts;
  }

  static Index place(const std::vector<Index>& sorted, Index value) {
    return std::lower_bound(sorted.begin(), sorted.end(), value) - sorted.begin();
  }

  WinogradLine make_line(const WinogradAxis::Group& z, const WinogradAxis::Group& y) const {
    WinogradLine line;
    const auto x_terms = static_cast<Index>(terms_.axes[2].phases.size());
    const std::array<Terms, 3> terms{terms_of(z.terms), terms_of(y.terms), terms_of({0, x_terms})};
    std::array<std::vector<Index>, 3> windows;
    std::array<std::vector<Combination>, 3> copies;
    std::array<Index, 3> window_counts{}, copy_counts{}, term_counts{};
    line.period = axes_[2].outputs.in_stride;
    for (std::size_t a = 0; a < 3; ++a) {
      windows[a] = windows_of(a, terms[a]);
      const std::vector<Index> shifts = shifts_of(a, windows[a]);
      window_counts[a] = static_cast<Index>(windows[a].size());
      term_counts[a] = static_cast<Index>(terms[a].size());
      copy_counts[a] = static_cast<Index>(shifts.size());
      if (a < 2) line.shifts[a] = shifts;
      if (a == 2) {
        line.first_shift = shifts.empty() ? 0 : shifts.front();
        line.blocks =
            shifts.empty() ? 0 : ceil_div(shifts.back() + 1 - line.first_shift, line.period);
        copy_counts[a] = line.blocks * line.period;
      }
      for (const Index window : windows[a]) {
        Combination& parts =
            copies[a].emplace_back(axes_[a].windows[static_cast<std::size_t>(window)]);
        for (Multiple& part : parts)
          part.index = a < 2 ? place(shifts, part.index) : part.index - line.first_shift;
      }
    }
    for (const Combination& wz : copies[0])
      for (const Combination& wy : copies[1])
        for (const Combination& wx : copies[2])
          line.windows.push_back(combine_axes({&wz, &wy, &wx}, copy_counts));
    const auto y_terms = static_cast<Index>(terms_.axes[1].phases.size());
    for (const std::size_t tz : terms[0])
      for (const std::size_t ty : terms[1])
        for (const std::size_t tx : terms[2]) {
          WinogradLine::Product& product = line.products.emplace_back();
          product.product = (tz * static_cast<std::size_t>(y_terms) + ty) * terms[2].size() + tx;
          for (const Tap& kz : terms_.axes[0].phases[tz].taps)
            for (const Tap& ky : terms_.axes[1].phases[ty].taps)
              for (const Tap& kx : terms_.axes[2].phases[tx].taps)
                product.windows.push_back(
                    (place(windows[0], kz.shift) * window_counts[1] + place(windows[1], ky.shift)) *
                        window_counts[2] +
                    place(windows[2], kx.shift));
          product.taps_before = line.taps;
          line.taps += static_cast<Index>(product.windows.size());
        }
    for (const auto& z_output : z.outputs)
      for (const auto& y_output : y.outputs)
        line.rows.push_back({&axes_[0].outputs.phases[z_output.phase],
                             &axes_[1].outputs.phases[y_output.phase],
                             x_sums(z_output.terms, y_output.terms, term_counts)});
    return line;
  }

  /// What each phase of the innermost axis is joined from.
  std::vector<Combination> x_sums(const Combination& z, const Combination& y,
                                  const std::array<Index, 3>& counts) const {
    std::vector<Combination> sums(axes_[2].outputs.phases.size());
    for (const WinogradAxis::Group& group : axes_[2].groups)
      for (const auto& output : group.outputs) {
        Combination x = output.terms;
        for (Multiple& term : x) term.index += group.terms.first;
        sums[output.phase] = combine_axes({&z, &y, &x}, counts);
      }
    return sums;
  }

  std::array<WinogradAxis, 3> axes_;
  Correlation terms_;
  std::vector<WinogradLine> lines_;
};

}  // namespace tconv::engine
