#pragma once

/// \file
/// What a call of the engine reads and writes.

#include <array>

#include "tconv/core/eigen.hpp"
#include "tconv/core/isa.hpp"
#include "tconv/core/view.hpp"

namespace tconv::inline TCONV_ISA::engine {

/// The weight of one group as (input channel, output channel, taps of three axes).
template <class Scalar>
struct WeightSource {
  const Scalar* data = nullptr;
  const Scalar* end = nullptr;  // of the tensor, which may be read up to there
  Index in_stride = 0;
  Index out_stride = 0;
  std::array<Index, 3> tap_strides{};
  Index group_stride = 0;

  Index size() const { return static_cast<Index>(end - data); }
};

/// What becomes of outputs before they leave the first-level cache: `apply` replaces `count` of
/// them in a row of a channel, `step` apart, by the caller's function of each. The engine does not
/// know that function, and exists once for all.
template <class Scalar>
struct Epilogue {
  void (*apply)(const void* function, Scalar* row, Index count, Index step,
                Index channel) = nullptr;
  const void* function = nullptr;

  explicit operator bool() const { return apply != nullptr; }
  void operator()(Scalar* row, Index count, Index step, Index channel) const {
    if (apply) apply(function, row, count, step, channel);
  }
};

/// The operands of a call but for its weights.
template <class Scalar>
struct Operands {
  const Scalar* bias = nullptr;  // one a channel of all groups, or null
  Image<const Scalar> x;
  Image<Scalar> y;
  Epilogue<Scalar> epilogue;
};

}  // namespace tconv::inline TCONV_ISA::engine
