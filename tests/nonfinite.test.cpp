#include <array>
#include <limits>

#include "support/catch.hpp"
#include "support/problem.hpp"

using namespace support;
using tconv::Direction;

TEST_CASE("NaN and infinity reach the outputs whose sums hold them, and no others") {
  Random random(21);
  for (int i = 0; i < effort(300); ++i) {
    const Problem p = random_problem(random, i % 2 == 0 ? Direction::scatter : Direction::gather,
                                     i % 5 == 0 ? 20 : 7);
    Data<float> data = random_integers<float>(random, p);
    const int which = i / 2 % 3;
    if (which != 1) spoil(random, data.x, 40);
    if (which != 0) spoil(random, data.w, 40);
    spoil(random, data.bias, 10);
    const auto expected = reference(p, data);
    INFO(p << " spoiled " << which);
    for (const Implementation implementation :
         {Implementation::scatter, Implementation::sparse, Implementation::production,
          Implementation::layer}) {
      INFO("implementation " << static_cast<int>(implementation));
      REQUIRE(same_or_nan(run(implementation, p, data), expected));
    }
  }
}

TEST_CASE("an infinite weight is found where axes differ in their strides") {
  Random random(22);
  const std::array<Index, 3> strides[] = {{2, 1, 1}, {3, 1, 1}, {1, 2, 1}, {1, 1, 2}, {2, 1, 3}};
  int left = effort(10);
  for (const auto& stride : strides)
    for (const Direction direction : {Direction::gather, Direction::scatter}) {
      if (left-- <= 0) return;
      Problem p;
      p.direction = direction;
      p.rank = 3;
      p.in_channels = 40;
      p.out_channels = 24;
      p.stride = stride;
      for (std::size_t a = 0; a < 3; ++a) {
        p.in[a] = 9;
        p.kernel[a] = 3;
        p.before[a] = p.after[a] = 1;
        p.out[a] = out_extent(p, a);
      }
      Data<float> data = random_integers<float>(random, p);
      data.w[5] = std::numeric_limits<float>::infinity();
      const auto expected = reference(p, data);
      INFO(p);
      for (const Implementation implementation :
           {Implementation::production, Implementation::layer})
        CHECK(same_or_nan(run(implementation, p, data), expected));
    }
}
