#pragma once

/// \file
/// Writes sums to the output: adds the bias, applies the epilogue, interleaves the phases.

#include <algorithm>
#include <array>
#include <cstdint>
#include <type_traits>

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
};

inline constexpr Index max_interleaved = 4;

/// How the phases of a row lie in the output, the same for all rows of a tile.
struct RowPattern {
  Index stride;
  Index y_step;
  /// Elements of each phase that are written side by side with those of the others.
  Index interleaved = 0;

  template <class Scalar>
  RowPattern(const PhaseRow<Scalar>* rows, Index row_count, Index stride_, Index y_step_)
      : stride(stride_), y_step(y_step_) {
    if (y_step != 1 || row_count != stride || stride > max_interleaved) return;
    interleaved = rows[0].count;
    for (Index r = 0; r < row_count; ++r) {
      if (rows[r].step != 1 || rows[r].first != rows[0].first + r) interleaved = 0;
      interleaved = std::min(interleaved, rows[r].count);
    }
  }
};

/// Writes `count` elements of `phases` rows of sums that follow one another in the output, a packet
/// at a time, then parts of it.
template <std::size_t phases, class Scalar>
void store_interleaved(const std::array<const Scalar*, phases>& sums, Index count, Scalar bias,
                       Scalar* y) {
  const auto store = [&](Index j, auto size) {
    using Block = detail::Block<Scalar, decltype(size)::value>;
    typename Block::Type values[phases];
    for (std::size_t r = 0; r < phases; ++r) values[r] = Block::load_and_add(sums[r] + j, bias);
    Block::interleave(values, y + j * static_cast<Index>(phases));
    return static_cast<Index>(size);
  };
  constexpr std::size_t lanes = detail::Packet<Scalar>::size;
  using Whole = std::integral_constant<std::size_t, lanes>;
  using Half = std::integral_constant<std::size_t, std::max<std::size_t>(lanes / 2, 1)>;
  using Quarter = std::integral_constant<std::size_t, std::max<std::size_t>(lanes / 4, 1)>;
  const auto fits = [&](Index j, std::size_t size) {
    return j + static_cast<Index>(size) <= count;
  };
  Index j = 0;
  while (fits(j, Whole::value)) j += store(j, Whole{});
  if (fits(j, Half::value)) j += store(j, Half{});
  if (fits(j, Quarter::value)) j += store(j, Quarter{});
  for (; j < count; ++j)
    for (std::size_t r = 0; r < phases; ++r)
      y[j * static_cast<Index>(phases) + static_cast<Index>(r)] = sums[r][j] + bias;
}

template <std::size_t phases, class Scalar>
void store_interleaved(const PhaseRow<Scalar>* rows, Index count, Scalar bias, Scalar* y) {
  std::array<const Scalar*, phases> sums;
  for (std::size_t r = 0; r < phases; ++r) sums[r] = rows[r].sums;
  store_interleaved(sums, count, bias, y);
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
      sum = finish(f, static_cast<Scalar>(sum + bias), channel);
    }
}

/// Writes one output row of a channel. `rows` are its phases in the order of their first outputs.
template <class Scalar, class F>
void store_row(const PhaseRow<Scalar>* rows, Index row_count, const RowPattern& pattern,
               Scalar bias, Index channel, const F& f, Scalar* y) {
  if constexpr (!std::is_same_v<F, Identity>) {
    for (Index r = 0; r < row_count; ++r) finish_row(rows[r], bias, channel, f);
    // Adding to a negative zero changes nothing.
    bias = -Scalar(0);
  }
  const Index done = pattern.interleaved;
  if (done > 0) switch (Scalar* out = y + rows[0].first; pattern.stride) {
      case 1:
        store_interleaved<1>(rows, done, bias, out);
        break;
      case 2:
        store_interleaved<2>(rows, done, bias, out);
        break;
      case 3:
        store_interleaved<3>(rows, done, bias, out);
        break;
      default:
        store_interleaved<4>(rows, done, bias, out);
        break;
    }
  for (Index r = 0; r < row_count; ++r) {
    if (rows[r].count == done) continue;
    PhaseRow<Scalar> rest = rows[r];
    rest.sums += done * rest.step;
    rest.first += done * pattern.stride;
    rest.count -= done;
    if (pattern.y_step == 1)
      store_joined(rest, pattern.stride, bias, y);
    else
      store_apart(rest, pattern, bias, y);
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

}  // namespace tconv::engine
