#pragma once

/// \file
/// The packed weights of a call, and those that a layer keeps.

#include <cstddef>
#include <list>
#include <mutex>
#include <vector>

#include "tconv/engine/memory.hpp"
#include "tconv/engine/pack_weights.hpp"
#include "tconv/engine/schedule.hpp"

namespace tconv::engine {

/// Packs the weights of all groups. `parallel_for(tasks, f)` calls `f(task)` for every task.
template <class Scalar, class ParallelFor>
void pack_all_weights(const Schedule& schedule, const WeightSource<Scalar>& source, Scalar* to,
                      const ParallelFor& parallel_for) {
  const WeightLayout& layout = schedule.layout();
  const WeightPacker<Scalar> packer(layout, source);
  const Split channels = Split::into_at_most(schedule.correlation().in_channels, 64);
  parallel_for(schedule.correlation().groups * channels.parts, [&](Index task) {
    const Index part = task % channels.parts, group = task / channels.parts;
    packer.pack(source.data + group * source.group_stride, channels.begin(part), channels.end(part),
                to + group * layout.size());
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
  const Scalar* get(const Schedule& schedule) const {
    const std::lock_guard lock(mutex_);
    for (Variant& variant : variants_)
      if (variant.signature == schedule.signature()) return variant.elements;
    Variant& variant = variants_.emplace_back();
    variant.elements = reinterpret_cast<Scalar*>(
        variant.memory.at_least(static_cast<std::size_t>(schedule.weight_size()) * sizeof(Scalar)));
    pack_all_weights(schedule, source_, variant.elements, [](Index tasks, const auto& pack) {
      for (Index task = 0; task < tasks; ++task) pack(task);
    });
    variant.signature = schedule.signature();
    return variant.elements;
  }

 private:
  struct Variant {
    std::vector<Index> signature;
    Memory memory;
    Scalar* elements = nullptr;
  };

  WeightSource<Scalar> source_;
  mutable std::mutex mutex_;
  mutable std::list<Variant> variants_;
};

}  // namespace tconv::engine
