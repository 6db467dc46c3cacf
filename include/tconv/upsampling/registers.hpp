#pragma once

/// \file
/// Linear interpolation in registers: an output row is a blend of up to four input rows, enlarged.
/// It passes through no memory in between, from which it would have to be read back.

#include <algorithm>
#include <array>
#include <cstddef>
#include <type_traits>
#include <utility>

#include "tconv/core/eigen.hpp"
#include "tconv/core/integer.hpp"
#include "tconv/core/isa.hpp"
#include "tconv/simd/register.hpp"
#include "tconv/simd/tile_shape.hpp"
#include "tconv/upsampling/phase.hpp"
#include "tconv/upsampling/rows.hpp"

namespace tconv::inline TCONV_ISA::upsampling {

/// An output of an axis: the offsets of the inputs it lies between, and their weights. They are the
/// same where the output depends on one input alone.
template <class Real>
struct Place {
  Index a, b;
  Real a_weight, b_weight;
  bool between() const { return a != b; }
};

/// Columns of the input that rows are made of. Beside them lie the pixels `left` and `right`; at
/// the border of the image those are its own last.
struct Columns {
  Index count, left, right;
};

/// Pixels of output rows before these are enlarged: of one that is an input row along axis 1, or of
/// one or two between the same pair of input rows, which then are read once. Each input row itself
/// may be a blend along axis 0.
template <bool between0, bool between1, std::size_t rows, class Scalar>
class BlendedRows {
 public:
  static constexpr std::make_index_sequence<rows> each_row{};

  EIGEN_ALWAYS_INLINE BlendedRows(const Scalar* from, const Place<Scalar>& place0,
                                  const Place<Scalar>* place1)
      : BlendedRows(from, place0, place1, each_row) {}

  /// The pixels from `i` on, one register for each row.
  template <class Lanes>
  EIGEN_ALWAYS_INLINE auto load(Index i) const {
    return blend_rows<Lanes>([i](const Scalar* row) { return Lanes::load(row + i); }, each_row);
  }

  /// Pixel `i` in all lanes. At the border of the image it is element `at` of the block loaded from
  /// `first` on, where it costs less than to blend it again.
  template <class Lanes, std::size_t at, class Values>
  EIGEN_ALWAYS_INLINE Values broadcast(Index i, Index first, const Values& block) const {
    if (i == first + static_cast<Index>(at)) return spread<Lanes, at>(block, each_row);
    return blend_rows<Lanes>([i](const Scalar* row) { return Lanes::broadcast(row[i]); }, each_row);
  }

 private:
  template <std::size_t... r>
  EIGEN_ALWAYS_INLINE BlendedRows(const Scalar* from, const Place<Scalar>& place0,
                                  const Place<Scalar>* place1, std::index_sequence<r...>)
      : a_(from + place0.a + place1->a),
        b_(from + place0.a + place1->b),
        next_plane_(place0.b - place0.a),
        a_weight_(place0.a_weight),
        b_weight_(place0.b_weight),
        weights_a_{place1[r].a_weight...},
        weights_b_{place1[r].b_weight...} {}

  template <class Lanes, class Load, std::size_t... r>
  EIGEN_ALWAYS_INLINE auto blend_rows(const Load& load, std::index_sequence<r...>) const {
    using Values = std::array<typename Lanes::Type, rows>;
    const auto a = blend_planes<Lanes>(load, a_);
    if constexpr (between1) {
      const auto b = blend_planes<Lanes>(load, b_);
      return Values{Lanes::blend(a, weights_a_[r], b, weights_b_[r])...};
    } else {
      return Values{a};
    }
  }

  template <class Lanes, class Load>
  EIGEN_ALWAYS_INLINE auto blend_planes(const Load& load, const Scalar* row) const {
    if constexpr (between0)
      return Lanes::blend(load(row), a_weight_, load(row + next_plane_), b_weight_);
    else
      return load(row);
  }

  template <class Lanes, std::size_t at, class Values, std::size_t... r>
  static EIGEN_ALWAYS_INLINE Values spread(const Values& block, std::index_sequence<r...>) {
    return {Lanes::template spread<at>(block[r])...};
  }

  const Scalar *a_, *b_;
  Index next_plane_;
  Scalar a_weight_, b_weight_;
  std::array<Scalar, rows> weights_a_, weights_b_;
};

/// Where output rows go, `step` apart; past the caches if `streams`.
template <class Scalar>
struct OutputRows {
  Scalar* to;
  Index step;
  bool streams;

  OutputRows from(Index element) const { return {to + element, step, streams}; }
};

/// The outputs of phase `p` between neighbours in registers.
template <std::size_t scale, std::size_t p, class Lanes, class Scalar>
EIGEN_ALWAYS_INLINE auto interpolate_phase(const typename Lanes::Type& before,
                                           const typename Lanes::Type& block,
                                           const typename Lanes::Type& after) {
  constexpr LinearPhase<Scalar> phase(static_cast<Index>(scale), static_cast<Index>(p));
  if constexpr (phase.exact)
    return block;
  else if constexpr (phase.base < 0)
    return Lanes::blend(Lanes::shift_up(before, block), phase.near(), block, phase.fraction);
  else
    return Lanes::blend(block, phase.near(), Lanes::shift_down(block, after), phase.fraction);
}

/// Writes the outputs of a block of pixels.
template <class Lanes, class Scalar, std::size_t... p>
EIGEN_ALWAYS_INLINE void interpolate_block(const typename Lanes::Type& before,
                                           const typename Lanes::Type& block,
                                           const typename Lanes::Type& after, Scalar* to,
                                           bool streams, std::index_sequence<p...>) {
  constexpr std::size_t size = sizeof(block) / sizeof(Scalar);
  const typename Lanes::Type phases[] = {
      interpolate_phase<sizeof...(p), p, Lanes, Scalar>(before, block, after)...};
  put_interleaved<size>(phases, to, streams);
}

/// The same in each of the output rows.
template <std::size_t scale, class Lanes, class Values, class Scalar, std::size_t... r>
EIGEN_ALWAYS_INLINE void interpolate_blocks(const Values& before, const Values& block,
                                            const Values& after, const OutputRows<Scalar>& rows,
                                            std::index_sequence<r...>) {
  (interpolate_block<Lanes>(before[r], block[r], after[r],
                            rows.to + static_cast<Index>(r) * rows.step, rows.streams,
                            std::make_index_sequence<scale>{}),
   ...);
}

/// Writes `blocks` times `size` pixels from `first` on, each enlarged `scale` times; the pixels on
/// both sides are those at `left` and `right`.
template <std::size_t scale, Index size, class Rows, class Scalar>
EIGEN_ALWAYS_INLINE void interpolate_rows(const Rows& rows, Index first, Index blocks, Index left,
                                          Index right, OutputRows<Scalar> output) {
  using Lanes = simd::Register<Scalar, static_cast<std::size_t>(size)>;
  auto block = rows.template load<Lanes>(first);
  auto before = rows.template broadcast<Lanes, 0>(left, first, block);
  output.to += first * static_cast<Index>(scale);
  for (; blocks > 1; --blocks, output.to += size * static_cast<Index>(scale)) {
    first += size;
    const auto after = rows.template load<Lanes>(first);
    interpolate_blocks<scale, Lanes>(before, block, after, output, Rows::each_row);
    before = block;
    block = after;
  }
  const auto after = rows.template broadcast<Lanes, size - 1>(right, first, block);
  interpolate_blocks<scale, Lanes>(before, block, after, output, Rows::each_row);
}

/// Writes whole rows. The last two blocks may overlap: the end of a row needs no loop of its own.
template <std::size_t scale, Index size, class Rows, class Scalar>
EIGEN_ALWAYS_INLINE void interpolate_whole_rows(const Rows& rows, const Columns& columns,
                                                const OutputRows<Scalar>& output) {
  const auto [count, left, right] = columns;
  const Index whole = count - count % size;
  interpolate_rows<scale, size>(rows, 0, count / size, left, whole == count ? right : whole,
                                output);
  if (whole < count)
    interpolate_rows<scale, size>(rows, count - size, 1, count - size - 1, right, output);
}

/// Lanes that hold elements of one pixel: neighbours lie in other registers.
template <class Scalar, std::size_t size>
struct PixelLanes : simd::Register<Scalar, size> {
  using Type = typename simd::Register<Scalar, size>::Type;
  static EIGEN_ALWAYS_INLINE Type shift_up(const Type& before, const Type&) { return before; }
  static EIGEN_ALWAYS_INLINE Type shift_down(const Type&, const Type& after) { return after; }
};

/// Writes the outputs of one block of a pixel, `inner` apart.
template <class Lanes, class Scalar, std::size_t... p>
EIGEN_ALWAYS_INLINE void interpolate_pixel(const typename Lanes::Type& before,
                                           const typename Lanes::Type& block,
                                           const typename Lanes::Type& after, Scalar* to,
                                           bool streams, Index inner, std::index_sequence<p...>) {
  constexpr std::size_t size = sizeof(block) / sizeof(Scalar);
  (
      [&] {
        const typename Lanes::Type output[] = {
            interpolate_phase<sizeof...(p), p, Lanes, Scalar>(before, block, after)};
        put_interleaved<size>(output, to + static_cast<Index>(p) * inner, streams);
      }(),
      ...);
}

/// The same in each of the output rows.
template <std::size_t scale, class Lanes, class Values, class Scalar, std::size_t... r>
EIGEN_ALWAYS_INLINE void interpolate_pixels(const Values& before, const Values& block,
                                            const Values& after, const OutputRows<Scalar>& rows,
                                            Index inner, std::index_sequence<r...>) {
  (interpolate_pixel<Lanes>(before[r], block[r], after[r],
                            rows.to + static_cast<Index>(r) * rows.step, rows.streams, inner,
                            std::make_index_sequence<scale>{}),
   ...);
}

/// Writes the outputs of elements `[c, c + size)` of the pixels in a range.
template <std::size_t scale, Index size, class Rows, class Scalar>
EIGEN_ALWAYS_INLINE void interpolate_range(const Rows& rows, const Columns& columns,
                                           const Range& range, Index c, Index inner,
                                           const OutputRows<Scalar>& output) {
  using Lanes = PixelLanes<Scalar, static_cast<std::size_t>(size)>;
  const auto [count, left, right] = columns;
  if (range.size() == 0) return;
  auto before = rows.template load<Lanes>((range.first > 0 ? range.first - 1 : left) * inner + c);
  auto block = rows.template load<Lanes>(range.first * inner + c);
  for (Index i = range.first; i < range.end; ++i) {
    const Index next = i + 1 < count ? i + 1 : right;
    const auto after = rows.template load<Lanes>(next * inner + c);
    interpolate_pixels<scale, Lanes>(before, block, after,
                                     output.from(i * static_cast<Index>(scale) * inner + c), inner,
                                     Rows::each_row);
    before = block;
    block = after;
  }
}

/// Writes whole rows of pixels of `inner` elements. The last two blocks of a pixel may overlap. A
/// block that is larger than a pixel also reads, and writes, elements of the next one, which is
/// written later: the last two pixels are made element by element.
template <std::size_t scale, Index size, class Rows, class Scalar>
EIGEN_ALWAYS_INLINE void interpolate_whole_rows(const Rows& rows, const Columns& columns,
                                                Index inner, const OutputRows<Scalar>& output) {
  const Index count = columns.count,
              blocks_end = inner < size ? std::max<Index>(count - 2, 0) : count;
  // Pixels that stay in the first-level cache while one block after another is made of them.
  const Index at_once = std::max<Index>(1024 / inner, 4);
  for (Index first = 0; first < blocks_end; first += at_once)
    for (Index c = 0; c < inner; c += size)
      interpolate_range<scale, size>(rows, columns, {first, std::min(first + at_once, blocks_end)},
                                     std::max<Index>(std::min(c, inner - size), 0), inner, output);
  for (Index c = 0; c < inner && blocks_end < count; ++c)
    interpolate_range<scale, 1>(rows, columns, {blocks_end, count}, c, inner, output);
}

/// As the registers hold them.
template <std::size_t scale, Index size, bool pixels, class Rows, class Scalar>
EIGEN_ALWAYS_INLINE void interpolate_rows_of(const Rows& rows, const Columns& columns, Index inner,
                                             const OutputRows<Scalar>& output) {
  if constexpr (pixels)
    interpolate_whole_rows<scale, size>(rows, columns, inner, output);
  else
    interpolate_whole_rows<scale, size>(rows, columns, output);
}

/// Writes the rows of a plane from those of the input, one for each place of `[place, end)`.
template <std::size_t scale, Index size, bool pixels, bool between0, class Scalar>
void interpolate_plane(const Scalar* from, const Columns& columns, const Place<Scalar>& place0,
                       const Place<Scalar>* place, const Place<Scalar>* end, Index inner,
                       OutputRows<Scalar> output) {
  const auto write = [&]<bool between1, std::size_t rows>(
                         std::bool_constant<between1>, std::integral_constant<std::size_t, rows>) {
    const BlendedRows<between0, between1, rows, Scalar> blended(from, place0, place);
    interpolate_rows_of<scale, size, pixels>(blended, columns, inner, output);
    place += rows, output.to += static_cast<Index>(rows) * output.step;
  };
  constexpr std::integral_constant<std::size_t, 1> one;
  constexpr std::integral_constant<std::size_t, 2> two;
  // Two rows read their inputs once, but write in two places at once.
  const bool pairs = between0 || columns.count * inner < 2 * size;
  while (place != end)
    if (!place->between())
      write(std::false_type{}, one);
    else if (pairs && place + 1 != end && place[1].a == place->a && place[1].b == place->b)
      write(std::true_type{}, two);
    else
      write(std::true_type{}, one);
}

}  // namespace tconv::inline TCONV_ISA::upsampling
