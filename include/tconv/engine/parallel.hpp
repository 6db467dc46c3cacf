#pragma once

/// \file
/// Loops over tasks on the caller's thread and on those of a thread pool.

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <exception>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

#include "tconv/detail/eigen.hpp"

namespace tconv::engine {

/// How long a thread looks out before it sleeps: the caller for the end of the others, and those
/// for the next call. To wake a thread costs the caller some 30 us, and the thread twice that until
/// it is as fast as before.
inline constexpr std::chrono::microseconds patience{100};

/// Waits until `ready()`, but for no longer than `patience`.
template <class Ready>
bool look_out(const Ready& ready) {
  const auto end = std::chrono::steady_clock::now() + patience;
  while (!ready()) {
    if (std::chrono::steady_clock::now() > end) return false;
    std::this_thread::yield();
  }
  return true;
}

/// The tasks of one call. Each worker has some that follow one another, the same in every call, so
/// that it finds in its cache what it has read and written before, and shares few cache lines with
/// the others; then it takes those that they have not begun.
class Job {
 public:
  /// Calls `f(task, worker)` for tasks in `[0, tasks)`. `f` must live until `finish` returns.
  template <class F>
  Job(Index tasks, int workers, const F& f)
      : tasks_(tasks),
        f_(&f),
        call_([](const void* g, Index task, int worker) {
          (*static_cast<const F*>(g))(task, worker);
        }),
        next_(static_cast<std::size_t>(workers)) {
    for (std::size_t worker = 0; worker < next_.size(); ++worker) next_[worker] = begin(worker);
  }

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
    look_out([this] { return active_ == 0; });
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
    try {
      for (std::size_t i = 0; i < next_.size(); ++i) {
        const std::size_t owner = (static_cast<std::size_t>(worker) + i) % next_.size();
        const Index end = begin(owner + 1);
        for (Index task = next_[owner]++; task < end; task = next_[owner]++)
          call_(f_, task, worker);
      }
    } catch (...) {
      for (std::atomic<Index>& next : next_) next = tasks_;
      const std::lock_guard lock(mutex_);
      error_ = std::current_exception();
    }
  }

  const Index tasks_;
  const void* const f_;
  void (*const call_)(const void* f, Index task, int worker);
  std::vector<std::atomic<Index>> next_;  // of each worker
  std::atomic<int> active_{0};            // threads of the pool that work
  std::mutex mutex_;
  std::condition_variable idle_;
  bool closed_ = false;
  std::exception_ptr error_;
};

/// Where threads that have finished a job wait for the next one: a seat for each worker.
class Team {
 public:
  explicit Team(int threads) : seats_(static_cast<std::size_t>(threads)) {}

  /// Hands a job to the thread on a worker's seat. False if nobody waits there.
  bool call(int worker, const std::shared_ptr<Job>& job) {
    Seat& seat = seats_[static_cast<std::size_t>(worker)];
    // The job before this one is done, and its thread about to sit down.
    for (int i = 0; i < 100 && seat.state == State::busy; ++i) std::this_thread::yield();
    State expected = State::waiting;
    if (!seat.state.compare_exchange_strong(expected, State::reserved)) return false;
    seat.job = job;
    seat.state = State::busy;
    return true;
  }

  /// Works on a job, and on those that follow soon.
  void stay(int worker, std::shared_ptr<Job> job) {
    Seat& seat = seats_[static_cast<std::size_t>(worker)];
    State expected = State::empty;
    const bool seated = seat.state.compare_exchange_strong(expected, State::busy);
    job->join(worker);
    job.reset();
    if (!seated) return;
    seat.state = State::waiting;
    for (;;) {
      if (!look_out([&seat] { return seat.state == State::busy; })) {
        expected = State::waiting;
        if (seat.state.compare_exchange_strong(expected, State::empty)) return;
        continue;
      }
      job = std::move(seat.job);
      job->join(worker);
      job.reset();
      seat.state = State::waiting;
    }
  }

 private:
  enum class State { empty, waiting, reserved, busy };

  struct Seat {
    std::atomic<State> state{State::empty};
    std::shared_ptr<Job> job;
  };

  std::vector<Seat> seats_;
};

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

/// Calls `f(task, worker)` for each task once; at most one task at a time has the same worker. The
/// caller works too, and waits only for threads that have begun, so that a busy pool delays
/// nothing.
template <class F>
void parallel_for(const ThreadSource& source, Index tasks, int workers, const F& f) {
  if (workers <= 1) {
    for (Index task = 0; task < tasks; ++task) f(task, 0);
    return;
  }
  const auto job = std::make_shared<Job>(tasks, workers, f);
  for (int worker = 1; worker < workers; ++worker)
    if (!source.team->call(worker, job))
      source.start(source.device, [team = source.team, job, worker] { team->stay(worker, job); });
  job->finish();
}

}  // namespace tconv::engine
