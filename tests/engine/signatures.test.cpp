/// \file
/// What a layer tells its packings apart by.

#include <algorithm>
#include <array>
#include <map>
#include <memory>
#include <numeric>
#include <vector>

#include "support/catch.hpp"
#include "support/engine.hpp"

using namespace support;
using tconv::Direction;
using namespace tconv::core;
using namespace tconv::engine;
using namespace tconv::simd;

namespace {

/// Weights that all differ, and none of which is zero.
Data<float> numbered_weights(const Problem& p) {
  Data<float> data;
  data.w.resize(static_cast<std::size_t>(p.w_size()));
  std::iota(data.w.begin(), data.w.end(), 1.0F);
  return data;
}

template <class AnySchedule>
std::vector<float> packed(const AnySchedule& schedule, const WeightSource<float>& source) {
  std::vector<float> weights(static_cast<std::size_t>(schedule.weight_size()));
  pack_all_weights(schedule, source, weights.data(), 1, [](Index tasks, const auto& pack) {
    for (Index task = 0; task < tasks; ++task) pack(task);
  });
  return weights;
}

/// A correlation of a layer's weights with an image of other extents and another order of elements.
/// Small images do not reach all taps.
Correlation other_call(Random& random, const Problem& layer) {
  Problem p = layer;
  for (std::size_t a = 0; a < 3; ++a) {
    (p.scatters() ? p.in : p.out)[a] = 1 + static_cast<Index>(random() % 5);
    (p.scatters() ? p.out : p.in)[a] = 1 + static_cast<Index>(random() % 9);
  }
  Correlation c = engine_correlation(p);
  c.writes_channels = random() % 2 == 0;
  c.writes_pairs = !c.writes_channels && random() % 2 == 0;
  return c;
}

Packing random_packing(Random& random) {
  const auto draw = [&](int first, int last) {
    return std::uniform_int_distribution<int>(first, last)(random);
  };
  const LaneOperand lanes = draw(0, 1) == 0 ? LaneOperand::pixels : LaneOperand::weights;
  Packing packing{lanes,
                  std::min(1 << draw(0, 3), max_vectors),
                  draw(0, 3),
                  static_cast<Merge>(draw(0, 2)),
                  static_cast<Merge>(draw(0, 2)),
                  Index{1} << draw(0, 11),
                  draw(1, 6)};
  packing.by_taps = packing.weights_in_lanes() && draw(0, 1) == 0;
  return packing;
}

/// Packings that a layer has made, by their signatures.
class Kept {
 public:
  /// Whether packed weights are those that a schedule with the same signature had.
  template <class AnySchedule>
  bool agrees(const AnySchedule& schedule, const WeightSource<float>& source) {
    const auto [kept, is_new] = packings_.try_emplace(schedule.signature());
    if (is_new) {
      kept->second = packed(schedule, source);
      return true;
    }
    ++shared_;
    return kept->second == packed(schedule, source);
  }
  std::size_t packings() const { return packings_.size(); }
  /// Packings whose signature was known already.
  std::size_t shared() const { return shared_; }

 private:
  std::map<std::vector<Index>, std::vector<float>> packings_;
  std::size_t shared_ = 0;
};

}  // namespace

TEST_CASE("calls of a layer whose weights have one signature have the same packed weights") {
  Random random(61);
  std::size_t plain_packings = 0, plain_shared = 0, transformed_packings = 0,
              transformed_shared = 0;
  for (int i = 0; i < effort(60); ++i) {
    const Problem layer = random_problem(
        random, i % 2 == 0 ? Direction::scatter : Direction::gather, i % 3 == 0 ? 5 : 40);
    const Data<float> data = numbered_weights(layer);
    const WeightSource<float> source = weight_source(layer, data);
    Kept plain, transformed;
    INFO(layer);
    for (int call = 0; call < 100; ++call) {
      const Correlation c = other_call(random, layer);
      const Packing packing = random_packing(random);
      const Plan plan{packing, random_tile(random, whole_image(c)), false};
      REQUIRE(plain.agrees(DirectSchedule(c, plan, Packet<float>::size, 1), source));

      std::array<WinogradAxis, 3> axes;
      bool transforms = false;
      for (std::size_t a = 0; a < 3; ++a) {
        const Index distance = random() % 2 == 0 ? winograd_distance(c.axes[a]) : 0;
        axes[a] = WinogradBuilder(c.axes[a], distance).result();
        transforms |= distance != 0;
      }
      if (!transforms) continue;
      const auto problem = std::make_shared<const WinogradProblem>(
          c, std::array<const WinogradAxis*, 3>{&axes[0], &axes[1], &axes[2]}, false);
      Plan cut{packing, random_tile(random, whole_image(problem->terms())), false};
      cut.packing.copied_axes = 3;
      cut.packing.inner = cut.packing.outer = Merge::none;
      cut.packing.by_taps = false;
      REQUIRE(
          transformed.agrees(WinogradSchedule(problem, cut, Packet<float>::size, 1, 1), source));
    }
    plain_packings += plain.packings(), plain_shared += plain.shared();
    transformed_packings += transformed.packings(), transformed_shared += transformed.shared();
  }
  // Most packings are new, and some are not, or the test would see little.
  CHECK(plain_packings > static_cast<std::size_t>(effort(60)) * 20);
  CHECK(plain_shared > static_cast<std::size_t>(effort(60)) * 10);
  CHECK(transformed_packings > static_cast<std::size_t>(effort(60)));
  CHECK(transformed_shared > static_cast<std::size_t>(effort(60)));
}
