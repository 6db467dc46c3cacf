#pragma once

/// \file
/// Copies images, whose rows are usually dense, into panels whose channels are dense.

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstring>

#include "tconv/detail/transpose.hpp"
#include "tconv/engine/copy_row.hpp"
#include "tconv/engine/taps.hpp"

namespace tconv::engine {

/// A square of elements in registers, as many rows as a packet has lanes.
template <class Scalar>
class Square {
 public:
  static constexpr int size = detail::Packet<Scalar>::size;
  using Offsets = std::array<Index, static_cast<std::size_t>(size)>;

  /// Of `count` columns `step` apart, and those of the last one for the others: without a branch
  /// the loads of several squares are in flight at once.
  static Offsets offsets(Index step, Index count) {
    Offsets result;
    for (Index i = 0; i < size; ++i)
      result[static_cast<std::size_t>(i)] = std::min(i, count - 1) * step;
    return result;
  }

  /// Columns from `from` on.
  EIGEN_ALWAYS_INLINE void load_transposed(const Scalar* from, const Offsets& offsets) {
    for (std::size_t i = 0; i < offsets.size(); ++i)
      std::memcpy(&rows_[i], from + offsets[i], sizeof(Row));
    detail::Transposition<Scalar, size>::run(rows_);
  }
  /// The first `width` elements, fewer than a row, of `count` rows.
  EIGEN_ALWAYS_INLINE void store_part(Scalar* to, Index step, Index count, Index width) const {
    std::array<Scalar, static_cast<std::size_t>(size)> row;
    for (int i = 0; i < count; ++i, to += step) {
      std::memcpy(row.data(), &rows_[i], sizeof(Row));
      copy_part<static_cast<std::size_t>(std::max(size / 2, 1))>(row.data(), width, to);
    }
  }
  /// Row `i` to `to + i * step`, one after the other, of `count` rows.
  EIGEN_ALWAYS_INLINE void store(Scalar* to, Index step, Index count) const {
    for (int i = 0; i < size; ++i)
      if (i < count) std::memcpy(to + i * step, &rows_[i], sizeof(Row));
  }

 private:
  using Row = typename detail::Block<Scalar, static_cast<std::size_t>(size)>::Type;
  Row rows_[size];
};

/// Where the elements of a row of positions lie, in a tensor that ends at `end`.
template <class Scalar>
struct RowSource {
  Index channel_stride = 0;
  Index position_stride = 0;
  Index channels = 0;
  const Scalar* end = nullptr;
};

/// Up to a packet of positions of a packet of channels, which begin at `offsets` from `from` on, of
/// which `largest` is the largest, in a tensor that ends at `end`, to `[position][channel]`. Writes
/// whole packets.
template <class Scalar>
void transpose_square(const Scalar* from, const typename Square<Scalar>::Offsets& offsets,
                      Index largest, const Scalar* end, Index count, Scalar* to, Index pitch) {
  constexpr auto size = static_cast<std::size_t>(Square<Scalar>::size);
  if (end - from < largest + Square<Scalar>::size) {
    alignas(64) std::array<Scalar, size * size> rows{};
    for (std::size_t c = 0; c < size; ++c)
      std::copy_n(from + offsets[c], count, rows.data() + c * size);
    const auto dense = Square<Scalar>::offsets(Square<Scalar>::size, Square<Scalar>::size);
    return transpose_square<Scalar>(rows.data(), dense, dense.back(), rows.data() + rows.size(),
                                    count, to, pitch);
  }
  Square<Scalar> square;
  square.load_transposed(from, offsets);
  square.store(to, pitch, count);
}

/// Dense positions of a few channels, to positions of just as many.
template <std::size_t channels, class Scalar>
void interleave_row(const Scalar* from, const RowSource<Scalar>& source, Index count, Scalar* to) {
  constexpr Index size = detail::Packet<Scalar>::size;
  using Row = detail::Block<Scalar, static_cast<std::size_t>(size)>;
  Index j = 0;
  for (; j + size <= count; j += size, to += size * static_cast<Index>(channels)) {
    typename Row::Type rows[channels];
    for (std::size_t c = 0; c < channels; ++c)
      std::memcpy(&rows[c], from + static_cast<Index>(c) * source.channel_stride + j,
                  sizeof(rows[c]));
    Row::interleave(rows, to);
  }
  for (; j < count; ++j)
    for (std::size_t c = 0; c < channels; ++c)
      *to++ = from[static_cast<Index>(c) * source.channel_stride + j];
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
  if (source.position_stride == 1 && channels == pitch && channels <= 4) {
    if (channels == 2) interleave_row<2>(from, source, count, to);
    if (channels == 3) interleave_row<3>(from, source, count, to);
    if (channels == 4) interleave_row<4>(from, source, count, to);
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
  for (Index padding = round_up(channels, size); padding < pitch; padding += size)
    for (Index j = 0; j < count; ++j)
      detail::Packet<Scalar>::store(to + j * pitch + padding,
                                    detail::Packet<Scalar>::broadcast(Scalar(0)));
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

/// Turns `count` rows of `width` elements, a multiple of the packet: `from[i * width + j]` to `to[j
/// * to_step + i]`. Writes whole packets.
template <class Scalar>
void turn_rows(const Scalar* from, Index width, Index count, Scalar* to, Index to_step) {
  constexpr Index lanes = detail::Packet<Scalar>::size;
  for (Index i = 0; i < count; i += lanes) {
    const auto offsets = Square<Scalar>::offsets(width, std::min(lanes, count - i));
    for (Index j = 0; j < width; j += lanes)
      transpose_square(from + i * width + j, offsets, offsets.back(), from + count * width, lanes,
                       to + j * to_step + i, to_step);
  }
}

}  // namespace tconv::engine
