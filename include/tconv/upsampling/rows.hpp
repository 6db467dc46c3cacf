#pragma once

/// \file
/// Rows of a result that are made a SIMD register at a time, however short they are and wherever
/// they begin.

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>

#include "tconv/core/eigen.hpp"
#include "tconv/core/isa.hpp"
#include "tconv/simd/packet.hpp"
#include "tconv/simd/register.hpp"
#include "tconv/simd/tile_shape.hpp"

namespace tconv::inline TCONV_ISA::upsampling {

/// Results larger than this are no use in the caches, and displace what is.
inline constexpr Index streamed_bytes = Index{16} << 20;

/// Whether every row of a result of `elements` at `y` begins at an aligned address, and the whole
/// is so large that it should be written past the caches.
template <class Scalar>
bool streams_rows(const Scalar* y, Index row, Index elements) {
  constexpr Index lanes = simd::Packet<Scalar>::size, size = sizeof(Scalar);
  return elements > streamed_bytes / size && row % lanes == 0 &&
         reinterpret_cast<std::uintptr_t>(y) % static_cast<std::uintptr_t>(lanes * size) == 0;
}

/// Pixels of `pixel` elements that make some `elements`, of which one lot after another begins at
/// an aligned address if the first does.
inline Index aligned_pixels(Index pixel, Index elements) {
  constexpr Index line = 16;
  const Index multiple = pixel % line == 0 ? 1 : line;
  return std::max<Index>(elements / pixel / multiple, 1) * multiple;
}

/// Calls `f.template operator()<size>()` with the elements of the blocks of which rows of `count`
/// inputs are made: no more than a row has.
template <class Scalar, class F>
auto with_block_size(Index count, const F& f) {
  constexpr Index lanes = simd::Packet<Scalar>::size, few = std::max<Index>(lanes / 4, 1);
  if (count >= lanes) return f.template operator()<lanes>();
  if (count >= few) return f.template operator()<few>();
  return f.template operator()<1>();
}

/// Writes a block; `streams`, if it fills a packet, to memory that will not be read soon.
template <std::size_t size, class Scalar>
EIGEN_ALWAYS_INLINE void put(const typename simd::Register<Scalar, size>::Type& block, Scalar* to,
                             bool streams) {
  if constexpr (size == static_cast<std::size_t>(simd::Packet<Scalar>::size))
    if (streams) return simd::stream(to, std::bit_cast<typename simd::Packet<Scalar>::Type>(block));
  simd::Register<Scalar, size>::store(to, block);
}

template <std::size_t size, class Scalar, std::size_t count, std::size_t... part>
EIGEN_ALWAYS_INLINE void put_interleaved(
    const typename simd::Register<Scalar, size>::Type (&from)[count], Scalar* to, bool streams,
    std::index_sequence<part...>) {
  (put<size>(simd::Register<Scalar, size>::template interleaved<part>(from), to + part * size,
             streams),
   ...);
}

/// Writes blocks interleaved, as `put` does.
template <std::size_t size, class Scalar, std::size_t count>
EIGEN_ALWAYS_INLINE void put_interleaved(
    const typename simd::Register<Scalar, size>::Type (&from)[count], Scalar* to, bool streams) {
  put_interleaved<size>(from, to, streams, std::make_index_sequence<count>{});
}

/// Writes elements `[i, i + size)` of some rows: `i` of each, then the next one of each, and so on.
template <std::size_t size, class Scalar, std::size_t phases, std::size_t... p>
EIGEN_ALWAYS_INLINE void interleave_block(const std::array<const Scalar*, phases>& from, Index i,
                                          Scalar* to, bool streams, std::index_sequence<p...>) {
  using Lanes = simd::Register<Scalar, size>;
  const typename Lanes::Type values[] = {Lanes::load(from[p] + i)...};
  put_interleaved<size>(values, to + i * static_cast<Index>(phases), streams);
}

/// Writes element 0 of each of `phases` rows, then element 1 of each, and so on. The last two
/// blocks may overlap: the end of a row needs no loop of its own.
template <std::size_t phases, Index size, bool streams, class Scalar>
EIGEN_ALWAYS_INLINE void interleave_blocks(std::span<const Scalar* const> rows, Index offset,
                                           Index count, Index inner, Scalar* to) {
  std::array<const Scalar*, phases> from;
  for (std::size_t p = 0; p < phases; ++p) from[p] = rows[p] + offset;
  const Index elements = count * inner;
  constexpr std::make_index_sequence<phases> each_row;
  constexpr auto block = static_cast<std::size_t>(size);
  for (Index i = 0; i + size <= elements; i += size)
    interleave_block<block>(from, i, to, streams, each_row);
  if (elements % size > 0) interleave_block<block>(from, elements - size, to, streams, each_row);
}

}  // namespace tconv::inline TCONV_ISA::upsampling
