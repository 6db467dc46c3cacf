#pragma once

/// \file
/// Writes sums to the output: adds the bias, applies the epilogue, interleaves the phases.

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <type_traits>
#include <utility>

#include "tconv/core/eigen.hpp"
#include "tconv/core/integer.hpp"
#include "tconv/core/isa.hpp"
#include "tconv/core/view.hpp"
#include "tconv/engine/correlation.hpp"
#include "tconv/engine/layout.hpp"
#include "tconv/engine/operands.hpp"
#include "tconv/runtime/arena.hpp"
#include "tconv/simd/packet.hpp"
#include "tconv/simd/register.hpp"
#include "tconv/simd/stride.hpp"
#include "tconv/simd/strip.hpp"

namespace tconv::inline TCONV_ISA::engine {

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

/// How the phases of a row lie in the output, the same for all rows of a tile.
struct RowPattern {
  Index stride;
  Index row_size;    // outputs from the first to the last
  bool blank;        // no tap reaches the row
  bool interleaves;  // output i is element i / stride of phase i % stride
  bool fills;        // some outputs are blank, and may be written more than once

  template <class Scalar>
  RowPattern(const PhaseRow<Scalar>* rows, Index row_count, Index stride_, Index row_size_)
      : stride(stride_), row_size(row_size_) {
    const auto is_blank = [](const auto& row) { return row.blank; };
    blank = std::all_of(rows, rows + row_count, is_blank);
    interleaves = row_count == stride && stride <= max_interleaved && !blank;
    for (Index r = 0; r < row_count; ++r)
      interleaves = interleaves && rows[r].step == 1 && rows[r].width == 1 && rows[r].first == r &&
                    rows[r].count == (row_size - 1 - r) / stride + 1;
    fills = !interleaves && std::any_of(rows, rows + row_count, is_blank);
  }
};

/// Writes the first `count` elements of a packet, all if there are fewer.
template <class Scalar, class Vector>
EIGEN_ALWAYS_INLINE void store_first(Scalar* to, const Vector& elements, Index count) {
  using P = simd::Packet<Scalar>;
  const auto packet = std::bit_cast<typename P::Type>(elements);
  if (count >= P::size)
    P::store(to, packet);
  else if (count > 0)
    simd::PacketPart<Scalar>(0, count).store(to, packet);
}

/// Writes `size` outputs, to which `phases` rows of sums contribute in turn. Reads whole packets of
/// the rows.
template <std::size_t phases, class Scalar>
EIGEN_ALWAYS_INLINE void store_interleaved(const std::array<const Scalar*, phases>& sums,
                                           Index size, Scalar bias, Scalar* y) {
  constexpr Index lanes = simd::Packet<Scalar>::size;
  constexpr Index step = lanes * static_cast<Index>(phases);
  using Register = simd::Register<Scalar, static_cast<std::size_t>(lanes)>;
  Index j = 0;
  const auto load = [&](std::size_t r) { return Register::load_and_add(sums[r] + j, bias); };
  const auto each = std::make_index_sequence<phases>{};
  [&]<std::size_t... i>(std::index_sequence<i...>) {
    for (; size >= step; j += lanes, size -= step, y += step) {
      const typename Register::Type values[] = {load(i)...};
      Register::interleave(values, y);
    }
    if (size <= 0) return;
    const typename Register::Type values[] = {load(i)...};
    (store_first(y + static_cast<Index>(i) * lanes, Register::template interleaved<i>(values),
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
  constexpr std::size_t size = std::min<std::size_t>(width, simd::Packet<Scalar>::size);
  using Register = simd::Register<Scalar, size>;
  for (Index j = 0; j < row.count; ++j)
    for (Index i = 0; i < static_cast<Index>(width); i += static_cast<Index>(size))
      Register::store(y + j * stride + i,
                      Register::load_and_add(row.sums + j * row.step + i, bias));
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

/// Writes an output row that no tap reaches.
template <class Scalar>
void fill_row(const RowPattern& pattern, Scalar bias, Scalar* y) {
  using P = simd::Packet<Scalar>;
  const auto packet = P::broadcast(bias);
  Index j = 0;
  for (; j + P::size <= pattern.row_size; j += P::size) P::store(y + j, packet);
  simd::PacketPart<Scalar>(0, pattern.row_size - j).store(y + j, packet);
}

/// Rows of some channels on their way to an image with strips.
template <class Scalar>
struct StripBuffer {
  Scalar* rows = nullptr;
  Index size = 0;
  bool entries_inside = false;  // as in `ConvShape`

  static constexpr Index pitch(Index row_size) {
    return round_up(row_size, simd::Packet<Scalar>::size);
  }
  /// Room for `rows`, one of each channel of a chunk, and for several where they are short: strips
  /// then leave the first-level cache together.
  static constexpr Index size_for(Index rows, Index row_size) {
    constexpr Index cached = 16 * 1024 / static_cast<Index>(sizeof(Scalar));
    return std::max(rows * pitch(row_size), cached);
  }
};

/// Room for the strips of a correlation, if it has any.
template <class Scalar>
StripBuffer<Scalar> take_strips(const Correlation& c, const WeightLayout& layout, const Tile& tile,
                                Index row_size, runtime::Arena& arena) {
  if (!c.writes_strips) return {};
  const Index rows = layout.chunks().largest() * (c.entries_inside ? tile.batch : 1);
  const Index size = StripBuffer<Scalar>::size_for(rows, row_size);
  return {arena.take<Scalar>(size), size, c.entries_inside};
}

/// Where rows of outputs begin in the image: row `i` of channel `c` at `at + c * channel_stride + i
/// * step`.
struct RowPlace {
  Index at, step, count;
};

/// Writes the output rows of a chunk.
template <class Scalar>
class RowStore {
 public:
  /// `rows` are the phases of a row in the order of their first outputs. Outputs pass the caches if
  /// `streams`, by way of `row`, which has room for one. `strips` has room where `y` is no image of
  /// rows.
  RowStore(PhaseRow<Scalar>* rows, Index phase_count, const RowPattern& pattern,
           const Operands<Scalar>& operands, bool streams, Scalar* row,
           const StripBuffer<Scalar>& strips)
      : rows_(rows),
        phase_count_(phase_count),
        pattern_(pattern),
        operands_(operands),
        streams_(streams),
        streamed_(streams && !strips.rows ? row : nullptr),
        strips_(strips) {}

  /// Channels of a chunk that are written together.
  Index channels_at_once(Index chunk) const { return strips_.rows ? chunk : 1; }

  /// Batch entries of a tile that are written together.
  Index entries_at_once(Index batch) const { return strips_.entries_inside ? batch : 1; }

  /// Writes rows of some channels of all groups and some entries, the first one at `to`, at most
  /// `most_rows` of each at a time. `place_sums(channel, entry, first, count)` says where the
  /// phases of rows from number `first` on have their sums.
  template <class PlaceSums>
  void write(const Range& channels, Index entries, const RowPlace& to, Index most_rows,
             const PlaceSums& place_sums) const {
    const Image<void>& y = operands_.y;
    if (!strips_.rows) {
      auto* const first = static_cast<Scalar*>(y.data) + to.at;
      for (Index m = channels.first; m < channels.end; ++m)
        for (Index i = 0, rows = 0; i < to.count; i += rows) {
          rows = std::min(most_rows, to.count - i);
          place_sums(m, 0, i, rows);
          write_rows(m, rows, first + m * y.channel_stride + i * to.step, to.step);
        }
      return;
    }
    const Index row = strips_.pitch(pattern_.row_size);
    most_rows = std::clamp<Index>(strips_.size / (channels.size() * entries * row), 1, most_rows);
    for (Index i = 0, rows = 0; i < to.count; i += rows) {
      rows = std::min(most_rows, to.count - i);
      Scalar* next = strips_.rows;
      for (Index m = channels.first; m < channels.end; ++m)
        for (Index n = 0; n < entries; ++n, next += rows * row) {
          place_sums(m, n, i, rows);
          write_rows(m, rows, next, row);
        }
      for (Index j = 0; j < rows; ++j)
        simd::for_each_strip({to.at + (i + j) * to.step, channels.first, channels.size(),
                              y.channel_stride, pattern_.row_size, y.strides[2]},
                             entries, [&](const simd::Strip& strip, Index first_row) {
                               write_strip(strip, strips_.rows + (first_row * rows + j) * row,
                                           rows * row);
                             });
    }
  }

 private:
  /// Writes `count` rows of a channel, `step` apart.
  void write_rows(Index channel, Index count, Scalar* y, Index step) const {
    const Scalar bias = operands_.bias ? operands_.bias[channel] : Scalar(0);
    const Epilogue<Scalar>& epilogue = operands_.epilogue;
    if (pattern_.interleaves && !streamed_ && !epilogue)
      return store_interleaved_rows(rows_, pattern_, bias, count, y, step);
    for (Index i = 0; i < count; ++i, y += step) {
      Scalar* const to = streamed_ ? streamed_ : y;
      write_row(bias, to);
      epilogue(to, pattern_.row_size, channel);
      if (streamed_) simd::stream_row(streamed_, pattern_.row_size, y);
      for (Index r = 0; r < phase_count_; ++r) rows_[r].sums += rows_[r].next;
    }
  }

  void write_row(Scalar bias, Scalar* y) const {
    if (pattern_.interleaves) return store_interleaved_rows(rows_, pattern_, bias, 1, y, 0);
    if (pattern_.blank || pattern_.fills) fill_row(pattern_, bias, y);
    if (pattern_.blank) return;
    for (Index r = 0; r < phase_count_; ++r)
      if (!(rows_[r].blank && pattern_.fills)) store_joined(rows_[r], pattern_.stride, bias, y);
  }

  void write_strip(const simd::Strip& strip, const Scalar* from, Index from_step) const {
    const StripWriter<Scalar>& writer = operands_.writer;
    if (writer.write)
      writer.write(writer.context, operands_.y.data, strip, from, from_step);
    else
      simd::write_strip(operands_.y.data, strip, from, from_step, streams_);
  }

  PhaseRow<Scalar>* rows_;
  Index phase_count_;
  RowPattern pattern_;
  const Operands<Scalar>& operands_;
  bool streams_;
  Scalar* streamed_;
  StripBuffer<Scalar> strips_;
};

}  // namespace tconv::inline TCONV_ISA::engine
