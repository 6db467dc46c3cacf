// The constants of the cost model, fitted to measurements on this machine and instruction set.
//
//   fit_machine measure [shapes] > plans.csv   some plans of random shapes; 500 take a minute
//   fit_machine fit plans.csv                  the constants that predict those times best
//   fit_machine judge plans.csv                how well those of the library do
//
// A line of the file is a shape, a plan of its direct products, and the cycles that it took, in the
// unit of `engine::Machine`.

#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <ctime>
#include <fstream>
#include <map>
#include <random>
#include <sstream>
#include <string>
#include <tconv/engine/run.hpp>
#include <tconv/tconv.hpp>
#include <utility>
#include <vector>

#include "plans.hpp"
#include "problem.hpp"

namespace {

using namespace plans;

using Random = std::mt19937;

Index draw(Random& random, std::initializer_list<Index> values) {
  return values.begin()[random() % values.size()];
}

/// A shape of some 0.2 to 100 MFLOP.
ConvShape random_shape(Random& random) {
  for (;;) {
    ConvShape shape;
    shape.direction =
        draw(random, {0, 0, 1}) == 1 ? tconv::Direction::gather : tconv::Direction::scatter;
    shape.batch = draw(random, {1, 1, 1, 2, 8});
    shape.groups = draw(random, {1, 1, 1, 1, 2, 16});
    shape.coarse_channels = shape.groups * draw(random, {1, 3, 8, 16, 32, 64, 128, 256, 512, 1024});
    shape.fine_channels = shape.groups * draw(random, {1, 2, 3, 8, 16, 32, 64, 128, 256, 512});
    const Index rank = draw(random, {1, 2, 2, 2, 3});
    double flops =
        2.0 * static_cast<double>(shape.batch * shape.coarse_channels * shape.fine_per_group());
    bool valid = true;
    for (std::size_t a = static_cast<std::size_t>(3 - rank); a < 3; ++a) {
      Axis& axis = shape.axes[a];
      axis.coarse = draw(random, {1, 4, 7, 8, 14, 16, 28, 32, 56, 64, 128, rank == 1 ? 4000 : 200});
      axis.kernel = draw(random, {1, 2, 2, 3, 3, 4, 4, 5, 7, 8, 16});
      axis.stride = draw(random, {1, 1, 2, 2, 2, 3, 4, 8});
      axis.dilation = draw(random, {1, 1, 1, 1, 1, 2});
      axis.before = draw(random, {0, (axis.kernel - 1) / 2});
      axis.fine =
          (axis.coarse - 1) * axis.stride + axis.dilation * (axis.kernel - 1) + 1 - 2 * axis.before;
      valid = valid && axis.fine > 0;
      flops *= static_cast<double>(axis.coarse * axis.kernel);
    }
    if (valid && 2e5 < flops && flops < 1e8 && output_size(make_correlation(shape)) < (1 << 23) &&
        input_size(make_correlation(shape)) < (1 << 23))
      return shape;
  }
}

/// Plans with packings of all kinds, in tiles that fit the cache, and the one that is chosen.
std::vector<Plan> some_plans(Random& random, const Correlation& c, const Resources& resources) {
  std::vector<Plan> plans{make_plan(c, resources)};
  for (int i = 0; i < 12; ++i) {
    const auto [lanes, vectors] = micro_tiles[random() % std::size(micro_tiles)];
    if (vectors > tconv::simd::max_vectors) continue;
    Packing packing{lanes,
                    vectors,
                    static_cast<int>(draw(random, {0, 1, 1, 2, 3})),
                    draw(random, {0, 1}) == 0 ? Merge::equal : Merge::unequal,
                    static_cast<Merge>(draw(random, {0, 0, 1, 2})),
                    draw(random, {2048, 1024, 512, 256, 128, 32})};
    std::array<SetKinds, 3> kinds;
    for (std::size_t a = 0; a < 3; ++a)
      kinds[a] =
          SetKinds(c.axes[a], make_phase_sets(c.axes[a], a == 2 ? packing.inner : packing.outer));
    const WeightShape::Axes axes{&kinds[0], &kinds[1], &kinds[2]};
    packing.chunk_panels = WeightShape(c, axes, packing, resources.lane_count).panels_to_fill();
    const WeightShape shape(c, axes, packing, resources.lane_count);
    const double share = scratch_shares[random() % std::size(scratch_shares)];
    const Tile tile = choose_tile(
        c, whole_image(c), static_cast<Index>(share * static_cast<double>(resources.budget)),
        resources.lane_count, [&](const Tile& candidate) {
          return Footprint(c, shape, packing, candidate, resources.lane_count).size();
        });
    plans.push_back(plans[0]);
    plans.back().packing = packing;
    plans.back().tile = tile;
  }
  return plans;
}

/// The cycles of a plan: the least of some runs.
double measure(const ConvShape& shape, const Plan& plan, const Resources& resources,
               double seconds_of_cycle) {
  const DirectSchedule schedule(make_correlation(shape), plan, resources.lane_count, 1);
  const Correlation& c = schedule.correlation();
  const auto in = static_cast<std::size_t>(input_size(c));
  const auto out = static_cast<std::size_t>(output_size(c));
  std::vector<float> x(in + 64, 1.5f), y(out + 64),
      weights(static_cast<std::size_t>(schedule.weight_size()) + 64, 0.5f);
  const auto strides = [](const std::array<Index, 3>& e) {
    return std::array<Index, 3>{e[1] * e[2], e[2], 1};
  };
  const std::array<Index, 3> xe{c.axes[0].in, c.axes[1].in, c.axes[2].in};
  const std::array<Index, 3> ye{c.axes[0].out, c.axes[1].out, c.axes[2].out};
  const Index x_plane = xe[0] * xe[1] * xe[2], y_plane = ye[0] * ye[1] * ye[2];
  Operands<float> operands;
  operands.x =
      Image<const float>{x.data(), x_plane * c.groups * c.in_channels, x_plane, strides(xe)};
  operands.y = Image<float>{y.data(), y_plane * c.groups * c.out_channels, y_plane, strides(ye)};
  tconv::Workspace workspace;
  const DirectCall<float> call{schedule, {weights.data()}, operands};
  double least = 1e30;
  double spent = 0;
  for (int i = 0; i < 30 && (i < 3 || spent < 5e-3); ++i) {
    const auto begin = std::chrono::steady_clock::now();
    run_tasks<DirectTask<float>>(call, execution_of(workspace));
    const std::chrono::duration<double> time = std::chrono::steady_clock::now() - begin;
    if (i > 0) least = std::min(least, time.count());
    spent += time.count();
  }
  return least / seconds_of_cycle;
}

void write(const Measurement& m) {
  const ConvShape& s = m.shape;
  std::printf("%d,%ld,%ld,%ld,%ld", static_cast<int>(s.direction), static_cast<long>(s.batch),
              static_cast<long>(s.groups), static_cast<long>(s.coarse_channels),
              static_cast<long>(s.fine_channels));
  for (const Axis& a : s.axes)
    for (const Index value : {a.coarse, a.fine, a.kernel, a.stride, a.dilation, a.before})
      std::printf(",%ld", static_cast<long>(value));
  const Packing& p = m.plan.packing;
  std::printf(",%d,%d,%d,%d,%d,%ld,%ld", static_cast<int>(p.lanes), p.vectors, p.copied_axes,
              static_cast<int>(p.inner), static_cast<int>(p.outer), static_cast<long>(p.steps),
              static_cast<long>(p.chunk_panels));
  const Tile& t = m.plan.tile;
  std::printf(",%ld,%ld,%ld,%ld,%d,%.0f\n", static_cast<long>(t.batch), static_cast<long>(t.q[0]),
              static_cast<long>(t.q[1]), static_cast<long>(t.q[2]), m.plan.streams, m.plan.cycles);
}

struct Constant {
  const char* name;
  double Machine::*value;
};

constexpr Constant constants[] = {
    {"step_loads", &Machine::step_loads},
    {"unaligned_load", &Machine::unaligned_load},
    {"latency", &Machine::latency},
    {"line", &Machine::line},
    {"weight_line", &Machine::weight_line},
    {"panel_packet", &Machine::panel_packet},
    {"call", &Machine::call},
    {"new_sum", &Machine::new_sum},
    {"old_sum", &Machine::old_sum},
    {"crowding", &Machine::crowding},
    {"plane", &Machine::plane},
    {"row", &Machine::row},
    {"packet", &Machine::packet},
    {"crowded_packet", &Machine::crowded_packet},
    {"distant_packet", &Machine::distant_packet},
    {"expected_packet", &Machine::expected_packet},
    {"strided_pixel", &Machine::strided_pixel},
    {"lonely_pixel", &Machine::lonely_pixel},
    {"turned_row", &Machine::turned_row},
    {"turned_pixel", &Machine::turned_pixel},
    {"weights", &Machine::weights},
    {"product", &Machine::product},
    {"offset", &Machine::offset},
    {"store_row", &Machine::store_row},
    {"store_packet", &Machine::store_packet},
    {"store_blank", &Machine::store_blank},
    {"store_single", &Machine::store_single},
    {"store_turned", &Machine::store_turned},
    {"store_joined", &Machine::store_joined},
    {"store_scattered", &Machine::store_scattered},
    {"store_page", &Machine::store_page},
};

/// One constant after another, by steps that get smaller. Errors and regret count alike.
Machine fit(const std::vector<Shape>& shapes) {
  const auto loss = [&](const Machine& machine) {
    const Quality quality = judge(shapes, machine);
    return quality.error + quality.regret;
  };
  const Machine& known = tconv::engine::this_machine();
  Machine machine = known;
  double least = loss(machine);
  for (double step = 1.6; step > 1.04; step = 1 + (step - 1) * 0.7)
    for (const auto& [name, value] : constants)
      for (const double factor : {step, 1 / step}) {
        Machine other = machine;
        other.*value = std::clamp(machine.*value * factor, known.*value / 8, known.*value * 8);
        const double now = loss(other);
        if (now < least - 1e-5) {
          least = now;
          machine = other;
        }
      }
  return machine;
}

void print(const char* what, const Quality& quality) {
  std::printf(
      "%s: predictions are wrong by a factor of %.3f, choices slower than the best by %.3f\n", what,
      std::exp(quality.error), std::exp(quality.regret));
}

}  // namespace

int main(int argc, char** argv) {
  const auto machine = tconv::engine::resources<float>(1);
  if (argc > 1 && std::strcmp(argv[1], "measure") == 0) {
    Random random(2);
    const int shapes = argc > 2 ? std::atoi(argv[2]) : 300;
    for (int i = 0; i < shapes; ++i) {
      const ConvShape shape = random_shape(random);
      const double cycle = 4.0 * static_cast<double>(machine.lane_count) / probe_peak();
      for (const Plan& plan : some_plans(random, make_correlation(shape), machine)) {
        Measurement m{shape, plan};
        m.plan.cycles = measure(shape, plan, machine, cycle);
        write(m);
      }
    }
    return 0;
  }
  if (argc < 3) return std::fprintf(stderr, "see the first lines of fit_machine.cpp\n"), 1;
  const std::vector<Shape> shapes = shapes_of(read(argv[2]), machine);
  print("the library's constants", judge(shapes, tconv::engine::this_machine()));
  if (std::strcmp(argv[1], "fit") != 0) return 0;
  const Machine fitted = fit(shapes);
  print("fitted to this file", judge(shapes, fitted));
  for (const auto& [name, value] : constants) std::printf("  .%s = %.3g,\n", name, fitted.*value);
  return 0;
}
