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

/// A row of a channel: where it begins, or that it lies beyond the image.
struct SourceRow {
  Index from;
  bool inside;
};

/// Rows of `count` periods, of which element `j * period + r` goes to `to[r * to_step + j]`, and
/// the next row behind it: zero where it is not in `[begin, end)`. Writes whole packets, the last
/// ones first, as they spill over the row that follows. Asks for what lies `ahead` of the source.
template <std::size_t period, class Scalar>
void split_rows(const Scalar* from, const SourceRow* rows, Index row_count, Index begin, Index end,
                Index count, Index ahead, Scalar* to, Index to_step) {
  using P = detail::Packet<Scalar>;
  using Row = typename detail::Block<Scalar, P::size>::Type;
  for (Index j = (count - 1) / P::size * P::size; j >= 0; j -= P::size) {
    const Index at = j * static_cast<Index>(period);
    [&]<std::size_t... i>(std::index_sequence<i...>) {
      const detail::PacketPart<Scalar> parts[] = {{begin - at - static_cast<Index>(i) * P::size,
                                                   end - at - static_cast<Index>(i) * P::size}...};
      Scalar* row_to = to + j;
      for (const SourceRow* row = rows; row < rows + row_count; ++row, row_to += count) {
        Row packets[period] = {};
        if (row->inside) {
          const Scalar* const source = from + row->from + at;
          ((packets[i] =
                std::bit_cast<Row>(parts[i].load(source + static_cast<Index>(i) * P::size))),
           ...);
          if (ahead > 0) (detail::prefetch(source + ahead + static_cast<Index>(i) * P::size), ...);
        }
        split_packets<Scalar>(packets);
        (detail::Block<Scalar, P::size>::store(row_to + static_cast<Index>(i) * to_step,
                                               packets[i]),
         ...);
      }
    }
    (std::make_index_sequence<period>{});
  }
}

/// The same for elements that lie `step` apart, and any period.
template <class Scalar>
void split_rows(const Scalar* from, const SourceRow* rows, Index row_count, Index step,
                Index period, Index begin, Index end, Index count, Index ahead, Scalar* to,
                Index to_step) {
  if (step == 1 && period == 1)
    return split_rows<1>(from, rows, row_count, begin, end, count, ahead, to, to_step);
  if (step == 1 && period == 2)
    return split_rows<2>(from, rows, row_count, begin, end, count, ahead, to, to_step);
  if (step == 1 && period == 4)
    return split_rows<4>(from, rows, row_count, begin, end, count, ahead, to, to_step);
  for (const SourceRow* row = rows; row < rows + row_count; ++row, to += count)
    for (Index r = 0; r < period; ++r)
      for (Index j = 0; j < count; ++j) {
        const Index at = j * period + r;
        const bool inside = row->inside && begin <= at && at < end;
        to[r * to_step + j] = inside ? from[row->from + at * step] : Scalar(0);
      }
}

}  // namespace tconv::engine
