#pragma once

/// \file
/// Linear interpolation between the pixels of an image.

#include <algorithm>
#include <array>
#include <concepts>
#include <cstddef>
#include <vector>

#include "tconv/core/eigen.hpp"
#include "tconv/core/integer.hpp"
#include "tconv/core/isa.hpp"
#include "tconv/simd/packet.hpp"
#include "tconv/simd/tile_shape.hpp"
#include "tconv/upsampling/grid.hpp"
#include "tconv/upsampling/interleave.hpp"
#include "tconv/upsampling/phase.hpp"
#include "tconv/upsampling/registers.hpp"
#include "tconv/upsampling/rows.hpp"

namespace tconv::inline TCONV_ISA::upsampling {

/// `to[i] = near * a[i] + far * b[i]`.
template <class Real, class Sum, class Scalar>
void blend_rows(const Sum* a, const Real& near, const Sum* b, const Real& far, Index count,
                Scalar* to) {
  Index i = 0;
  if constexpr (core::EngineScalar<Scalar> && std::same_as<Sum, Scalar>) {
    using Lanes = simd::Packet<Scalar>;
    const auto near_lanes = Lanes::broadcast(near), far_lanes = Lanes::broadcast(far);
    for (; i + Lanes::size <= count; i += Lanes::size)
      Lanes::store(to + i, Lanes::multiply_add(Lanes::load(a + i), near_lanes,
                                               Lanes::multiply(Lanes::load(b + i), far_lanes)));
  }
  for (; i < count; ++i)
    to[i] = from_blend<Scalar>(near * static_cast<Blend<Scalar>>(a[i]) +
                               far * static_cast<Blend<Scalar>>(b[i]));
}

/// Enlarges images along each axis. Rows of single pixels are made in registers, one output row at
/// a time. Otherwise an input row is first enlarged by itself, then output rows are made between
/// two such rows: the shuffling of pixels is paid once for each input row.
template <class Scalar>
class Interpolation {
 public:
  Interpolation(const Scalar* x, const Grid& grid, const std::array<Index, 3>& scale)
      : x_(x), grid_(grid), scale_(scale) {
    for (std::size_t a = 0; a < 3; ++a)
      for (Index p = 0; p < scale[a]; ++p) phases_[a].emplace_back(scale[a], p);
  }

  /// Enlarges the pixels in `ranges`, interpolating between all of the image, and writes them as a
  /// grid of their own.
  void operator()(const std::array<Range, 3>& ranges, Scalar* y) const {
    if constexpr (core::EngineScalar<Scalar>)
      if (grid_.inner == 1) switch (scale_[2]) {
          case 1:
            return enlarge_rows<1>(ranges, y);
          case 2:
            return enlarge_rows<2>(ranges, y);
          case 3:
            return enlarge_rows<3>(ranges, y);
          case 4:
            return enlarge_rows<4>(ranges, y);
          default:
            break;
        }
    const Index pixel = scale_[2] * grid_.inner, width = ranges[2].size();
    const Index chunk = std::clamp<Index>(chunk_elements / pixel, 1, width);
    Rows rows((chunk + 2) * grid_.inner, chunk * pixel, scale_[2]);
    const Index plane_size = ranges[1].size() * scale_[1] * width * pixel;
    for (Index outer = 0; outer < grid_.outer; ++outer)
      for (Index i0 = ranges[0].first; i0 < ranges[0].end; ++i0)
        for (const Phase& phase0 : phases_[0]) {
          for (Index q = ranges[2].first; q < ranges[2].end; q += chunk) {
            const Range part{q, std::min(q + chunk, ranges[2].end)};
            make_strip({outer, i0, phase0}, ranges[1], part, width * pixel, rows,
                       y + (q - ranges[2].first) * pixel);
          }
          y += plane_size;
        }
  }

 private:
  using Sum = Blend<Scalar>;
  using Real = typename Eigen::NumTraits<Sum>::Real;
  using Phase = LinearPhase<Real>;

  /// Elements of an enlarged row that are made at once: three such rows fit the second-level cache.
  static constexpr Index chunk_elements = 8192;

  /// Output rows whose places are listed at once.
  static constexpr Index rows_at_once = 1024;

  /// Where output `o` of an axis lies between inputs that are `step` apart.
  Place<Real> place(std::size_t axis, Index o, Index step) const {
    const Index q = o / scale_[axis];
    const Phase& phase = phases_[axis][static_cast<std::size_t>(o % scale_[axis])];
    const Index a = std::max<Index>(q + phase.base, 0);
    const Index b = phase.exact ? a : std::min(q + phase.base + 1, grid_.extents[axis] - 1);
    return {a * step, b * step, phase.near(), phase.fraction};
  }

  template <std::size_t scale>
  void enlarge_rows(const std::array<Range, 3>& ranges, Scalar* y) const {
    const Index width = grid_.extents[2], plane_size = grid_.extents[1] * width;
    const Range part = ranges[2];
    const Range rows{ranges[1].first * scale_[1], ranges[1].end * scale_[1]};
    const Range planes{ranges[0].first * scale_[0], ranges[0].end * scale_[0]};
    const Columns columns{part.size(), part.first > 0 ? -1 : 0,
                          part.size() - (part.end < width ? 0 : 1)};
    const Index y_row = part.size() * scale_[2], y_plane = rows.size() * y_row;
    const bool streams = streams_rows(y, y_row, grid_.outer * planes.size() * y_plane);
    std::vector<Place<Scalar>> places;
    with_block_size<Scalar>(columns.count, streams, [&]<Index size, bool past>() {
      for (Index first = rows.first; first < rows.end; first += rows_at_once) {
        places.clear();
        for (Index o = first; o < std::min(first + rows_at_once, rows.end); ++o)
          places.push_back(place(1, o, width));
        Scalar* to = y + (first - rows.first) * y_row;
        for (Index outer = 0; outer < grid_.outer; ++outer)
          for (Index o = planes.first; o < planes.end; ++o, to += y_plane) {
            const Place<Scalar> place0 = place(0, o, plane_size);
            const auto plane = place0.between()
                                   ? interpolate_plane<scale, size, past, true, Scalar>
                                   : interpolate_plane<scale, size, past, false, Scalar>;
            plane(row(outer, 0, 0) + part.first, columns, place0, places.data(),
                  places.data() + places.size(), to);
          }
      }
    });
    if (streams) simd::finish_streaming();
  }

  /// A row before it is enlarged, with a pixel on each side, and three after, that of input `i1` in
  /// place `i1 % 3`.
  struct Rows {
    std::vector<Sum> source;
    std::array<std::vector<Sum>, 3> enlarged;
    /// The phases of a row one by one, where they are not interleaved in registers.
    std::vector<Sum> phases;
    std::vector<const Sum*> sides;

    Rows(Index source_size, Index enlarged_size, Index scale)
        : source(static_cast<std::size_t>(source_size)),
          phases(static_cast<std::size_t>(enlarged_size)),
          sides(static_cast<std::size_t>(scale)) {
      for (auto& row : enlarged) row.resize(static_cast<std::size_t>(enlarged_size));
    }
    Sum* of(Index i1) { return enlarged[static_cast<std::size_t>(i1 % 3)].data(); }
  };

  /// An output plane: its place between two input planes.
  struct Plane {
    Index outer, i0;
    const Phase& phase;
  };

  /// The columns `part` of the output rows from `range`, of which each begins `y_step` after the
  /// one before.
  void make_strip(const Plane& plane, const Range& range, const Range& part, Index y_step,
                  Rows& rows, Scalar* y) const {
    const Index count = part.size() * scale_[2] * grid_.inner, last = grid_.extents[1] - 1;
    const bool neighbours = scale_[1] > 1;
    Index made = neighbours ? std::max<Index>(range.first - 1, 0) : range.first;
    for (Index i1 = range.first; i1 < range.end; ++i1) {
      for (const Index needed = neighbours ? std::min(i1 + 1, last) : i1; made <= needed; ++made)
        enlarge_row(plane, made, part, rows);
      for (const Phase& phase : phases_[1]) {
        const Sum* const a = rows.of(phase.exact ? i1 : std::max<Index>(i1 + phase.base, 0));
        const Sum* const b = rows.of(std::min(i1 + phase.base + 1, last));
        if (phase.exact)
          std::transform(a, a + count, y, [](const Sum& sum) { return from_blend<Scalar>(sum); });
        else
          blend_rows(a, phase.near(), b, phase.fraction, count, y);
        y += y_step;
      }
    }
  }

  const Scalar* row(Index outer, Index i0, Index i1) const {
    const auto& e = grid_.extents;
    return x_ + ((outer * e[0] + i0) * e[1] + i1) * e[2] * grid_.inner;
  }

  /// Enlarges the pixels `part` of an input row, which itself may lie between two planes.
  void enlarge_row(const Plane& plane, Index i1, const Range& part, Rows& rows) const {
    Sum* const source = rows.source.data() + grid_.inner;
    Sum* const to = rows.of(i1);
    const Index inner = grid_.inner, count = part.size() * inner;
    const Index first = std::max<Index>(part.first - 1, 0);
    const Index last = std::min(part.end + 1, grid_.extents[2]);
    const auto begin = [&](Index i0) { return row(plane.outer, i0, i1) + first * inner; };
    const auto& [base, fraction, exact] = plane.phase;
    Sum* const at_first = source + (first - part.first) * inner;
    const Index size = (last - first) * inner;
    if (exact)
      std::transform(begin(plane.i0), begin(plane.i0) + size, at_first,
                     [](const Scalar& value) { return static_cast<Sum>(value); });
    else
      blend_rows(begin(std::max<Index>(plane.i0 + base, 0)), plane.phase.near(),
                 begin(std::min(plane.i0 + base + 1, grid_.extents[0] - 1)), fraction, size,
                 at_first);
    if (first == part.first) std::copy_n(source, inner, source - inner);
    if (last == part.end) std::copy_n(source + count - inner, inner, source + count);

    for (std::size_t p = 0; p < phases_[2].size(); ++p) {
      const Phase& phase = phases_[2][p];
      if (phase.exact) {
        rows.sides[p] = source;
        continue;
      }
      Sum* const side = rows.phases.data() + static_cast<Index>(p) * count;
      blend_rows(source + phase.base * inner, phase.near(), source + (phase.base + 1) * inner,
                 phase.fraction, count, side);
      rows.sides[p] = side;
    }
    find_interleave<Sum, Sum>(rows.sides.size(), part.size(), inner, false)(rows.sides, RowSteps{},
                                                                            part.size(), inner, to);
  }

  const Scalar* x_;
  Grid grid_;
  std::array<Index, 3> scale_;
  std::array<std::vector<Phase>, 3> phases_;
};

}  // namespace tconv::inline TCONV_ISA::upsampling
