#pragma once

/// \file
/// The packed weights of a layer.

#include <cstddef>
#include <list>
#include <memory>
#include <mutex>
#include <vector>

#include "tconv/engine/correlate.hpp"

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
    for (const Variant& variant : variants_)
      if (variant.signature == schedule.layout().signature) return variant.elements();
    Variant& variant = variants_.emplace_back();
    variant.signature = schedule.layout().signature;
    variant.memory.resize(static_cast<std::size_t>(schedule.weight_size()) + Variant::slack);
    pack_all_weights(schedule, source_, variant.elements());
    return variant.elements();
  }

 private:
  struct Variant {
    static constexpr std::size_t slack = Arena::alignment / sizeof(Scalar);
    std::vector<Index> signature;
    std::vector<Scalar> memory;

    Scalar* elements() const {
      void* aligned = const_cast<Scalar*>(memory.data());
      std::size_t space = memory.size() * sizeof(Scalar);
      return static_cast<Scalar*>(std::align(Arena::alignment, 1, aligned, space));
    }
  };

  WeightSource<Scalar> source_;
  mutable std::mutex mutex_;
  mutable std::list<Variant> variants_;
};

}  // namespace tconv::engine
