#pragma once

/// \file
/// What is computed once for a shape: which way its products are computed, and how they are cut.

#include <algorithm>
#include <cstddef>
#include <optional>
#include <utility>
#include <variant>

#include "tconv/core/eigen.hpp"
#include "tconv/core/isa.hpp"
#include "tconv/engine/col2im/schedule.hpp"
#include "tconv/engine/correlation.hpp"
#include "tconv/engine/direct/schedule.hpp"
#include "tconv/engine/layout.hpp"
#include "tconv/engine/planning/plan.hpp"
#include "tconv/engine/winograd/plan.hpp"
#include "tconv/engine/winograd/schedule.hpp"

namespace tconv::inline TCONV_ISA::engine {

/// Cycles for which it pays to wake another thread, some 20 us.
inline constexpr double cycles_of_a_thread = 60e3;

/// A way to compute a shape with its weights as they are, not transformed.
using PlainSchedule = std::variant<DirectSchedule, Col2imSchedule>;

inline const DirectSchedule& products(const PlainSchedule& schedule) {
  return std::visit([](const auto& way) -> const DirectSchedule& { return way.products(); },
                    schedule);
}

/// Estimated cycles of one core to compute a shape, weights packed.
inline double cycles(const PlainSchedule& schedule) {
  return std::visit([](const auto& way) { return way.plan().cycles; }, schedule);
}

/// The way that each kind of call takes, on fewer threads than there are if there is little to do.
class Schedule {
 public:
  Schedule(const Correlation& c, Resources resources) {
    if (!c.zeros_around && count_products(c) > most_products) return;
    PlanSearch search(c, resources);
    Plan direct = search.find(false);
    const Correlation* multiplied = &c;
    const std::optional<Correlation> inside = inside_of(c, direct.cycles);
    if (inside) {
      const Plan plan = make_plan(*inside, resources);
      if (plan.cycles < parts_share * direct.cycles) {
        direct = plan;
        multiplied = &*inside;
      }
    }
    resources.threads = threads_for(direct.cycles, resources.threads);
    const bool ordered = c.order == TermOrder::forward || c.order == TermOrder::backward;
    if (ordered || !c.zeros_around) {
      // The direct products alone are summed channel by channel, and tap by tap. The transform adds
      // infinite weights to others.
      cut(plain_, *multiplied, resources, direct, std::nullopt);
      return;
    }
    const auto winograd =
        c.order == TermOrder::any ? find_winograd(c, resources, direct.cycles) : std::nullopt;
    Plan limit = direct;
    // Direct products of few channels take longer than estimated, on most shapes.
    limit.cycles *= c.out_channels <= few_channels ? 1.02 : 0.95;
    const auto col2im = find_col2im(c, resources, limit, false);
    cut(plain_, col2im ? c : *multiplied, resources, direct, col2im);
    const double packing = cycles(*plain_) + products(*plain_).packing_cycles();
    limit.cycles = packing;
    if (winograd && !(col2im && col2im->cycles < winograd->plan.cycles)) {
      winograd_.emplace(winograd->problem, winograd->plan, resources.lane_count, resources.threads,
                        winograd->parts);
      transforms_once_ = winograd->cycles_once < once_share * packing;
      if (transforms_once_) limit.cycles = winograd->cycles_once;
    }
    find_chunked(search, c, resources, limit);
  }

  /// Whether there is no way: a problem without zeros around falls into so many products that to
  /// plan them takes longer than the reference loops.
  bool empty() const { return !plain_; }

  const PlainSchedule& plain() const { return *plain_; }
  /// Expected to take less time than the plain way where the weights are at hand transformed, or
  /// null.
  const WinogradSchedule* winograd() const { return winograd_ ? &*winograd_ : nullptr; }
  /// Expected to take less time than both where weights serve one call and lie as a matrix: they
  /// are packed by chunks. Or null.
  const PlainSchedule* chunked() const { return chunked_ ? &*chunked_ : nullptr; }
  /// Whether it pays to transform weights that serve one call.
  bool transforms_once() const { return transforms_once_; }

 private:
  static constexpr Index few_channels = 16;
  static constexpr std::size_t most_products = 2000;
  /// Transformed weights are many times as large, and come from another core's cache if threads
  /// have packed them together.
  static constexpr double once_share = 0.9;

  /// What the direct products are to take at most where phases are cut into parts.
  static constexpr double parts_share = 0.85;
  /// The share of the products that meet zeros for which that is worth a look.
  static constexpr double zeros_share = 0.2;

  /// Cycles that some products of parts must save a call to be worth their planning.
  static constexpr double cycles_of_a_part = 30e3;

  /// The same correlation without products that meet zeros around the input, if they are many, and
  /// make up for the parts. `cycles` are those of all products.
  static std::optional<Correlation> inside_of(const Correlation& c, double cycles) {
    double share = 1;
    for (const PhasedAxis& axis : c.axes) share *= inside_share(axis);
    if (share > 1 - zeros_share) return std::nullopt;
    Correlation inside = c;
    for (PhasedAxis& axis : inside.axes) cut_to_inside(axis);
    const auto parts = static_cast<double>(count_products(inside));
    return parts * cycles_of_a_part < cycles ? std::optional(std::move(inside)) : std::nullopt;
  }

  static std::size_t count_products(const Correlation& c) {
    std::size_t count = 1;
    for (const PhasedAxis& axis : c.axes) count *= make_phase_sets(axis, Merge::equal).size();
    return count;
  }

  static int threads_for(double cycles, int threads) {
    return 1 + static_cast<int>(std::min(cycles / cycles_of_a_thread, threads - 1.0));
  }

  /// Cuts a shape by the plan with tap rows, if there is one.
  static void cut(std::optional<PlainSchedule>& result, const Correlation& c,
                  const Resources& resources, const Plan& direct,
                  const std::optional<Plan>& col2im) {
    if (col2im)
      result.emplace(std::in_place_type<Col2imSchedule>, c, *col2im, resources.lane_count,
                     resources.threads);
    else
      std::get<DirectSchedule>(result.emplace(std::in_place_type<DirectSchedule>, c, direct,
                                              resources.lane_count, resources.threads))
          .share();
  }

  /// `limit` is what a call takes that packs all weights before.
  void find_chunked(PlanSearch& search, const Correlation& c, const Resources& resources,
                    const Plan& limit) {
    if (static_cast<double>(products(*plain_).weight_size()) < limit.cycles / 64) return;
    const auto col2im = find_col2im(c, resources, limit, true);
    const Plan chunked = search.find(true);
    if (chunked.cycles < (col2im ? *col2im : limit).cycles)
      cut(chunked_, c, resources, chunked, std::nullopt);
    else if (col2im)
      cut(chunked_, c, resources, chunked, col2im);
  }

  std::optional<PlainSchedule> plain_, chunked_;
  std::optional<WinogradSchedule> winograd_;
  bool transforms_once_ = false;
};

}  // namespace tconv::inline TCONV_ISA::engine
