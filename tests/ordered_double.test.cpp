#include "support/catch.hpp"
#include "support/ordered.hpp"

TEST_CASE("ordered sums of double have the bytes of a scalar loop") {
  support::Random random(64);
  support::check_small_problems<double>(random);
}
