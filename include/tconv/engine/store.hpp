#pragma once

/// \file
/// Writes sums to the output: adds the bias, applies the epilogue, interleaves the phases.

#include <algorithm>
#include <array>
#include <type_traits>

#include "tconv/detail/packet.hpp"

namespace tconv::engine {

/// The epilogue of a call without one.
struct Identity {
  template <class Scalar>
  Scalar operator()(const Scalar& value) const {
    return value;
  }
};

template <class Scalar, class F>
Scalar finish(const F& f, const Scalar& value, Index channel) {
  if constexpr (std::is_invocable_v<const F&, Scalar, Index>)
    return f(value, channel);
  else
    return f(value);
}

/// The sums of `width` phases that follow one another, along one output row: element `j * step + i`
/// belongs to output `first + j * stride + i`.
template <class Scalar>
struct PhaseRow {
  const Scalar* sums = nullptr;
  Index step = 1;
  Index first = 0;
  Index count = 0;
  Index width = 1;
};

inline constexpr Index max_interleaved = 4;

/// How the phases of a row lie in the output, the same for all rows of a tile.
struct RowPattern {
  Index stride;
  Index y_step;
  /// Elements of each phase that are written side by side with those of the others.
  Index interleaved = 0;

  template <class Scalar>
  RowPattern(const PhaseRow<Scalar>* rows, Index row_count, Index stride_, Index y_step_)
      : stride(stride_), y_step(y_step_) {
    if (y_step != 1 || row_count != stride || stride > max_interleaved) return;
    interleaved = rows[0].count;
    for (Index r = 0; r < row_count; ++r) {
      if (rows[r].step != 1 || rows[r].first != rows[0].first + r) interleaved = 0;
      interleaved = std::min(interleaved, rows[r].count);
    }
  }
};

template <std::size_t phases, class Scalar, class F>
EIGEN_ALWAYS_INLINE void store_elements(const std::array<const Scalar*, phases>& sums, Index begin,
                                        Index count, Scalar bias, Index channel, const F& f,
                                        Scalar* y) {
  for (Index j = begin; j < begin + count; ++j)
    for (std::size_t r = 0; r < phases; ++r)
      y[j * static_cast<Index>(phases) + static_cast<Index>(r)] =
          finish(f, static_cast<Scalar>(sums[r][j] + bias), channel);
}

/// Writes `count` elements of `phases` rows that follow one another in the output, a packet of each
/// at a time, then parts of it: loops of known length become shuffles.
template <std::size_t phases, class Scalar, class F>
void store_interleaved(const PhaseRow<Scalar>* rows, Index count, Scalar bias, Index channel,
                       const F& f, Scalar* y) {
  constexpr Index lanes = detail::Packet<Scalar>::size, half = std::max<Index>(lanes / 2, 1),
                  quarter = std::max<Index>(lanes / 4, 1);
  std::array<const Scalar*, phases> sums;
  for (std::size_t r = 0; r < phases; ++r) sums[r] = rows[r].sums;
  Index j = 0;
  for (; j + lanes <= count; j += lanes) store_elements(sums, j, lanes, bias, channel, f, y);
  if (j + half <= count) store_elements(sums, j, half, bias, channel, f, y), j += half;
  if (j + quarter <= count) store_elements(sums, j, quarter, bias, channel, f, y), j += quarter;
  store_elements(sums, j, count - j, bias, channel, f, y);
}

/// Writes one output row of a channel. `rows` are its phases in the order of their first outputs.
template <class Scalar, class F>
void store_row(const PhaseRow<Scalar>* rows, Index row_count, const RowPattern& pattern,
               Scalar bias, Index channel, const F& f, Scalar* y) {
  const Index done = pattern.interleaved;
  if (done > 0) switch (Scalar* out = y + rows[0].first; pattern.stride) {
      case 1:
        store_interleaved<1>(rows, done, bias, channel, f, out);
        break;
      case 2:
        store_interleaved<2>(rows, done, bias, channel, f, out);
        break;
      case 3:
        store_interleaved<3>(rows, done, bias, channel, f, out);
        break;
      default:
        store_interleaved<4>(rows, done, bias, channel, f, out);
        break;
    }
  const Index y_step = pattern.y_step;
  for (Index r = 0; r < row_count; ++r)
    for (Index j = done; j < rows[r].count; ++j) {
      const Scalar* sums = rows[r].sums + j * rows[r].step;
      Scalar* out = y + (rows[r].first + j * pattern.stride) * y_step;
      if (y_step == 1)
        for (Index i = 0; i < rows[r].width; ++i)
          out[i] = finish(f, static_cast<Scalar>(sums[i] + bias), channel);
      else
        for (Index i = 0; i < rows[r].width; ++i)
          out[i * y_step] = finish(f, static_cast<Scalar>(sums[i] + bias), channel);
    }
}

}  // namespace tconv::engine
