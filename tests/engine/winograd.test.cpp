/// \file
/// Winograd's transform under plans that the cost model would not choose, and where it must not be
/// used.

#include <algorithm>
#include <array>
#include <atomic>
#include <cmath>
#include <limits>
#include <memory>

#include "support/catch.hpp"
#include "support/engine.hpp"

using namespace support;
using tconv::Direction;
using namespace tconv::core;
using namespace tconv::engine;
using namespace tconv::simd;

namespace {

template <class Scalar>
struct Result {
  std::vector<Scalar> y;
  bool exceeded;
};

template <class Scalar>
Result<Scalar> run_schedule(const Problem& p, const Data<Scalar>& data,
                            const WinogradSchedule& schedule, tconv::Workspace& workspace,
                            const Epilogue<Scalar>& epilogue = {}) {
  using Task = WinogradTask<Scalar>;
  std::vector<Scalar> y;
  auto arguments = engine_arguments(p, data, schedule, Task::scratch_bytes(schedule), workspace, y);
  arguments.operands.epilogue = epilogue;
  std::atomic<bool> exceeded = false;
  const Scalar limit = winograd_limit(
      tconv::simd::sum_of_magnitudes(data.w.data(), static_cast<Index>(data.w.size())));
  const WinogradCall<Scalar> call{
      {schedule, {arguments.weights.data()}, arguments.operands}, limit, exceeded};
  run_tasks<Task>(call, execution_of(workspace));
  return {y, exceeded};
}

/// The distances of the outputs that are computed together on each axis, zero for no transform.
using Distances = std::array<Index, 3>;

/// Axes that can be transformed, each in turn or not, but at least one; or none, if none can be.
Distances random_distances(Random& random, const Correlation& c) {
  Distances possible{}, chosen{};
  for (std::size_t a = 0; a < 3; ++a) possible[a] = winograd_distance(c.axes[a]);
  while (possible != Distances{} && chosen == Distances{})
    for (std::size_t a = 0; a < 3; ++a)
      chosen[a] = std::bernoulli_distribution()(random) ? possible[a] : 0;
  return chosen;
}

/// A random cut of a problem whose axes are transformed for outputs of the given distances.
std::unique_ptr<const WinogradSchedule> random_cut(Random& random, const Correlation& c,
                                                   const Distances& distances, Index lanes,
                                                   int threads) {
  std::array<WinogradAxis, 3> axes;
  for (std::size_t a = 0; a < 3; ++a) axes[a] = WinogradBuilder(c.axes[a], distances[a]).result();
  auto problem = std::make_shared<const WinogradProblem>(
      c, std::array<const WinogradAxis*, 3>{&axes[0], &axes[1], &axes[2]},
      std::bernoulli_distribution()(random));
  const auto draw = [&](int first, int last) {
    return std::uniform_int_distribution<int>(first, last)(random);
  };
  const int vectors[] = {1, 2, 4, max_vectors};
  const Packing packing{draw(0, 1) == 0 ? LaneOperand::pixels : LaneOperand::weights,
                        std::min(vectors[draw(0, 3)], max_vectors),
                        3,
                        Merge::none,
                        Merge::none,
                        Index{1} << draw(0, 11)};
  const Plan plan{packing, random_tile(random, whole_image(problem->terms())), draw(0, 1) == 0};
  return std::make_unique<const WinogradSchedule>(std::move(problem), plan, lanes, threads,
                                                  draw(1, 3));
}

/// The same with axes that are transformed at random, or null if none can be.
std::unique_ptr<const WinogradSchedule> random_schedule(Random& random, const Problem& p,
                                                        Index lanes, int threads) {
  const Correlation c = engine_correlation(p);
  const Distances distances = random_distances(random, c);
  return distances == Distances{} ? nullptr : random_cut(random, c, distances, lanes, threads);
}

template <class Scalar>
Scalar largest_magnitude(const std::vector<Scalar>& values) {
  Scalar result = 0;
  for (const Scalar value : values) result = std::max(result, std::abs(value));
  return result;
}

}  // namespace

TEMPLATE_TEST_CASE("Winograd's transform is exact on small integers, however it is cut", "", float,
                   double) {
  Random random(41);
  Eigen::ThreadPool pool(2);
  const Eigen::ThreadPoolDevice device(&pool, 2);
  tconv::Workspace one, two(device);
  int transformed = 0;
  for (int i = 0; i < effort(1500); ++i) {
    const Problem p = random_problem(random, i % 2 == 0 ? Direction::scatter : Direction::gather,
                                     i % 10 == 0 ? 20 : 9);
    tconv::Workspace& workspace = i % 4 < 2 ? one : two;
    const auto schedule =
        random_schedule(random, p, tconv::simd::Packet<TestType>::size, workspace.threads());
    if (!schedule) continue;
    ++transformed;
    const Data<TestType> data = random_integers<TestType>(random, p);
    const Plan& plan = schedule->plan();
    INFO(p << " | weights in lanes " << plan.packing.weights_in_lanes() << " vectors "
           << plan.packing.vectors << " steps " << plan.packing.steps << " streams " << plan.streams
           << " tile " << plan.tile.batch << " " << plan.tile.q[0] << " " << plan.tile.q[1] << " "
           << plan.tile.q[2] << " periods " << schedule->problem().axis(0).outputs.in_stride << " "
           << schedule->problem().axis(1).outputs.in_stride << " "
           << schedule->problem().axis(2).outputs.in_stride);
    const Result<TestType> result = run_schedule(p, data, *schedule, workspace);
    REQUIRE_FALSE(result.exceeded);
    const auto expected = reference(p, data);
    REQUIRE(result.y == expected);
    REQUIRE(run_schedule(p, data, *schedule, workspace, channel_epilogue<TestType>()).y ==
            after_channel_epilogue(p, expected));
  }
  REQUIRE(transformed > effort(500));
}

TEST_CASE("the counts that transforms are planned by are those of their lines") {
  Random random(44);
  int lines = 0;
  for (int i = 0; i < effort(300); ++i) {
    const Problem p = random_problem(random, i % 2 == 0 ? Direction::scatter : Direction::gather);
    const auto schedule = random_schedule(random, p, 4, 1);
    if (!schedule) continue;
    const WinogradProblem& problem = schedule->problem();
    WinogradCounts all, most;
    Index rows = 0, outer_shifts = 0;
    for (const WinogradLine& line : problem.lines()) {
      WinogradCounts own{1,
                         static_cast<Index>(line.products.size()),
                         0,
                         static_cast<Index>(line.inputs.size()),
                         count_parts(line.inputs),
                         0,
                         0};
      const auto pairs = static_cast<Index>(line.shifts[0].size() * line.shifts[1].size());
      own.shifts = pairs * line.periods * line.period;
      for (const WinogradLine::Rows& outputs : line.rows) {
        own.outputs += static_cast<Index>(outputs.sums.size());
        own.output_parts += count_parts(outputs.sums);
      }
      all.add(own);
      most.raise_to(own);
      rows += static_cast<Index>(line.rows.size());
      outer_shifts = std::max(outer_shifts, pairs);
      ++lines;
    }
    INFO(p);
    const WinogradShape& shape = problem.shape();
    for (const auto count : WinogradCounts::each()) {
      REQUIRE(shape.all(count) == all.*count);
      REQUIRE(shape.most(count) == most.*count);
    }
    REQUIRE(shape.rows() == rows);
    REQUIRE(shape.outer_shifts() == outer_shifts);
  }
  REQUIRE(lines > effort(150));
}

TEST_CASE("Winograd's transform gives the same bits however it is cut") {
  Random random(45);
  Eigen::ThreadPool pool(2);
  const Eigen::ThreadPoolDevice device(&pool, 2);
  tconv::Workspace one, two(device);
  constexpr Index lanes = tconv::simd::Packet<float>::size;
  for (int i = 0; i < effort(300); ++i) {
    const Problem p = random_problem(random, i % 2 == 0 ? Direction::scatter : Direction::gather);
    const Correlation c = engine_correlation(p);
    const Distances distances = random_distances(random, c);
    if (distances == Distances{}) continue;
    const Data<float> data = random_reals<float>(random, p);
    const auto a = run_schedule(p, data, *random_cut(random, c, distances, lanes, 1), one);
    const auto b = run_schedule(p, data, *random_cut(random, c, distances, lanes, 2), two);
    INFO(p);
    REQUIRE(a.y == b.y);
  }
}

TEST_CASE("Winograd's transform rounds no more than its sums of magnitudes allow") {
  Random random(42);
  tconv::Workspace workspace;
  for (int i = 0; i < effort(300); ++i) {
    const Problem p = random_problem(random, i % 2 == 0 ? Direction::scatter : Direction::gather);
    const auto schedule = random_schedule(random, p, tconv::simd::Packet<float>::size, 1);
    if (!schedule) continue;
    const Data<float> data = random_reals<float>(random, p);
    const Result<float> result = run_schedule(p, data, *schedule, workspace);
    const auto expected = reference(p, data);
    // On each axis an output is joined from up to three terms, windows are up to twice as large as
    // inputs, and kernels one and a half times as weights. All of it is rounded once an addition.
    const double terms = static_cast<double>(p.terms());
    const double magnitude =
        std::pow(9, p.rank) * terms * largest_magnitude(data.x) * largest_magnitude(data.w) +
        largest_magnitude(data.bias);
    const double bound = (terms + 20) * std::numeric_limits<float>::epsilon() * magnitude;
    for (std::size_t o = 0; o < expected.size(); ++o) {
      INFO(p << " output " << o);
      REQUIRE(std::abs(static_cast<double>(result.y[o]) - expected[o]) <= bound);
    }
  }
}

TEST_CASE("Winograd's transform reports inputs that are no numbers, or could overflow") {
  Random random(43);
  tconv::Workspace workspace;
  for (int i = 0; i < effort(200); ++i) {
    const Problem p = random_problem(random, Direction::scatter);
    const auto schedule = random_schedule(random, p, tconv::simd::Packet<float>::size, 1);
    if (!schedule || p.x_size() == 0) continue;
    Data<float> data = random_reals<float>(random, p);
    const float bad[] = {std::numeric_limits<float>::quiet_NaN(),
                         std::numeric_limits<float>::infinity(), std::numeric_limits<float>::max()};
    // The middle of the image is read by some tap.
    const Index plane = p.in[0] * p.in[1] * p.in[2];
    const Index middle = (p.in[0] / 2 * p.in[1] + p.in[1] / 2) * p.in[2] + p.in[2] / 2;
    const Index channel = std::uniform_int_distribution<Index>(0, p.in_channels - 1)(random);
    data.x[static_cast<std::size_t>(channel * plane + middle)] = bad[i % 3];
    const auto expected = reference(p, data);
    const bool reaches = std::any_of(expected.begin(), expected.end(), [](float value) {
      return !(std::abs(value) < std::sqrt(std::numeric_limits<float>::max()));
    });
    INFO(p << " problem " << i);
    if (reaches) REQUIRE(run_schedule(p, data, *schedule, workspace).exceeded);
  }
}

TEST_CASE("weights whose sums overflow do not make NaN of zeros in a layer that is transformed") {
  Problem p;
  p.in_channels = p.out_channels = 64;
  p.in = p.out = {30, 26, 1};
  p.kernel = {3, 3, 1};
  p.before = p.after = {1, 1, 0};
  Data<float> data;
  data.x.assign(static_cast<std::size_t>(p.x_size()), 0.0F);
  data.w.assign(static_cast<std::size_t>(p.w_size()), std::numeric_limits<float>::max());
  const auto y = run(Implementation::layer, p, data);
  REQUIRE(std::all_of(y.begin(), y.end(), [](float value) { return value == 0; }));
}

TEST_CASE("a layer that is transformed still treats NaN and infinity as the definition does") {
  Random random(44);
  Problem p;
  p.batch = 1;
  p.in_channels = p.out_channels = 64;
  p.in = p.out = {14, 12, 1};
  p.kernel = {3, 3, 1};
  p.before = p.after = {1, 1, 0};
  const Schedule schedule(engine_correlation(p), tconv::engine::resources<float>(1));
  // Without SIMD a transform is not worth its while.
  if (tconv::simd::Packet<float>::size > 1) REQUIRE(schedule.winograd());
  Data<float> data = random_integers<float>(random, p);
  REQUIRE(run(Implementation::layer, p, data) == reference(p, data));
  const float infinity = std::numeric_limits<float>::infinity();
  for (const float bad : {std::numeric_limits<float>::quiet_NaN(), infinity, -infinity}) {
    data.x[static_cast<std::size_t>(random() % data.x.size())] = bad;
    const auto y = run(Implementation::layer, p, data), expected = reference(p, data);
    REQUIRE(std::equal(y.begin(), y.end(), expected.begin(), [](float u, float v) {
      return u == v || (std::isnan(u) && std::isnan(v));
    }));
  }
}
