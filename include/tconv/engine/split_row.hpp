#pragma once

/// \file
/// Splits a row by the remainders of its positions.

#include <array>
#include <bit>
#include <cstddef>
#include <utility>

#include "tconv/detail/block.hpp"
#include "tconv/detail/packet.hpp"

namespace tconv::engine {

/// The elements of `period` packets that follow one another, a power of two, sorted by the
/// remainder of their position.
template <class Scalar, std::size_t period>
EIGEN_ALWAYS_INLINE void split_packets(
    typename detail::Block<Scalar, detail::Packet<Scalar>::size>::Type (&packets)[period]) {
  using Block = detail::Block<Scalar, detail::Packet<Scalar>::size>;
  if constexpr (period > 1) {
    typename Block::Type even[period / 2], odd[period / 2];
    for (std::size_t i = 0; i < period / 2; ++i) {
      even[i] = Block::template alternate<0>(packets[2 * i], packets[2 * i + 1]);
      odd[i] = Block::template alternate<1>(packets[2 * i], packets[2 * i + 1]);
    }
    split_packets<Scalar>(even);
    split_packets<Scalar>(odd);
    for (std::size_t i = 0; i < period / 2; ++i) {
      packets[2 * i] = even[i];
      packets[2 * i + 1] = odd[i];
    }
  }
}

/// Elements `2 * i` and `2 * i + 1` of a row for `i < count`, to `even[i]` and `odd[i]`, and none
/// behind these: in one go, as each row is read from a far cache.
template <class Scalar>
EIGEN_ALWAYS_INLINE void split_pairs(const Scalar* from, Index count, Scalar* even, Scalar* odd) {
  constexpr Index size = detail::Packet<Scalar>::size;
  using Block = detail::Block<Scalar, static_cast<std::size_t>(size)>;
  const auto split = [&](Index i) {
    typename Block::Type packets[] = {Block::load(from + 2 * i), Block::load(from + 2 * i + size)};
    split_packets<Scalar>(packets);
    Block::store(even + i, packets[0]);
    Block::store(odd + i, packets[1]);
  };
  Index i = 0;
  for (; i + size <= count; i += size) split(i);
  // Often a single pair is left, which is copied alone.
  if (i + 1 < count && i > 0) {
    split(count - size);
    return;
  }
  for (; i < count; ++i) {
    even[i] = from[2 * i];
    odd[i] = from[2 * i + 1];
  }
}

/// A row of a channel: where it begins, or that it lies beyond the image.
struct SourceRow {
  Index from;
  bool inside;
};

/// Rows of several channels, and what becomes of them.
struct RowSplit {
  const SourceRow* rows;
  Index row_count;
  Index channels;
  Index channel_stride;
  Index begin, end;  // of the positions that are in the image, counted in a row
  Index count;       // periods of a row
  Index channel_pitch;
  Index pitch;  // from remainder to remainder
};

/// Element `j * period + r` of a row goes to `to[r * pitch + j]`, the next row behind it, zero
/// where it is not in the image. Writes whole packets, the last ones first, as they spill over what
/// follows.
template <std::size_t period, class Scalar>
void split_rows(const Scalar* from, const RowSplit& split, Scalar* to) {
  using P = detail::Packet<Scalar>;
  using Row = typename detail::Block<Scalar, P::size>::Type;
  for (Index j = (split.count - 1) / P::size * P::size; j >= 0; j -= P::size) {
    const Index at = j * static_cast<Index>(period);
    [&]<std::size_t... i>(std::index_sequence<i...>) {
      const detail::PacketPart<Scalar> parts[] = {
          {split.begin - at - static_cast<Index>(i) * P::size,
           split.end - at - static_cast<Index>(i) * P::size}...};
      // Masked loads wait for the cache longer than others.
      const bool whole =
          split.begin <= at && at + static_cast<Index>(period) * P::size <= split.end;
      const auto load = [&](const Scalar* source, const detail::PacketPart<Scalar>& part) {
        return std::bit_cast<Row>(whole ? P::load(source) : part.load(source));
      };
      for (Index c = 0; c < split.channels; ++c) {
        const Scalar* const channel = from + c * split.channel_stride + at;
        Scalar* row_to = to + c * split.channel_pitch + j;
        for (Index r = 0; r < split.row_count; ++r, row_to += split.count) {
          Row packets[period] = {};
          if (split.rows[r].inside) {
            const Scalar* const source = channel + split.rows[r].from;
            ((packets[i] = load(source + static_cast<Index>(i) * P::size, parts[i])), ...);
          }
          split_packets<Scalar>(packets);
          (detail::Block<Scalar, P::size>::store(row_to + static_cast<Index>(i) * split.pitch,
                                                 packets[i]),
           ...);
        }
      }
    }
    (std::make_index_sequence<period>{});
  }
}

/// The same for elements that lie `step` apart, and any period.
template <class Scalar>
void split_rows(const Scalar* from, Index step, Index period, const RowSplit& split, Scalar* to) {
  if (step == 1 && period == 1) return split_rows<1>(from, split, to);
  if (step == 1 && period == 2) return split_rows<2>(from, split, to);
  if (step == 1 && period == 4) return split_rows<4>(from, split, to);
  for (Index c = 0; c < split.channels; ++c)
    for (Index row = 0; row < split.row_count; ++row)
      for (Index r = 0; r < period; ++r)
        for (Index j = 0; j < split.count; ++j) {
          const Index at = j * period + r;
          const bool inside = split.rows[row].inside && split.begin <= at && at < split.end;
          to[c * split.channel_pitch + r * split.pitch + row * split.count + j] =
              inside ? from[c * split.channel_stride + split.rows[row].from + at * step]
                     : Scalar(0);
        }
}

}  // namespace tconv::engine
