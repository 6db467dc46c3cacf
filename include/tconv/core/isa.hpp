#pragma once

/// \file
/// The name of the instruction set that a translation unit is compiled for.
///
/// What knows a register or rounds a product (`multiply_add`), and everything that is made of it,
/// lies in an inline namespace of that name. So two translation units of one program that are
/// compiled for different sets share no function, and the linker cannot give one of them the code
/// of the other. What knows none (options, geometry, workspaces, core and runtime) is the same in
/// both.
///
/// A program that is linked with the compiled library has one name for all sets, because it does
/// not know which one the loader takes.

#include <Eigen/Core>

#if defined(EIGEN_VECTORIZE_AVX512DQ)
#define TCONV_ISA avx512
#define TCONV_ISA_NAME "AVX-512"
#elif defined(EIGEN_VECTORIZE_AVX512)
#define TCONV_ISA avx512f
#define TCONV_ISA_NAME "AVX-512F"
#elif defined(EIGEN_VECTORIZE_AVX2) && defined(EIGEN_VECTORIZE_FMA)
#define TCONV_ISA avx2
#define TCONV_ISA_NAME "AVX2"
#elif defined(EIGEN_VECTORIZE_AVX) && defined(EIGEN_VECTORIZE_FMA)
#define TCONV_ISA avx_fma
#define TCONV_ISA_NAME "AVX, FMA"
#elif defined(EIGEN_VECTORIZE_AVX)
#define TCONV_ISA avx
#define TCONV_ISA_NAME "AVX"
#elif defined(EIGEN_VECTORIZE_SSE4_2)
#define TCONV_ISA sse4
#define TCONV_ISA_NAME "SSE4.2"
#elif defined(EIGEN_VECTORIZE_SSE)
#define TCONV_ISA sse2
#define TCONV_ISA_NAME "SSE2"
#elif defined(EIGEN_VECTORIZE_NEON) && defined(__ARM_FEATURE_FMA)
#define TCONV_ISA neon
#define TCONV_ISA_NAME "NEON"
#elif defined(EIGEN_VECTORIZE_NEON)
#define TCONV_ISA neon_without_fma
#define TCONV_ISA_NAME "NEON without FMA"
#elif defined(__FMA__) || defined(__ARM_FEATURE_FMA)
#define TCONV_ISA scalar_fma
#define TCONV_ISA_NAME "none, FMA"
#else
#define TCONV_ISA scalar
#define TCONV_ISA_NAME "none"
#endif

#ifdef TCONV_COMPILED
#undef TCONV_ISA
#define TCONV_ISA compiled
#endif

namespace tconv {

/// The vocabulary of the floors above, which use its names without a prefix.
namespace core {}

inline namespace TCONV_ISA {
namespace simd {
using namespace core;
}
namespace engine {
using namespace core;
}
namespace gradient {
using namespace core;
}
namespace upsampling {
using namespace core;
}
namespace frontend {
using namespace core;
}
}  // namespace TCONV_ISA
}  // namespace tconv
