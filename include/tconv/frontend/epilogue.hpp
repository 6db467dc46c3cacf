#pragma once

/// \file
/// The caller's function of each output, as the engine takes it.

#include <type_traits>

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

/// Refers to `f`: one loop over a row, the only code of a call that is compiled for each function.
template <class Scalar, class F>
engine::Epilogue<Scalar> make_epilogue(const F& f) {
  if constexpr (std::is_same_v<F, NoEpilogue>) {
    return {};
  } else {
    return {[](const void* function, Scalar* row, Index count, Index channel) {
              const F& g = *static_cast<const F*>(function);
              for (Index i = 0; i < count; ++i)
                row[i] = frontend::finish<Scalar>(g, row[i], channel);
            },
            [](const void* function, Scalar* outputs, Index channels) {
              const F& g = *static_cast<const F*>(function);
              for (Index m = 0; m < channels; ++m)
                outputs[m] = frontend::finish<Scalar>(g, outputs[m], m);
            },
            &f};
  }
}

}  // namespace tconv::inline TCONV_ISA::frontend
