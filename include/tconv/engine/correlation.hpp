#pragma once

/// \file
/// The index relation as lists of taps. Plain integers; a good place to start reading the engine.
///
/// `conv` and `conv_transpose` are both "correlate with a list of taps". On one axis the outputs
/// fall into phases; the outputs of a phase are numbered by q, and a tap reads the same relative
/// position for each of them:
///
///     output position = q * out_stride + offset,    input position = q * in_stride + shift.
///
/// `conv` has one phase (out_stride 1, in_stride = stride). `conv_transpose` has one for each
/// remainder r of `o + before` by the stride (in_stride 1, out_stride = stride): the taps with
/// `k * dilation = r + j * stride`, which read q - j. As q counts strides from the same origin in
/// all phases, phases with equal numbers of taps have equal shifts.

#include <algorithm>
#include <array>
#include <cstddef>
#include <utility>
#include <vector>

#include "tconv/core/axis.hpp"
#include "tconv/core/eigen.hpp"
#include "tconv/core/integer.hpp"
#include "tconv/core/isa.hpp"

namespace tconv::inline TCONV_ISA::engine {

struct Tap {
  Index kernel;
  Index shift;
};

/// Outputs of one axis that see the same taps: q in `[first, first + count)`.
struct Phase {
  Index offset = 0;
  Index first = 0;
  Index count = 0;
  std::vector<Tap> taps;

  Index end() const { return first + count; }
};

struct PhasedAxis {
  Index in = 1;
  Index out = 1;
  Index in_stride = 1;
  Index out_stride = 1;
  std::vector<Phase> phases;
};

/// Keeps the taps that read inside the input for some q; the others meet padding only.
inline void drop_padding_taps(Phase& phase, Index in, Index in_stride) {
  std::erase_if(phase.taps, [&](const Tap& tap) {
    const Index first = std::max(phase.first, ceil_div(-tap.shift, in_stride));
    const Index last = std::min(phase.end() - 1, floor_div(in - 1 - tap.shift, in_stride));
    return last < first;
  });
}

inline PhasedAxis gather_axis(const Axis& axis) {
  // One output has no stride, and a unit stride keeps its input contiguous.
  PhasedAxis result{axis.fine, axis.coarse, axis.coarse == 1 ? 1 : axis.stride, 1, {}};
  Phase phase{0, 0, axis.coarse, {}};
  for (Index k = 0; k < axis.kernel; ++k)
    phase.taps.push_back({k, k * axis.dilation - axis.before});
  drop_padding_taps(phase, result.in, result.in_stride);
  result.phases.push_back(std::move(phase));
  return result;
}

inline PhasedAxis scatter_axis(const Axis& axis) {
  // One input has no stride either. With one beyond the kernel every tap is a phase of its own, and
  // no output is computed from the padding around that input.
  const Index reach = (axis.kernel - 1) * axis.dilation + 1;
  const Index stride =
      axis.coarse == 1 ? std::max({axis.stride, reach, axis.fine + axis.before}) : axis.stride;
  PhasedAxis result{axis.coarse, axis.fine, 1, stride, {}};
  for (Index o = 0; o < std::min(stride, axis.fine); ++o) {
    const Index r = o + axis.before - floor_div(o + axis.before, stride) * stride;
    Phase phase{
        r - axis.before, (o + axis.before - r) / stride, (axis.fine - 1 - o) / stride + 1, {}};
    for (Index k = 0; k < axis.kernel; ++k)
      if (k * axis.dilation >= r && (k * axis.dilation - r) % stride == 0)
        phase.taps.push_back({k, -(k * axis.dilation - r) / stride});
    drop_padding_taps(phase, result.in, 1);
    result.phases.push_back(std::move(phase));
  }
  return result;
}

/// Those of some q at which a tap reads inside the input.
inline Range inside_range(const Range& q, const Tap& tap, const PhasedAxis& axis) {
  const Index end = floor_div(axis.in - 1 - tap.shift, axis.in_stride) + 1;
  const Index first = std::clamp(ceil_div(-tap.shift, axis.in_stride), q.first, q.end);
  return {first, std::clamp(end, first, q.end)};
}
inline Range inside_range(const Phase& phase, const Tap& tap, const PhasedAxis& axis) {
  return inside_range(Range{phase.first, phase.end()}, tap, axis);
}

/// Cuts the phases of an axis where the taps that read inside the input change, so that each phase
/// has only such taps.
inline void cut_to_inside(PhasedAxis& axis) {
  std::vector<Phase> phases;
  for (const Phase& phase : axis.phases) {
    std::vector<Index> cuts{phase.first, phase.end()};
    for (const Tap& tap : phase.taps) {
      const Range inside = inside_range(phase, tap, axis);
      cuts.push_back(inside.first);
      cuts.push_back(inside.end);
    }
    sort_unique(cuts);
    for (std::size_t i = 1; i < cuts.size(); ++i) {
      Phase part{phase.offset, cuts[i - 1], cuts[i] - cuts[i - 1], {}};
      for (const Tap& tap : phase.taps) {
        const Range inside = inside_range(phase, tap, axis);
        if (inside.first <= part.first && part.end() <= inside.end) part.taps.push_back(tap);
      }
      phases.push_back(std::move(part));
    }
  }
  axis.phases = std::move(phases);
}

/// The share of an axis' products that read inside the input, not the zeros around it.
inline double inside_share(const PhasedAxis& axis) {
  Index all = 0, inside = 0;
  for (const Phase& phase : axis.phases)
    for (const Tap& tap : phase.taps) {
      const Range q = inside_range(phase, tap, axis);
      all += phase.count;
      inside += q.size();
    }
  return all == 0 ? 1 : static_cast<double>(inside) / static_cast<double>(all);
}

/// A convolution or transposed convolution of three spatial axes (missing ones in front have extent
/// 1) as the engine sees it.
struct Correlation {
  Index batch = 1;
  Index groups = 1;
  Index in_channels = 1;  // of one group, as out_channels
  Index out_channels = 1;
  std::array<PhasedAxis, 3> axes;
  TermOrder order = TermOrder::any;  // of taps: `forward` where it does not matter
  bool zeros_around = true;          // as in `ConvShape`, and so are these
  bool reads_strips = false, writes_strips = false;
  bool writes_channels = false, writes_pairs = false;
  bool entries_inside = false, channels_inside = false;
  Index output_span = 0;
};

/// Elements of the argument.
inline Index input_size(const Correlation& c) {
  return c.batch * c.groups * c.in_channels * c.axes[0].in * c.axes[1].in * c.axes[2].in;
}

/// Elements of the result.
inline Index output_size(const Correlation& c) {
  return c.batch * c.groups * c.out_channels * c.axes[0].out * c.axes[1].out * c.axes[2].out;
}

/// Elements of the image that the result is, or is a part of.
inline Index output_image_size(const Correlation& c) {
  return std::max(output_size(c), c.output_span);
}

inline Correlation make_correlation(const ConvShape& p) {
  const bool gathers = p.direction == Direction::gather;
  const Index coarse = p.coarse_per_group(), fine = p.fine_per_group();
  Correlation result{p.batch,
                     p.groups,
                     gathers ? fine : coarse,
                     gathers ? coarse : fine,
                     {},
                     p.order,
                     p.zeros_around,
                     p.reads_strips,
                     p.writes_strips,
                     p.writes_channels,
                     p.writes_pairs,
                     p.entries_inside,
                     p.channels_inside,
                     p.output_span};
  for (std::size_t a = 0; a < 3; ++a) {
    result.axes[a] = gathers ? gather_axis(p.axes[a]) : scatter_axis(p.axes[a]);
    if (!p.zeros_around) cut_to_inside(result.axes[a]);
  }
  return result;
}

}  // namespace tconv::inline TCONV_ISA::engine
