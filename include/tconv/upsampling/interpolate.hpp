#pragma once

/// \file
/// Linear interpolation between the pixels of an image.

#include <algorithm>
#include <array>
#include <concepts>
#include <cstddef>
#include <span>
#include <type_traits>
#include <vector>

#include "tconv/core/eigen.hpp"
#include "tconv/core/integer.hpp"
#include "tconv/core/isa.hpp"
#include "tconv/runtime/arena.hpp"
#include "tconv/runtime/execution.hpp"
#include "tconv/simd/packet.hpp"
#include "tconv/simd/tile_shape.hpp"
#include "tconv/upsampling/grid.hpp"
#include "tconv/upsampling/interleave.hpp"
#include "tconv/upsampling/parts.hpp"
#include "tconv/upsampling/phase.hpp"
#include "tconv/upsampling/registers.hpp"
#include "tconv/upsampling/rows.hpp"

namespace tconv::inline TCONV_ISA::upsampling {

/// `to[i] = near * a[i] + far * b[i]`; past the caches if `streams`, to an aligned address.
template <class Real, class Sum, class Scalar>
void blend_rows(const Sum* a, const Real& near, const Sum* b, const Real& far, Index count,
                Scalar* to, [[maybe_unused]] bool streams = false) {
  Index i = 0;
  if constexpr (core::EngineScalar<Scalar> && std::same_as<Sum, Scalar>) {
    using Lanes = simd::Packet<Scalar>;
    const auto near_lanes = Lanes::broadcast(near), far_lanes = Lanes::broadcast(far);
    for (; i + Lanes::size <= count; i += Lanes::size) {
      const auto blend = Lanes::multiply_add(Lanes::load(a + i), near_lanes,
                                             Lanes::multiply(Lanes::load(b + i), far_lanes));
      if (streams)
        simd::stream(to + i, blend);
      else
        Lanes::store(to + i, blend);
    }
  }
  for (; i < count; ++i)
    to[i] = from_blend<Scalar>(near * static_cast<Blend<Scalar>>(a[i]) +
                               far * static_cast<Blend<Scalar>>(b[i]));
}

/// Elements in the memory of an arena, or in their own where they must be constructed.
template <class T>
class Elements {
 public:
  static constexpr bool constructed = !std::is_trivially_copyable_v<T>;

  Elements(runtime::Arena& arena, Index count) {
    if constexpr (constructed)
      owned_.resize(static_cast<std::size_t>(count));
    else
      first_ = arena.take<T>(count);
  }
  T* data() {
    if constexpr (constructed)
      return owned_.data();
    else
      return first_;
  }

 private:
  struct None {};
  T* first_ = nullptr;
  [[no_unique_address]] std::conditional_t<constructed, std::vector<T>, None> owned_;
};

/// Enlarges images along each axis. Rows are made in registers, one output row at a time, where
/// these hold pixels of one element, or elements of one pixel. Otherwise an input row is first
/// enlarged by itself, then output rows are made between two such rows: the shuffling of pixels is
/// paid once for each input row.
template <class Scalar>
class Interpolation {
 public:
  Interpolation(const Scalar* x, const Grid& grid, const std::array<Index, 3>& scale)
      : x_(x), grid_(grid), scale_(scale) {}

  /// Enlarges the pixels in `ranges`, interpolating between all of the image, and writes them as a
  /// grid of their own.
  void operator()(const std::array<Range, 3>& ranges, Scalar* y,
                  runtime::Execution& execution) const {
    const Target target(*this, ranges, y);
    if constexpr (core::EngineScalar<Scalar>) {
      // Blocks may be larger than a pixel, by an element.
      if (grid_.inner == 1 || grid_.inner >= std::max<Index>(few - 1, 2)) switch (scale_[2]) {
          case 1:
            return enlarge_rows<1>(target, execution);
          case 2:
            return enlarge_rows<2>(target, execution);
          case 3:
            return enlarge_rows<3>(target, execution);
          case 4:
            return enlarge_rows<4>(target, execution);
          default:
            break;
        }
    }
    enlarge_strips(target, execution);
  }

 private:
  /// Elements of one pixel that make a register of more than one.
  static constexpr Index few = [] {
    if constexpr (core::EngineScalar<Scalar>) {
      constexpr Index lanes = simd::Packet<Scalar>::size;
      return lanes / 4 > 1 ? lanes / 4 : lanes;
    }
    return Index{1};
  }();

  using Sum = Blend<Scalar>;
  using Real = typename Eigen::NumTraits<Sum>::Real;
  using Phase = LinearPhase<Real>;

  /// Elements of an enlarged row that are made at once: three such rows fit the second-level cache.
  static constexpr Index chunk_elements = 8192;

  /// Output rows whose places are listed at once.
  static constexpr Index rows_at_once = 128;

  /// The pixels that are enlarged, and where the result lies.
  struct Target {
    std::array<Range, 3> ranges;
    Scalar* y;
    Grid grid;                      // of the pixels
    Index pixel, row, plane, size;  // of the result

    Target(const Interpolation& of, const std::array<Range, 3>& its_ranges, Scalar* its_y)
        : ranges(its_ranges), y(its_y), grid(of.grid_) {
      for (std::size_t a = 0; a < 3; ++a) grid.extents[a] = ranges[a].size();
      pixel = of.scale_[2] * grid.inner;
      row = grid.extents[2] * pixel;
      plane = grid.extents[1] * of.scale_[1] * row;
      size = grid.outer * grid.extents[0] * of.scale_[0] * plane;
    }
    /// Bytes that are made of one pixel.
    Index pixel_bytes() const {
      return size / (grid.outer * grid.extents[0] * grid.extents[1] * grid.extents[2]) *
             static_cast<Index>(sizeof(Scalar));
    }
    /// The input plane of a position among all planes: its image, and its place on axis 0.
    std::array<Index, 2> plane_at(Index position) const {
      return {position / grid.extents[0], position % grid.extents[0] + ranges[0].first};
    }
  };

  Phase phase(std::size_t axis, Index p) const { return Phase(scale_[axis], p); }

  /// Where output `o` of an axis lies between inputs that are `step` apart.
  Place<Real> place(std::size_t axis, Index o, Index step) const {
    const Index q = o / scale_[axis];
    const Phase between = phase(axis, o % scale_[axis]);
    const Index a = std::max<Index>(q + between.base, 0);
    const Index b = between.exact ? a : std::min(q + between.base + 1, grid_.extents[axis] - 1);
    return {a * step, b * step, between.near(), between.fraction};
  }

  template <std::size_t scale>
  void enlarge_rows(const Target& target, runtime::Execution& execution) const {
    const bool pixels = grid_.inner > 1;
    const bool streams = streams_rows(target.y, pixels ? grid_.inner : target.row, target.size);
    for_each_part(Parts::by_size(target.grid, target.pixel_bytes(), execution.threads()), 0,
                  execution, [&](const Part& part, std::byte*) {
                    with_block_size<Scalar>(
                        pixels ? std::max(grid_.inner, few) : part.columns.size(),
                        [&]<Index size>() {
                          if (!pixels)
                            enlarge_rows_of<scale, size, false>(target, part, streams);
                          else if constexpr (size >= few)
                            enlarge_rows_of<scale, size, true>(target, part, streams);
                        });
                    if (streams) simd::finish_streaming();
                  });
  }

  template <std::size_t scale, Index size, bool pixels>
  void enlarge_rows_of(const Target& target, const Part& part, bool streams) const {
    const Index width = grid_.extents[2], row_size = width * grid_.inner;
    const Index plane_size = grid_.extents[1] * row_size;
    const Range columns{target.ranges[2].first + part.columns.first,
                        target.ranges[2].first + part.columns.end};
    const Columns row_columns{columns.size(), columns.first > 0 ? -1 : 0,
                              columns.size() - (columns.end < width ? 0 : 1)};
    const Range rows{part.rows.first * scale_[1], part.rows.end * scale_[1]};
    std::array<Place<Scalar>, static_cast<std::size_t>(rows_at_once)> places;
    for (Index first = rows.first; first < rows.end; first += rows_at_once) {
      const Index end = std::min(first + rows_at_once, rows.end);
      for (Index o = first; o < end; ++o)
        places[static_cast<std::size_t>(o - first)] =
            place(1, target.ranges[1].first * scale_[1] + o, row_size);
      for (Index position = part.planes.first; position < part.planes.end; ++position) {
        const auto [outer, i0] = target.plane_at(position);
        for (Index p0 = 0; p0 < scale_[0]; ++p0) {
          const Place<Scalar> place0 = place(0, i0 * scale_[0] + p0, plane_size);
          const auto plane = place0.between()
                                 ? interpolate_plane<scale, size, pixels, true, Scalar>
                                 : interpolate_plane<scale, size, pixels, false, Scalar>;
          plane(row(outer, 0, 0) + columns.first * grid_.inner, row_columns, place0, places.data(),
                places.data() + (end - first), grid_.inner,
                {target.y + (position * scale_[0] + p0) * target.plane + first * target.row +
                     part.columns.first * target.pixel,
                 target.row, streams});
        }
      }
    }
  }

  void enlarge_strips(const Target& target, runtime::Execution& execution) const {
    const Parts parts = Parts::by_threads(target.grid, target.pixel_bytes(), execution.threads());
    const Index chunk =
        std::min(aligned_pixels(target.pixel, chunk_elements), target.grid.extents[2]);
    bool streams = false;
    if constexpr (core::EngineScalar<Scalar>)
      streams = streams_rows(target.y, target.row, target.size);
    std::size_t scratch_bytes = 0;
    if constexpr (!Elements<Sum>::constructed) {
      runtime::Arena counter(nullptr);
      Rows(*this, counter, chunk);
      scratch_bytes = counter.used();
    }
    for_each_part(parts, scratch_bytes, execution, [&](const Part& part, std::byte* scratch) {
      runtime::Arena arena(scratch);
      Rows rows(*this, arena, chunk);
      for (Index position = part.planes.first; position < part.planes.end; ++position)
        for (Index p0 = 0; p0 < scale_[0]; ++p0)
          for (Index q = part.columns.first; q < part.columns.end; q += chunk) {
            const auto [outer, i0] = target.plane_at(position);
            const Range columns{target.ranges[2].first + q,
                                target.ranges[2].first + std::min(q + chunk, part.columns.end)};
            const Range input_rows{target.ranges[1].first + part.rows.first,
                                   target.ranges[1].first + part.rows.end};
            make_strip({outer, i0, phase(0, p0)}, input_rows, columns, target.row, rows, streams,
                       target.y + (position * scale_[0] + p0) * target.plane +
                           part.rows.first * scale_[1] * target.row + q * target.pixel);
          }
      if (streams) simd::finish_streaming();
    });
  }

  /// A row before it is enlarged, with a pixel on each side, and three after, that of input `i1` in
  /// place `i1 % 3`.
  struct Rows {
    Elements<Sum> source;
    std::array<Elements<Sum>, 3> enlarged;
    /// The phases of a row one by one, where they are not interleaved in registers.
    Elements<Sum> phases;
    Elements<const Sum*> sides;

    Rows(const Interpolation& of, runtime::Arena& arena, Index chunk)
        : source(arena, (chunk + 2) * of.grid_.inner),
          enlarged{Elements<Sum>(arena, chunk * of.scale_[2] * of.grid_.inner),
                   Elements<Sum>(arena, chunk * of.scale_[2] * of.grid_.inner),
                   Elements<Sum>(arena, chunk * of.scale_[2] * of.grid_.inner)},
          phases(arena, chunk * of.scale_[2] * of.grid_.inner),
          sides(arena, of.scale_[2]) {}
    Sum* row(Index i1) { return enlarged[static_cast<std::size_t>(i1 % 3)].data(); }
  };

  /// An output plane: its place between two input planes.
  struct Plane {
    Index outer, i0;
    Phase phase;
  };

  /// The columns `part` of the output rows from `range`, of which each begins `y_step` after the
  /// one before.
  void make_strip(const Plane& plane, const Range& range, const Range& part, Index y_step,
                  Rows& rows, bool streams, Scalar* y) const {
    const Index count = part.size() * scale_[2] * grid_.inner, last = grid_.extents[1] - 1;
    const bool neighbours = scale_[1] > 1;
    Index made = neighbours ? std::max<Index>(range.first - 1, 0) : range.first;
    for (Index i1 = range.first; i1 < range.end; ++i1) {
      for (const Index needed = neighbours ? std::min(i1 + 1, last) : i1; made <= needed; ++made)
        enlarge_row(plane, made, part, rows);
      for (Index p1 = 0; p1 < scale_[1]; ++p1, y += y_step) {
        const Phase between = phase(1, p1);
        const Sum* const a = rows.row(between.exact ? i1 : std::max<Index>(i1 + between.base, 0));
        const Sum* const b = rows.row(std::min(i1 + between.base + 1, last));
        if (between.exact)
          std::transform(a, a + count, y, [](const Sum& sum) { return from_blend<Scalar>(sum); });
        else
          blend_rows(a, between.near(), b, between.fraction, count, y, streams);
      }
    }
  }

  const Scalar* row(Index outer, Index i0, Index i1) const {
    const auto& e = grid_.extents;
    return x_ + ((outer * e[0] + i0) * e[1] + i1) * e[2] * grid_.inner;
  }

  /// Enlarges the pixels `part` of an input row, which itself may lie between two planes.
  void enlarge_row(const Plane& plane, Index i1, const Range& part, Rows& rows) const {
    const Index inner = grid_.inner, count = part.size() * inner;
    Sum* const source = rows.source.data() + inner;
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

    const std::span sides(rows.sides.data(), static_cast<std::size_t>(scale_[2]));
    for (std::size_t p = 0; p < sides.size(); ++p) {
      const auto number = static_cast<Index>(p);
      const Phase between = phase(2, number);
      if (between.exact) {
        sides[p] = source;
        continue;
      }
      Sum* const side = rows.phases.data() + number * count;
      blend_rows(source + between.base * inner, between.near(), source + (between.base + 1) * inner,
                 between.fraction, count, side);
      sides[p] = side;
    }
    find_interleave<Sum, Sum>(sides.size(), part.size(), inner, false)(
        sides, RowSteps{}, part.size(), inner, rows.row(i1));
  }

  const Scalar* x_;
  Grid grid_;
  std::array<Index, 3> scale_;
};

}  // namespace tconv::inline TCONV_ISA::upsampling
