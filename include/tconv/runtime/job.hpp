#pragma once

/// \file
/// The tasks of one call, shared among threads.

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <exception>
#include <mutex>
#include <thread>
#include <vector>

#include "tconv/core/eigen.hpp"
#include "tconv/core/exceptions.hpp"
#include "tconv/core/function_ref.hpp"

namespace tconv::runtime {

using Clock = std::chrono::steady_clock;

/// How long a thread looks out before it sleeps, at most: the caller for the end of the others, and
/// those for the next call. To wake a thread costs the caller some 30 us, and the thread twice that
/// until it is as fast as before.
inline constexpr Clock::duration patience = std::chrono::microseconds(100);

/// Waits until `ready()`, but for no longer than `time`.
template <class Ready>
bool look_out(const Ready& ready, Clock::duration time) {
  const Clock::time_point end = Clock::now() + time;
  while (!ready()) {
    if (Clock::now() > end) return false;
    std::this_thread::yield();
  }
  return true;
}

/// What is done for each task, `f(task, worker)`.
using TaskFunction = core::FunctionRef<void(Index task, int worker)>;

/// The tasks of one call. Each worker has some that follow one another, the same in every call, so
/// that it finds in its cache what it has read and written before, and shares few cache lines with
/// the others; then it takes those that they have not begun.
class Job {
 public:
  /// Calls `f(task, worker)` for tasks in `[0, tasks)`, on behalf of `caller`. `f` must live until
  /// `finish` returns.
  Job(const void* caller, Index tasks, int workers, const TaskFunction& f)
      : caller_(caller), tasks_(tasks), f_(f), next_(static_cast<std::size_t>(workers)) {
    for (std::size_t worker = 0; worker < next_.size(); ++worker) next_[worker] = begin(worker);
  }

  const void* caller() const { return caller_; }

  /// Works on a thread of the pool, unless the call is over.
  void join(int worker) {
    {
      const std::lock_guard lock(mutex_);
      if (closed_) return;
      ++active_;
    }
    work(worker);
    const std::lock_guard lock(mutex_);
    if (--active_ == 0) idle_.notify_one();
  }

  /// Works on the caller's thread, and returns when no thread works any more. Throws what a task
  /// has thrown.
  void finish() {
    work(0);
    {
      const std::lock_guard lock(mutex_);
      closed_ = true;
    }
    look_out([this] { return active_ == 0; }, std::min(Clock::now() - begun_, patience));
    std::unique_lock lock(mutex_);
    idle_.wait(lock, [this] { return active_ == 0; });
    if (error_) std::rethrow_exception(error_);
  }

 private:
  /// The first task of a worker.
  Index begin(std::size_t worker) const {
    return tasks_ * static_cast<Index>(worker) / static_cast<Index>(next_.size());
  }

  void work(int worker) {
    const auto run_tasks = [&] {
      for (std::size_t i = 0; i < next_.size(); ++i) {
        const std::size_t owner = (static_cast<std::size_t>(worker) + i) % next_.size();
        const Index end = begin(owner + 1);
        for (Index task = next_[owner]++; task < end; task = next_[owner]++) f_(task, worker);
      }
    };
    core::attempt(run_tasks, [&] {
      for (std::atomic<Index>& next : next_) next = tasks_;
      const std::lock_guard lock(mutex_);
      error_ = std::current_exception();
    });
  }

  const Clock::time_point begun_ = Clock::now();
  const void* const caller_;
  const Index tasks_;
  const TaskFunction f_;
  std::vector<std::atomic<Index>> next_;  // of each worker
  std::atomic<int> active_{0};            // threads of the pool that work
  std::mutex mutex_;
  std::condition_variable idle_;
  bool closed_ = false;
  std::exception_ptr error_;
};

}  // namespace tconv::runtime
