#pragma once

/// \file
/// The engine's entrance: an image goes in, and comes out convolved. All that a program which is
/// linked with the compiled library sees of the engine; nothing here depends on the width of a
/// register.

#include <list>
#include <mutex>
#include <vector>

#include "tconv/core/axis.hpp"
#include "tconv/core/eigen.hpp"
#include "tconv/core/isa.hpp"
#include "tconv/engine/operands.hpp"
#include "tconv/runtime/execution.hpp"
#include "tconv/runtime/memory.hpp"

namespace tconv::inline TCONV_ISA::engine {

/// The instruction set that the code behind this entrance uses.
template <class Scalar>
const char* instruction_set();

/// Computes with weights that serve this call only. Returns false, and leaves `y` of no use, if one
/// of them is infinite or no number: it must not be multiplied with zeros around the image.
template <class Scalar>
bool run_once(const ConvShape& shape, const WeightSource<Scalar>& weights,
              const Operands<Scalar>& operands, runtime::Execution& execution);

/// Weights that are kept, in every packing that has been asked for. Which packing is best depends
/// on the image's extents, so the first call with new extents may pack once more. Safe to share
/// between threads.
template <class Scalar>
class PackedWeights {
 public:
  /// `source` must stay valid.
  explicit PackedWeights(const WeightSource<Scalar>& source);

  /// As `run_once`.
  bool run(const ConvShape& shape, const Operands<Scalar>& operands,
           runtime::Execution& execution) const;

 private:
  struct Variant {
    bool winograd = false;
    std::vector<Index> signature;
    runtime::Memory memory;
    Scalar* elements = nullptr;
  };

  /// The weights as `schedule` wants them; valid as long as the object.
  template <class AnySchedule>
  const Scalar* get(const AnySchedule& schedule) const;

  WeightSource<Scalar> source_;
  Scalar magnitude_;  // sum of those of the weights
  bool finite_;
  mutable std::mutex mutex_;
  mutable std::list<Variant> variants_;
};

}  // namespace tconv::inline TCONV_ISA::engine

#ifndef TCONV_COMPILED
#include "tconv/engine/run.hpp"
#endif
