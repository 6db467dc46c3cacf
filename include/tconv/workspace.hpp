#pragma once

/// \file
/// Scratch memory and threads of a call.

#include <algorithm>
#include <concepts>
#include <cstddef>
#include <memory>
#include <type_traits>
#include <utility>
#include <vector>

#include "tconv/detail/eigen.hpp"
#include "tconv/engine/memory.hpp"
#include "tconv/engine/parallel.hpp"

namespace tconv {

/// Scratch memory and plans, kept between calls, and the threads to compute on. One for each
/// calling thread; any number of calls, layers and shapes may take turns on it.
class Workspace {
 public:
  /// Computes on the calling thread alone.
  Workspace() = default;

  /// Computes on the calling thread and those of `device`, an `Eigen::ThreadPoolDevice` (define
  /// `EIGEN_USE_THREADS` before Eigen's headers to have it), which must outlive the workspace.
  /// After a call these look out for the next one for 100 us before they go back to the device.
  template <class Device>
  requires requires(const Device& device) {
    { device.numThreads() } -> std::convertible_to<int>;
    device.getPool();
  }
  explicit Workspace(const Device& device) : threads_(engine::thread_source(device)) {}

  Workspace(const Workspace&) = delete;
  Workspace& operator=(const Workspace&) = delete;
  Workspace(Workspace&&) = default;
  Workspace& operator=(Workspace&&) = default;

  /// Threads that calls on this workspace may use.
  int threads() const { return threads_.threads; }

  /// At least `bytes` of memory, aligned to cache lines and uninitialised; the same memory on every
  /// call.
  std::byte* scratch(std::size_t bytes) { return scratch_.at_least(bytes); }

  /// A second block, for weights packed on behalf of one call.
  std::byte* weight_scratch(std::size_t bytes) { return weights_.at_least(bytes); }

  /// A third, for images made on behalf of one call.
  std::byte* image_scratch(std::size_t bytes) { return image_.at_least(bytes); }

  /// Calls `f(task, worker)` for every task, `worker` in `[0, workers)`.
  template <class F>
  void parallel_for(Index tasks, int workers, const F& f) {
    engine::parallel_for(threads_, tasks, workers, f);
  }

  /// The plan remembered under `key`, or the one that `make()` returns a shared pointer to.
  template <class Plan, class Key, class Make>
  const Plan& plan(const Key& key, const Make& make) {
    for (const Entry& entry : plans_)
      if (std::equal(entry.key.begin(), entry.key.end(), key.begin(), key.end()))
        return *static_cast<const Plan*>(entry.plan.get());
    if (plans_.size() == max_plans) plans_.erase(plans_.begin());
    std::shared_ptr<const Plan> made = make();
    plans_.push_back({{key.begin(), key.end()}, std::move(made)});
    return *static_cast<const Plan*>(plans_.back().plan.get());
  }

 private:
  static constexpr std::size_t max_plans = 64;

  struct Entry {
    std::vector<Index> key;
    std::shared_ptr<const void> plan;
  };

  engine::ThreadSource threads_;
  engine::Memory scratch_, weights_, image_;
  std::vector<Entry> plans_;
};

namespace detail {

template <class T>
concept AnyWorkspace = std::same_as<std::remove_cvref_t<T>, Workspace>;

template <class T>
concept NoWorkspace = !AnyWorkspace<T>;

}  // namespace detail
}  // namespace tconv
