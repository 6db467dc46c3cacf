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
inline constexpr Index streamed_bytes = Index{8} << 20;

template <class Scalar>
constexpr bool past_caches(Index elements) {
  return elements > streamed_bytes / static_cast<Index>(sizeof(Scalar));
}

/// Covers `count` inputs of a row, each of which makes `scale` elements at `to`, with blocks: calls
/// `f.template operator()<size, streams>(first, blocks)`. Blocks may overlap, so that a row's end
/// needs no loop of its own, and streams begin at aligned addresses.
template <class Scalar, class F>
EIGEN_ALWAYS_INLINE void cover_row(Index count, Index scale, bool streams, const Scalar* to,
                                   const F& f) {
  constexpr Index lanes = Packet<Scalar>::size, few = std::max<Index>(lanes / 4, 1);
  const auto cover = [&]<Index size>(std::integral_constant<Index, size>) {
    f.template operator()<size, false>(0, count / size);
    if (count % size > 0) f.template operator()<size, false>(count - size, 1);
  };
  if (count < few) return cover(std::integral_constant<Index, 1>{});
  if (count < lanes) return cover(std::integral_constant<Index, few>{});
  if (!streams) return cover(std::integral_constant<Index, lanes>{});

  constexpr std::uintptr_t alignment = static_cast<std::uintptr_t>(lanes) * sizeof(Scalar);
  const auto aligned = [&](Index i) {
    return reinterpret_cast<std::uintptr_t>(to + i * scale) % alignment == 0;
  };
  Index first = 0;
  while (first < lanes && !aligned(first)) ++first;
  if (first == lanes) return cover(std::integral_constant<Index, lanes>{});
  if (first > 0) f.template operator()<lanes, false>(0, 1);
  const Index blocks = (count - first) / lanes;
  if (blocks > 0) f.template operator()<lanes, true>(first, blocks);
  if (first + blocks * lanes < count) f.template operator()<lanes, false>(count - lanes, 1);
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
  constexpr auto scale = static_cast<Index>(phases);
  cover_row(count, scale, streams, to, [&]<Index size, bool past>(Index first, Index blocks) {
    using Lanes = Block<Scalar, static_cast<std::size_t>(size)>;
    [&]<std::size_t... p>(std::index_sequence<p...>) {
      for (Index i = first; blocks > 0; --blocks, i += size) {
        const typename Lanes::Type values[] = {Lanes::load(from[p] + i)...};
        put_interleaved<past, static_cast<std::size_t>(size)>(values, to + i * scale);
      }
    }
    (std::make_index_sequence<phases>{});
  });
}

}  // namespace tconv::detail
