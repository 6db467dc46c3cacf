#pragma once

/// \file
/// Loops over tasks on the caller's thread and on those of a thread pool.

#include <atomic>
#include <condition_variable>
#include <exception>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <utility>

#include "tconv/detail/eigen.hpp"

namespace tconv::engine {

/// Starts a closure on another thread. Hides the type of the device, which exists only where
/// `EIGEN_USE_THREADS` is defined.
struct ThreadSource {
  const void* device = nullptr;
  void (*start)(const void* device, std::function<void()> closure) = nullptr;
  int threads = 1;
};

template <class Device>
ThreadSource thread_source(const Device& device) {
  return {&device,
          [](const void* d, std::function<void()> closure) {
            static_cast<const Device*>(d)->getPool()->Schedule(std::move(closure));
          },
          device.numThreads() > 1 ? static_cast<int>(device.numThreads()) : 1};
}

/// Times that the caller looks for the end of the other threads before it sleeps, some 100 us.
inline constexpr int patience = 300;

/// Calls `f(task, worker)` for each task once; at most one task at a time has the same worker. The
/// caller works too, and waits only for threads that have begun, so that a busy pool delays
/// nothing.
template <class F>
void parallel_for(const ThreadSource& source, Index tasks, int workers, const F& f) {
  if (workers <= 1) {
    for (Index task = 0; task < tasks; ++task) f(task, 0);
    return;
  }
  struct Shared {
    std::atomic<Index> next{0};
    std::mutex mutex;
    std::condition_variable idle;
    std::atomic<int> active{0};
    bool closed = false;
    std::exception_ptr error;
  };
  const auto shared = std::make_shared<Shared>();
  const auto work = [tasks, &f](Shared& s, int worker) {
    try {
      for (Index task = s.next++; task < tasks; task = s.next++) f(task, worker);
    } catch (...) {
      s.next = tasks;
      const std::lock_guard lock(s.mutex);
      s.error = std::current_exception();
    }
  };
  for (int worker = 1; worker < workers; ++worker)
    source.start(source.device, [shared, work, worker] {
      {
        const std::lock_guard lock(shared->mutex);
        if (shared->closed) return;
        ++shared->active;
      }
      work(*shared, worker);
      const std::lock_guard lock(shared->mutex);
      if (--shared->active == 0) shared->idle.notify_one();
    });
  work(*shared, 0);
  std::unique_lock lock(shared->mutex);
  shared->closed = true;
  // The others are about to end as well, and to sleep and be woken takes longer than they do.
  lock.unlock();
  for (int i = 0; i < patience && shared->active > 0; ++i) std::this_thread::yield();
  lock.lock();
  shared->idle.wait(lock, [&] { return shared->active == 0; });
  if (shared->error) std::rethrow_exception(shared->error);
}

}  // namespace tconv::engine
