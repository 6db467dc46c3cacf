/// \file
/// What is handed out to be prefetched. Whether it is fetched changes no result.

#include <algorithm>
#include <cstddef>
#include <random>
#include <tconv/simd/prefetch.hpp>
#include <vector>

#include "support/catch.hpp"

namespace {

using tconv::Index;
using namespace tconv::simd;

constexpr Index line = 64 / sizeof(float);

}  // namespace

TEST_CASE("prefetches hand out every element of their blocks in no more parts than asked for") {
  std::mt19937 random(1);
  const auto draw = [&](Index from, Index to) {
    return std::uniform_int_distribution<Index>(from, to)(random);
  };
  for (int i = 0; i < 300; ++i) {
    const Index count = draw(1, 6), size = draw(1, 400), distance = size + 4 * line + draw(0, 100);
    const Index parts = draw(count, 40);
    // Enough of them for a part, at most one cache line a step.
    const Index steps = ceil_div(size, line) + draw(0, 30);
    const std::vector<float> memory(static_cast<std::size_t>(count * distance));
    std::vector<int> handed_out(memory.size());
    Prefetches<float> prefetches({memory.data(), count, size, distance}, parts);
    Index taken = 0;
    for (; !prefetches.done(); ++taken) {
      const Ahead<float> ahead = prefetches.take(steps);
      REQUIRE(0 < ahead.step);
      REQUIRE(ahead.step <= line);
      const Index first = ahead.first - memory.data(), end = first + steps * ahead.step;
      for (Index at = first; at < std::min(end, count * distance); ++at)
        ++handed_out[static_cast<std::size_t>(at)];
    }
    CHECK(taken <= parts);
    bool complete = true;
    for (Index at = 0; at < count * distance; ++at)
      complete =
          complete && (at % distance >= size || handed_out[static_cast<std::size_t>(at)] > 0);
    CHECK(complete);
  }
}

TEST_CASE("there is nothing to prefetch without blocks or parts") {
  CHECK(Prefetches<float>().done());
  CHECK(Prefetches<float>({}, 5).done());
  const float element = 0;
  CHECK(Prefetches<float>({&element, 1, 1, 0}, 0).done());
}
