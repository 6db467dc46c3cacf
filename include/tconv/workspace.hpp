#pragma once

/// \file
/// Scratch memory and threads of a call.

#include <concepts>

#include "tconv/runtime/execution.hpp"

namespace tconv {

/// `Eigen::ThreadPoolDevice`.
template <class T>
concept ThreadDevice = requires(const T& device) {
  { device.numThreads() } -> std::convertible_to<int>;
  device.getPool();
};

/// Scratch memory and plans, kept between calls, and the threads to compute on. One for each
/// calling thread; any number of calls, layers and shapes may take turns on it. A moved-from
/// workspace is as a new one.
///
/// \par Limits
/// One call at a time.
/// \par Example
/// \snippet functions.cpp Workspace
class Workspace {
 public:
  /// Computes on the calling thread alone.
  Workspace() = default;

  /// Computes on the calling thread and those of `device`, an `Eigen::ThreadPoolDevice` (define
  /// `EIGEN_USE_THREADS` before Eigen's headers to have it), which must outlive the workspace.
  /// After a call its threads look out for the next one, but for no longer than the call took,
  /// 100 us at most, and go back to the device every 5 ms.
  template <ThreadDevice Device>
  explicit Workspace(const Device& device) : execution_(runtime::thread_source(device)) {}
  template <ThreadDevice Device>
  explicit Workspace(const Device&& device) = delete;

  Workspace(const Workspace&) = delete;
  Workspace& operator=(const Workspace&) = delete;
  Workspace(Workspace&&) = default;
  Workspace& operator=(Workspace&&) = default;

  /// Gives scratch memory and plans back; the next call makes its own again.
  void release_memory() { execution_.release_memory(); }

  /// Threads that calls on this workspace may use.
  int threads() const { return execution_.threads(); }

  /// What the library computes with.
  friend runtime::Execution& execution_of(Workspace& workspace) { return workspace.execution_; }

 private:
  runtime::Execution execution_;
};

/// The workspace of calls that are given none: one for each thread, without further threads.
inline Workspace& thread_workspace() {
  static thread_local Workspace workspace;
  return workspace;
}

/// Gives back the memory that calls without a workspace keep for the calling thread.
inline void release_thread_memory() { thread_workspace().release_memory(); }

}  // namespace tconv
