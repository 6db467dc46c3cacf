/// \file
/// Strips of an image, read to rows and written from them.

#include <cstddef>
#include <tconv/simd/strip.hpp>
#include <vector>

#include "support/catch.hpp"

using tconv::Index;
using tconv::simd::Strip;

namespace {

/// Reads a strip that ends with its image, which is full of different numbers, and writes it to an
/// image of zeros: all that belongs to it arrives, and nothing else.
template <class Scalar>
bool strip_returns(const Strip& strip) {
  const auto place = [&](Index c, Index i) {
    return static_cast<std::size_t>(strip.at + (strip.channel + c) * strip.channel_step +
                                    i * strip.step);
  };
  const std::size_t size = place(strip.channels - 1, strip.count - 1) + 1;
  std::vector<Scalar> from(size), expected(size), to(size);
  for (std::size_t i = 0; i < size; ++i) from[i] = static_cast<Scalar>(i + 1);
  // Whole packets of rows are read.
  const Index pitch = strip.count + tconv::simd::Packet<Scalar>::size;
  std::vector<Scalar> rows(static_cast<std::size_t>(strip.channels * pitch), Scalar(-1));
  tconv::simd::read_strip<Scalar>(from.data(), strip, rows.data(), pitch);
  for (Index c = 0; c < strip.channels; ++c)
    for (Index i = 0; i < pitch; ++i) {
      const Scalar read = rows[static_cast<std::size_t>(c * pitch + i)];
      if (read != (i < strip.count ? from[place(c, i)] : Scalar(-1))) return false;
      if (i < strip.count) expected[place(c, i)] = read;
    }
  tconv::simd::write_strip<Scalar>(to.data(), strip, rows.data(), pitch, false);
  return to == expected;
}

}  // namespace

TEMPLATE_TEST_CASE("strips of any channels and positions are read and written, and nothing else",
                   "[engine]", float, double) {
  for (const Index channels : {1, 2, 3, 4, 5, 8, 16, 17, 35})
    for (const Index count : {1, 2, 15, 16, 17, 63, 64, 65, 150})
      for (const Index others : {0, 1, 40}) {
        CAPTURE(channels, count, others);
        // Channels inside, of an image that has others too.
        CHECK(strip_returns<TestType>({7, others, channels, 1, count, channels + others}));
        // Channels outside, in rows with gaps or not.
        for (const Index step : {1, 3})
          CHECK(strip_returns<TestType>({0, others, channels, count * step + 2, count, step}));
      }
}
