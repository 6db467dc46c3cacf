/// \file
/// The cost model beside measured plans, whose times lie in `benchmarks/plans`.

#include <cmath>
#include <string>

#include "../../benchmarks/plans.hpp"
#include "support/catch.hpp"

namespace {

using tconv::Index;

/// Plans that were measured, and where.
struct Measured {
  const char* file;
  const char* instruction_set;  // that the name begins with
  const tconv::engine::Machine& machine;
  Index lanes, first_level, second_level;  // caches in KiB
};

constexpr Measured measured[] = {
    {"avx512.csv", "AVX-512", tconv::engine::avx512_machine, 16, 48, 2048},
    {"avx512_zen4.csv", "AVX-512", tconv::engine::zen4_machine, 16, 32, 1024},
    {"avx2.csv", "AVX2", tconv::engine::avx2_machine, 8, 48, 2048},
    {"avx2_zen4.csv", "AVX2", tconv::engine::amd_avx2_machine, 8, 32, 1024},
    {"avx2_zen3.csv", "AVX2", tconv::engine::amd_avx2_machine, 8, 32, 512},
    {"sse2.csv", "SSE", tconv::engine::sse2_machine, 4, 48, 2048},
    {"sse2_zen3.csv", "SSE", tconv::engine::amd_sse2_machine, 4, 32, 512},
};

}  // namespace

TEST_CASE("the plan that the cost model prefers is among the fastest of those measured") {
  const std::string set = TCONV_ISA_NAME;
  for (const Measured& m : measured) {
    if (!set.starts_with(m.instruction_set)) continue;
    tconv::engine::Resources resources;
    resources.lane_count = m.lanes;
    resources.first_level = m.first_level * 1024 / 4;
    resources.budget = m.second_level * 1024 / 4 * 5 / 8;
    const plans::Quality quality = plans::judge(
        plans::shapes_of(plans::read(std::string(MEASURED_PLANS "/") + m.file), resources),
        m.machine);
    INFO(m.file);
    // Times are those of a busy machine: the fastest of a shape is partly luck.
    CHECK(std::exp(quality.regret) < 1.15);
    CHECK(std::exp(quality.error) < 1.4);
  }
}
