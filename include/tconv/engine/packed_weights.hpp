#pragma once

/// \file
/// The packed weights of a layer.

#include <cstddef>
#include <list>
#include <mutex>
#include <vector>

#include "tconv/engine/correlate.hpp"
#include "tconv/engine/memory.hpp"

namespace tconv::engine {

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
      if (variant.signature == schedule.layout().signature) return variant.elements;
    Variant& variant = variants_.emplace_back();
    variant.elements = reinterpret_cast<Scalar*>(
        variant.memory.at_least(static_cast<std::size_t>(schedule.weight_size()) * sizeof(Scalar)));
    pack_all_weights(schedule, source_, variant.elements);
    variant.signature = schedule.layout().signature;
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
