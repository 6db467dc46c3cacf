#pragma once

/// \file
/// The packed weights of a call, and those that a layer keeps.

#include <algorithm>
#include <concepts>
#include <cstddef>
#include <list>
#include <mutex>
#include <vector>

#include "tconv/engine/memory.hpp"
#include "tconv/engine/pack_weights.hpp"
#include "tconv/engine/schedule.hpp"
#include "tconv/engine/winograd_weights.hpp"

namespace tconv::engine {

template <class Scalar>
WeightPacker<Scalar> make_packer(const TileSchedule& schedule, const WeightSource<Scalar>& source) {
  return {schedule.layout(), source};
}
template <class Scalar>
WinogradPacker<Scalar> make_packer(const WinogradSchedule& schedule,
                                   const WeightSource<Scalar>& source) {
  return {schedule, source};
}

/// Packs the weights of all groups. `parallel_for(tasks, f)` calls `f(task)` for every task, of
/// which there are enough for some workers.
template <class AnySchedule, class Scalar, class ParallelFor>
void pack_all_weights(const AnySchedule& schedule, const WeightSource<Scalar>& source, Scalar* to,
                      int workers, const ParallelFor& parallel_for) {
  const auto packer = make_packer(schedule, source);
  const Index groups = schedule.correlation().groups;
  Split channels = Split::into_at_most(schedule.correlation().in_channels, 64);
  channels.parts = std::clamp<Index>(ceil_div(workers, groups), channels.parts,
                                     std::max(channels.parts, channels.size));
  parallel_for(groups * channels.parts, [&](Index task) {
    const Index part = task % channels.parts, group = task / channels.parts;
    packer.pack(source.data + group * source.group_stride, channels.begin(part), channels.end(part),
                to + group * schedule.layout().size());
  });
}

/// Weights in every packing that has been asked for. Which packing is best depends on the image's
/// extents, so the first call with new extents may pack once more. Safe to share between threads.
template <class Scalar>
class PackedWeights {
 public:
  /// `source` must stay valid.
  explicit PackedWeights(const WeightSource<Scalar>& source) : source_(source) {}

  /// The weights as `schedule` wants them; valid as long as the object.
  template <class AnySchedule>
  const Scalar* get(const AnySchedule& schedule) const {
    constexpr bool winograd = std::same_as<AnySchedule, WinogradSchedule>;
    const std::lock_guard lock(mutex_);
    for (Variant& variant : variants_)
      if (variant.winograd == winograd && variant.signature == schedule.signature())
        return variant.elements;
    Variant& variant = variants_.emplace_back();
    variant.elements = reinterpret_cast<Scalar*>(
        variant.memory.at_least(static_cast<std::size_t>(schedule.weight_size()) * sizeof(Scalar)));
    pack_all_weights(schedule, source_, variant.elements, 1, [](Index tasks, const auto& pack) {
      for (Index task = 0; task < tasks; ++task) pack(task);
    });
    variant.winograd = winograd;
    variant.signature = schedule.signature();
    return variant.elements;
  }

 private:
  struct Variant {
    bool winograd = false;
    std::vector<Index> signature;
    Memory memory;
    Scalar* elements = nullptr;
  };

  WeightSource<Scalar> source_;
  mutable std::mutex mutex_;
  mutable std::list<Variant> variants_;
};

}  // namespace tconv::engine
