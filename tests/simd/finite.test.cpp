/// \file
/// Looking for numbers that are not finite, or too large.

#include <algorithm>
#include <cstddef>
#include <limits>
#include <tconv/simd/finite.hpp>
#include <vector>

#include "support/catch.hpp"

using tconv::Index;
using namespace tconv::simd;

namespace {

/// By packets, and the rest one by one.
template <class Scalar>
bool check_passes(const std::vector<Scalar>& values) {
  FiniteCheck<Scalar> check;
  const auto size = static_cast<Index>(values.size());
  for (Index i = 0; i < size; i += Packet<Scalar>::size)
    check.add(values.data() + i, std::min<Index>(Packet<Scalar>::size, size - i));
  return check.passed();
}

}  // namespace

TEMPLATE_TEST_CASE("one number that is not finite is found wherever it is", "[engine]", float,
                   double) {
  using Limits = std::numeric_limits<TestType>;
  for (const std::size_t size : {1U, 7U, 16U, 64U, 131U}) {
    std::vector<TestType> values(size, Limits::max());
    for (std::size_t i = 0; i < size; i += 3) values[i] = TestType(-1.5);
    CHECK(check_passes(values));
    CHECK(all_finite(values.data(), static_cast<Index>(size)));
    for (const TestType wrong : {Limits::infinity(), -Limits::infinity(), Limits::quiet_NaN()})
      for (std::size_t i = 0; i < size; ++i) {
        const TestType value = values[i];
        values[i] = wrong;
        REQUIRE_FALSE(check_passes(values));
        REQUIRE_FALSE(all_finite(values.data(), static_cast<Index>(size)));
        values[i] = value;
      }
  }
}

TEMPLATE_TEST_CASE("numbers beyond a limit are found wherever they are", "[engine]", float,
                   double) {
  using P = Packet<TestType>;
  const TestType limit = 1000;
  std::vector<TestType> values(static_cast<std::size_t>(P::size), -limit);
  const auto passes = [&] {
    LimitCheck<TestType> check(limit);
    check.add(P::load(values.data()));
    check.add(P::broadcast(TestType(3)));
    return check.passed();
  };
  CHECK(passes());
  for (TestType& value : values)
    for (const TestType wrong :
         {2 * limit, -2 * limit, std::numeric_limits<TestType>::quiet_NaN()}) {
      value = wrong;
      CHECK_FALSE(passes());
      value = limit / 2;
    }
}
