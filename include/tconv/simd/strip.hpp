#pragma once

/// \file
/// Strips: some positions of some channels, as an image has them. Read to rows of one channel each,
/// and written from such rows. Images with channels side by side have whole packets of channels,
/// which are turned in registers.

#include <algorithm>
#include <cstdint>

#include "tconv/core/eigen.hpp"
#include "tconv/core/isa.hpp"
#include "tconv/simd/packet.hpp"
#include "tconv/simd/stride.hpp"
#include "tconv/simd/transpose.hpp"
#include "tconv/simd/transpose_rows.hpp"

namespace tconv::inline TCONV_ISA::simd {

/// Where a strip lies: position `i` of channel `c` is element `at + c * channel_step + i * step`.
struct Strip {
  Index at = 0;
  Index channel = 0;  // the first one
  Index channels = 1;
  Index channel_step = 0;
  Index count = 1;  // of positions
  Index step = 1;

  Index begin() const { return at + channel * channel_step; }
};

/// Calls `f(strip, row)` for strips that make up that of each of `entries` that lie side by side in
/// the channels of one; their rows are numbered by channel and entry. Channels that follow one
/// another are in one strip.
template <class F>
void for_each_strip(const Strip& strip, Index entries, const F& f) {
  if (entries == 1) return f(strip, 0);
  Strip part = strip;
  part.at = strip.begin();
  part.channel = 0;
  part.channel_step = 1;
  part.channels = strip.channels * entries;
  if (strip.channel_step == entries) return f(part, 0);
  part.channels = entries;
  for (Index c = 0; c < strip.channels; ++c, part.at += strip.channel_step) f(part, c * entries);
}

/// Whether a strip has a few channels side by side, apart from those of the next position: a group
/// of an image with channels inside. They pass a buffer in which positions are dense.
inline bool is_few_of_many(const Strip& strip) {
  return strip.channel_step == 1 && 2 <= strip.channels && strip.channels <= 4 &&
         strip.step > strip.channels;
}

/// Positions of the buffer.
inline constexpr Index buffered_positions = 64;

/// Rows of `count` positions begin `to_step` apart.
template <class Scalar>
void read_strip(const void* image, const Strip& strip, Scalar* to, Index to_step) {
  constexpr Index size = Packet<Scalar>::size;
  const Scalar* const from = static_cast<const Scalar*>(image) + strip.begin();
  const Index channels = strip.channels, count = strip.count;
  if (is_few_of_many(strip)) {
    Scalar dense[4 * buffered_positions];
    for (Index i = 0, part = 0; i < count; i += part) {
      part = std::min(buffered_positions, count - i);
      copy_rows_apart(from + i * strip.step, strip.step, part, channels, dense, channels);
      for (Index c = 0; c < channels; ++c)
        copy_row(dense + c, channels, part, to + c * to_step + i);
    }
    return;
  }
  if (strip.channel_step != 1 || channels <= 4 || size == 1) {
    for (Index c = 0; c < channels; ++c)
      copy_row(from + c * strip.channel_step, strip.step, count, to + c * to_step);
    return;
  }
  for (Index i = 0; i < count; i += size) {
    const auto offsets = Square<Scalar>::offsets(strip.step, std::min(size, count - i));
    const Scalar* const positions = from + i * strip.step;
    const Index ahead = std::clamp<Index>(count - i - size, 0, size);
    for (Index c = 0; c < channels; c += size) {
      const Index height = std::min(size, channels - c);
      // The hardware does not follow so many positions, each a stream of its own.
      for (Index p = 0; p < ahead; ++p)
        Eigen::internal::prefetch(positions + (size + p) * strip.step + c);
      Square<Scalar> square;
      if (height == size)
        square.load_transposed(positions + c, offsets);
      else
        square.load_part_transposed(positions + c, offsets, height);
      if (count - i >= size)
        square.store(to + c * to_step + i, to_step, height);
      else
        square.store_part(to + c * to_step + i, to_step, height, count - i);
    }
  }
}

/// Rows of `count` positions begin `from_step` apart. Whole packets of them are read. Where
/// `streams`, whole cache lines pass the caches by.
template <class Scalar>
void write_strip(void* image, const Strip& strip, const Scalar* from, Index from_step,
                 bool streams) {
  constexpr Index size = Packet<Scalar>::size;
  Scalar* const to = static_cast<Scalar*>(image) + strip.begin();
  const Index channels = strip.channels, count = strip.count;
  if (strip.channel_step == 1 && strip.step == channels && channels <= 4) {
    if (channels == 1) return copy_dense(from, count, to);
    return interleave_row(from, from_step, channels, count, to);
  }
  if (is_few_of_many(strip)) {
    Scalar dense[4 * buffered_positions];
    for (Index i = 0, part = 0; i < count; i += part) {
      part = std::min(buffered_positions, count - i);
      interleave_row(from + i, from_step, channels, part, dense);
      copy_rows_apart(dense, channels, part, channels, to + i * strip.step, strip.step);
    }
    return;
  }
  if (strip.channel_step != 1 || channels <= 2 || size == 1) {
    for (Index c = 0; c < channels; ++c)
      for (Index i = 0; i < count; ++i)
        to[c * strip.channel_step + i * strip.step] = from[c * from_step + i];
    return;
  }
  // Parts of cache lines would be fetched back.
  constexpr Index line = 64 / static_cast<Index>(sizeof(Scalar));
  streams = streams && strip.step % line == 0 && channels % line == 0 &&
            reinterpret_cast<std::uintptr_t>(to) % 64 == 0;
  const auto all = Square<Scalar>::offsets(from_step, size);
  for (Index i = 0; i < count; i += size)
    for (Index c = 0; c < channels; c += size) {
      const Index width = std::min(size, channels - c), positions = std::min(size, count - i);
      Square<Scalar> square;
      square.load_transposed(from + c * from_step + i,
                             width == size ? all : Square<Scalar>::offsets(from_step, width));
      Scalar* const first = to + i * strip.step + c;
      if (streams)
        square.stream(first, strip.step, positions);
      else if (width == size)
        square.store(first, strip.step, positions);
      else
        square.store_part(first, strip.step, positions, width);
    }
}

}  // namespace tconv::inline TCONV_ISA::simd
