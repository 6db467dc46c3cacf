#pragma once

/// \file
/// What a call computes with: the threads of a device, scratch memory, and the plans of calls
/// before it. A `Workspace` owns one; the engine takes it.

#include <algorithm>
#include <cstddef>
#include <functional>
#include <memory>
#include <utility>
#include <vector>

#include "tconv/core/eigen.hpp"
#include "tconv/runtime/job.hpp"
#include "tconv/runtime/memory.hpp"
#include "tconv/runtime/team.hpp"

namespace tconv::runtime {

/// The threads that a call may use. Hides the type of the device, which exists only where
/// `EIGEN_USE_THREADS` is defined.
struct ThreadSource {
  const void* device = nullptr;
  void (*start)(const void* device, std::function<void()> closure) = nullptr;
  int threads = 1;
  std::shared_ptr<Team> team;
};

template <class Device>
ThreadSource thread_source(const Device& device) {
  const int threads = std::max(static_cast<int>(device.numThreads()), 1);
  return {&device,
          [](const void* d, std::function<void()> closure) {
            static_cast<const Device*>(d)->getPool()->Schedule(std::move(closure));
          },
          threads, std::make_shared<Team>(threads)};
}

/// An address that no other type has.
template <class T>
inline constexpr char type_tag = 0;

class Execution {
 public:
  Execution() = default;
  explicit Execution(ThreadSource threads) : threads_(std::move(threads)) {}

  int threads() const { return threads_.threads; }

  /// At least `bytes` of memory, aligned to cache lines and uninitialised; valid until more is
  /// asked for.
  std::byte* scratch(std::size_t bytes) { return scratch_.at_least(bytes); }
  /// A second block, for weights packed on behalf of one call.
  std::byte* weight_scratch(std::size_t bytes) { return weights_.at_least(bytes); }
  /// A third, for images made on behalf of one call.
  std::byte* image_scratch(std::size_t bytes) { return image_.at_least(bytes); }

  /// Calls `f(task, worker)` for each task once, `worker` in `[0, workers)`; at most one task at a
  /// time has the same worker. The caller works too, and waits only for threads that have begun, so
  /// that a busy pool delays nothing.
  void parallel_for(Index tasks, int workers, const TaskFunction& f) {
    if (workers <= 1) {
      for (Index task = 0; task < tasks; ++task) f(task, 0);
      return;
    }
    const auto job = std::make_shared<Job>(tasks, workers, f);
    for (int worker = 1; worker < workers; ++worker)
      if (!threads_.team->call(worker, job))
        threads_.start(threads_.device,
                       [team = threads_.team, job, worker] { team->stay(worker, job); });
    job->finish();
  }

  /// The plan remembered under `key`, or the one that `make()` returns a shared pointer to. Plans
  /// of different types may have equal keys.
  template <class Plan, class Key, class Make>
  const Plan& plan(const Key& key, const Make& make) {
    for (const Entry& entry : plans_)
      if (entry.type == &type_tag<Plan> &&
          std::equal(entry.key.begin(), entry.key.end(), key.begin(), key.end()))
        return *static_cast<const Plan*>(entry.plan.get());
    if (plans_.size() == max_plans) plans_.erase(plans_.begin());
    std::shared_ptr<const Plan> made = make();
    plans_.push_back({&type_tag<Plan>, {key.begin(), key.end()}, std::move(made)});
    return *static_cast<const Plan*>(plans_.back().plan.get());
  }

 private:
  static constexpr std::size_t max_plans = 64;

  struct Entry {
    const char* type;
    std::vector<Index> key;
    std::shared_ptr<const void> plan;
  };

  ThreadSource threads_;
  Memory scratch_, weights_, image_;
  std::vector<Entry> plans_;
};

}  // namespace tconv::runtime
