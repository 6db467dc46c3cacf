#pragma once

/// \file
/// Small problems, whose terms are listed: which taps reach each output, and which pixels they read
/// there.
///
/// A call of a few thousand products is over before tiles, windows and phases are found. Here all
/// that depends on the shape is in the lists, and each output is summed alone. Lanes hold output
/// channels. No term reads the zeros around an image, and so weights may be infinite.

#include <algorithm>
#include <array>
#include <cstddef>
#include <utility>
#include <vector>

#include "tconv/core/axis.hpp"
#include "tconv/core/eigen.hpp"
#include "tconv/core/integer.hpp"
#include "tconv/core/isa.hpp"
#include "tconv/engine/correlation.hpp"
#include "tconv/engine/output_list.hpp"
#include "tconv/engine/planning/machine.hpp"

namespace tconv::inline TCONV_ISA::engine {

/// A tap of the kernel and the pixel that it reads, both numbered in row-major order.
struct Term {
  Index tap, pixel;
};

/// What is computed once for a shape.
class ListedSchedule {
 public:
  ListedSchedule(const Correlation& c, Index lane_count)
      : correlation_(c),
        vectors_(c.out_channels <= lane_count       ? 1
                 : c.out_channels <= 2 * lane_count ? 2
                                                    : 4),
        rows_(vectors_ * lane_count) {
    std::array<std::vector<std::vector<Term>>, 3> axes;
    for (std::size_t a = 0; a < 3; ++a) {
      kernel_[a] = kernel_of(c.axes[a]);
      axes[a] = terms_of(c.axes[a]);
    }
    for (const auto& z_terms : axes[0])
      for (const auto& y_terms : axes[1])
        for (const auto& x_terms : axes[2]) {
          for (const Term& z : z_terms)
            for (const Term& y : y_terms)
              for (const Term& x : x_terms)
                terms_.push_back({(z.tap * kernel_[1] + y.tap) * kernel_[2] + x.tap,
                                  (z.pixel * c.axes[1].in + y.pixel) * c.axes[2].in + x.pixel});
          ends_.push_back(static_cast<Index>(terms_.size()));
        }
    signature_ = {kernel_[0], kernel_[1], kernel_[2], rows_};
  }

  /// Whether a problem is small enough for lists, and has at most `most_weights`.
  static bool takes(const Correlation& c, Index most_weights) {
    if (c.order != TermOrder::any && c.order != TermOrder::untransformed) return false;
    constexpr Index most_terms = 1024;
    Index pixels = 1, outputs = 1, terms = 1;
    double weights = static_cast<double>(c.groups * c.in_channels * c.out_channels);
    for (const PhasedAxis& axis : c.axes) {
      pixels *= axis.in;
      outputs *= axis.out;
      weights *= static_cast<double>(kernel_of(axis));
      if (std::max(pixels, outputs) > most_listed_outputs) return false;
      if (weights > static_cast<double>(most_weights)) return false;
      terms *= count_terms(axis);
      if (terms > most_terms) return false;
    }
    return true;
  }

  const Correlation& correlation() const { return correlation_; }
  /// Elements of the kernel on each axis from the first to the last that a term has.
  const std::array<Index, 3>& kernel() const { return kernel_; }
  Index taps() const { return kernel_[0] * kernel_[1] * kernel_[2]; }
  /// Output channels of a panel, in whole packets, of which there are `vectors`.
  Index rows() const { return rows_; }
  int vectors() const { return vectors_; }
  Index panels() const { return ceil_div(correlation_.out_channels, rows_); }
  /// Pixels of a channel of the input.
  Index pixels() const {
    return correlation_.axes[0].in * correlation_.axes[1].in * correlation_.axes[2].in;
  }
  /// Outputs of a channel, in row-major order.
  Index outputs() const { return static_cast<Index>(ends_.size()); }
  const std::vector<Term>& terms() const { return terms_; }
  /// Where the terms of each output end; they begin where those of the one before end.
  const std::vector<Index>& ends() const { return ends_; }

  /// Elements of the packed weights of all groups: [panel][tap][input channel][row] of each.
  Index weight_size() const {
    return correlation_.groups * panels() * taps() * correlation_.in_channels * rows_;
  }
  /// Estimated cycles of one core to pack them.
  double packing_cycles() const { return 2 * static_cast<double>(weight_size()); }
  /// Estimated cycles of one core, weights packed. Fitted to 639 random problems on a Zen 5.
  double cycles(const Machine& machine) const {
    const auto number = [](Index value) { return static_cast<double>(value); };
    const double terms = number(static_cast<Index>(terms_.size()));
    const double products = terms * number(correlation_.in_channels * vectors_);
    const double singles = correlation_.writes_channels ? 0 : number(output_size(correlation_));
    return machine.lists * (number(correlation_.batch * correlation_.groups * panels()) *
                                (1.4 * products + 5 * terms + 23 * number(outputs())) +
                            2 * singles);
  }
  /// Equal where weights are packed alike.
  const std::vector<Index>& signature() const { return signature_; }

 private:
  /// Elements of the kernel from the first to the last that a tap has.
  static Index kernel_of(const PhasedAxis& axis) {
    Index end = 0;
    for (const Phase& phase : axis.phases)
      for (const Tap& tap : phase.taps) end = std::max(end, tap.kernel + 1);
    return end;
  }

  static Index count_terms(const PhasedAxis& axis) {
    Index count = 0;
    for (const Phase& phase : axis.phases)
      for (const Tap& tap : phase.taps) count += inside_range(phase, tap, axis).size();
    return count;
  }

  /// The terms of each output of an axis.
  static std::vector<std::vector<Term>> terms_of(const PhasedAxis& axis) {
    std::vector<std::vector<Term>> result(static_cast<std::size_t>(axis.out));
    for (const Phase& phase : axis.phases)
      for (const Tap& tap : phase.taps) {
        const Range inside = inside_range(phase, tap, axis);
        for (Index q = inside.first; q < inside.end; ++q)
          result[static_cast<std::size_t>(q * axis.out_stride + phase.offset)].push_back(
              {tap.kernel, q * axis.in_stride + tap.shift});
      }
    return result;
  }

  Correlation correlation_;
  int vectors_;
  Index rows_;
  std::array<Index, 3> kernel_{};
  std::vector<Term> terms_;
  std::vector<Index> ends_, signature_;
};

}  // namespace tconv::inline TCONV_ISA::engine
