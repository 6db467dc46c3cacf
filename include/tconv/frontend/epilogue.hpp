#pragma once

/// \file
/// The caller's function of each output, as the engine takes it.

#include <type_traits>

#include "tconv/core/accumulator.hpp"
#include "tconv/core/eigen.hpp"
#include "tconv/core/isa.hpp"
#include "tconv/engine/operands.hpp"

namespace tconv::inline TCONV_ISA::frontend {

/// The epilogue of a call without one.
struct NoEpilogue {};

/// `f(value)`, or `f(value, channel)` where `f` takes a channel.
template <class Scalar, class F>
Scalar finish(const F& f, const Scalar& value, Index channel) {
  if constexpr (std::is_invocable_v<const F&, Scalar, Index>)
    return f(value, channel);
  else
    return f(value);
}

/// Replaces an output by `f` of it. Of narrow elements `f` sees what is stored, rounded before.
template <class Scalar, class F>
void finish_output(const void* function, Accumulator<Scalar>& output, Index channel) {
  output = static_cast<Accumulator<Scalar>>(frontend::finish<Scalar>(
      *static_cast<const F*>(function), static_cast<Scalar>(output), channel));
}

/// Refers to `f`: loops over a row and over channels, the only code of a call that is compiled for
/// each function.
template <class Scalar, class F>
engine::Epilogue<Accumulator<Scalar>> make_epilogue(const F& f) {
  using Sum = Accumulator<Scalar>;
  if constexpr (std::is_same_v<F, NoEpilogue>) {
    return {};
  } else {
    return {[](const void* function, Sum* row, Index count, Index channel) {
              for (Index i = 0; i < count; ++i) finish_output<Scalar, F>(function, row[i], channel);
            },
            [](const void* function, Sum* outputs, const Range& channels) {
              for (Index m = channels.first; m < channels.end; ++m)
                finish_output<Scalar, F>(function, *outputs++, m);
            },
            &f};
  }
}

}  // namespace tconv::inline TCONV_ISA::frontend
