#pragma once

/// \file
/// Writes sums to the output: adds the bias, applies the epilogue, interleaves the phases.

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>
#include <type_traits>
#include <utility>

#include "tconv/detail/block.hpp"
#include "tconv/detail/packet.hpp"

namespace tconv::engine {

/// The epilogue of a call without one.
struct Identity {
  template <class Scalar>
  Scalar operator()(const Scalar& value) const {
    return value;
  }
};

template <class Scalar, class F>
Scalar finish(const F& f, const Scalar& value, Index channel) {
  if constexpr (std::is_invocable_v<const F&, Scalar, Index>)
    return f(value, channel);
  else
    return f(value);
}

/// The sums of `width` phases that follow one another, along one output row: element `j * step + i`
/// belongs to output `first + j * stride + i`.
template <class Scalar>
struct PhaseRow {
  Scalar* sums = nullptr;
  Index step = 1;
  Index first = 0;
  Index count = 0;
  Index width = 1;
  Index next = 0;      // from the sums of an output row to those of the next one
  bool blank = false;  // no tap reaches these outputs, and `sums` are zeros
};

inline constexpr Index max_interleaved = 8;

/// How the phases of a row lie in the output, the same for all rows of a tile.
struct RowPattern {
  Index stride;
  Index y_step;
  Index row_size;    // outputs from the first to the last
  bool blank;        // no tap reaches the row
  bool interleaves;  // output i is element i / stride of phase i % stride
  bool fills;        // some outputs are blank, and may be written more than once

  template <class Scalar>
  RowPattern(const PhaseRow<Scalar>* rows, Index row_count, Index stride_, Index y_step_,
             Index row_size_)
      : stride(stride_), y_step(y_step_), row_size(row_size_) {
    const bool dense = y_step == 1;
    const auto is_blank = [](const auto& row) { return row.blank; };
    blank = std::all_of(rows, rows + row_count, is_blank);
    interleaves = dense && row_count == stride && stride <= max_interleaved && !blank;
    for (Index r = 0; r < row_count; ++r)
      interleaves = interleaves && rows[r].step == 1 && rows[r].width == 1 && rows[r].first == r &&
                    rows[r].count == (row_size - 1 - r) / stride + 1;
    fills = dense && !interleaves && std::any_of(rows, rows + row_count, is_blank);
  }
};

/// Writes the first `count` elements of a packet, all if there are fewer.
template <class Scalar, class Register>
EIGEN_ALWAYS_INLINE void store_first(Scalar* to, const Register& elements, Index count) {
  using P = detail::Packet<Scalar>;
  const auto packet = std::bit_cast<typename P::Type>(elements);
  if (count >= P::size)
    P::store(to, packet);
  else if (count > 0)
    detail::PacketPart<Scalar>(0, count).store(to, packet);
}

/// Writes `size` outputs, to which `phases` rows of sums contribute in turn. Reads whole packets of
/// the rows.
template <std::size_t phases, class Scalar>
EIGEN_ALWAYS_INLINE void store_interleaved(const std::array<const Scalar*, phases>& sums,
                                           Index size, Scalar bias, Scalar* y) {
  constexpr Index lanes = detail::Packet<Scalar>::size;
  constexpr Index step = lanes * static_cast<Index>(phases);
  using Block = detail::Block<Scalar, static_cast<std::size_t>(lanes)>;
  Index j = 0;
  const auto load = [&](std::size_t r) { return Block::load_and_add(sums[r] + j, bias); };
  const auto each = std::make_index_sequence<phases>{};
  [&]<std::size_t... i>(std::index_sequence<i...>) {
    for (; size >= step; j += lanes, size -= step, y += step) {
      const typename Block::Type values[] = {load(i)...};
      Block::interleave(values, y);
    }
    if (size <= 0) return;
    const typename Block::Type values[] = {load(i)...};
    (store_first(y + static_cast<Index>(i) * lanes, Block::template interleaved<i>(values),
                 size - static_cast<Index>(i) * lanes),
     ...);
  }
  (each);
}

/// Writes `row_count` output rows, `y_step` apart, whose phases take turns.
template <std::size_t phases, class Scalar>
void store_interleaved_rows(const PhaseRow<Scalar>* rows, Index row_size, Scalar bias,
                            Index row_count, Scalar* y, Index y_step) {
  std::array<const Scalar*, phases> sums;
  for (std::size_t r = 0; r < phases; ++r) sums[r] = rows[r].sums;
  for (Index i = 0; i < row_count; ++i, y += y_step) {
    store_interleaved(sums, row_size, bias, y);
    for (std::size_t r = 0; r < phases; ++r) sums[r] += rows[r].next;
  }
}

template <class Scalar>
void store_interleaved_rows(const PhaseRow<Scalar>* rows, const RowPattern& pattern, Scalar bias,
                            Index row_count, Scalar* y, Index y_step) {
  constexpr auto functions = []<std::size_t... i>(std::index_sequence<i...>) {
    return std::array{&store_interleaved_rows<i + 1, Scalar>...};
  }
  (std::make_index_sequence<static_cast<std::size_t>(max_interleaved)>{});
  functions[static_cast<std::size_t>(pattern.stride - 1)](rows, pattern.row_size, bias, row_count,
                                                          y, y_step);
}

/// Writes phases that follow one another, `width` elements for each pixel.
template <std::size_t width, class Scalar>
void store_joined(const PhaseRow<Scalar>& row, Index stride, Scalar bias, Scalar* y) {
  constexpr std::size_t size = std::min<std::size_t>(width, detail::Packet<Scalar>::size);
  using Block = detail::Block<Scalar, size>;
  for (Index j = 0; j < row.count; ++j)
    for (Index i = 0; i < static_cast<Index>(width); i += static_cast<Index>(size))
      Block::store(y + j * stride + i, Block::load_and_add(row.sums + j * row.step + i, bias));
}

template <class Scalar>
void store_joined(const PhaseRow<Scalar>& row, Index stride, Scalar bias, Scalar* y) {
  y += row.first;
  switch (row.width) {
    case 1:
      return store_joined<1>(row, stride, bias, y);
    case 2:
      return store_joined<2>(row, stride, bias, y);
    case 4:
      return store_joined<4>(row, stride, bias, y);
    case 8:
      return store_joined<8>(row, stride, bias, y);
    case 16:
      return store_joined<16>(row, stride, bias, y);
    default:
      for (Index j = 0; j < row.count; ++j)
        store_interleaved<1, Scalar>({row.sums + j * row.step}, row.width, bias, y + j * stride);
  }
}

/// Writes phases whose outputs are not side by side in memory.
template <class Scalar>
void store_apart(const PhaseRow<Scalar>& row, const RowPattern& pattern, Scalar bias, Scalar* y) {
  for (Index j = 0; j < row.count; ++j)
    for (Index i = 0; i < row.width; ++i)
      y[(row.first + j * pattern.stride + i) * pattern.y_step] = row.sums[j * row.step + i] + bias;
}

/// Bias and epilogue of a row of sums, in place.
template <class Scalar, class F>
void finish_row(const PhaseRow<Scalar>& row, Scalar bias, Index channel, const F& f) {
  for (Index j = 0; j < row.count; ++j)
    for (Index i = 0; i < row.width; ++i) {
      Scalar& sum = row.sums[j * row.step + i];
      const Scalar before = row.blank ? Scalar(0) : sum;
      sum = finish(f, static_cast<Scalar>(before + bias), channel);
    }
}

/// Writes one output row of a channel, from sums that are finished but for the bias. Blank outputs
/// may be `filled` before.
template <class Scalar>
void store_row(const PhaseRow<Scalar>* rows, Index phase_count, const RowPattern& pattern,
               bool filled, Scalar bias, Scalar* y) {
  if (pattern.interleaves) return store_interleaved_rows(rows, pattern, bias, 1, y, 0);
  for (Index r = 0; r < phase_count; ++r) {
    if (rows[r].blank && filled) continue;
    if (pattern.y_step == 1)
      store_joined(rows[r], pattern.stride, bias, y);
    else
      store_apart(rows[r], pattern, bias, y);
  }
}

/// Writes an output row that no tap reaches.
template <class Scalar, class F>
void fill_row(const RowPattern& pattern, Scalar bias, Index channel, const F& f, Scalar* y) {
  using P = detail::Packet<Scalar>;
  Index j = 0;
  if (std::is_same_v<F, Identity> && pattern.y_step == 1) {
    const auto packet = P::broadcast(bias);
    for (; j + P::size <= pattern.row_size; j += P::size) P::store(y + j, packet);
    detail::PacketPart<Scalar>(0, pattern.row_size - j).store(y + j, packet);
  } else {
    for (; j < pattern.row_size; ++j) y[j * pattern.y_step] = finish(f, bias, channel);
  }
}

/// Copies a row past the caches.
template <class Scalar>
void stream_row(const Scalar* row, Index count, Scalar* y) {
  using P = detail::Packet<Scalar>;
  constexpr std::uintptr_t alignment = P::size * sizeof(Scalar);
  Index i = 0;
  for (; i < count && reinterpret_cast<std::uintptr_t>(y + i) % alignment != 0; ++i) y[i] = row[i];
  for (; i + P::size <= count; i += P::size) detail::stream(y + i, P::load(row + i));
  for (; i < count; ++i) y[i] = row[i];
}

/// Writes `row_count` output rows of a channel, `y_step` apart. `rows` are the phases of the first
/// one in the order of their first outputs. Rows pass the caches by way of `streamed`, if given,
/// which has room for one.
template <class Scalar, class F>
void store_rows(PhaseRow<Scalar>* rows, Index phase_count, const RowPattern& pattern, Scalar bias,
                Index channel, const F& f, Index row_count, Scalar* y, Index y_step,
                Scalar* streamed) {
  if (std::is_same_v<F, Identity> && pattern.interleaves && !streamed)
    return store_interleaved_rows(rows, pattern, bias, row_count, y, y_step);
  if (pattern.blank && !streamed) {
    for (Index i = 0; i < row_count; ++i, y += y_step) fill_row(pattern, bias, channel, f, y);
    return;
  }
  for (Index i = 0; i < row_count; ++i, y += y_step) {
    Scalar* const to = streamed ? streamed : y;
    if (pattern.blank) {
      fill_row(pattern, bias, channel, f, to);
    } else if constexpr (std::is_same_v<F, Identity>) {
      if (pattern.fills) fill_row(pattern, bias, channel, f, to);
      store_row(rows, phase_count, pattern, pattern.fills, bias, to);
    } else {
      for (Index r = 0; r < phase_count; ++r) finish_row(rows[r], bias, channel, f);
      // Adding to a negative zero changes nothing.
      store_row(rows, phase_count, pattern, false, -Scalar(0), to);
    }
    if (streamed) stream_row(streamed, pattern.row_size, y);
    for (Index r = 0; r < phase_count; ++r) rows[r].sums += rows[r].next;
  }
}

}  // namespace tconv::engine
