#pragma once

/// \file
/// The seam to Eigen's packets: the SIMD vectors of one scalar under the names the engine uses.

#include <algorithm>

#include "tconv/core/eigen.hpp"
#include "tconv/core/isa.hpp"
#include "tconv/core/multiply_add.hpp"

namespace tconv::inline TCONV_ISA::simd {

/// The widest SIMD vector of `Scalar` for the instruction set that the caller compiles for.
template <class Scalar>
struct Packet {
  using Type = typename Eigen::internal::packet_traits<Scalar>::type;
  static constexpr int size = Eigen::internal::unpacket_traits<Type>::size;

  static EIGEN_ALWAYS_INLINE Type load(const Scalar* from) {
    return Eigen::internal::ploadu<Type>(from);
  }
  static EIGEN_ALWAYS_INLINE void store(Scalar* to, const Type& value) {
    Eigen::internal::pstoreu(to, value);
  }
  /// Loads what is used several times: g++ loads it again for each use where these are few.
  static EIGEN_ALWAYS_INLINE Type load_to_register(const Scalar* from) {
    Type packet = load(from);
    if constexpr (EIGEN_COMP_GNUC_STRICT) {
      EIGEN_OPTIMIZATION_BARRIER(packet);
    }
    return packet;
  }
  static EIGEN_ALWAYS_INLINE Type broadcast(const Scalar& value) {
    return Eigen::internal::pset1<Type>(value);
  }
  static EIGEN_ALWAYS_INLINE Type add(const Type& a, const Type& b) {
    return Eigen::internal::padd(a, b);
  }
  static EIGEN_ALWAYS_INLINE Type multiply(const Type& a, const Type& b) {
    return Eigen::internal::pmul(a, b);
  }
  /// a * b + c, fused where the hardware can.
  static EIGEN_ALWAYS_INLINE Type multiply_add(const Type& a, const Type& b, const Type& c) {
    if constexpr (size == 1)
      return core::multiply_add<Scalar>(a, b, c);
    else
      return Eigen::internal::pmadd(a, b, c);
  }
};

/// The lanes `[begin, end)` of packets.
template <class Scalar>
class PacketPart {
  using P = Packet<Scalar>;

 public:
  EIGEN_ALWAYS_INLINE PacketPart(Index begin, Index end)
      : begin_(std::clamp<Index>(begin, 0, P::size)),
        end_(std::clamp<Index>(end, begin_, P::size)),
        mask_((1U << end_) - (1U << begin_)) {}

  /// A packet with these lanes from memory. The others are zero, and their memory is not touched.
  EIGEN_ALWAYS_INLINE typename P::Type load(const Scalar* from) const {
#ifdef EIGEN_VECTORIZE_AVX512
    if constexpr (sizeof(Scalar) == sizeof(double))
      return _mm512_maskz_loadu_pd(static_cast<__mmask8>(mask_), from);
    else
      return _mm512_maskz_loadu_ps(static_cast<__mmask16>(mask_), from);
#elif defined(EIGEN_VECTORIZE_AVX2)
    if constexpr (sizeof(Scalar) == sizeof(double))
      return _mm256_maskload_pd(from, double_lanes());
    else
      return _mm256_maskload_ps(from, float_lanes());
#else
    if (end_ - begin_ == P::size) return P::load(from);
    Scalar lanes[P::size] = {};
    std::copy(from + begin_, from + end_, lanes + begin_);
    return P::load(lanes);
#endif
  }

  /// Writes these lanes, and does not touch the memory of the others.
  EIGEN_ALWAYS_INLINE void store(Scalar* to, const typename P::Type& value) const {
#ifdef EIGEN_VECTORIZE_AVX512
    if constexpr (sizeof(Scalar) == sizeof(double))
      _mm512_mask_storeu_pd(to, static_cast<__mmask8>(mask_), value);
    else
      _mm512_mask_storeu_ps(to, static_cast<__mmask16>(mask_), value);
#elif defined(EIGEN_VECTORIZE_AVX2)
    if constexpr (sizeof(Scalar) == sizeof(double))
      _mm256_maskstore_pd(to, double_lanes(), value);
    else
      _mm256_maskstore_ps(to, float_lanes(), value);
#else
    Scalar lanes[P::size];
    P::store(lanes, value);
    for (Index i = begin_; i < end_; ++i) to[i] = lanes[i];
#endif
  }

 private:
#ifdef EIGEN_VECTORIZE_AVX2
  /// All bits of a lane that takes part.
  EIGEN_ALWAYS_INLINE __m256i float_lanes() const {
    const __m256i bits = _mm256_setr_epi32(1, 2, 4, 8, 16, 32, 64, 128);
    const __m256i mask = _mm256_set1_epi32(static_cast<int>(mask_));
    return _mm256_cmpeq_epi32(_mm256_and_si256(mask, bits), bits);
  }
  EIGEN_ALWAYS_INLINE __m256i double_lanes() const {
    const __m256i bits = _mm256_setr_epi64x(1, 2, 4, 8);
    const __m256i mask = _mm256_set1_epi64x(static_cast<int>(mask_));
    return _mm256_cmpeq_epi64(_mm256_and_si256(mask, bits), bits);
  }
#endif

  Index begin_, end_;
  unsigned mask_;
};

template <class Scalar>
EIGEN_ALWAYS_INLINE typename Packet<Scalar>::Type load_part(const Scalar* from, Index begin,
                                                            Index end) {
  return PacketPart<Scalar>(begin, end).load(from);
}

/// Writes past the caches what will not be read soon: `to` is aligned to the packet. Other threads
/// see it after `finish_streaming`.
template <class Scalar, class Type>
EIGEN_ALWAYS_INLINE void stream(Scalar* to, const Type& value) {
  Eigen::internal::pstore(to, value);
}
inline void finish_streaming() {
#ifdef EIGEN_VECTORIZE_SSE
  _mm_sfence();
#endif
}
#ifdef EIGEN_VECTORIZE_SSE
EIGEN_ALWAYS_INLINE void stream(float* to, const __m128& value) { _mm_stream_ps(to, value); }
EIGEN_ALWAYS_INLINE void stream(double* to, const __m128d& value) { _mm_stream_pd(to, value); }
#endif
#ifdef EIGEN_VECTORIZE_AVX
EIGEN_ALWAYS_INLINE void stream(float* to, const __m256& value) { _mm256_stream_ps(to, value); }
EIGEN_ALWAYS_INLINE void stream(double* to, const __m256d& value) { _mm256_stream_pd(to, value); }
#endif
#ifdef EIGEN_VECTORIZE_AVX512
EIGEN_ALWAYS_INLINE void stream(float* to, const __m512& value) { _mm512_stream_ps(to, value); }
EIGEN_ALWAYS_INLINE void stream(double* to, const __m512d& value) { _mm512_stream_pd(to, value); }
#endif

}  // namespace tconv::inline TCONV_ISA::simd
