#pragma once

/// \file
/// The arithmetic of a stream: which outputs are complete behind some frames of the input, and
/// which frames those that follow still need.
///
/// Per axis, `D = dilation * (kernel - 1)`. `conv_transpose`: input `i` is the first that reaches
/// output `i * stride - before`, so with `n` inputs the outputs below `n * stride - before` are
/// complete. An output reads back to input `ceil((o + before - D) / stride)`, so that
/// `floor(D / stride)` frames of history are enough. `conv`: output `o` reads up to input
/// `o * stride + D - before`, so the outputs up to `floor((n - 1 + before - D) / stride)` are
/// complete, and `D` frames are enough. Negative padding behind `conv`, or much padding behind
/// `conv_transpose`, crops outputs from the end: those that are complete but could be cropped wait.

#include <algorithm>

#include "tconv/core/axis.hpp"
#include "tconv/core/eigen.hpp"
#include "tconv/core/integer.hpp"
#include "tconv/core/isa.hpp"
#include "tconv/core/reach.hpp"
#include "tconv/core/require.hpp"
#include "tconv/geometry.hpp"

namespace tconv::inline TCONV_ISA::frontend {

class TimeAxis {
 public:
  TimeAxis() = default;
  TimeAxis(Direction direction, Index kernel, const AxisOptions& options)
      : direction_(direction), kernel_(kernel), options_(options) {}

  bool scatters() const { return direction_ == Direction::scatter; }
  Index stride() const { return options_.stride; }
  Index kernel() const { return kernel_; }
  const AxisOptions& options() const { return options_; }

  /// Throws `std::length_error` where positions of `n` frames are no indices.
  void check_length(const CheckedIndex& n) const {
    const auto magnitude = [](Index value) {
      return value < 0 ? CheckedIndex(0) - value : CheckedIndex(value);
    };
    const auto& [stride, dilation, output_padding, padding] = options_;
    static_cast<void>(((n + 2) * stride + n + effective_kernel(kernel_, dilation) +
                       magnitude(padding.before) + magnitude(padding.after) + output_padding)
                          .get("Stream", "the stream's length overflows"));
  }

  /// Outputs of the layer on `n` frames; 0 if it rejects so few.
  Index total(Index n) const {
    const Index padding = options_.padding.before + options_.padding.after;
    if (n == 0) return 0;
    if (scatters())
      return std::max<Index>((n - 1) * stride() + reach() + 1 + options_.output_padding - padding,
                             0);
    return std::max<Index>(floor_div(n + padding - reach() - 1, stride()) + 1, 0);
  }

  /// Outputs that are complete with `n` frames, and exist even if no other follows.
  Index written(Index n) const {
    if (n == 0) return 0;
    const Index before = options_.padding.before;
    if (!scatters())
      return std::clamp<Index>(floor_div(n + before - reach() - 1, stride()) + 1, 0, total(n));
    const Index next = n * stride() - before;
    // In front of the image frames to come reach some positions and leave gaps.
    const Index complete =
        next >= 0 ? next : smallest_position(axis(n), ceil_div(-next, stride()) + 1, -next);
    return std::min(complete, total(n));
  }

  /// The most outputs that can be missing after some frames.
  Index latency() const {
    return scatters() ? std::max<Index>(slack(), 0)
                      : ceil_div(std::max<Index>(options_.padding.after, 0), stride());
  }

  /// Frames before the next one that outputs not yet written may need.
  Index history() const {
    return scatters() ? (reach() + held_back()) / stride()
                      : reach() + std::max<Index>(-options_.padding.after, 0);
  }

  /// The index relation with `n` frames.
  Axis axis(Index n) const {
    return {scatters() ? n : total(n), scatters() ? total(n) : n, kernel_, stride(),
            options_.dilation,         options_.padding.before};
  }

  /// The frames, of `n`, that some outputs need.
  Range needed(Index n, const Range& outputs) const {
    return scatters() ? needed_coarse(axis(n), outputs) : needed_fine(axis(n), outputs);
  }

  /// The frames that some outputs need of an image without a beginning or end.
  Range endless_needed(const Range& outputs) const {
    const Index before = options_.padding.before;
    if (!scatters())
      return {outputs.first * stride() - before,
              (outputs.end - 1) * stride() - before + reach() + 1};
    const Index first = ceil_div(outputs.first + before - reach(), stride());
    return {first, std::max(first, floor_div(outputs.end - 1 + before, stride()) + 1)};
  }

  /// The outputs that frames `[0, n)` reach, but for gaps between them.
  Range reached(Index n) const {
    const Index before = options_.padding.before;
    if (scatters()) return {-before, (n - 1) * stride() + reach() - before + 1};
    return {ceil_div(before - reach(), stride()), floor_div(n - 1 + before, stride()) + 1};
  }

  // Outputs are computed in units: those that become complete with one frame of `conv_transpose`,
  // and single ones of `conv`. Each unit reads the same number of frames, of which those in front
  // of the first one and behind the last one are zeros.

  Index unit_of(Index output) const {
    return scatters() ? floor_div(output + first_unit(), stride()) : output;
  }
  /// Units that become complete with `frames`, at most, but for those of the border.
  Index units_of(Index frames) const { return scatters() ? frames : ceil_div(frames, stride()); }
  /// The outputs of `count` units.
  Range unit_outputs(Index unit, Index count) const {
    if (!scatters()) return {unit, unit + count};
    return {unit * stride() - first_unit(), (unit + count) * stride() - first_unit()};
  }
  /// The frames that they read.
  Range unit_frames(Index unit, Index count) const {
    if (scatters()) return {unit - history(), unit + count - held_back() / stride()};
    const Index first = unit * stride() - options_.padding.before;
    return {first, first + (count - 1) * stride() + reach() + 1};
  }

  /// Whether `n` frames are so many that one more adds as many outputs as any other.
  bool steady(Index n) const {
    const Index first = scatters() ? n * stride() - first_unit()
                                   : n + options_.padding.before - reach() - 1 +
                                         std::min<Index>(options_.padding.after, 0);
    return n > 0 && first >= 0;
  }

 private:
  /// What a frame reaches behind its first output.
  Index reach() const { return options_.dilation * (kernel_ - 1); }
  /// What the last of `n` frames adds to the outputs that are complete then.
  Index slack() const {
    return reach() + 1 + options_.output_padding - stride() - options_.padding.after;
  }
  /// Complete outputs that could still be cropped.
  Index held_back() const { return std::max<Index>(-slack(), 0); }
  /// How far in front of the first output the units begin.
  Index first_unit() const { return options_.padding.before + held_back(); }

  Direction direction_{};
  Index kernel_ = 1;
  AxisOptions options_{};
};

}  // namespace tconv::inline TCONV_ISA::frontend
