#pragma once

/// \file
/// What is computed once for a shape: which way its products are computed, and how they are cut.

#include <algorithm>
#include <cstddef>
#include <limits>
#include <optional>
#include <utility>
#include <variant>

#include "tconv/core/eigen.hpp"
#include "tconv/core/isa.hpp"
#include "tconv/engine/col2im/schedule.hpp"
#include "tconv/engine/correlation.hpp"
#include "tconv/engine/direct/schedule.hpp"
#include "tconv/engine/layout.hpp"
#include "tconv/engine/listed/schedule.hpp"
#include "tconv/engine/planning/plan.hpp"
#include "tconv/engine/winograd/plan.hpp"
#include "tconv/engine/winograd/schedule.hpp"

namespace tconv::inline TCONV_ISA::engine {

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
    const double bookkeeping = resources.machine->bookkeeping;
    const double listed_cycles = find_listed(c, resources);
    if (lists_once_) return;
    if (!c.zeros_around && count_products(c) > most_products) return;
    // The direct products alone are summed channel by channel, and tap by tap. The transform adds
    // infinite weights to others.
    const bool ordered = c.order == TermOrder::forward || c.order == TermOrder::backward;
    const bool direct_only = ordered || !c.zeros_around;
    // Tap rows are planned fast, and say what the direct products may take.
    constexpr double no_limit = std::numeric_limits<double>::infinity();
    const auto col2im = direct_only ? std::nullopt : find_col2im(c, resources, false, no_limit);
    // Direct products of few channels take longer than estimated, on most shapes.
    const double direct_share = c.out_channels <= few_channels ? 1.02 : 0.95;
    const double limit = col2im ? col2im->cycles / direct_share : no_limit;
    PlanSearch search(c, resources);
    std::optional<Plan> direct = search.find(false, limit);
    const Correlation* multiplied = &c;
    const auto inside = inside_of(c, direct ? direct->cycles : limit);
    if (inside) {
      const auto plan =
          PlanSearch(*inside, resources).find(false, direct ? parts_share * direct->cycles : limit);
      if (plan) {
        direct = plan;
        multiplied = &*inside;
      }
    }
    const double least = direct ? direct->cycles : col2im->cycles;
    if (listed_cycles > least + bookkeeping) listed_.reset();
    resources.threads = resources.threads_for(least);
    if (direct)
      cut(plain_, *multiplied, resources, *direct, false);
    else
      cut(plain_, c, resources, *col2im, true);
    if (direct_only) return;
    const auto winograd =
        c.order == TermOrder::any ? find_winograd(c, resources, least) : std::nullopt;
    double cycles_once = least + products(*plain_).packing_cycles();
    if (winograd) {
      if (listed_cycles > winograd->plan.cycles + bookkeeping) listed_.reset();
      winograd_.emplace(winograd->problem, winograd->plan, resources.lane_count, resources.threads,
                        winograd->parts);
      transforms_once_ = winograd->cycles_once < once_share * cycles_once;
      if (transforms_once_) cycles_once = winograd->cycles_once;
    }
    find_chunked(search, c, resources, cycles_once);
    if (chunked_) cycles_once = cycles(*chunked_);
    lists_once_ = listed_ && listed_cycles + listed_->packing_cycles() < cycles_once + bookkeeping;
  }

  /// Whether there is no way: a problem without zeros around falls into so many products that to
  /// plan them takes longer than the reference loops.
  bool empty() const { return !plain_ && !listed_; }

  /// Expected to take less time than the others where images have elements of the engine, or null.
  const ListedSchedule* listed() const { return listed_ ? &*listed_ : nullptr; }
  /// Whether that is so even with weights that serve one call.
  bool lists_once() const { return lists_once_; }
  /// There is one unless `listed` is the only way.
  const PlainSchedule& plain() const { return *plain_; }
  bool has_plain() const { return plain_.has_value(); }
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

  /// Lists the terms of a small problem. Sets `lists_once_` if no other way can take less time or
  /// be needed: images have elements of the engine. Returns the estimated cycles.
  double find_listed(const Correlation& c, const Resources& resources) {
    if (!ListedSchedule::takes(c, resources.budget)) return 0;
    listed_.emplace(c, resources.lane_count);
    const double cycles = listed_->cycles(*resources.machine);
    const bool strips = (c.reads_strips || c.writes_strips) && !c.channels_inside;
    lists_once_ = !strips && cycles + listed_->packing_cycles() < resources.machine->bookkeeping;
    return cycles;
  }

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

  /// Cuts a shape by a plan, which is one with tap rows or not.
  static void cut(std::optional<PlainSchedule>& result, const Correlation& c,
                  const Resources& resources, const Plan& plan, bool tap_rows) {
    if (tap_rows)
      result.emplace(std::in_place_type<Col2imSchedule>, c, plan, resources.lane_count,
                     resources.threads);
    else
      std::get<DirectSchedule>(result.emplace(std::in_place_type<DirectSchedule>, c, plan,
                                              resources.lane_count, resources.threads))
          .share();
  }

  /// `limit` is what a call takes that packs all weights before, in cycles.
  void find_chunked(PlanSearch& search, const Correlation& c, const Resources& resources,
                    double limit) {
    if (static_cast<double>(products(*plain_).weight_size()) < limit / 64) return;
    const auto col2im = find_col2im(c, resources, true, limit);
    const auto direct = search.find(true, col2im ? col2im->cycles : limit);
    if (direct)
      cut(chunked_, c, resources, *direct, false);
    else if (col2im)
      cut(chunked_, c, resources, *col2im, true);
  }

  std::optional<PlainSchedule> plain_, chunked_;
  std::optional<ListedSchedule> listed_;
  std::optional<WinogradSchedule> winograd_;
  bool lists_once_ = false, transforms_once_ = false;
};

}  // namespace tconv::inline TCONV_ISA::engine
