/// \file
/// The engine under plans that the cost model would not choose: every packing, and tiles so small
/// that all blocks have edges.

#include <algorithm>
#include <array>
#include <atomic>
#include <cmath>
#include <cstddef>
#include <limits>
#include <memory>
#include <random>
#include <set>
#include <sstream>
#include <string>
#include <tconv/tconv.hpp>
#include <variant>
#include <vector>

#include "support/catch.hpp"
#include "support/engine.hpp"

using namespace support;
using tconv::Direction;
using namespace tconv::core;
using namespace tconv::engine;
using namespace tconv::simd;

namespace {

/// The result of a problem in canonical order under the given plan, on the threads of the
/// workspace. Plans that pack by chunks pack from `source`.
template <class Scalar>
std::vector<Scalar> run_plan(const Problem& p, const Data<Scalar>& data, const Plan& plan,
                             tconv::Workspace& workspace, const WeightSource<Scalar>& source = {},
                             const Epilogue<Scalar>& epilogue = {}) {
  const DirectSchedule schedule(engine_correlation(p), plan, tconv::simd::Packet<Scalar>::size,
                                workspace.threads());
  std::vector<Scalar> y;
  auto arguments = engine_arguments(p, data, schedule, DirectTask<Scalar>::scratch_bytes(schedule),
                                    workspace, y);
  arguments.operands.epilogue = epilogue;
  std::atomic<bool> not_finite = false;
  Weights<Scalar> weights{arguments.weights.data()};
  if (plan.packing.packs_chunks) weights = {nullptr, source, &not_finite};
  const DirectCall<Scalar> call{schedule, weights, arguments.operands};
  run_tasks<DirectTask<Scalar>>(call, execution_of(workspace));
  REQUIRE_FALSE(not_finite);
  return y;
}

/// Copies images of (channels, positions) to (positions, channels).
template <class Scalar>
std::vector<Scalar> turned(const std::vector<Scalar>& images, Index channels, Index positions) {
  std::vector<Scalar> result(images.size());
  for (std::size_t i = 0; i < images.size(); ++i) {
    const Index place = static_cast<Index>(i) % (channels * positions);
    result[i - static_cast<std::size_t>(place) +
           static_cast<std::size_t>(place % positions * channels + place / positions)] = images[i];
  }
  return result;
}

/// The result of a plan that keeps the channels of each pixel together, in images that do.
template <class Scalar>
std::vector<Scalar> run_channels_inside(const Problem& p, const Data<Scalar>& data,
                                        const Plan& plan, tconv::Workspace& workspace,
                                        const WeightSource<Scalar>& source,
                                        const Epilogue<Scalar>& epilogue) {
  Correlation c = engine_correlation(p);
  c.reads_strips = c.writes_strips = c.writes_channels = c.channels_inside = true;
  const DirectSchedule schedule(c, plan, tconv::simd::Packet<Scalar>::size, workspace.threads());
  std::vector<Scalar> y;
  auto arguments = engine_arguments(p, data, schedule, DirectTask<Scalar>::scratch_bytes(schedule),
                                    workspace, y);
  const Index in = p.in[0] * p.in[1] * p.in[2], out = p.out[0] * p.out[1] * p.out[2];
  const std::vector<Scalar> x = turned(data.x, p.in_channels, in);
  Operands<Scalar>& operands = arguments.operands;
  const auto inside = [](auto& image, auto* values, Index channels) {
    image.data = values;
    image.channel_stride = 1;
    for (Index& stride : image.strides) stride *= channels;
  };
  inside(operands.x, x.data(), p.in_channels);
  inside(operands.y, y.data(), p.out_channels);
  operands.epilogue = epilogue;
  Weights<Scalar> weights{arguments.weights.data()};
  if (plan.packing.packs_chunks) weights = {nullptr, source};
  const DirectCall<Scalar> call{schedule, weights, operands};
  run_tasks<DirectTask<Scalar>>(call, execution_of(workspace));
  return turned(y, out, p.out_channels);
}

/// The same by products with tap rows.
template <class Scalar>
std::vector<Scalar> run_col2im(const Problem& p, const Data<Scalar>& data, const Plan& plan,
                               tconv::Workspace& workspace, const WeightSource<Scalar>& source,
                               const Epilogue<Scalar>& epilogue = {}) {
  const Col2imSchedule schedule(engine_correlation(p), plan, tconv::simd::Packet<Scalar>::size,
                                workspace.threads());
  std::vector<Scalar> y;
  auto arguments = engine_arguments(p, data, schedule.products(),
                                    Col2imTask<Scalar>::scratch_bytes(schedule), workspace, y);
  arguments.operands.epilogue = epilogue;
  Weights<Scalar> weights{arguments.weights.data()};
  if (plan.packing.packs_chunks) weights = {nullptr, source};
  const Col2imCall<Scalar> call{schedule, weights, arguments.operands};
  run_tasks<Col2imTask<Scalar>>(call, execution_of(workspace));
  return y;
}

std::string describe(const Plan& plan) {
  std::ostringstream os;
  os << "weights in lanes " << plan.packing.weights_in_lanes() << " vectors "
     << plan.packing.vectors << " chunk panels " << plan.packing.chunk_panels << " packs chunks "
     << plan.packing.packs_chunks << " copied " << plan.packing.copied_axes << " inner "
     << static_cast<int>(plan.packing.inner) << " outer " << static_cast<int>(plan.packing.outer)
     << " by taps " << plan.packing.by_taps << " clips " << plan.packing.clips << " steps "
     << plan.packing.steps << " streams " << plan.streams << " tile " << plan.tile.batch << " "
     << plan.tile.q[0] << " " << plan.tile.q[1] << " " << plan.tile.q[2];
  return os.str();
}

/// Whether windows may end where the image does.
bool may_clip(const Correlation& c, const Packing& packing) {
  return packing.by_taps && packing.copied_axes == 0 &&
         std::all_of(c.axes.begin(), c.axes.end(),
                     [](const PhasedAxis& axis) { return axis.in_stride == 1; });
}

/// Runs `check(plan)` for every packing that is valid for a problem, on a random tile.
template <class Check>
void for_each_packing(Random& random, const Problem& p, const Check& check) {
  const Correlation c = engine_correlation(p);
  const auto draw_steps = [&] {
    return Index{1} << std::uniform_int_distribution<int>(0, 11)(random);
  };
  for (const Merge outer : {Merge::none, Merge::equal, Merge::unequal})
    for (const Merge inner : {Merge::none, Merge::equal, Merge::unequal})
      for (int copied_axes = 0; copied_axes <= 3; ++copied_axes)
        for (const LaneOperand lanes : {LaneOperand::pixels, LaneOperand::weights})
          for (int vectors = 1; vectors <= max_vectors; vectors *= 2) {
            Plan plan{{lanes, vectors, copied_axes, inner, outer, draw_steps()},
                      random_tile(random, whole_image(c)),
                      std::bernoulli_distribution()(random)};
            plan.packing.chunk_panels = std::uniform_int_distribution<Index>(1, 4)(random);
            // Either, for each number of vectors and copied axes.
            const int merges = static_cast<int>(inner) + static_cast<int>(outer);
            plan.packing.by_taps =
                lanes == LaneOperand::weights && (merges + copied_axes + vectors / 2) % 2 == 0;
            check(plan);
            if (!may_clip(c, plan.packing)) continue;
            plan.packing.clips = true;
            check(plan);
          }
}

}  // namespace

TEST_CASE("the largest kinds of phase sets alone say how much scratch a tile takes") {
  Random random(17);
  int left_out = 0;
  for (int i = 0; i < effort(200); ++i) {
    const Problem p = random_problem(random, i % 2 == 0 ? Direction::scatter : Direction::gather,
                                     i % 4 < 2 ? 9 : 30);
    const Correlation c = engine_correlation(p);
    for_each_packing(random, p, [&](const Plan& plan) {
      const Packing& packing = plan.packing;
      std::array<SetKinds, 3> some, all;
      for (std::size_t a = 0; a < 3; ++a) {
        some[a] = all[a] =
            SetKinds(c.axes[a], make_phase_sets(c.axes[a], a == 2 ? packing.inner : packing.outer));
        all[a].largest = all[a].kinds;
        left_out += some[a].largest.size() < all[a].kinds.size() ? 1 : 0;
      }
      const auto footprint = [&](const std::array<SetKinds, 3>& kinds) {
        const WeightShape shape(c, {&kinds[0], &kinds[1], &kinds[2]}, packing, 4);
        return Footprint(c, shape, packing, plan.tile, 4);
      };
      INFO(p << " | " << describe(plan));
      REQUIRE(footprint(some) == footprint(all));
    });
  }
  REQUIRE(left_out > effort(200));
}

TEST_CASE("two threads have as many tasks each, where these are few and rows can be shared") {
  Random random(23);
  int uneven = 0;
  for (int i = 0; i < effort(1000); ++i) {
    const Problem p = random_problem(random, i % 2 == 0 ? Direction::scatter : Direction::gather,
                                     i % 4 < 2 ? 9 : 30);
    const Correlation c = engine_correlation(p);
    const Plan plan{{LaneOperand::weights, 1, 0}, random_tile(random, whole_image(c))};
    DirectSchedule schedule(c, plan, 1, 2);
    uneven += count_tiles(c, plan.tile) % 2 == 1 ? 1 : 0;
    schedule.share();
    const Index tasks = count_tiles(c, schedule.plan().tile) * schedule.parts();
    INFO(p << " | " << describe(plan));
    if (schedule.units() >= 4 && schedule.layout().channel_blocks().parts == 1 && tasks < 16)
      REQUIRE(tasks % 2 == 0);
  }
  REQUIRE(uneven > effort(1000) / 10);
}

TEST_CASE("every packing gives the exact result in every tile") {
  Random random(11);
  Eigen::ThreadPool pool(2);
  const Eigen::ThreadPoolDevice device(&pool, 2);
  tconv::Workspace one, two(device);
  int packed[2][2] = {};
  const int problems = effort(60);
  for (int i = 0; i < problems; ++i) {
    Problem p = random_problem(random, i % 2 == 0 ? Direction::scatter : Direction::gather);
    if (i % 6 == 0) {
      // A single pixel, whose weights lie as a matrix.
      p.in = p.dilation = {1, 1, 1};
      p.before = p.after = p.output_padding = {};
      p.out = p.kernel;
    }
    const Correlation c = engine_correlation(p);
    const Data<float> data = random_integers<float>(random, p);
    const auto expected = reference(p, data);
    for_each_packing(random, p, [&](const Plan& plan) {
      INFO(p << " | " << describe(plan));
      REQUIRE(run_plan(p, data, plan, i % 4 < 2 ? one : two) == expected);
      if (i % 3 == 0)
        REQUIRE(run_plan(p, data, plan, one, {}, channel_epilogue<float>()) ==
                after_channel_epilogue(p, expected));
      Plan chunks = plan;
      chunks.packing.packs_chunks = true;
      chunks.packing.by_taps = chunks.packing.clips = false;
      const WeightLayout layout(c, chunks.packing, 1);
      std::vector<float> values;
      const bool column_major = std::bernoulli_distribution()(random);
      const WeightSource<float> source =
          column_major ? column_major_source(p, data, values) : weight_source(p, data);
      if (!packs_by_chunks(layout, source)) return;
      INFO("column-major " << column_major);
      REQUIRE(run_plan(p, data, chunks, i % 4 < 2 ? one : two, source) == expected);
      ++packed[p.scatters()][column_major];
    });
  }
  for (const auto& counts : packed)
    for (const int count : counts) REQUIRE(count > problems * 5 / 6);
}

TEMPLATE_TEST_CASE("pixels that keep their channels together give the exact result in every tile",
                   "", float, double) {
  Random random(19);
  Eigen::ThreadPool pool(2);
  const Eigen::ThreadPoolDevice device(&pool, 2);
  tconv::Workspace one, two(device);
  int chunks = 0;
  for (int i = 0; i < effort(300); ++i) {
    const Problem p = random_problem(random, i % 2 == 0 ? Direction::scatter : Direction::gather,
                                     i % 8 == 0 ? 40 : 9);
    const Data<TestType> data = random_integers<TestType>(random, p);
    const auto expected = reference(p, data);
    const auto source = weight_source(p, data);
    for (int copied_axes = 0; copied_axes <= 3; ++copied_axes)
      for (int vectors = 2; vectors <= max_vectors; vectors *= 2) {
        Plan plan{{LaneOperand::weights, vectors, copied_axes, Merge::none, Merge::none,
                   Index{1} << std::uniform_int_distribution<int>(0, 11)(random)},
                  random_tile(random, whole_image(engine_correlation(p))),
                  std::bernoulli_distribution()(random)};
        plan.packing.channels_inside = true;
        plan.packing.packs_chunks =
            i % 3 == 0 &&
            packs_by_chunks(WeightLayout(engine_correlation(p), plan.packing, 1), source);
        plan.packing.by_taps = !plan.packing.packs_chunks && std::bernoulli_distribution()(random);
        plan.packing.clips = vectors != 2 && may_clip(engine_correlation(p), plan.packing);
        chunks += plan.packing.packs_chunks ? 1 : 0;
        INFO(p << " | " << describe(plan));
        tconv::Workspace& workspace = i % 4 < 2 ? one : two;
        REQUIRE(run_channels_inside(p, data, plan, workspace, source, {}) == expected);
        REQUIRE(
            run_channels_inside(p, data, plan, workspace, source, channel_epilogue<TestType>()) ==
            after_channel_epilogue(p, expected));
      }
  }
  REQUIRE(chunks > 0);
}

TEMPLATE_TEST_CASE("products with tap rows give the exact result in every tile", "", float,
                   double) {
  Random random(12);
  Eigen::ThreadPool pool(2);
  const Eigen::ThreadPoolDevice device(&pool, 2);
  tconv::Workspace one, two(device);
  int checked = 0, checked_chunks = 0;
  for (int i = 0; i < effort(1500); ++i) {
    const Problem p = random_problem(random, i % 4 == 0 ? Direction::gather : Direction::scatter);
    const Correlation c = engine_correlation(p);
    const auto fits = [](const PhasedAxis& axis) {
      return axis.in_stride == 1 && kernel_range(axis).size() > 0;
    };
    if (!std::all_of(c.axes.begin(), c.axes.end(), fits)) continue;
    const Data<TestType> data = random_integers<TestType>(random, p);
    const auto draw = [&](int first, int last) {
      return std::uniform_int_distribution<int>(first, last)(random);
    };
    const Packing packing{LaneOperand::pixels, 1, 3, Merge::equal, Merge::equal};
    const Correlation taps = tap_rows(c);
    const WeightLayout rows(taps, packing, 1);
    std::vector<TestType> values;
    const bool column_major = draw(0, 1) == 0;
    const WeightSource<TestType> source =
        column_major ? column_major_source(p, data, values) : weight_source(p, data);
    const bool packs_chunks = packs_by_chunks(rows, source) && draw(0, 1) == 0;
    const Plan plan{{LaneOperand::pixels, draw(1, 2), 3, Merge::equal, Merge::equal,
                     Index{1} << draw(0, 11), draw(1, 6), packs_chunks},
                    random_tile(random, whole_image(c)),
                    draw(0, 1) == 0};
    INFO(p << " | " << describe(plan) << " | column-major " << column_major);
    const auto expected = reference(p, data);
    REQUIRE(run_col2im(p, data, plan, i % 8 < 4 ? one : two, source) == expected);
    REQUIRE(run_col2im(p, data, plan, one, source, channel_epilogue<TestType>()) ==
            after_channel_epilogue(p, expected));
    ++checked;
    if (packs_chunks) ++checked_chunks;
  }
  REQUIRE(checked > effort(500));
  REQUIRE(checked_chunks > effort(100));
}

/// Checks the results of an implementation with NaN and infinity among the pixels and weights.
void check_nonfinite(Random& random, Implementation implementation, const Problem& p) {
  const Data<float> finite = random_integers<float>(random, p);
  const float infinity = std::numeric_limits<float>::infinity();
  for (const float bad : {1.0F, std::numeric_limits<float>::quiet_NaN(), infinity, -infinity})
    for (const auto tensor : {&Data<float>::x, &Data<float>::w}) {
      Data<float> data = finite;
      (data.*tensor)[random() % (data.*tensor).size()] = bad;
      const auto y = run(implementation, p, data), expected = reference(p, data);
      REQUIRE(std::equal(y.begin(), y.end(), expected.begin(), [](float u, float v) {
        return u == v || (std::isnan(u) && std::isnan(v));
      }));
    }
}

Schedule make_schedule(const Problem& p, int threads = 1) {
  return {engine_correlation(p), tconv::engine::resources<float>(threads)};
}

/// Whether there is a schedule, which goes this way.
template <class Way>
bool takes(const PlainSchedule* schedule) {
  return schedule && std::holds_alternative<Way>(*schedule);
}

/// A transposed convolution with stride 2 and padding 1.
Problem stride_two(Index in_channels, Index out_channels, Index kernel, Index height, Index width) {
  Problem p;
  p.direction = Direction::scatter;
  p.in_channels = in_channels;
  p.out_channels = out_channels;
  p.in = {height, width, 1};
  p.kernel = {kernel, kernel, 1};
  p.stride = {2, 2, 1};
  p.before = p.after = {1, 1, 0};
  p.out = {2 * height - 4 + kernel, 2 * width - 4 + kernel, 1};
  return p;
}

TEST_CASE("a layer that takes tap rows keeps NaN and infinity in their place") {
  Random random(13);
  const Problem p = stride_two(96, 1, 3, 40, 40);
  REQUIRE(takes<Col2imSchedule>(&make_schedule(p).plain()));
  check_nonfinite(random, Implementation::layer, p);
}

TEST_CASE("calls that pack their weights by chunks keep NaN and infinity in their place") {
  Random random(14);
  Problem p = stride_two(48, 40, 4, 4, 5);
  // Without SIMD the products take longer than the packing.
  if (Packet<float>::size > 1) REQUIRE(takes<Col2imSchedule>(make_schedule(p).chunked()));
  check_nonfinite(random, Implementation::production, p);
  p.direction = Direction::gather;
  std::swap(p.in, p.out);
  std::swap(p.in_channels, p.out_channels);
  if (Packet<float>::size > 1) REQUIRE(takes<DirectSchedule>(make_schedule(p).chunked()));
  check_nonfinite(random, Implementation::production, p);
}

namespace {

/// All that decides in which order the terms of an output are summed, in calls of any kind.
std::vector<Index> order_of_sums(const Schedule& schedule) {
  std::vector<Index> numbers;
  const auto add_layout = [&](const WeightLayout& layout, bool single_taps = false) {
    // With one tap a term is summed channel by channel, whatever the blocks.
    numbers.push_back(single_taps ? 0 : layout.channel_blocks().parts);
    const std::vector<Index> signature = layout.signature();
    numbers.insert(numbers.end(), signature.begin() + 5, signature.end());
  };
  const auto add = [&](const PlainSchedule* plain) {
    numbers.push_back(plain ? static_cast<Index>(plain->index()) : -1);
    if (plain) add_layout(products(*plain).layout());
  };
  if (schedule.has_plain()) add(&schedule.plain());
  add(schedule.chunked());
  numbers.push_back(schedule.listed() != nullptr);
  numbers.push_back(schedule.lists_once());
  numbers.push_back(schedule.transforms_once());
  numbers.push_back(schedule.winograd() != nullptr);
  if (const WinogradSchedule* winograd = schedule.winograd())
    add_layout(winograd->layout(), has_single_taps(winograd->correlation()));
  return numbers;
}

}  // namespace

TEST_CASE("no number of threads changes the order of a sum") {
  Random random(15);
  for (int i = 0; i < effort(300); ++i) {
    const Problem p = random_layer(random);
    const std::vector<Index> expected = order_of_sums(make_schedule(p));
    for (const int threads : {2, 3, 4, 7, 16, 64}) {
      INFO(p << " threads " << threads);
      CHECK(order_of_sums(make_schedule(p, threads)) == expected);
    }
  }
}

namespace {

/// Small ones, which are exact in any order.
Eigen::Tensor<float, 4, Eigen::RowMajor> integers(Random& random, Index n, Index c, Index rows,
                                                  Index columns) {
  Eigen::Tensor<float, 4, Eigen::RowMajor> t(n, c, rows, columns);
  for (Index i = 0; i < t.size(); ++i)
    t.data()[i] = static_cast<float>(std::uniform_int_distribution<int>(-4, 4)(random));
  return t;
}

}  // namespace

TEST_CASE("free functions and layers give the same bits on any number of threads") {
  using T4 = Eigen::Tensor<float, 4, Eigen::RowMajor>;
  Random random(16);
  Eigen::ThreadPool pool(7);
  std::vector<tconv::Workspace> workspaces(1);
  std::vector<std::unique_ptr<Eigen::ThreadPoolDevice>> devices;
  for (const int threads : {2, 3, 8}) {
    devices.push_back(std::make_unique<Eigen::ThreadPoolDevice>(&pool, threads));
    workspaces.emplace_back(*devices.back());
  }
  for (int i = 0; i < effort(40); ++i) {
    const Problem p = random_layer(random);
    const Data<float> data = random_reals<float>(random, p);
    const Eigen::TensorMap<const T4> x(data.x.data(), p.batch, p.in_channels, p.in[0], p.in[1]);
    const Index coarse = p.scatters() ? p.in_channels : p.out_channels;
    const Eigen::TensorMap<const T4> w(
        data.w.data(), coarse, p.in_channels * p.out_channels / coarse, p.kernel[0], p.kernel[1]);
    const auto check = [&](const auto& call) {
      const T4 expected = call(workspaces[0]);
      for (std::size_t k = 1; k < workspaces.size(); ++k) {
        INFO(p << " threads " << workspaces[k].threads());
        const T4 y = call(workspaces[k]);
        CHECK(std::equal(y.data(), y.data() + y.size(), expected.data()));
      }
    };
    const auto options = p.options<2>();
    if (p.scatters()) {
      const tconv::ConvTranspose layer(w, options);
      check([&](auto& workspace) { return tconv::conv_transpose(workspace, x, w, options); });
      check([&](auto& workspace) { return layer(x, workspace); });
    } else {
      const tconv::Conv layer(w, options);
      check([&](auto& workspace) { return tconv::conv(workspace, x, w, options); });
      check([&](auto& workspace) { return layer(x, workspace); });
    }
  }
}

TEST_CASE("a layer that has seen more packings than it keeps is still right") {
  using T4 = Eigen::Tensor<float, 4, Eigen::RowMajor>;
  Random random(17);
  Problem p;
  p.direction = Direction::gather;
  p.in_channels = 9, p.out_channels = 20;
  p.kernel = {7, 7, 1}, p.before = p.after = {3, 3, 0};
  const T4 w = integers(random, 20, 9, 7, 7);
  const tconv::Conv layer(w, p.options<2>());
  std::set<std::vector<Index>> packings;
  for (int round = 0; round < 2; ++round)
    for (Index i = 0; i < 16; ++i) {
      // An image of `n` rows meets `2 n - 1` of the seven taps, and only these are packed.
      p.in = p.out = {1 + i / 4, 1 + i % 4, 1};
      const Schedule schedule = make_schedule(p);
      std::vector<Index> packing = schedule.listed()     ? schedule.listed()->signature()
                                   : schedule.winograd() ? schedule.winograd()->signature()
                                                         : products(schedule.plain()).signature();
      packing.push_back(schedule.winograd() != nullptr);
      packings.insert(packing);
      const T4 x = integers(random, 1, 9, p.in[0], p.in[1]);
      const T4 y = layer(x), expected = tconv::scatter::conv(x, w, p.options<2>());
      INFO(p);
      REQUIRE(std::equal(y.data(), y.data() + y.size(), expected.data()));
    }
  // It keeps 8.
  CHECK(packings.size() == 16);
}

namespace {

/// The result of a problem whose terms are listed, in canonical order.
std::vector<float> run_lists(const Problem& p, const Data<float>& data,
                             const ListedSchedule& schedule, tconv::Workspace& workspace,
                             bool channels_inside, const Epilogue<float>& epilogue = {}) {
  std::vector<float> y;
  auto arguments =
      engine_arguments(p, data, schedule, ListedTask<float>::scratch_bytes(schedule), workspace, y);
  arguments.operands.epilogue = epilogue;
  const Index positions = p.out[0] * p.out[1] * p.out[2];
  Image<void>& image = arguments.operands.y;
  if (channels_inside) {
    image.channel_stride = 1;
    for (Index& stride : image.strides) stride *= p.out_channels;
  }
  run_listed(schedule, arguments.weights.data(), arguments.operands, execution_of(workspace));
  return channels_inside ? turned(y, positions, p.out_channels) : y;
}

}  // namespace

TEST_CASE("small problems whose terms are listed are exact") {
  Random random(18);
  tconv::Workspace workspace;
  int listed = 0;
  for (int i = 0; i < effort(600); ++i) {
    const Problem p = random_problem(random, i % 2 == 0 ? Direction::scatter : Direction::gather,
                                     i % 5 == 0 ? 25 : 5);
    const Correlation c = engine_correlation(p);
    if (!ListedSchedule::takes(c, tconv::engine::resources<float>(1).budget)) continue;
    ++listed;
    const ListedSchedule schedule(c, Packet<float>::size);
    Data<float> data = random_integers<float>(random, p);
    const bool channels_inside = i % 3 == 0;
    INFO(p << " channels inside " << channels_inside);
    const auto expected = reference(p, data);
    REQUIRE(run_lists(p, data, schedule, workspace, channels_inside) == expected);
    REQUIRE(run_lists(p, data, schedule, workspace, channels_inside, channel_epilogue<float>()) ==
            after_channel_epilogue(p, expected));
    // They multiply no zeros around the image.
    spoil(random, data.w, 20);
    REQUIRE(
        same_or_nan(run_lists(p, data, schedule, workspace, channels_inside), reference(p, data)));
  }
  REQUIRE(listed > effort(600) / 10);
}

namespace {

/// A machine whose costs are up to eight times those of this one, or an eighth of them.
Machine strange_machine(Random& random) {
  const auto change = [&](double cost) {
    return cost * std::exp2(std::uniform_real_distribution<double>(-3, 3)(random));
  };
  Machine m = this_machine();
  for (double Machine::*cost :
       {&Machine::transforms, &Machine::joins, &Machine::lists, &Machine::step_loads,
        &Machine::unaligned_load, &Machine::call, &Machine::new_sum, &Machine::old_sum,
        &Machine::row, &Machine::packet, &Machine::turned_row, &Machine::turned_pixel,
        &Machine::weights, &Machine::store_row, &Machine::store_packet, &Machine::store_turned,
        &Machine::lonely_pixel, &Machine::product})
    m.*cost = change(m.*cost);
  // Half of them list no terms, and half of them transform what can be.
  if (random() % 2 == 0) m.bookkeeping = -1e9;
  if (random() % 2 == 0) m.transforms = 0;
  return m;
}

}  // namespace

TEST_CASE("the plans for strange machines are exact, with weights that are kept or not") {
  Random random(19);
  std::array<int, 5> ways{};
  int computed = 0;  // others are left to the reference loops
  for (int i = 0; i < effort(400); ++i) {
    Problem p = random_problem(random, i % 2 == 0 ? Direction::scatter : Direction::gather,
                               i % 4 == 0 ? 20 : 7);
    if (i % 4 == 3) {
      // Worth a transform.
      const auto draw = [&](Index low, Index high) {
        return low + static_cast<Index>(random() % static_cast<unsigned>(high - low));
      };
      p = stride_two(draw(24, 48), draw(24, 48), 4, draw(5, 12), draw(5, 12));
    }
    Data<float> data = random_integers<float>(random, p);
    if (i % 4 == 1) spoil(random, data.w, 40);
    const Machine machine = strange_machine(random);
    tconv::Workspace workspace;
    tconv::runtime::Execution& execution = execution_of(workspace);
    ConvShape shape = engine_shape(p);
    for (const bool zeros_around : {false, true}) {
      shape.zeros_around = zeros_around;
      const std::array<Index, 3> others{Packet<float>::size, sizeof(float), 1};
      execution.shared_plan<Schedule>(shape.key(others), [&] {
        Resources resources = tconv::engine::resources<float>(1);
        resources.machine = &machine;
        return std::make_shared<Schedule>(make_correlation(shape), resources);
      });
    }
    const Schedule& schedule = find_schedule<float>(shape, execution);
    ways[0] += schedule.listed() != nullptr;
    ways[1] += schedule.winograd() != nullptr;
    ways[2] += schedule.chunked() != nullptr;
    if (schedule.has_plain()) ways[3 + schedule.plain().index()] += 1;
    std::vector<float> y;
    INFO(p);
    const auto expected = reference(p, data);
    const WeightSource<float> source = weight_source(p, data);
    const PackedWeights<float> kept(source);
    for (const bool keeps : {true, false}) {
      const auto operands = engine_operands(p, data, y);
      if (!(keeps ? kept.run(shape, operands, execution)
                  : run_once(shape, source, operands, execution)))
        continue;
      REQUIRE(same_or_nan(y, expected));
      ++computed;
    }
  }
  for (const int count : ways) CHECK(count > effort(400) / 50);
  CHECK(computed > effort(400));
}
