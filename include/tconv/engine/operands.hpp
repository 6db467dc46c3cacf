#pragma once

/// \file
/// What a call of the engine reads and writes.

#include <array>
#include <atomic>
#include <complex>
#include <cstdint>

#include "tconv/core/axis.hpp"
#include "tconv/core/eigen.hpp"
#include "tconv/core/isa.hpp"
#include "tconv/core/view.hpp"
#include "tconv/simd/strip.hpp"

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

  /// With the axes of a shape.
  WeightSource of(const ConvShape& shape) const {
    WeightSource result = *this;
    if (shape.batch_is_axis) result.tap_strides = {tap_strides[1], tap_strides[2], 0};
    return result;
  }
};

/// What becomes of outputs before they leave the first-level cache: `apply` replaces `count` of
/// them in a row of a channel by the caller's function of each. The engine does not know that
/// function, and exists once for all.
template <class Scalar>
struct Epilogue {
  void (*apply)(const void* function, Scalar* row, Index count, Index channel) = nullptr;
  /// The same for an output of each of some channels.
  void (*apply_across)(const void* function, Scalar* outputs, const Range& channels) = nullptr;
  const void* function = nullptr;

  explicit operator bool() const { return apply != nullptr; }
  void operator()(Scalar* row, Index count, Index channel) const {
    if (apply) apply(function, row, count, channel);
  }
  void across(Scalar* outputs, const Range& channels) const {
    if (apply_across) apply_across(function, outputs, channels);
  }
};

/// How the engine reads an image of other elements than its own. `context` is the caller's.
template <class Scalar>
struct StripReader {
  void (*read)(const void* context, const void* image, const simd::Strip& strip, Scalar* to,
               Index to_step) = nullptr;
  const void* context = nullptr;
};

/// How it writes one.
template <class Scalar>
struct StripWriter {
  void (*write)(const void* context, void* image, const simd::Strip& strip, const Scalar* from,
                Index from_step) = nullptr;
  const void* context = nullptr;
};

/// The low or the high 16 bits of an integer, which together make it: `low + 2^16 * high`.
template <class Element>
struct LowHalf {
  Element value;
  explicit operator double() const {
    return static_cast<double>(static_cast<std::uint32_t>(value) & 0xffffU);
  }
};
template <class Element>
struct HighHalf {
  Element value;
  explicit operator double() const { return static_cast<double>(value >> 16); }
};

/// What becomes of sums that are whole numbers, modulo 2 to the power of an element's bits.
template <class Element>
struct IntegerOutput {
  const Element* bias = nullptr;  // one a channel of all groups, or null
  int shift = 0;                  // sums count 2^shift
  bool accumulates = false;       // to what the image has
  /// As an epilogue's.
  void (*finish)(const void* function, Element* row, Index count, Index channel) = nullptr;
  const void* function = nullptr;
};

/// What becomes of sums that are the parts of complex numbers.
template <class Scalar>
struct ComplexOutput {
  /// Replaces `count` outputs, `step` apart, by a function of each; may be null.
  void (*finish)(const void* function, std::complex<Scalar>* outputs, Index step, Index count,
                 Index channel) = nullptr;
  const void* function = nullptr;
  std::atomic<bool>* not_finite = nullptr;  // set where a sum is infinite or no number
};

/// The operands of a call but for its weights. Strides count elements of the images.
template <class Scalar>
struct Operands {
  const Scalar* bias = nullptr;  // one a channel of all groups, or null
  Image<const void> x;
  Image<void> y;
  Epilogue<Scalar> epilogue;
  StripReader<Scalar> reader{};  // null where `x` has elements of the engine
  StripWriter<Scalar> writer{};  // null where `y` has
};

}  // namespace tconv::inline TCONV_ISA::engine
