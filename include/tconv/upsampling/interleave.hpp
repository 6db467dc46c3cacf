#pragma once

/// \file
/// Rows of pixels that are made of others side by side.

#include <algorithm>
#include <array>
#include <cmath>
#include <concepts>
#include <cstddef>
#include <cstring>
#include <span>
#include <type_traits>

#include "tconv/core/accumulator.hpp"
#include "tconv/core/eigen.hpp"
#include "tconv/core/isa.hpp"
#include "tconv/simd/stride.hpp"
#include "tconv/upsampling/rows.hpp"

namespace tconv::inline TCONV_ISA::upsampling {

/// The type in which a scalar is interpolated: a floating-point one for integers too.
template <class Scalar>
struct BlendOf {
  using type = Accumulator<Scalar>;
};
template <std::integral Scalar>
struct BlendOf<Scalar> {
  using type = std::conditional_t<(sizeof(Scalar) > 4), long double, double>;
};
template <class Scalar>
using Blend = typename BlendOf<Scalar>::type;

/// A blend as the scalar it came from; integers are rounded to the nearest.
template <class Scalar, class From>
EIGEN_ALWAYS_INLINE Scalar from_blend(const From& value) {
  if constexpr (std::integral<Scalar> && std::floating_point<From>)
    return static_cast<Scalar>(std::round(value));
  else
    return static_cast<Scalar>(value);
}

/// Rows of the result, `to` elements apart: the inputs of row `(i, j)` begin `i * steps[0] + j *
/// steps[1]` after those of the first.
struct RowSteps {
  std::array<Index, 2> counts{1, 1}, steps{0, 0};
  Index to = 0;
};

/// Writes rows: pixel 0 of each of the input rows, then pixel 1 of each, and so on; a pixel is
/// `inner` elements.
template <class From, class Scalar>
using Interleave = void (*)(std::span<const From* const> rows, const RowSteps& steps, Index count,
                            Index inner, Scalar* to);

/// All rows, each by `interleave_row(rows, offset, count, inner, to)`.
template <auto interleave_row, class From, class Scalar>
void interleave_rows(std::span<const From* const> rows, const RowSteps& steps, Index count,
                     Index inner, Scalar* to) {
  for (Index i = 0; i < steps.counts[0]; ++i)
    for (Index j = 0; j < steps.counts[1]; ++j, to += steps.to)
      interleave_row(rows, i * steps.steps[0] + j * steps.steps[1], count, inner, to);
}

/// Pixels of one element.
template <std::size_t phases, class From, class Scalar>
void interleave_elements(std::span<const From* const> rows, Index offset, Index count, Index inner,
                         Scalar* to) {
  std::array<const From*, phases> from;
  for (std::size_t p = 0; p < phases; ++p) from[p] = rows[p] + offset;
  for (Index i = 0; i < count * inner; ++i)
    for (std::size_t p = 0; p < phases; ++p)
      to[i * static_cast<Index>(phases) + static_cast<Index>(p)] = from_blend<Scalar>(from[p][i]);
}

/// Pixels of a few elements, copied without a loop.
template <Index inner, class From, class Scalar>
void interleave_pixels(std::span<const From* const> rows, Index offset, Index count, Index,
                       Scalar* to) {
  for (Index i = 0; i < count; ++i)
    for (const From* row : rows) {
      for (Index j = 0; j < inner; ++j) to[j] = from_blend<Scalar>(row[offset + i * inner + j]);
      to += inner;
    }
}

template <class From, class Scalar>
void interleave_any(std::span<const From* const> rows, Index offset, Index count, Index inner,
                    Scalar* to) {
  for (Index i = 0; i < count; ++i)
    for (const From* row : rows)
      for (Index j = i * inner; j < (i + 1) * inner; ++j)
        *to++ = from_blend<Scalar>(row[offset + j]);
}

/// Pixels of at most `block` elements, and more than half as many, copied as whole blocks: what a
/// block has beyond its pixel is overwritten by the next one.
template <std::size_t block, class Scalar>
void interleave_narrow(std::span<const Scalar* const> rows, Index offset, Index count, Index inner,
                       Scalar* to) {
  for (Index i = 0; i + 1 < count; ++i)
    for (const Scalar* row : rows) {
      std::memcpy(to, row + offset + i * inner, block * sizeof(Scalar));
      to += inner;
    }
  for (const Scalar* row : rows) to = std::copy_n(row + offset + (count - 1) * inner, inner, to);
}

/// Pixels of more elements, a part of a row at a time, which stays in the first-level cache.
template <class Scalar>
void interleave_wide(std::span<const Scalar* const> rows, Index offset, Index count, Index inner,
                     Scalar* to) {
  constexpr Index at_once = 16;
  const auto phases = static_cast<Index>(rows.size());
  for (Index i = 0; i < count; i += at_once)
    for (Index p = 0; p < phases; ++p)
      simd::copy_rows_apart(rows[static_cast<std::size_t>(p)] + offset + i * inner, inner,
                            std::min(at_once, count - i), inner, to + (i * phases + p) * inner,
                            phases * inner);
}

/// What interleaves rows of pixels of one element best.
template <std::size_t phases, class From, class Scalar>
Interleave<From, Scalar> find_interleave_elements(Index elements, bool streams) {
  if constexpr (core::EngineScalar<Scalar> && std::same_as<From, Scalar>)
    return with_block_size<Scalar>(elements, [streams]<Index size>() {
      if constexpr (size == simd::Packet<Scalar>::size)
        if (streams)
          return &interleave_rows<interleave_blocks<phases, size, true, Scalar>, From, Scalar>;
      return &interleave_rows<interleave_blocks<phases, size, false, Scalar>, From, Scalar>;
    });
  else
    return &interleave_rows<interleave_elements<phases, From, Scalar>, From, Scalar>;
}

/// The same of pixels of several, of scalars without SIMD.
template <class From, class Scalar>
Interleave<From, Scalar> find_interleave_pixels(Index inner) {
  switch (inner) {
    case 2:
      return &interleave_rows<interleave_pixels<2, From, Scalar>, From, Scalar>;
    case 3:
      return &interleave_rows<interleave_pixels<3, From, Scalar>, From, Scalar>;
    case 4:
      return &interleave_rows<interleave_pixels<4, From, Scalar>, From, Scalar>;
    default:
      return &interleave_rows<interleave_any<From, Scalar>, From, Scalar>;
  }
}

/// The best for rows of so many pixels; `streams` if the result will not be read soon.
template <class From, class Scalar>
Interleave<From, Scalar> find_interleave(std::size_t phases, Index count, Index inner,
                                         bool streams) {
  if (phases == 1) return find_interleave_elements<1, From, Scalar>(count * inner, streams);
  if (inner == 1) switch (phases) {
      case 2:
        return find_interleave_elements<2, From, Scalar>(count, streams);
      case 3:
        return find_interleave_elements<3, From, Scalar>(count, streams);
      case 4:
        return find_interleave_elements<4, From, Scalar>(count, streams);
      default:
        break;
    }
  if constexpr (core::EngineScalar<Scalar> && std::same_as<From, Scalar>) {
    if (inner > 8) return &interleave_rows<interleave_wide<Scalar>, From, Scalar>;
    if (inner > 4) return &interleave_rows<interleave_narrow<8, Scalar>, From, Scalar>;
    if (inner > 2) return &interleave_rows<interleave_narrow<4, Scalar>, From, Scalar>;
    return &interleave_rows<interleave_narrow<2, Scalar>, From, Scalar>;
  } else {
    return find_interleave_pixels<From, Scalar>(inner);
  }
}

}  // namespace tconv::inline TCONV_ISA::upsampling
