#pragma once

/// \file
/// The engine's entrance: an image goes in, and comes out convolved. All that a program which is
/// linked with the compiled library sees of the engine; nothing here depends on the width of a
/// register.

#include <cstddef>
#include <memory>
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
/// of them is infinite or no number, and the image falls into too many parts that read no zeros
/// around it.
template <class Scalar>
bool run_once(const ConvShape& shape, const WeightSource<Scalar>& weights,
              const Operands<Scalar>& operands, runtime::Execution& execution);

/// How the engine for `Scalar` reads and writes images of other elements.
template <class Element, class Scalar>
StripReader<Scalar> element_reader();
template <class Element, class Scalar>
StripWriter<Scalar> element_writer();

/// The same of whole numbers, which become integers. `output` must stay.
template <class Element, class Scalar>
StripWriter<Scalar> integer_writer(const IntegerOutput<Element>& output);

/// The same of complex numbers, of which the engine sees each part as a channel: channel `c` of the
/// image is `2 c` and `2 c + 1`. `output` must stay.
template <class Scalar>
StripReader<Scalar> complex_reader();
template <class Scalar>
StripWriter<Scalar> complex_writer(const ComplexOutput<Scalar>& output);

/// `count` elements as numbers of the engine, and the way back, rounded once.
template <class Element, class Scalar>
void widen(const Element* from, Index count, Scalar* to);
template <class Element, class Scalar>
void narrow(const Scalar* from, Index count, Element* to);

template <class Scalar>
class PreparedCall;

/// Weights that are kept, in the packings that were asked for most recently. Which packing is best
/// depends on the image's extents, so the first call with new extents may pack once more. Safe to
/// share between threads: they wait for one another only while a packing is looked up.
template <class Scalar>
class PackedWeights {
 public:
  /// `source` must stay valid.
  explicit PackedWeights(const WeightSource<Scalar>& source);

  /// As `run_once`.
  bool run(const ConvShape& shape, const Operands<Scalar>& operands,
           runtime::Execution& execution) const;

  /// Whether no weight is infinite or no number.
  bool finite() const { return finite_; }

 private:
  friend class PreparedCall<Scalar>;

  /// Packings that a layer keeps. Few shapes differ in theirs.
  static constexpr std::size_t max_variants = 8;

  /// What packed weights are for, beside their signature.
  enum class Way { plain, winograd, listed };
  template <class AnySchedule>
  static constexpr Way way_of();

  struct Variant {
    Way way = Way::plain;
    std::vector<Index> signature;
    runtime::Memory memory;
    Scalar* elements = nullptr;
  };
  using VariantPointer = std::shared_ptr<const Variant>;

  /// The weights as `schedule` wants them.
  template <class AnySchedule>
  VariantPointer get(const AnySchedule& schedule, const WeightSource<Scalar>& source) const;
  template <class AnySchedule>
  VariantPointer pack(const AnySchedule& schedule, const WeightSource<Scalar>& source) const;
  /// The packing that is kept for a schedule, or null. The caller holds the lock.
  template <class AnySchedule>
  VariantPointer find(const AnySchedule& schedule) const;

  WeightSource<Scalar> source_;
  Scalar magnitude_;  // sum of those of the weights
  bool finite_;
  mutable std::mutex mutex_;
  mutable std::vector<VariantPointer> variants_;  // the most recent first
};

/// Calls of one shape, planned for one thread, with weights that are kept packed for as long as
/// this lives. They allocate and lock nothing. Weights must be finite.
template <class Scalar>
class PreparedCall {
 public:
  PreparedCall(const PackedWeights<Scalar>& weights, const ConvShape& shape);

  /// What a call takes of its execution's scratch.
  std::size_t scratch_bytes() const;

  void run(const Operands<Scalar>& operands, runtime::Execution& execution) const;

 private:
  struct Parts;
  std::shared_ptr<const Parts> parts_;
};

}  // namespace tconv::inline TCONV_ISA::engine

#ifndef TCONV_COMPILED
#include "tconv/engine/run.hpp"
#endif
