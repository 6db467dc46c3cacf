#include "support/catch.hpp"
#include "support/problem.hpp"

using namespace support;
using tconv::Direction;

namespace {

constexpr Implementation all[] = {Implementation::scatter, Implementation::sparse,
                                  Implementation::production, Implementation::layer,
                                  Implementation::into};

double dot(const std::vector<double>& a, const std::vector<double>& b) {
  double sum = 0;
  for (std::size_t i = 0; i < a.size(); ++i) sum += a[i] * b[i];
  return sum;
}

/// The problem whose operator is the adjoint: the same weight and options, x and y exchanged.
Problem adjoint(const Problem& p) {
  Problem q = p;
  q.direction = p.scatters() ? Direction::gather : Direction::scatter;
  std::swap(q.in_channels, q.out_channels);
  std::swap(q.in, q.out);
  return q;
}

}  // namespace

TEST_CASE("every implementation gives the exact result on small integers") {
  Random random(1);
  for (int i = 0; i < effort(400); ++i) {
    const Problem p = random_problem(random, i % 2 == 0 ? Direction::scatter : Direction::gather);
    const Data<float> data = random_integers<float>(random, p);
    const auto expected = reference(p, data);
    INFO(p);
    for (const Implementation implementation : all) {
      INFO("implementation " << static_cast<int>(implementation));
      REQUIRE(run(implementation, p, data) == expected);
    }
  }
}

TEST_CASE("images and channel counts around every block size are exact") {
  Random random(2);
  for (int i = 0; i < effort(60); ++i) {
    const Problem p =
        random_problem(random, i % 3 != 0 ? Direction::scatter : Direction::gather, 40);
    const Data<float> data = random_integers<float>(random, p);
    INFO(p);
    REQUIRE(run(Implementation::production, p, data) == reference(p, data));
  }
}

TEST_CASE("batches that lie side by side in memory are exact, of any size") {
  Random random(9);
  for (int i = 0; i < effort(120); ++i) {
    Problem p = random_problem(random, i % 2 == 0 ? Direction::scatter : Direction::gather,
                               i % 3 == 0 ? 16 : 7);
    p.col_major = true;
    p.unbatched = p.channels_last = false;
    p.batch = 2 + i % 21;
    if (i % 4 == 0) {
      // A line that fills whole registers.
      p.rank = 1;
      p.in = {16, 1, 1};
      p.kernel = {1 + i / 4 % 5, 1, 1};
      p.stride = p.dilation = p.out = {1, 1, 1};
      p.before = p.after = p.output_padding = {0, 0, 0};
      p.out[0] = out_extent(p, 0);
    }
    const Data<float> data = random_integers<float>(random, p);
    INFO(p);
    REQUIRE(run(Implementation::production, p, data) == reference(p, data));
    REQUIRE(run(Implementation::layer, p, data) == reference(p, data));
  }
}

TEST_CASE("a kernel that covers the image once, of any batch, is exact") {
  Random random(7);
  for (int i = 0; i < effort(80); ++i) {
    Problem p = random_problem(random, i % 2 == 0 ? Direction::scatter : Direction::gather);
    p.batch = p.unbatched ? 1 : 1 + i % 20;
    for (std::size_t a = 0; a < static_cast<std::size_t>(p.rank); ++a) {
      p.before[a] = p.after[a] = p.output_padding[a] = 0;
      p.dilation[a] = p.rank == 1 ? p.dilation[a] : 1;
      const Index reach = (p.kernel[a] - 1) * p.dilation[a] + 1;
      p.in[a] = p.scatters() ? 1 : reach;
      p.out[a] = p.scatters() ? reach : 1;
    }
    const Data<float> data = random_integers<float>(random, p);
    INFO(p);
    REQUIRE(run(Implementation::production, p, data) == reference(p, data));
    REQUIRE(run(Implementation::layer, p, data) == reference(p, data));
  }
}

TEST_CASE("reals agree within the bound of their summation") {
  Random random(3);
  for (int i = 0; i < effort(100); ++i) {
    const Problem p = random_problem(random, i % 2 == 0 ? Direction::scatter : Direction::gather);
    const Data<float> data = random_reals<float>(random, p);
    const Data<double> in_double{{data.x.begin(), data.x.end()},
                                 {data.w.begin(), data.w.end()},
                                 {data.bias.begin(), data.bias.end()}};
    const auto exact = reference(p, in_double);
    const std::vector<float> expected(exact.begin(), exact.end());
    INFO(p);
    for (const Implementation implementation : all)
      REQUIRE(close(run(implementation, p, data), expected, p, data));
    REQUIRE(close(run(Implementation::production, p, in_double), exact, p, in_double));
  }
}

TEST_CASE("into given memory the results are those of the function to the bit") {
  Random random(8);
  for (int i = 0; i < effort(100); ++i) {
    const Problem p = random_problem(random, i % 2 == 0 ? Direction::scatter : Direction::gather);
    const Data<float> data = random_reals<float>(random, p);
    INFO(p);
    REQUIRE(run(Implementation::into, p, data) == run(Implementation::production, p, data));
  }
}

TEST_CASE("conv_transpose is the adjoint of conv") {
  Random random(4);
  for (int i = 0; i < effort(100); ++i) {
    Problem p = random_problem(random, Direction::scatter);
    p.bias = false;
    // Rows beyond the stride are reached by no coarse position of conv on these extents.
    for (std::size_t a = 0; a < 3; ++a)
      if (p.output_padding[a] >= p.stride[a]) {
        p.out[a] -= p.output_padding[a];
        p.output_padding[a] = 0;
      }
    if (p.out[0] < 1 || p.out[1] < 1 || p.out[2] < 1) continue;
    const Problem q = adjoint(p);
    Data<double> coarse = random_integers<double>(random, p);
    Data<double> fine = random_integers<double>(random, q);
    fine.w = coarse.w;
    INFO(p);
    CHECK(dot(run(Implementation::production, p, coarse), fine.x) ==
          dot(coarse.x, run(Implementation::production, q, fine)));
  }
}

TEST_CASE("the operators are linear in x and in the weight") {
  Random random(5);
  for (int i = 0; i < effort(40); ++i) {
    Problem p = random_problem(random, i % 2 == 0 ? Direction::scatter : Direction::gather);
    p.bias = false;
    const Data<double> a = random_integers<double>(random, p);
    const Data<double> b = random_integers<double>(random, p);
    const auto combine = [](const std::vector<double>& u, const std::vector<double>& v) {
      std::vector<double> sum(u.size());
      for (std::size_t j = 0; j < u.size(); ++j) sum[j] = 2 * u[j] - 3 * v[j];
      return sum;
    };
    const auto f = [&](const std::vector<double>& x, const std::vector<double>& w) {
      return run(Implementation::production, p, Data<double>{x, w, {}});
    };
    INFO(p);
    CHECK(f(combine(a.x, b.x), a.w) == combine(f(a.x, a.w), f(b.x, a.w)));
    CHECK(f(a.x, combine(a.w, b.w)) == combine(f(a.x, a.w), f(a.x, b.w)));
  }
}

TEST_CASE("groups are a block diagonal weight") {
  Random random(6);
  for (int i = 0; i < effort(60); ++i) {
    Problem grouped = random_problem(random, i % 2 == 0 ? Direction::scatter : Direction::gather);
    if (grouped.groups == 1) continue;
    const Data<double> data = random_integers<double>(random, grouped);
    Problem dense = grouped;
    dense.groups = 1;
    Data<double> full = data;
    full.w.assign(static_cast<std::size_t>(dense.w_size()), 0.0);
    // Axis 0 of the weight holds all channels of the coarse side, axis 1 those of one group.
    const Index axis0 = grouped.scatters() ? grouped.in_channels : grouped.out_channels;
    const Index axis1 =
        (grouped.scatters() ? grouped.out_channels : grouped.in_channels) / grouped.groups;
    const Index taps = grouped.kernel[0] * grouped.kernel[1] * grouped.kernel[2];
    for (Index a = 0; a < axis0; ++a)
      for (Index b = 0; b < axis1; ++b)
        for (Index t = 0; t < taps; ++t) {
          const Index group = a / (axis0 / grouped.groups);
          full.w[static_cast<std::size_t>((a * axis1 * grouped.groups + group * axis1 + b) * taps +
                                          t)] =
              data.w[static_cast<std::size_t>((a * axis1 + b) * taps + t)];
        }
    INFO(grouped);
    CHECK(run(Implementation::production, grouped, data) ==
          run(Implementation::production, dense, full));
  }
}

TEST_CASE("shifting the input by one shifts the output by the stride") {
  Random random(7);
  for (int i = 0; i < effort(40); ++i) {
    Problem p = random_problem(random, Direction::scatter);
    p.bias = false;
    p.rank = 1;
    for (auto* extents : {&p.in, &p.kernel, &p.out}) (*extents)[1] = (*extents)[2] = 1;
    p.in[0] += 1;
    p.before[0] = p.after[0] = p.output_padding[0] = 0;
    p.out[0] = (p.in[0] - 1) * p.stride[0] + p.dilation[0] * (p.kernel[0] - 1) + 1;
    Data<double> data = random_integers<double>(random, p);
    const auto length = static_cast<std::size_t>(p.in[0]);
    for (std::size_t row = 0; row < data.x.size(); row += length) data.x[row + length - 1] = 0;
    Data<double> shifted = data;
    for (std::size_t row = 0; row < data.x.size(); row += length)
      for (std::size_t j = 0; j < length; ++j)
        shifted.x[row + j] = j == 0 ? 0 : data.x[row + j - 1];
    const auto y = run(Implementation::production, p, data);
    const auto z = run(Implementation::production, p, shifted);
    const auto out = static_cast<std::size_t>(p.out[0]);
    const auto stride = static_cast<std::size_t>(p.stride[0]);
    INFO(p);
    for (std::size_t row = 0; row < y.size(); row += out)
      for (std::size_t o = 0; o + stride < out; ++o) REQUIRE(z[row + o + stride] == y[row + o]);
  }
}
