#pragma once

/// \file
/// What lies behind the engine's entrance: the schedule of a shape, its weights packed, its tasks
/// run.

#include <algorithm>
#include <array>
#include <atomic>
#include <cmath>
#include <concepts>
#include <cstddef>
#include <limits>
#include <memory>
#include <mutex>
#include <variant>

#include "tconv/core/axis.hpp"
#include "tconv/core/eigen.hpp"
#include "tconv/core/isa.hpp"
#include "tconv/engine/call.hpp"
#include "tconv/engine/col2im/task.hpp"
#include "tconv/engine/correlation.hpp"
#include "tconv/engine/depthwise/plan.hpp"
#include "tconv/engine/depthwise/task.hpp"
#include "tconv/engine/direct/task.hpp"
#include "tconv/engine/elements.hpp"
#include "tconv/engine/entrance.hpp"
#include "tconv/engine/listed/schedule.hpp"
#include "tconv/engine/listed/task.hpp"
#include "tconv/engine/listed/weights.hpp"
#include "tconv/engine/schedule.hpp"
#include "tconv/engine/tasks.hpp"
#include "tconv/engine/weights/all.hpp"
#include "tconv/engine/weights/chunks.hpp"
#include "tconv/engine/winograd/task.hpp"
#include "tconv/runtime/caches.hpp"
#include "tconv/simd/finite.hpp"
#include "tconv/simd/packet.hpp"

namespace tconv::inline TCONV_ISA::engine {

template <class Scalar>
const char* instruction_set() {
  return TCONV_ISA_NAME;
}

template <class Scalar>
Resources resources(int threads) {
  return {simd::Packet<Scalar>::size, runtime::first_level<Scalar>(),
          runtime::scratch_budget<Scalar>(), threads};
}

/// The schedule of a shape, made once for each execution.
template <class Scalar>
const std::shared_ptr<const void>& find_shared_schedule(const ConvShape& shape,
                                                        runtime::Execution& execution) {
  constexpr Index lanes = simd::Packet<Scalar>::size;
  return execution.shared_plan<Schedule>(
      shape.key(std::array<Index, 3>{lanes, sizeof(Scalar), execution.threads()}), [&] {
        return std::make_shared<Schedule>(make_correlation(shape),
                                          resources<Scalar>(execution.threads()));
      });
}

template <class Scalar>
const Schedule& find_schedule(const ConvShape& shape, runtime::Execution& execution) {
  return *static_cast<const Schedule*>(find_shared_schedule<Scalar>(shape, execution).get());
}

/// The largest magnitude of transformed inputs whose products with transformed weights cannot
/// overflow when they are summed: magnitudes of these sum up to 3^3 times those of the weights at
/// most, and as many terms are joined. Zero where these could be infinite themselves.
template <class Scalar>
Scalar winograd_limit(Scalar weight_magnitude) {
  return std::numeric_limits<Scalar>::max() / (1024 * std::max(weight_magnitude, Scalar(1)));
}

/// Computes a call the plain way.
template <class Scalar>
void run_plain(const PlainSchedule& schedule, const Weights<Scalar>& weights,
               const Operands<Scalar>& operands, runtime::Execution& execution) {
  if (const auto* direct = std::get_if<DirectSchedule>(&schedule))
    run_tasks<DirectTask<Scalar>>(DirectCall<Scalar>{*direct, weights, operands}, execution);
  else
    run_tasks<Col2imTask<Scalar>>(
        Col2imCall<Scalar>{std::get<Col2imSchedule>(schedule), weights, operands}, execution);
}

/// What one worker takes of the scratch then.
template <class Scalar>
std::size_t plain_bytes(const PlainSchedule& schedule) {
  const auto* const direct = std::get_if<DirectSchedule>(&schedule);
  return direct ? worker_bytes<DirectTask<Scalar>>(*direct)
                : worker_bytes<Col2imTask<Scalar>>(std::get<Col2imSchedule>(schedule));
}

/// Computes a call with the weights packed by `pack(schedule)`: by Winograd's transform if
/// `transforms`, and the plain way if not, or if values are too large for it.
template <class Scalar, class Pack>
void run_packed(const Schedule& schedule, bool transforms, Scalar weight_magnitude,
                const Pack& pack, const Operands<Scalar>& operands, runtime::Execution& execution) {
  const Scalar limit = winograd_limit(weight_magnitude);
  if (transforms && limit > 0) {
    const WinogradSchedule& winograd = *schedule.winograd();
    std::atomic<bool> exceeded = false;
    const WinogradCall<Scalar> call{{winograd, {pack(winograd)}, operands}, limit, exceeded};
    run_tasks<WinogradTask<Scalar>>(call, execution);
    if (!exceeded) return;
  }
  run_plain<Scalar>(schedule.plain(), {pack(products(schedule.plain()))}, operands, execution);
}

enum class Outcome { done, not_finite, no_schedule };

/// Computes a call that packs its weights by chunks, if there is such a schedule for them.
template <class Scalar>
Outcome run_by_chunks(const Schedule& schedule, const WeightSource<Scalar>& source,
                      const Operands<Scalar>& operands, runtime::Execution& execution) {
  const PlainSchedule* const chunked = schedule.chunked();
  if (!chunked || !packs_by_chunks(products(*chunked).layout(), source))
    return Outcome::no_schedule;
  std::atomic<bool> not_finite = false;
  // Only direct products multiply zeros around the image.
  const bool checks = std::holds_alternative<DirectSchedule>(*chunked);
  run_plain<Scalar>(*chunked, {nullptr, source, checks ? &not_finite : nullptr}, operands,
                    execution);
  return not_finite ? Outcome::not_finite : Outcome::done;
}

/// Computes a call whose weights serve no other, by the schedule of `shape`.
template <class Scalar>
void run_and_pack(const ConvShape& shape, const WeightSource<Scalar>& source, Scalar magnitude,
                  const Operands<Scalar>& operands, runtime::Execution& execution) {
  const std::shared_ptr<const void> owner = find_shared_schedule<Scalar>(shape, execution);
  const auto& schedule = *static_cast<const Schedule*>(owner.get());
  const auto pack = [&](const auto& any_schedule) -> const Scalar* {
    auto* packed = reinterpret_cast<Scalar*>(execution.weight_scratch(
        static_cast<std::size_t>(any_schedule.weight_size()) * sizeof(Scalar)));
    const double worthwhile = 1 + any_schedule.packing_cycles() / cycles_of_a_thread;
    const auto workers = static_cast<int>(std::min<double>(execution.threads(), worthwhile));
    pack_all_weights_once(shape, owner, any_schedule, source, packed, workers, execution);
    return packed;
  };
  run_packed(schedule, schedule.transforms_once(), magnitude, pack, operands, execution);
}

/// The same problem for weights of which one is infinite or no number.
inline ConvShape without_zeros_around(ConvShape shape) {
  shape.zeros_around = false;
  return shape;
}

template <class Scalar>
bool run_once(const ConvShape& shape, const WeightSource<Scalar>& weights,
              const Operands<Scalar>& operands, runtime::Execution& execution) {
  const WeightSource<Scalar> source = weights.of(shape);
  if (is_depthwise(shape, operands)) {
    run_depthwise(shape, source, operands, execution);
    return true;
  }
  const Schedule& schedule = find_schedule<Scalar>(shape, execution);
  if (schedule.lists_once() && has_scalars(operands)) {
    const ListedSchedule& listed = *schedule.listed();
    auto* packed = reinterpret_cast<Scalar*>(
        execution.weight_scratch(static_cast<std::size_t>(listed.weight_size()) * sizeof(Scalar)));
    pack_listed(listed, source, packed);
    run_listed(listed, packed, operands, execution);
    return true;
  }
  const Outcome outcome = run_by_chunks(schedule, source, operands, execution);
  if (outcome == Outcome::done) return true;
  if (outcome == Outcome::no_schedule) {
    const Index size = source.size();
    const Scalar magnitude = simd::sum_of_magnitudes(source.data, size);
    if (std::isfinite(magnitude) || simd::all_finite(source.data, size)) {
      run_and_pack(shape, source, magnitude, operands, execution);
      return true;
    }
  }
  const ConvShape exact = without_zeros_around(shape);
  if (find_schedule<Scalar>(exact, execution).empty()) return false;
  run_and_pack(exact, source, Scalar(0), operands, execution);
  return true;
}

template <class Scalar>
PackedWeights<Scalar>::PackedWeights(const WeightSource<Scalar>& source)
    : source_(source),
      magnitude_(simd::sum_of_magnitudes(source.data, source.size())),
      finite_(std::isfinite(magnitude_) || simd::all_finite(source.data, source.size())) {}

template <class Scalar>
bool PackedWeights<Scalar>::run(const ConvShape& shape, const Operands<Scalar>& operands,
                                runtime::Execution& execution) const {
  const WeightSource<Scalar> source = source_.of(shape);
  if (is_depthwise(shape, operands)) {
    run_depthwise(shape, source, operands, execution);
    return true;
  }
  const Schedule& schedule =
      find_schedule<Scalar>(finite_ ? shape : without_zeros_around(shape), execution);
  if (schedule.empty()) return false;
  VariantPointer used;
  const auto pack = [&](const auto& any_schedule) {
    used = get(any_schedule, source);
    return used->elements;
  };
  if (schedule.listed() && has_scalars(operands))
    run_listed(*schedule.listed(), pack(*schedule.listed()), operands, execution);
  else
    run_packed(schedule, schedule.winograd() != nullptr, magnitude_, pack, operands, execution);
  return true;
}

template <class Scalar>
template <class AnySchedule>
constexpr typename PackedWeights<Scalar>::Way PackedWeights<Scalar>::way_of() {
  if (std::same_as<AnySchedule, ListedSchedule>) return Way::listed;
  return std::same_as<AnySchedule, WinogradSchedule> ? Way::winograd : Way::plain;
}

template <class Scalar>
template <class AnySchedule>
typename PackedWeights<Scalar>::VariantPointer PackedWeights<Scalar>::find(
    const AnySchedule& schedule) const {
  constexpr Way way = way_of<AnySchedule>();
  const auto found =
      std::find_if(variants_.begin(), variants_.end(), [&](const VariantPointer& variant) {
        return variant->way == way && variant->signature == schedule.signature();
      });
  if (found == variants_.end()) return nullptr;
  std::rotate(variants_.begin(), found, found + 1);
  return variants_.front();
}

template <class Scalar>
template <class AnySchedule>
typename PackedWeights<Scalar>::VariantPointer PackedWeights<Scalar>::pack(
    const AnySchedule& schedule, const WeightSource<Scalar>& source) const {
  auto variant = std::make_shared<Variant>();
  variant->way = way_of<AnySchedule>();
  variant->signature = schedule.signature();
  variant->elements = reinterpret_cast<Scalar*>(
      variant->memory.at_least(static_cast<std::size_t>(schedule.weight_size()) * sizeof(Scalar)));
  if constexpr (std::same_as<AnySchedule, ListedSchedule>)
    pack_listed(schedule, source, variant->elements);
  else
    pack_all_weights(schedule, source, variant->elements, 1, [](Index tasks, const auto& task) {
      for (Index i = 0; i < tasks; ++i) task(i);
    });
  return variant;
}

template <class Scalar>
template <class AnySchedule>
typename PackedWeights<Scalar>::VariantPointer PackedWeights<Scalar>::get(
    const AnySchedule& schedule, const WeightSource<Scalar>& source) const {
  {
    const std::lock_guard lock(mutex_);
    if (VariantPointer kept = find(schedule)) return kept;
  }
  VariantPointer packed = pack(schedule, source);
  const std::lock_guard lock(mutex_);
  // Another thread may have packed the same meanwhile.
  if (VariantPointer kept = find(schedule)) return kept;
  if (variants_.size() == max_variants) variants_.pop_back();
  variants_.insert(variants_.begin(), packed);
  return packed;
}

template <class Scalar>
struct PreparedCall<Scalar>::Parts {
  using Variant = typename PackedWeights<Scalar>::VariantPointer;

  Schedule schedule;
  Scalar magnitude;
  // Others are there too where terms are listed, for images of other elements than the engine's,
  // and the plain ones where some are transformed: inputs may be too large.
  Variant listed, plain, winograd;

  Parts(const PackedWeights<Scalar>& weights, const ConvShape& shape)
      : schedule(make_correlation(shape), resources<Scalar>(1)), magnitude(weights.magnitude_) {
    const WeightSource<Scalar> source = weights.source_.of(shape);
    if (schedule.listed()) listed = weights.get(*schedule.listed(), source);
    if (schedule.has_plain()) plain = weights.get(products(schedule.plain()), source);
    if (schedule.winograd()) winograd = weights.get(*schedule.winograd(), source);
  }

  const Scalar* packed(const DirectSchedule&) const { return plain->elements; }
  const Scalar* packed(const WinogradSchedule&) const { return winograd->elements; }
};

template <class Scalar>
PreparedCall<Scalar>::PreparedCall(const PackedWeights<Scalar>& weights, const ConvShape& shape)
    : parts_(std::make_shared<const Parts>(weights, shape)) {}

template <class Scalar>
std::size_t PreparedCall<Scalar>::scratch_bytes() const {
  const Schedule& schedule = parts_->schedule;
  std::size_t bytes = 0;
  if (schedule.listed()) bytes = ListedTask<Scalar>::scratch_bytes(*schedule.listed());
  if (schedule.has_plain()) bytes = std::max(bytes, plain_bytes<Scalar>(schedule.plain()));
  if (schedule.winograd())
    bytes = std::max(bytes, worker_bytes<WinogradTask<Scalar>>(*schedule.winograd()));
  return bytes;
}

template <class Scalar>
void PreparedCall<Scalar>::run(const Operands<Scalar>& operands,
                               runtime::Execution& execution) const {
  const Parts& parts = *parts_;
  if (parts.listed && has_scalars(operands))
    return run_listed(*parts.schedule.listed(), parts.listed->elements, operands, execution);
  run_packed(
      parts.schedule, parts.winograd != nullptr, parts.magnitude,
      [&](const auto& schedule) { return parts.packed(schedule); }, operands, execution);
}

}  // namespace tconv::inline TCONV_ISA::engine
