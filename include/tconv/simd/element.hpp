#pragma once

/// \file
/// Elements of another type than the one they are computed with: `half` and `bfloat16`, say, which
/// are summed in `float`. They are converted on their way in and out, each once.

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <concepts>
#include <cstdint>

#include "tconv/core/eigen.hpp"
#include "tconv/core/isa.hpp"
#include "tconv/simd/strip.hpp"

namespace tconv::inline TCONV_ISA::simd {

/// The bits of the 16-bit float whose upper half of a `float` it is, rounded to nearest, ties to
/// even.
inline std::uint16_t round_to_bfloat16(float value) {
  const auto bits = std::bit_cast<std::uint32_t>(value);
  const std::uint32_t rounded = (bits + 0x7fffU + (bits >> 16 & 1U)) >> 16;
  return static_cast<std::uint16_t>((bits & 0x7fffffffU) > 0x7f800000U ? 0x7fc0U : rounded);
}

/// `count` elements as numbers of the type they are computed with.
template <class Element, class Scalar>
void widen_row(const Element* from, Index count, Scalar* to) {
  Index i = 0;
  if constexpr (std::same_as<Element, Eigen::bfloat16>) {
    for (; i < count; ++i)
      to[i] = std::bit_cast<float>(std::uint32_t{std::bit_cast<std::uint16_t>(from[i])} << 16);
    return;
  }
#ifdef __F16C__
  if constexpr (std::same_as<Element, Eigen::half>)
    for (; i + 8 <= count; i += 8)
      _mm256_storeu_ps(
          to + i, _mm256_cvtph_ps(_mm_loadu_si128(reinterpret_cast<const __m128i*>(from + i))));
#endif
  for (; i < count; ++i) to[i] = static_cast<Scalar>(from[i]);
}

/// The way back, rounded to nearest.
template <class Element, class Scalar>
void narrow_row(const Scalar* from, Index count, Element* to) {
  Index i = 0;
  if constexpr (std::same_as<Element, Eigen::bfloat16>) {
    for (; i < count; ++i) to[i] = std::bit_cast<Eigen::bfloat16>(round_to_bfloat16(from[i]));
    return;
  }
#ifdef __F16C__
  if constexpr (std::same_as<Element, Eigen::half>)
    for (; i + 8 <= count; i += 8)
      _mm_storeu_si128(reinterpret_cast<__m128i*>(to + i),
                       _mm256_cvtps_ph(_mm256_loadu_ps(from + i), _MM_FROUND_TO_NEAREST_INT));
#endif
  for (; i < count; ++i) to[i] = static_cast<Element>(from[i]);
}

/// Positions of channels that lie side by side, on their way between the types: as many fit the
/// first-level cache.
template <class Scalar>
class TurningBlock {
 public:
  static constexpr Index positions = 32, channels = 64;

  Scalar* position(Index i) { return elements_.data() + i * channels; }
  /// All of it, as an image has it.
  static constexpr Strip strip(Index channel_count, Index count) {
    return {0, 0, channel_count, 1, count, channels};
  }

 private:
  alignas(64) std::array<Scalar, static_cast<std::size_t>(positions* channels)> elements_;
};

/// As `read_strip`, of an image of other elements.
template <class Element, class Scalar>
void read_elements(const void*, const void* image, const Strip& strip, Scalar* to, Index to_step) {
  const Element* const from = static_cast<const Element*>(image) + strip.begin();
  if (strip.step == 1) {
    for (Index c = 0; c < strip.channels; ++c)
      widen_row(from + c * strip.channel_step, strip.count, to + c * to_step);
    return;
  }
  if (strip.channel_step != 1) {
    for (Index c = 0; c < strip.channels; ++c)
      for (Index i = 0; i < strip.count; ++i)
        to[c * to_step + i] = static_cast<Scalar>(from[c * strip.channel_step + i * strip.step]);
    return;
  }
  TurningBlock<Scalar> block;
  for (Index i = 0; i < strip.count; i += block.positions)
    for (Index c = 0; c < strip.channels; c += block.channels) {
      const Index count = std::min(block.positions, strip.count - i);
      const Index channels = std::min(block.channels, strip.channels - c);
      for (Index p = 0; p < count; ++p)
        widen_row(from + (i + p) * strip.step + c, channels, block.position(p));
      read_strip<Scalar>(block.position(0), block.strip(channels, count), to + c * to_step + i,
                         to_step);
    }
}

/// As `write_strip`, to an image of other elements.
template <class Element, class Scalar>
void write_elements(const void*, void* image, const Strip& strip, const Scalar* from,
                    Index from_step) {
  Element* const to = static_cast<Element*>(image) + strip.begin();
  if (strip.step == 1) {
    for (Index c = 0; c < strip.channels; ++c)
      narrow_row(from + c * from_step, strip.count, to + c * strip.channel_step);
    return;
  }
  if (strip.channel_step != 1) {
    for (Index c = 0; c < strip.channels; ++c)
      for (Index i = 0; i < strip.count; ++i)
        to[c * strip.channel_step + i * strip.step] = static_cast<Element>(from[c * from_step + i]);
    return;
  }
  TurningBlock<Scalar> block;
  for (Index i = 0; i < strip.count; i += block.positions)
    for (Index c = 0; c < strip.channels; c += block.channels) {
      const Index count = std::min(block.positions, strip.count - i);
      const Index channels = std::min(block.channels, strip.channels - c);
      write_strip<Scalar>(block.position(0), block.strip(channels, count), from + c * from_step + i,
                          from_step, false);
      for (Index p = 0; p < count; ++p)
        narrow_row(block.position(p), channels, to + (i + p) * strip.step + c);
    }
}

}  // namespace tconv::inline TCONV_ISA::simd
