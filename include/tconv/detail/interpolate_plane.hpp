#pragma once

/// \file
/// Linear interpolation in registers: an output row is a blend of up to four input rows, enlarged.
/// It passes through no memory in between, from which it would have to be read back.

#include <algorithm>
#include <cstddef>
#include <utility>
#include <vector>

#include "tconv/detail/linear_phase.hpp"
#include "tconv/detail/row_blocks.hpp"

namespace tconv::detail {

/// An output of an axis: the offsets of the inputs it lies between, and their weights. They are the
/// same where the output depends on one input alone.
template <class Real>
struct Place {
  Index a, b;
  Real a_weight, b_weight;
  bool between() const { return a != b; }
};

/// The places of all outputs of an axis whose inputs are `step` apart.
template <class Real>
std::vector<Place<Real>> places(Index extent, Index scale, Index step) {
  std::vector<LinearPhase<Real>> phases;
  for (Index p = 0; p < scale; ++p) phases.emplace_back(scale, p);
  std::vector<Place<Real>> result;
  result.reserve(static_cast<std::size_t>(extent * scale));
  for (Index q = 0; q < extent; ++q)
    for (const auto& phase : phases) {
      const Index a = phase.exact ? q : std::max<Index>(q + phase.base, 0);
      const Index b = phase.exact ? q : std::min(q + phase.base + 1, extent - 1);
      result.push_back({a * step, b * step, phase.near(), phase.fraction});
    }
  return result;
}

/// Columns of the input that rows are made of. Beside them lie the pixels `left` and `right`; at
/// the border of the image those are its own last.
struct Columns {
  Index count, left, right;
};

/// Pixels of the blend of four rows, or of those of them that are read.
template <bool between0, bool between1, class Scalar>
class BlendedRow {
 public:
  EIGEN_ALWAYS_INLINE BlendedRow(const Scalar* from, const Columns& columns,
                                 const Place<Scalar>& place0, const Place<Scalar>& place1)
      : a0_(from + place0.a + place1.a),
        b0_(from + place0.b + place1.a),
        a1_(from + place0.a + place1.b),
        b1_(from + place0.b + place1.b),
        a_weight_(place0.a_weight),
        b_weight_(place0.b_weight),
        weight0_(place1.a_weight),
        weight1_(place1.b_weight),
        columns_(columns) {}

  template <class Lanes>
  EIGEN_ALWAYS_INLINE auto load(Index i) const {
    if constexpr (between1)
      return Lanes::blend(load<Lanes>(a0_, b0_, i), weight0_, load<Lanes>(a1_, b1_, i), weight1_);
    else
      return load<Lanes>(a0_, b0_, i);
  }

  /// Pixel `i` in all lanes; it may lie beside the columns.
  template <class Lanes>
  EIGEN_ALWAYS_INLINE auto broadcast(Index i) const {
    const Index at = i < 0 ? columns_.left : i >= columns_.count ? columns_.right : i;
    return Lanes::broadcast(load<Block<Scalar, 1>>(at));
  }

 private:
  template <class Lanes>
  EIGEN_ALWAYS_INLINE auto load(const Scalar* a, const Scalar* b, Index i) const {
    if constexpr (between0)
      return Lanes::blend(Lanes::load(a + i), a_weight_, Lanes::load(b + i), b_weight_);
    else
      return Lanes::load(a + i);
  }

  const Scalar *a0_, *b0_, *a1_, *b1_;
  Scalar a_weight_, b_weight_, weight0_, weight1_;
  Columns columns_;
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
template <bool streams, class Lanes, class Scalar, std::size_t... p>
EIGEN_ALWAYS_INLINE void interpolate_block(const typename Lanes::Type& before,
                                           const typename Lanes::Type& block,
                                           const typename Lanes::Type& after, Scalar* to,
                                           std::index_sequence<p...>) {
  constexpr std::size_t size = sizeof(block) / sizeof(Scalar);
  const typename Lanes::Type phases[] = {
      interpolate_phase<sizeof...(p), p, Lanes, Scalar>(before, block, after)...};
  put_interleaved<streams, size>(phases, to);
}

/// Writes `blocks` times `size` pixels of a row from `first` on, each enlarged `scale` times.
template <std::size_t scale, Index size, bool streams, class Row, class Scalar>
EIGEN_ALWAYS_INLINE void interpolate_row(const Row& row, Index first, Index blocks, Scalar* to) {
  using Lanes = Block<Scalar, static_cast<std::size_t>(size)>;
  constexpr std::make_index_sequence<scale> phases;
  auto before = row.template broadcast<Lanes>(first - 1);
  auto block = row.template load<Lanes>(first);
  to += first * static_cast<Index>(scale);
  for (; blocks > 1; --blocks, to += size * static_cast<Index>(scale)) {
    first += size;
    const auto after = row.template load<Lanes>(first);
    interpolate_block<streams, Lanes>(before, block, after, to, phases);
    before = block;
    block = after;
  }
  const auto after = row.template broadcast<Lanes>(first + size);
  interpolate_block<streams, Lanes>(before, block, after, to, phases);
}

/// Writes the rows of a plane from those of the input, one for each place of `[place, end)`.
template <std::size_t scale, Index size, bool streams, bool between0, class Scalar>
void interpolate_plane(const Scalar* from, const Columns& columns, const Place<Scalar>& place0,
                       const Place<Scalar>* place, const Place<Scalar>* end, Scalar* to) {
  const Place<Scalar> own_place0 = place0;
  const Columns own_columns = columns;
  const auto write = [&](const auto& row) {
    cover_row<size>(own_columns.count, [&](Index first, Index blocks) {
      interpolate_row<scale, size, streams>(row, first, blocks, to);
    });
  };
  for (; place != end; ++place, to += own_columns.count * static_cast<Index>(scale))
    if (place->between())
      write(BlendedRow<between0, true, Scalar>(from, own_columns, own_place0, *place));
    else
      write(BlendedRow<between0, false, Scalar>(from, own_columns, own_place0, *place));
}

}  // namespace tconv::detail
