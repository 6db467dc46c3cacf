#pragma once

/// \file
/// Rows of positions, one for each channel, copied to positions whose channels are dense.

#include <algorithm>
#include <cstddef>
#include <cstring>

#include "tconv/core/eigen.hpp"
#include "tconv/core/integer.hpp"
#include "tconv/core/isa.hpp"
#include "tconv/simd/packet.hpp"
#include "tconv/simd/register.hpp"
#include "tconv/simd/stride.hpp"
#include "tconv/simd/transpose.hpp"

namespace tconv::inline TCONV_ISA::simd {

/// Where the elements of a row of positions lie, in a tensor that ends at `end`.
template <class Scalar>
struct RowSource {
  Index channel_stride = 0;
  Index position_stride = 0;
  Index channels = 0;
  const Scalar* end = nullptr;
};

/// Dense positions of a few channels, to positions of just as many.
template <std::size_t channels, class Scalar>
void interleave_row(const Scalar* from, Index channel_stride, Index count, Scalar* to) {
  constexpr Index size = Packet<Scalar>::size;
  using Row = Register<Scalar, static_cast<std::size_t>(size)>;
  Index j = 0;
  for (; j + size <= count; j += size, to += size * static_cast<Index>(channels)) {
    typename Row::Type rows[channels];
    for (std::size_t c = 0; c < channels; ++c)
      std::memcpy(&rows[c], from + static_cast<Index>(c) * channel_stride + j, sizeof(rows[c]));
    Row::interleave(rows, to);
  }
  for (; j < count; ++j)
    for (std::size_t c = 0; c < channels; ++c)
      *to++ = from[static_cast<Index>(c) * channel_stride + j];
}

/// The same of 2, 3 or 4 channels.
template <class Scalar>
void interleave_row(const Scalar* from, Index channel_stride, Index channels, Index count,
                    Scalar* to) {
  if (channels == 2) return interleave_row<2>(from, channel_stride, count, to);
  if (channels == 3) return interleave_row<3>(from, channel_stride, count, to);
  interleave_row<4>(from, channel_stride, count, to);
}

/// `count` positions of all channels to `to + position * pitch + channel`. Writes up to a packet
/// behind each position, which the position after it overwrites: rows and panels are written in the
/// order of memory, and a packet is to spare at the end.
template <class Scalar>
void transpose_row(const Scalar* from, const RowSource<Scalar>& source, Index count, Scalar* to,
                   Index pitch) {
  constexpr Index size = Square<Scalar>::size;
  const Index channels = source.channels;
  if (pitch == 1) {
    copy_row(from, source.position_stride, count, to);
    return;
  }
  if (source.channel_stride == 1) {
    for (Index j = 0; j < count; ++j, to += pitch, from += source.position_stride) {
      std::copy_n(from, channels, to);
      std::fill(to + channels, to + pitch, Scalar(0));
    }
    return;
  }
  if (source.position_stride == 1 && channels == pitch && 2 <= channels && channels <= 4) {
    interleave_row(from, source.channel_stride, channels, count, to);
    return;
  }
  // Squares of few channels are mostly zeros.
  if (source.position_stride != 1 || channels <= size / 4) {
    for (Index j = 0; j < count; ++j, to += pitch, from += source.position_stride) {
      copy_row(from, source.channel_stride, channels, to);
      std::fill(to + channels, to + pitch, Scalar(0));
    }
    return;
  }
  for (Index padding = round_up(channels, size); padding < pitch; padding += size)
    for (Index j = 0; j < count; ++j)
      Packet<Scalar>::store(to + j * pitch + padding, Packet<Scalar>::broadcast(Scalar(0)));
  // Rows are read to their end, as the hardware expects it: channels may be a power of two apart,
  // where few of them find room in the caches at once. The packets of the last channels spill over
  // the first ones of the next position, and so come first.
  const Index last_group = (channels - 1) / size * size;
  for (Index c = last_group, next = 0; next <= last_group; c = next, next += size) {
    const auto offsets =
        Square<Scalar>::offsets(source.channel_stride, std::min(size, channels - c));
    const auto square = [&](Index j, Index positions) {
      transpose_square(from + c * source.channel_stride + j, offsets, offsets.back(), source.end,
                       positions, to + j * pitch + c, pitch);
    };
    Index j = 0;
    for (; j + size <= count; j += size) square(j, size);
    if (j < count && j > 0)
      square(count - size, size);
    else if (j < count)
      square(j, count - j);
  }
}

}  // namespace tconv::inline TCONV_ISA::simd
