#pragma once

/// \file
/// Copies images, whose rows are usually dense, into panels whose channels are dense.

#include <algorithm>
#include <cstddef>

#include "tconv/engine/pack.hpp"

namespace tconv::engine {

/// A square of packets, as many as a packet has lanes, in registers.
template <class Scalar>
class Square {
 public:
  using P = detail::Packet<Scalar>;
  static constexpr int size = P::size;

  /// Row `i` from `from + i * step`, zeros from row `count` on.
  void load(const Scalar* from, Index step, Index count) {
    if (count >= size) {
      unrolled<size>([&](auto i) { rows_.packet[i] = P::load(from + i * step); });
    } else {
      for (Index i = 0; i < size; ++i)
        rows_.packet[i] = i < count ? P::load(from + i * step) : P::broadcast(Scalar(0));
    }
  }
  /// Row `i` from `from + offset(i)`.
  template <class Offset>
  void gather(const Scalar* from, const Offset& offset) {
    unrolled<size>([&](auto i) { rows_.packet[i] = P::load(from + offset(i)); });
  }
  void transpose() { Eigen::internal::ptranspose(rows_); }
  /// Row `i` to `to + i * step`, one after the other, of `count` rows.
  void store(Scalar* to, Index step, Index count) const {
    if (count >= size)
      unrolled<size>([&](auto i) { P::store(to + i * step, rows_.packet[i]); });
    else
      for (Index i = 0; i < count; ++i) P::store(to + i * step, rows_.packet[i]);
  }

 private:
  Eigen::internal::PacketBlock<typename P::Type, size> rows_;
};

/// Where the elements of a row of positions lie.
struct RowSource {
  Index channel_stride = 0;
  Index position_stride = 0;
  Index channels = 0;
};

/// Up to a packet of positions of up to a packet of channels, `[channel][position]`, to
/// `[position][channel]`. Writes whole packets.
template <class Scalar>
void transpose_square(const Scalar* from, const RowSource& source, Index channels, Index count,
                      Scalar* to, Index pitch) {
  constexpr Index size = Square<Scalar>::size;
  Square<Scalar> square;
  if (count == size) {
    square.load(from, source.channel_stride, channels);
  } else {
    // What lies behind the row may lie behind the tensor.
    alignas(64) std::array<Scalar, static_cast<std::size_t>(size * size)> rows;
    for (Index c = 0; c < channels; ++c)
      for (Index j = 0; j < count; ++j)
        rows[static_cast<std::size_t>(c * size + j)] = from[c * source.channel_stride + j];
    for (Index c = 0; c < channels; ++c)
      for (Index j = count; j < size; ++j) rows[static_cast<std::size_t>(c * size + j)] = Scalar(0);
    square.load(rows.data(), size, channels);
  }
  square.transpose();
  square.store(to, pitch, count);
}

/// `count` positions of all channels to `to + position * pitch + channel`. Writes up to a packet
/// behind each position, which the position after it overwrites: rows and panels are written in the
/// order of memory, and a packet is to spare at the end.
template <class Scalar>
void transpose_row(const Scalar* from, const RowSource& source, Index count, Scalar* to,
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
  // Squares of few channels are mostly zeros.
  if (source.position_stride != 1 || channels <= size / 4) {
    for (Index j = 0; j < count; ++j, to += pitch, from += source.position_stride) {
      for (Index c = 0; c < channels; ++c) to[c] = from[c * source.channel_stride];
      std::fill(to + channels, to + pitch, Scalar(0));
    }
    return;
  }
  const Index last_group = (channels - 1) / size * size;
  const auto block = [&](Index j, Index positions) {
    // The packets of the last channels spill over the first ones of the next position.
    for (Index padding = round_up(channels, size); padding < pitch; padding += size)
      for (Index p = j; p < j + positions; ++p)
        detail::Packet<Scalar>::store(to + p * pitch + padding,
                                      detail::Packet<Scalar>::broadcast(Scalar(0)));
    for (Index c = last_group, next = 0; next <= last_group; c = next, next += size)
      transpose_square(from + c * source.channel_stride + j, source, std::min(size, channels - c),
                       positions, to + j * pitch + c, pitch);
  };
  Index j = 0;
  for (; j + size <= count; j += size) block(j, size);
  if (j < count && j > 0)
    block(count - size, size);
  else if (j < count)
    block(j, count - j);
}

}  // namespace tconv::engine
