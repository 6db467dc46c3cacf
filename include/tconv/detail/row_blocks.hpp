#pragma once

/// \file
/// Rows of a result that are made a SIMD register at a time, however short they are and wherever
/// they begin.

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <utility>

#include "tconv/detail/block.hpp"
#include "tconv/detail/packet.hpp"

namespace tconv::detail {

/// Results larger than this are no use in the caches, and displace what is.
inline constexpr Index streamed_bytes = Index{16} << 20;

/// Whether every row of a result of `elements` at `y` begins at an aligned address, and the whole
/// is so large that it should be written past the caches.
template <class Scalar>
bool streams_rows(const Scalar* y, Index row, Index elements) {
  constexpr Index lanes = Packet<Scalar>::size, size = sizeof(Scalar);
  return elements > streamed_bytes / size && row % lanes == 0 &&
         reinterpret_cast<std::uintptr_t>(y) % static_cast<std::uintptr_t>(lanes * size) == 0;
}

/// Calls `f.template operator()<size, streams>()` with the elements of the blocks of which rows of
/// `count` inputs are made: no more than a row has.
template <class Scalar, class F>
void with_block_size(Index count, bool streams, const F& f) {
  constexpr Index lanes = Packet<Scalar>::size, few = std::max<Index>(lanes / 4, 1);
  if (count >= lanes && streams)
    f.template operator()<lanes, true>();
  else if (count >= lanes)
    f.template operator()<lanes, false>();
  else if (count >= few)
    f.template operator()<few, false>();
  else
    f.template operator()<1, false>();
}

/// Covers a row with blocks, of which the last two may overlap: its end needs no loop of its own.
/// Calls `f(first, blocks)`.
template <Index size, class F>
EIGEN_ALWAYS_INLINE void cover_row(Index count, const F& f) {
  f(Index{0}, count / size);
  if (count % size > 0) f(count - size, Index{1});
}

/// Writes blocks interleaved; `streams` to memory that will not be read soon.
template <bool streams, std::size_t size, class Scalar, std::size_t count>
EIGEN_ALWAYS_INLINE void put_interleaved(const typename Block<Scalar, size>::Type (&from)[count],
                                         Scalar* to) {
  if constexpr (streams) {
    using Register = typename Packet<Scalar>::Type;
    [&]<std::size_t... part>(std::index_sequence<part...>) {
      (stream(to + part * size,
              std::bit_cast<Register>(Block<Scalar, size>::template interleaved<part>(from))),
       ...);
    }
    (std::make_index_sequence<count>{});
  } else {
    Block<Scalar, size>::interleave(from, to);
  }
}

/// Writes element 0 of each of `phases` rows, then element 1 of each, and so on.
template <std::size_t phases, class Scalar>
void interleave_blocks(const Scalar* const* rows, Index count, bool streams, Scalar* to) {
  std::array<const Scalar*, phases> from;
  std::copy_n(rows, phases, from.begin());
  with_block_size<Scalar>(count, streams, [&]<Index size, bool past>() {
    using Lanes = Block<Scalar, static_cast<std::size_t>(size)>;
    cover_row<size>(count, [&](Index first, Index blocks) {
      [&]<std::size_t... p>(std::index_sequence<p...>) {
        for (Index i = first; blocks > 0; --blocks, i += size) {
          const typename Lanes::Type values[] = {Lanes::load(from[p] + i)...};
          put_interleaved<past, static_cast<std::size_t>(size)>(
              values, to + i * static_cast<Index>(phases));
        }
      }
      (std::make_index_sequence<phases>{});
    });
  });
}

}  // namespace tconv::detail
