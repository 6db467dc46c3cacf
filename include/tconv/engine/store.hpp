#pragma once

/// \file
/// Writes sums to the output: adds the bias, applies the epilogue, interleaves the phases.

#include <algorithm>
#include <type_traits>

#include "tconv/detail/eigen.hpp"

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

/// Writes the first `count` elements of `phases` rows that follow one another in the output.
template <int phases, class Scalar, class F>
void store_interleaved(const PhaseRow<Scalar>* rows, Index count, Scalar bias, Index channel,
                       const F& f, Scalar* y) {
  for (Index j = 0; j < count; ++j)
    for (int r = 0; r < phases; ++r)
      y[j * phases + r] = finish(f, static_cast<Scalar>(rows[r].sums[j] + bias), channel);
}

/// Writes one output row of a channel. `rows` are its phases in the order of their first outputs.
template <class Scalar, class F>
void store_row(const PhaseRow<Scalar>* rows, Index row_count, Index stride, Scalar bias,
               Index channel, const F& f, Scalar* y, Index y_step) {
  Index done = 0;
  if (y_step == 1 && row_count == stride && stride <= 4 && rows[0].step == 1) {
    bool adjacent = true;
    done = rows[0].count;
    for (Index r = 0; r < row_count; ++r) {
      adjacent = adjacent && rows[r].first == rows[0].first + r;
      done = std::min(done, rows[r].count);
    }
    if (!adjacent) done = 0;
    Scalar* out = y + rows[0].first;
    switch (adjacent ? stride : 0) {
      case 1:
        store_interleaved<1>(rows, done, bias, channel, f, out);
        break;
      case 2:
        store_interleaved<2>(rows, done, bias, channel, f, out);
        break;
      case 3:
        store_interleaved<3>(rows, done, bias, channel, f, out);
        break;
      case 4:
        store_interleaved<4>(rows, done, bias, channel, f, out);
        break;
      default:
        break;
    }
  }
  for (Index r = 0; r < row_count; ++r)
    for (Index j = done; j < rows[r].count; ++j) {
      const Scalar* sums = rows[r].sums + j * rows[r].step;
      Scalar* out = y + (rows[r].first + j * stride) * y_step;
      if (y_step == 1)
        for (Index i = 0; i < rows[r].width; ++i)
          out[i] = finish(f, static_cast<Scalar>(sums[i] + bias), channel);
      else
        for (Index i = 0; i < rows[r].width; ++i)
          out[i * y_step] = finish(f, static_cast<Scalar>(sums[i] + bias), channel);
    }
}

}  // namespace tconv::engine
