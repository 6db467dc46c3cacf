#define EIGEN_USE_THREADS

/// \file
/// The engine under plans that the cost model would not choose: every packing, and tiles so small
/// that all blocks have edges.

#include <algorithm>
#include <limits>
#include <tconv/detail/production.hpp>

#include "support/catch.hpp"
#include "support/problem.hpp"

using namespace support;
using tconv::Axis;
using tconv::Direction;
using namespace tconv::engine;

namespace {

/// The axes of a problem as the engine orders them, missing ones in front.
std::array<Axis, 3> engine_axes(const Problem& p) {
  std::array<Axis, 3> axes;
  const auto first = static_cast<std::size_t>(3 - p.rank);
  for (std::size_t a = first; a < 3; ++a) {
    const std::size_t i = a - first;
    axes[a] = {p.scatters() ? p.in[i] : p.out[i],
               p.scatters() ? p.out[i] : p.in[i],
               p.kernel[i],
               p.stride[i],
               p.dilation[i],
               p.before[i]};
  }
  return axes;
}

std::array<Index, 3> row_major(const std::array<Index, 3>& extents) {
  return {extents[1] * extents[2], extents[2], 1};
}

/// The result of a problem in canonical order under the given plan, on scratch full of NaN and the
/// threads of the workspace.
template <class Scalar>
std::vector<Scalar> run_plan(const Problem& p, const Data<Scalar>& data, const Plan& plan,
                             tconv::Workspace& workspace) {
  constexpr Index lanes = tconv::detail::Packet<Scalar>::size;
  constexpr Scalar nan = std::numeric_limits<Scalar>::quiet_NaN();
  const auto axes = engine_axes(p);
  std::array<Index, 3> in{}, out{}, kernel{};
  for (std::size_t a = 0; a < 3; ++a) {
    in[a] = p.scatters() ? axes[a].coarse : axes[a].fine;
    out[a] = p.scatters() ? axes[a].fine : axes[a].coarse;
    kernel[a] = axes[a].kernel;
  }
  const Index taps = kernel[0] * kernel[1] * kernel[2];
  const Index in_plane = in[0] * in[1] * in[2], out_plane = out[0] * out[1] * out[2];
  // The weight is (coarse channels, fine channels of a group, kernel...).
  const Index fine_group = (p.scatters() ? p.out_channels : p.in_channels) / p.groups;
  const Index coarse_group = (p.scatters() ? p.in_channels : p.out_channels) / p.groups;
  const WeightSource<Scalar> source{data.w.data(),
                                    data.w.data() + data.w.size(),
                                    p.scatters() ? fine_group * taps : taps,
                                    p.scatters() ? taps : fine_group * taps,
                                    row_major(kernel),
                                    coarse_group * fine_group * taps};
  const Schedule schedule(
      make_correlation(p.direction, p.batch, p.groups, p.in_channels, p.out_channels, axes), lanes,
      plan, workspace.threads());
  std::vector<Scalar> weights(static_cast<std::size_t>(schedule.weight_size()), nan);
  pack_all_weights(schedule, source, weights.data(), [](Index tasks, const auto& pack) {
    for (Index task = 0; task < tasks; ++task) pack(task);
  });
  std::vector<Scalar> y(static_cast<std::size_t>(p.y_size()), nan);
  const Identity f;
  const std::size_t bytes = 2 * TileTask<Scalar, Identity>::scratch_bytes(schedule);
  std::fill_n(reinterpret_cast<Scalar*>(workspace.scratch(bytes)), bytes / sizeof(Scalar), nan);
  correlate(
      Call<Scalar, Identity>{schedule,
                             weights.data(),
                             p.bias ? data.bias.data() : nullptr,
                             {data.x.data(), p.in_channels * in_plane, in_plane, row_major(in)},
                             {y.data(), p.out_channels * out_plane, out_plane, row_major(out)},
                             f},
      workspace);
  return y;
}

Tile random_tile(Random& random, const Tile& whole) {
  const auto draw = [&](Index extent) {
    return std::uniform_int_distribution<Index>(1, extent)(random);
  };
  return {draw(whole.batch), {draw(whole.q[0]), draw(whole.q[1]), draw(whole.q[2])}};
}

/// Runs `check(plan)` for every packing that is valid for a problem, on a random tile.
template <class Check>
void for_each_packing(Random& random, const Problem& p, const Check& check) {
  const Correlation c = make_correlation(p.direction, p.batch, p.groups, p.in_channels,
                                         p.out_channels, engine_axes(p));
  const auto draw_steps = [&] {
    return Index{1} << std::uniform_int_distribution<int>(0, 11)(random);
  };
  for (const Merge outer : {Merge::none, Merge::equal, Merge::unequal})
    for (const Merge inner : {Merge::none, Merge::equal, Merge::unequal})
      for (int copied_axes = 0; copied_axes <= 3; ++copied_axes)
        for (const Lanes lanes : {Lanes::pixels, Lanes::weights})
          for (const int vectors : {1, 2, 4, max_vectors})
            check(Plan{{lanes, vectors, copied_axes, inner, outer, draw_steps()},
                       random_tile(random, whole_image(c)),
                       std::bernoulli_distribution()(random)});
}

}  // namespace

TEST_CASE("every packing gives the exact result in every tile") {
  Random random(11);
  Eigen::ThreadPool pool(2);
  const Eigen::ThreadPoolDevice device(&pool, 2);
  tconv::Workspace one, two(device);
  for (int i = 0; i < 60; ++i) {
    const Problem p = random_problem(random, i % 2 == 0 ? Direction::scatter : Direction::gather);
    const Data<float> data = random_integers<float>(random, p);
    const auto expected = reference(p, data);
    for_each_packing(random, p, [&](const Plan& plan) {
      INFO(p << " | weights in lanes " << plan.packing.weights_in_lanes() << " vectors "
             << plan.packing.vectors << " copied " << plan.packing.copied_axes << " inner "
             << static_cast<int>(plan.packing.inner) << " outer "
             << static_cast<int>(plan.packing.outer) << " steps " << plan.packing.steps
             << " streams " << plan.streams << " tile " << plan.tile.batch << " " << plan.tile.q[0]
             << " " << plan.tile.q[1] << " " << plan.tile.q[2]);
      REQUIRE(run_plan(p, data, plan, i % 4 < 2 ? one : two) == expected);
    });
  }
}
