#pragma once

/// \file
/// The arguments of a call, as every task sees them.

#include <atomic>

#include "tconv/core/isa.hpp"
#include "tconv/engine/operands.hpp"

namespace tconv::inline TCONV_ISA::engine {

/// The weights of a call.
template <class Scalar>
struct Weights {
  const Scalar* packed = nullptr;  // as `pack_all_weights` leaves them, or null if
  WeightSource<Scalar> matrix{};   // each chunk is packed from these (weights/chunks.hpp), and
  std::atomic<bool>* not_finite = nullptr;  // set if one is infinite or no number, unless null
};

template <class AnySchedule, class Scalar>
struct Call {
  const AnySchedule& schedule;
  Weights<Scalar> weights;
  const Operands<Scalar>& operands;
};

}  // namespace tconv::inline TCONV_ISA::engine
