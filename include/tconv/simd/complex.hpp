#pragma once

/// \file
/// Images of complex numbers as images of their parts, which are channels of their own: channel `c`
/// is channels `2 c` and `2 c + 1`. Strips number channels and count positions in this way, and
/// steps in complex numbers.

#include <algorithm>

#include "tconv/core/eigen.hpp"
#include "tconv/core/isa.hpp"
#include "tconv/simd/finite.hpp"
#include "tconv/simd/packet.hpp"
#include "tconv/simd/stride.hpp"
#include "tconv/simd/strip.hpp"
#include "tconv/simd/transpose_rows.hpp"

namespace tconv::inline TCONV_ISA::simd {

/// A strip of complex numbers whose channels lie side by side, as one of real numbers.
inline Strip real_strip(const Strip& strip) {
  return {2 * strip.at, strip.channel, strip.channels, 1, strip.count, 2 * strip.step};
}

/// Where the part of a channel begins.
inline Index part_begin(const Strip& strip, Index channel) {
  return 2 * (strip.at + channel / 2 * strip.channel_step) + channel % 2;
}

/// As `read_strip`.
template <class Scalar>
void read_complex(const void*, const void* image, const Strip& strip, Scalar* to, Index to_step) {
  if (strip.channel_step == 1) return read_strip<Scalar>(image, real_strip(strip), to, to_step);
  const Scalar* const from = static_cast<const Scalar*>(image);
  for (Index c = 0; c < strip.channels; ++c)
    copy_row(from + part_begin(strip, strip.channel + c), 2 * strip.step, strip.count,
             to + c * to_step);
}

/// As `write_strip`. Channels come in whole pairs.
template <class Scalar>
void write_complex(void* image, const Strip& strip, const Scalar* from, Index from_step) {
  if (strip.channel_step == 1)
    return write_strip<Scalar>(image, real_strip(strip), from, from_step, false);
  for (Index c = 0; c < strip.channels; c += 2, from += 2 * from_step) {
    Scalar* const to = static_cast<Scalar*>(image) + part_begin(strip, strip.channel + c);
    if (strip.step == 1) {
      interleave_row<2>(from, from_step, strip.count, to);
      continue;
    }
    for (Index i = 0; i < strip.count; ++i) {
      to[2 * i * strip.step] = from[i];
      to[2 * i * strip.step + 1] = from[from_step + i];
    }
  }
}

/// Whether no element of some rows is infinite or no number.
template <class Scalar>
bool strip_is_finite(const Strip& strip, const Scalar* rows, Index step) {
  constexpr Index size = Packet<Scalar>::size;
  FiniteCheck<Scalar> check;
  for (Index c = 0; c < strip.channels; ++c)
    for (Index i = 0; i < strip.count; i += size)
      check.add(rows + c * step + i, std::min(size, strip.count - i));
  return check.passed();
}

}  // namespace tconv::inline TCONV_ISA::simd
