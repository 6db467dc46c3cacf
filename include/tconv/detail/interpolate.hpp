#pragma once

/// \file
/// Linear interpolation between the pixels of an image.

#include <algorithm>
#include <array>
#include <cstddef>
#include <vector>

#include "tconv/detail/grid.hpp"

namespace tconv::detail {

/// Output `q * scale + phase` of an axis lies between inputs `q + base` and `q + base + 1`, at
/// `fraction` of the way: with half-pixel centres, at `(q * scale + phase + 1/2) / scale - 1/2`.
template <class Real>
struct LinearPhase {
  Index base;
  Real fraction;
  /// The output is the input at `q`.
  bool exact;

  LinearPhase(Index scale, Index phase)
      : base(2 * phase + 1 < scale ? -1 : 0),
        fraction(Real(static_cast<double>(2 * phase + 1 - scale - 2 * base * scale)) /
                 Real(static_cast<double>(2 * scale))),
        exact(2 * phase + 1 == scale) {}
};

/// Pixels `[begin, end)` of an axis.
struct Range {
  Index begin, end;
  constexpr Index size() const { return end - begin; }
};

/// Enlarges the pixels in `ranges` of an image, along each axis, between all of its pixels, and
/// writes them as a grid of their own. Beyond the border the image repeats its last pixel.
template <class Scalar>
class Interpolation {
 public:
  Interpolation(const Scalar* x, const Grid& grid, const std::array<Index, 3>& scale)
      : x_(x), grid_(grid), scale_(scale) {
    for (std::size_t a = 0; a < 3; ++a)
      for (Index p = 0; p < scale[a]; ++p) phases_[a].emplace_back(scale[a], p);
  }

  void operator()(const std::array<Range, 3>& ranges, Scalar* y) const {
    // The rows of a chunk stay in the first-level cache.
    const Index inner = grid_.inner, width = ranges[2].size();
    const Index chunk = std::clamp<Index>(chunk_elements / (inner * (scale_[2] + 1)), 1, width);
    Rows rows(static_cast<std::size_t>((chunk + 2) * inner), scale_[2],
              static_cast<std::size_t>(chunk * inner));
    const Index row_size = width * scale_[2] * inner;
    for (Index plane = 0; plane < grid_.outer; ++plane)
      for (Index i0 = ranges[0].begin; i0 < ranges[0].end; ++i0)
        for (const Phase& phase0 : phases_[0])
          for (Index i1 = ranges[1].begin; i1 < ranges[1].end; ++i1)
            for (const Phase& phase1 : phases_[1]) {
              const Sources sources(*this, plane, {i0, phase0}, {i1, phase1});
              for (Index q = ranges[2].begin; q < ranges[2].end; q += chunk) {
                const Range part{q, std::min(q + chunk, ranges[2].end)};
                make_row(sources, part, rows, y + (q - ranges[2].begin) * scale_[2] * inner);
              }
              y += row_size;
            }
  }

 private:
  using Sum = Blend<Scalar>;
  using Real = typename Eigen::NumTraits<Sum>::Real;
  using Phase = LinearPhase<Real>;

  static constexpr Index chunk_elements = 4096;

  struct Rows {
    std::vector<Sum> blended, phases;
    std::vector<const Sum*> interleaved;
    Index phase_size;

    Rows(std::size_t blended_size, Index scale, std::size_t phase_size_)
        : blended(blended_size),
          phases(static_cast<std::size_t>(scale) * phase_size_),
          interleaved(static_cast<std::size_t>(scale)),
          phase_size(static_cast<Index>(phase_size_)) {}
  };

  struct Position {
    Index input;
    const Phase& phase;
  };

  /// The input rows between which an output row lies, and their weights.
  struct Sources {
    std::array<const Scalar*, 4> rows;
    std::array<Real, 4> weights;
    std::size_t count = 0;

    Sources(const Interpolation& of, Index plane, const Position& at0, const Position& at1) {
      for (Index a = 0; a < (at0.phase.exact ? 1 : 2); ++a)
        for (Index b = 0; b < (at1.phase.exact ? 1 : 2); ++b) {
          rows[count] = of.row(plane, of.neighbour(0, at0, a), of.neighbour(1, at1, b));
          weights[count++] = weight(at0.phase, a) * weight(at1.phase, b);
        }
    }

    static Real weight(const Phase& phase, Index side) {
      return side == 0 ? Real(Real(1) - phase.fraction) : phase.fraction;
    }
  };

  Index neighbour(std::size_t axis, const Position& at, Index side) const {
    const Index i = at.phase.exact ? at.input : at.input + at.phase.base + side;
    return std::clamp<Index>(i, 0, grid_.extents[axis] - 1);
  }

  const Scalar* row(Index plane, Index i0, Index i1) const {
    const auto& e = grid_.extents;
    return x_ + ((plane * e[0] + i0) * e[1] + i1) * e[2] * grid_.inner;
  }

  template <std::size_t count>
  static void blend(const Sources& sources, Index begin, Index end, Sum* to) {
    std::array<const Scalar*, count> rows;
    std::array<Real, count> weights;
    std::copy_n(sources.rows.begin(), count, rows.begin());
    std::copy_n(sources.weights.begin(), count, weights.begin());
    for (Index i = begin; i < end; ++i) {
      Sum sum = weights[0] * static_cast<Sum>(rows[0][i]);
      for (std::size_t r = 1; r < count; ++r) sum += weights[r] * static_cast<Sum>(rows[r][i]);
      *to++ = sum;
    }
  }

  /// The output of the pixels in `part` of one row: blends the source rows, one more pixel on each
  /// side, then neighbours along the row.
  void make_row(const Sources& sources, const Range& part, Rows& rows, Scalar* y) const {
    const Index inner = grid_.inner, count = part.size() * inner;
    const Index first = std::max<Index>(part.begin - 1, 0);
    const Index last = std::min(part.end + 1, grid_.extents[2]);
    Sum* const centre = rows.blended.data() + inner;
    Sum* const to = centre + (first - part.begin) * inner;
    switch (sources.count) {
      case 1:
        std::transform(sources.rows[0] + first * inner, sources.rows[0] + last * inner, to,
                       [](const Scalar& value) { return static_cast<Sum>(value); });
        break;
      case 2:
        blend<2>(sources, first * inner, last * inner, to);
        break;
      default:
        blend<4>(sources, first * inner, last * inner, to);
        break;
    }
    if (first == part.begin) std::copy_n(centre, inner, centre - inner);
    if (last == part.end) std::copy_n(centre + count - inner, inner, centre + count);

    Sum* next = rows.phases.data();
    for (std::size_t p = 0; p < phases_[2].size(); ++p) {
      const Phase& phase = phases_[2][p];
      if (phase.exact) {
        rows.interleaved[p] = centre;
        continue;
      }
      const Sum* const left = centre + phase.base * inner;
      const Sum* const right = left + inner;
      const Real near = Real(1) - phase.fraction, far = phase.fraction;
      for (Index i = 0; i < count; ++i) next[i] = near * left[i] + far * right[i];
      rows.interleaved[p] = next;
      next += rows.phase_size;
    }
    interleave(rows.interleaved, part.size(), inner, y);
  }

  const Scalar* x_;
  Grid grid_;
  std::array<Index, 3> scale_;
  std::array<std::vector<Phase>, 3> phases_;
};

}  // namespace tconv::detail
