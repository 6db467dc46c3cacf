#pragma once

/// \file
/// The arguments of a call, as every task sees them.

#include "tconv/engine/pack.hpp"

namespace tconv::engine {

template <class AnySchedule, class Scalar, class F>
struct Call {
  const AnySchedule& schedule;
  const Scalar* weights;  // as pack_all_weights leaves them for the schedule's products
  const Scalar* bias;     // one a channel of all groups, or null
  Image<const Scalar> x;
  Image<Scalar> y;
  const F& f;
};

}  // namespace tconv::engine
