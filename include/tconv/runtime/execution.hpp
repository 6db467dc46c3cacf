#pragma once

/// \file
/// What a call computes with: the threads of a device, scratch memory, and the plans of calls
/// before it. A `Workspace` owns one; the engine takes it.

#include <algorithm>
#include <array>
#include <cstddef>
#include <functional>
#include <memory>
#include <utility>

#include "tconv/core/eigen.hpp"
#include "tconv/core/exceptions.hpp"
#include "tconv/runtime/job.hpp"
#include "tconv/runtime/memory.hpp"
#include "tconv/runtime/plan_cache.hpp"
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
std::unique_ptr<const ThreadSource> thread_source(const Device& device) {
  const int threads = std::max(static_cast<int>(device.numThreads()), 1);
  return std::make_unique<const ThreadSource>(
      ThreadSource{&device,
                   [](const void* d, std::function<void()> closure) {
                     static_cast<const Device*>(d)->getPool()->Schedule(std::move(closure));
                   },
                   threads, Team::of(device.getPool(), threads)});
}

/// A moved-from execution is as a new one.
class Execution {
 public:
  Execution() = default;
  explicit Execution(std::unique_ptr<const ThreadSource> threads) : threads_(std::move(threads)) {}

  int threads() const { return threads_ ? threads_->threads : 1; }

  /// At least `bytes` of memory, aligned to cache lines and uninitialised; valid until more is
  /// asked for.
  std::byte* scratch(std::size_t bytes) { return scratch_.at_least(bytes); }
  /// A second block, for weights packed on behalf of one call.
  std::byte* weight_scratch(std::size_t bytes) { return weights_.at_least(bytes); }
  /// A third, for images made on behalf of one call.
  std::byte* image_scratch(std::size_t bytes) { return image_.at_least(bytes); }
  /// A fourth, for weights and bias of other elements than the engine's.
  std::byte* operand_scratch(std::size_t bytes) { return operands_.at_least(bytes); }

  /// As `PlanCache::find`.
  template <class Plan, std::size_t size, class Make>
  const Plan& plan(const std::array<Index, size>& key, const Make& make) {
    return plans_.find<Plan>(key, make);
  }

  /// As `PlanCache::find_shared`.
  template <class Plan, std::size_t size, class Make>
  const std::shared_ptr<const void>& shared_plan(const std::array<Index, size>& key,
                                                 const Make& make) {
    return plans_.find_shared<Plan>(key, make);
  }

  void release_memory() {
    scratch_ = Memory();
    weights_ = Memory();
    image_ = Memory();
    operands_ = Memory();
    plans_.clear();
  }

  /// Calls `f(task, worker)` for each task once, `worker` in `[0, workers)`; at most one task at a
  /// time has the same worker. The caller works too, and waits only for threads that have begun, so
  /// that a busy pool delays nothing.
  void parallel_for(Index tasks, int workers, const TaskFunction& f) {
    workers = std::min(workers, threads());
    if (workers <= 1) {
      for (Index task = 0; task < tasks; ++task) f(task, 0);
      return;
    }
    const auto job = std::make_shared<Job>(this, tasks, workers, f);
    const auto start_workers = [&] {
      for (int worker = 1; worker < workers; ++worker)
        if (!threads_->team->call(worker, job))
          threads_->start(threads_->device,
                          [team = threads_->team, job, worker] { team->stay(worker, job); });
    };
    // Threads that cannot be started leave their tasks to the others.
    core::attempt(start_workers, [] {});
    job->finish();
  }

 private:
  std::unique_ptr<const ThreadSource> threads_;
  Memory scratch_, weights_, image_, operands_;
  PlanCache plans_;
};

}  // namespace tconv::runtime
