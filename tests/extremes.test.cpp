#include <limits>

#include "support/catch.hpp"
#include "support/problem.hpp"

using namespace support;
using tconv::Direction;

namespace {

constexpr Index most = std::numeric_limits<Index>::max();
constexpr Index vast = Index{1} << 40;

/// One legal axis whose numbers are near the end of the index type.
struct Extreme {
  const char* what;
  Direction direction;
  Index in, kernel, stride, dilation, before, after, out;
};

constexpr Extreme extremes[] = {
    {"a stride beyond the input", Direction::gather, 9, 3, most, 1, 1, 0, 1},
    {"the stride of a single input", Direction::scatter, 1, 3, most, 1, 0, 1, 2},
    {"the dilation of a single tap", Direction::gather, 7, 1, 2, most, 0, 0, 4},
    {"the dilation of a single tap", Direction::scatter, 4, 1, 2, most, 0, 0, 7},
    {"padding that shifts the input away", Direction::gather, 6, 3, 1, 1, vast, -vast, 4},
    {"padding that shifts the input away", Direction::gather, 6, 3, 1, 1, -vast, vast, 4},
    {"padding that shifts the result away", Direction::scatter, 6, 3, 2, 1, vast, -vast, 13},
    {"padding that shifts the result away", Direction::scatter, 6, 3, 2, 1, -vast, vast, 13},
    {"a stride of which padding leaves little", Direction::scatter, 3, 2, vast, 1, vast, vast - 3,
     5},
};

}  // namespace

TEST_CASE("options near the end of the index type, where legal, are computed right") {
  Random random(31);
  for (const Extreme& e : extremes)
    for (const bool is_last : {false, true}) {
      Problem p;
      p.direction = e.direction;
      p.in_channels = 3;
      p.out_channels = 2;
      p.bias = true;
      p.channels_last = is_last;
      // The other axis is an ordinary one.
      const std::size_t a = is_last ? 1 : 0, other = 1 - a;
      p.in[other] = p.out[other] = 5;
      p.in[a] = e.in;
      p.kernel[a] = e.kernel;
      p.stride[a] = e.stride;
      p.dilation[a] = e.dilation;
      p.before[a] = e.before;
      p.after[a] = e.after;
      p.out[a] = e.out;
      const auto data = random_integers<float>(random, p);
      const auto expected = reference(p, data);
      INFO(e.what << ": " << p);
      for (const Implementation implementation :
           {Implementation::scatter, Implementation::sparse, Implementation::production,
            Implementation::layer}) {
        INFO("implementation " << static_cast<int>(implementation));
        CHECK(run(implementation, p, data) == expected);
      }
    }
}
