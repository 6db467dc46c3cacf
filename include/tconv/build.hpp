#pragma once

/// \file
/// The version, and what depends on how a program is compiled: the instruction set, and errors
/// without exceptions.

#include <string_view>

#include "tconv/core/exceptions.hpp"
#include "tconv/core/isa.hpp"
#include "tconv/engine/entrance.hpp"

namespace tconv {

/// The version of these headers, "major.minor.patch". Before 1.0 a minor version may break what
/// worked with the one before.
inline constexpr std::string_view version = "0.2.0";

/// Called with the message of an error, and must not return.
using ErrorHandler = core::ErrorHandler;

/// Chooses what is called where the library would throw, in a program that is compiled with
/// `-fno-exceptions` throughout. Elsewhere it is never called. The default prints the message and
/// calls `std::abort`, as it is called if a handler returns. A handler may end the thread or jump
/// out of the call: nothing has been written then.
/// \returns the handler before
inline ErrorHandler set_error_handler(ErrorHandler handler) {
  return core::error_handler.exchange(handler ? handler : &core::print_and_abort);
}

inline namespace TCONV_ISA {

/// The SIMD instruction set that the engine uses: "AVX-512", "AVX2", "AVX", "SSE4.2", "SSE2",
/// "NEON" or "none", or one of the rarer names of `core/isa.hpp`. It is that which this translation
/// unit is compiled for, or, linked with `tconv::compiled`, that of the library that the loader has
/// chosen.
///
/// \par Example
/// \snippet functions.cpp instruction_set
inline const char* instruction_set() { return engine::instruction_set<float>(); }

}  // namespace TCONV_ISA
}  // namespace tconv
