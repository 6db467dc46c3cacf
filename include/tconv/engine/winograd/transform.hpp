#pragma once

/// \file
/// What Winograd's transforms consist of: rows split by the remainders of their positions, and sums
/// of rows times small factors.

#include <algorithm>
#include <bit>
#include <cstddef>
#include <limits>
#include <utility>

#include "tconv/core/eigen.hpp"
#include "tconv/core/isa.hpp"
#include "tconv/engine/winograd/filter.hpp"
#include "tconv/simd/finite.hpp"
#include "tconv/simd/packet.hpp"
#include "tconv/simd/register.hpp"
#include "tconv/simd/split.hpp"

namespace tconv::inline TCONV_ISA::engine {

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
  using P = simd::Packet<Scalar>;
  using Row = typename simd::Register<Scalar, P::size>::Type;
  for (Index j = (split.count - 1) / P::size * P::size; j >= 0; j -= P::size) {
    const Index at = j * static_cast<Index>(period);
    [&]<std::size_t... i>(std::index_sequence<i...>) {
      const simd::PacketPart<Scalar> parts[] = {
          {split.begin - at - static_cast<Index>(i) * P::size,
           split.end - at - static_cast<Index>(i) * P::size}...};
      // Masked loads wait for the cache longer than others.
      const bool whole =
          split.begin <= at && at + static_cast<Index>(period) * P::size <= split.end;
      const auto load = [&](const Scalar* source, const simd::PacketPart<Scalar>& part) {
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
          simd::split_packets<Scalar>(packets);
          (simd::Register<Scalar, P::size>::store(row_to + static_cast<Index>(i) * split.pitch,
                                                  packets[i]),
           ...);
        }
      }
    }
    (std::make_index_sequence<period>{});
  }
}

/// The same for any period.
template <class Scalar>
void split_rows(const Scalar* from, Index period, const RowSplit& split, Scalar* to) {
  if (period == 1) return split_rows<1>(from, split, to);
  if (period == 2) return split_rows<2>(from, split, to);
  if (period == 4) return split_rows<4>(from, split, to);
  for (Index c = 0; c < split.channels; ++c)
    for (Index row = 0; row < split.row_count; ++row)
      for (Index r = 0; r < period; ++r)
        for (Index j = 0; j < split.count; ++j) {
          const Index at = j * period + r;
          const bool inside = split.rows[row].inside && split.begin <= at && at < split.end;
          to[c * split.channel_pitch + r * split.pitch + row * split.count + j] =
              inside ? from[c * split.channel_stride + split.rows[row].from + at] : Scalar(0);
        }
}

/// `to[i]` = the sum over `count` rows, `pitch` apart, and over what `to` held if `accumulate`, for
/// as many whole packets as hold `size` elements. Asks for what follows `to`.
template <int count, class Scalar>
void combine_rows(const Multiple* parts, const Scalar* from, Index pitch, Index size, Scalar* to,
                  bool accumulate, simd::LimitCheck<Scalar>& check) {
  using P = simd::Packet<Scalar>;
  // In memory it could be one of the elements that are written.
  simd::LimitCheck<Scalar> local = check;
  [&]<int... part>(std::integer_sequence<int, part...>) {
    const Scalar* const row[] = {from + parts[part].index * pitch...};
    const typename P::Type factor[] = {P::broadcast(static_cast<Scalar>(parts[part].factor))...};
    for (Index i = 0; i < size; i += P::size) {
      auto sum = accumulate ? P::multiply_add(factor[0], P::load(row[0] + i), P::load(to + i))
                            : P::multiply(factor[0], P::load(row[0] + i));
      ((sum = part == 0 ? sum : P::multiply_add(factor[part], P::load(row[part] + i), sum)), ...);
      local.add(sum);
      P::store(to + i, sum);
    }
  }
  (std::make_integer_sequence<int, count>{});
  check = local;
}

/// The same for any number of rows. `check` sees the sums, and some that are not complete.
template <class Scalar>
void combine(const Combination& parts, const Scalar* from, Index pitch, Index size, Scalar* to,
             simd::LimitCheck<Scalar>& check) {
  constexpr Index most = 4;
  const auto count = static_cast<Index>(parts.size());
  for (Index done = 0; done < count; done += most) {
    const Multiple* next = parts.data() + done;
    switch (std::min(count - done, most)) {
      case 1:
        combine_rows<1>(next, from, pitch, size, to, done > 0, check);
        break;
      case 2:
        combine_rows<2>(next, from, pitch, size, to, done > 0, check);
        break;
      case 3:
        combine_rows<3>(next, from, pitch, size, to, done > 0, check);
        break;
      default:
        combine_rows<4>(next, from, pitch, size, to, done > 0, check);
    }
  }
}

template <class Scalar>
void combine(const Combination& parts, const Scalar* from, Index pitch, Index size, Scalar* to) {
  simd::LimitCheck<Scalar> check(std::numeric_limits<Scalar>::max());
  combine(parts, from, pitch, size, to, check);
}

}  // namespace tconv::inline TCONV_ISA::engine
