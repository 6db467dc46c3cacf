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

/// The sums of one phase along one output row: element j belongs to output `first + j * stride`.
template <class Scalar>
struct PhaseRow {
  const Scalar* sums = nullptr;
  Index step = 1;
  Index first = 0;
  Index count = 0;
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
  Index common = rows[0].count;
  bool adjacent = y_step == 1 && row_count == stride;
  for (Index r = 0; r < row_count; ++r) {
    common = std::min(common, rows[r].count);
    adjacent = adjacent && rows[r].first == rows[0].first + r;
  }
  Index done = 0;
  if (adjacent && rows[0].step == 1) {
    done = common;
    Scalar* out = y + rows[0].first;
    switch (stride) {
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
        done = 0;
    }
  }
  if (adjacent && done == 0) {
    done = common;
    // Phases whose sums follow one another are copied together.
    for (Index r = 0, next = 0; r < row_count; r = next) {
      for (next = r + 1; next < row_count && rows[next].sums == rows[next - 1].sums + 1;) ++next;
      for (Index j = 0; j < done; ++j) {
        const Scalar* sums = rows[r].sums + j * rows[r].step;
        Scalar* out = y + rows[r].first + j * stride;
        for (Index i = 0; i < next - r; ++i)
          out[i] = finish(f, static_cast<Scalar>(sums[i] + bias), channel);
      }
    }
  }
  for (Index r = 0; r < row_count; ++r)
    for (Index j = done; j < rows[r].count; ++j)
      y[(rows[r].first + j * stride) * y_step] =
          finish(f, static_cast<Scalar>(rows[r].sums[j * rows[r].step] + bias), channel);
}

}  // namespace tconv::engine
