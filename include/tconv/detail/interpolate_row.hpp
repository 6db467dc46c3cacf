#pragma once

/// \file
/// Linear interpolation of whole rows in registers: an output row is a blend of up to four input
/// rows, enlarged. It passes through no memory in between, from which it would have to be read
/// back.

#include <array>
#include <cstddef>
#include <utility>

#include "tconv/detail/linear_phase.hpp"
#include "tconv/detail/row_blocks.hpp"

namespace tconv::detail {

/// The four input rows around an output row, `[position on axis 1][on axis 0]`, and the weights of
/// their positions on axis 0 and on axis 1. An output row that lies on an input row along an axis
/// depends on position 0 alone.
template <class Scalar>
struct RowCorners {
  std::array<std::array<const Scalar*, 2>, 2> from;
  std::array<bool, 2> between;
  std::array<std::array<Scalar, 2>, 2> weights;
  Index count;
  /// Places of the pixels beside the rows; at the border of the image those of their own last.
  Index left, right;
};

/// The blend of four rows, or of those that are read.
template <bool between0, bool between1, class Scalar>
class BlendedRow {
 public:
  // Member by member: a copy at once would wait for each of the parts to be stored.
  explicit EIGEN_ALWAYS_INLINE BlendedRow(const RowCorners<Scalar>& corners)
      : a0_(corners.from[0][0]),
        b0_(corners.from[0][1]),
        a1_(corners.from[1][0]),
        b1_(corners.from[1][1]),
        a_weight_(corners.weights[0][0]),
        b_weight_(corners.weights[0][1]),
        weight0_(corners.weights[1][0]),
        weight1_(corners.weights[1][1]),
        count_(corners.count),
        left_(corners.left),
        right_(corners.right) {}

  template <class Lanes>
  EIGEN_ALWAYS_INLINE auto load(Index i) const {
    if constexpr (between1)
      return Lanes::blend(load<Lanes>(a0_, b0_, i), weight0_, load<Lanes>(a1_, b1_, i), weight1_);
    else
      return load<Lanes>(a0_, b0_, i);
  }

  /// Pixel `i` in all lanes; it may lie beside the row.
  template <class Lanes>
  EIGEN_ALWAYS_INLINE auto broadcast(Index i) const {
    return Lanes::broadcast(load<Block<Scalar, 1>>(i < 0 ? left_ : i >= count_ ? right_ : i));
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
  Index count_, left_, right_;
};

/// The outputs of phase `p` between neighbours in registers.
template <std::size_t scale, std::size_t p, class Lanes, class Scalar>
EIGEN_ALWAYS_INLINE auto interpolate_phase(const typename Lanes::Type& before,
                                           const typename Lanes::Type& block,
                                           const typename Lanes::Type& after) {
  constexpr LinearPhase<Scalar> place(static_cast<Index>(scale), static_cast<Index>(p));
  if constexpr (place.exact)
    return block;
  else if constexpr (place.base < 0)
    return Lanes::blend(Lanes::shift_up(before, block), place.near(), block, place.fraction);
  else
    return Lanes::blend(block, place.near(), Lanes::shift_down(block, after), place.fraction);
}

/// Writes `blocks` times `size` pixels of a row from `first` on, each enlarged `scale` times.
template <std::size_t scale, bool between0, bool between1, Index size, bool streams, class Scalar>
void interpolate_blocks(const RowCorners<Scalar>& corners, Index first, Index blocks, Scalar* to) {
  using Lanes = Block<Scalar, static_cast<std::size_t>(size)>;
  using Values = typename Lanes::Type;
  const BlendedRow<between0, between1, Scalar> row(corners);
  [&]<std::size_t... p>(std::index_sequence<p...>) {
    const auto put = [&](const Values& before, const Values& block, const Values& after) {
      const Values phases[] = {interpolate_phase<scale, p, Lanes, Scalar>(before, block, after)...};
      put_interleaved<streams, static_cast<std::size_t>(size)>(
          phases, to + first * static_cast<Index>(scale));
    };
    Values before = row.template broadcast<Lanes>(first - 1);
    Values block = row.template load<Lanes>(first);
    for (; blocks > 1; --blocks, first += size) {
      const Values after = row.template load<Lanes>(first + size);
      put(before, block, after);
      before = block;
      block = after;
    }
    put(before, block, row.template broadcast<Lanes>(first + size));
  }
  (std::make_index_sequence<scale>{});
}

/// Writes an enlarged row; `streams` if the result will not be read soon.
template <std::size_t scale, class Scalar>
void interpolate_row(const RowCorners<Scalar>& corners, bool streams, Scalar* to) {
  const auto enlarge = [&]<bool between0, bool between1>() {
    cover_row(corners.count, static_cast<Index>(scale), streams, to,
              [&]<Index size, bool past>(Index first, Index blocks) {
                interpolate_blocks<scale, between0, between1, size, past>(corners, first, blocks,
                                                                          to);
              });
  };
  const auto [between0, between1] = corners.between;
  if (between0 && between1)
    enlarge.template operator()<true, true>();
  else if (between0)
    enlarge.template operator()<true, false>();
  else if (between1)
    enlarge.template operator()<false, true>();
  else
    enlarge.template operator()<false, false>();
}

}  // namespace tconv::detail
