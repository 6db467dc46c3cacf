/// \file
/// The cost model beside measured plans, whose times lie in `benchmarks/plans`.

#include <cmath>
#include <string>

#include "../../benchmarks/plans.hpp"
#include "support/catch.hpp"

namespace {

/// The file of an instruction set that has been measured, or an empty name.
std::string measured_plans() {
  const std::string set = TCONV_ISA_NAME;
  const std::string folder = MEASURED_PLANS "/";
  if (set.starts_with("AVX-512")) return folder + "avx512.csv";
  if (set == "AVX2") return folder + "avx2.csv";
  return set.starts_with("SSE") ? folder + "sse2.csv" : "";
}

}  // namespace

TEST_CASE("the plan that the cost model prefers is among the fastest of those measured") {
  const std::string path = measured_plans();
  if (path.empty()) return;
  tconv::engine::Resources resources;
  resources.lane_count = path.ends_with("avx512.csv") ? 16 : path.ends_with("avx2.csv") ? 8 : 4;
  // The caches of the machine that was measured.
  resources.first_level = 48 * 1024 / 4;
  resources.budget = 2048 * 1024 / 4 * 5 / 8;
  const plans::Quality quality =
      plans::judge(plans::shapes_of(plans::read(path), resources), tconv::engine::this_machine);
  // Times are those of a busy machine: the fastest of a shape is partly
  // luck.
  CHECK(std::exp(quality.regret) < 1.15);
  CHECK(std::exp(quality.error) < 1.4);
}
