/// \file
/// Squares of registers, and rows of positions that do not fill them.

#include <cstddef>
#include <tconv/simd/transpose.hpp>
#include <tconv/simd/transpose_rows.hpp>
#include <vector>

#include "support/catch.hpp"

using tconv::Index;

namespace {

/// Squares of up to a packet.
template <class Scalar, int size>
bool squares_are_transposed() {
  // A single element is its own transpose.
  if constexpr (size > 1) {
    using Square = tconv::simd::Transposition<Scalar, size>;
    typename Square::Row rows[size];
    for (std::size_t i = 0; i < size; ++i)
      for (std::size_t j = 0; j < size; ++j) rows[i][j] = static_cast<Scalar>(size * i + j);
    Square::run(rows);
    for (std::size_t i = 0; i < size; ++i)
      for (std::size_t j = 0; j < size; ++j)
        if (rows[i][j] != static_cast<Scalar>(size * j + i)) return false;
    return squares_are_transposed<Scalar, size / 2>();
  }
  return true;
}

/// Transposes `count` positions of a tensor that ends with the last of them.
template <class Scalar>
bool row_is_transposed(Index channels, Index count, Index step, Index pitch) {
  const Index stride = (count - 1) * step + 3;
  std::vector<Scalar> from(
      static_cast<std::size_t>((channels - 1) * stride + (count - 1) * step + 1));
  for (std::size_t i = 0; i < from.size(); ++i) from[i] = static_cast<Scalar>(i + 1);
  std::vector<Scalar> to(
      static_cast<std::size_t>(count * pitch + tconv::simd::Packet<Scalar>::size));
  tconv::simd::transpose_row<Scalar>(
      from.data(), {stride, step, channels, from.data() + from.size()}, count, to.data(), pitch);
  for (Index j = 0; j < count; ++j)
    for (Index c = 0; c < channels; ++c)
      if (to[static_cast<std::size_t>(j * pitch + c)] !=
          static_cast<Scalar>(c * stride + j * step + 1))
        return false;
  return true;
}

}  // namespace

TEMPLATE_TEST_CASE("squares of registers are transposed", "[engine]", float, double) {
  CHECK(squares_are_transposed<TestType, tconv::simd::Packet<TestType>::size>());
}

TEMPLATE_TEST_CASE("rows of any number of channels and positions are transposed", "[engine]", float,
                   double) {
  for (const Index channels : {1, 2, 3, 4, 5, 8, 13, 16, 17, 32, 37})
    for (const Index count : {1, 2, 3, 7, 8, 15, 16, 17, 33, 50})
      for (const Index step : {1, 2})
        for (const Index pitch : {channels, channels + 1, (channels + 15) / 16 * 16}) {
          CAPTURE(channels, count, step, pitch);
          CHECK(row_is_transposed<TestType>(channels, count, step, pitch));
        }
}
