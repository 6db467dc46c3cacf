#pragma once

/// \file
/// What the library computes with.

#include "tconv/core/isa.hpp"
#include "tconv/engine/entrance.hpp"

namespace tconv::inline TCONV_ISA {

/// The SIMD instruction sets that the engine uses, as Eigen names them: "AVX512, FMA, AVX2, ...".
/// They are those that this translation unit is compiled for, or, linked with `tconv::compiled`,
/// those of the library that the loader has chosen.
inline const char* instruction_set() { return engine::instruction_set<float>(); }

}  // namespace tconv::inline TCONV_ISA
