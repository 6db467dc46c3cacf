#include <complex>

#include "support/catch.hpp"
#include "support/run_gradients.hpp"

using namespace support;
using tconv::Direction;

namespace {

/// Whether the gradients of integers are those computed in double.
template <class Scalar>
void check_scalar(Random& random) {
  for (int i = 0; i < effort(20); ++i) {
    Problem p = random_problem(random, i % 2 == 0 ? Direction::scatter : Direction::gather, 3);
    const Data<double> data = random_integers<double>(random, p);
    const std::vector<double> grad_y = [&] {
      Problem of_y = p;
      of_y.in = p.out;
      of_y.in_channels = p.out_channels;
      return random_integers<double>(random, of_y).x;
    }();
    const auto convert = [](const std::vector<double>& values) {
      std::vector<Scalar> result;
      for (const double value : values)
        result.push_back(static_cast<Scalar>(static_cast<float>(value)));
      return result;
    };
    const auto expected = gradient_reference(p, data, grad_y);
    tconv::Workspace workspace;
    const auto result =
        gradients(Calls::one_by_one, p, Data<Scalar>{convert(data.x), convert(data.w), {}},
                  convert(grad_y), workspace);
    INFO(p);
    CHECK(result.input == convert(expected.input));
    CHECK(result.weight == convert(expected.weight));
    CHECK(result.bias == convert(expected.bias));
  }
}

}  // namespace

TEST_CASE("every scalar has gradients") {
  Random random(25);
  check_scalar<int>(random);
  check_scalar<Eigen::half>(random);
  check_scalar<std::complex<float>>(random);
  check_scalar<std::complex<double>>(random);
}
