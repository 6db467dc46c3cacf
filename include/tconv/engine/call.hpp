#pragma once

/// \file
/// The arguments of a call, as every task sees them.

#include "tconv/engine/pack.hpp"
#include "tconv/engine/pack_weights.hpp"

namespace tconv::engine {

template <class AnySchedule, class Scalar, class F>
struct Call {
  const AnySchedule& schedule;
  Weights<Scalar> weights;
  const Scalar* bias;  // one a channel of all groups, or null
  Image<const Scalar> x;
  Image<Scalar> y;
  const F& f;
};

}  // namespace tconv::engine
