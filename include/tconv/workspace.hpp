#pragma once

/// \file
/// Scratch memory and threads of a call.

#include <concepts>

#include "tconv/runtime/execution.hpp"

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
  explicit Workspace(const Device& device) : execution_(runtime::thread_source(device)) {}

  Workspace(const Workspace&) = delete;
  Workspace& operator=(const Workspace&) = delete;
  Workspace(Workspace&&) = default;
  Workspace& operator=(Workspace&&) = default;

  /// Threads that calls on this workspace may use.
  int threads() const { return execution_.threads(); }

  /// What the library computes with.
  friend runtime::Execution& execution_of(Workspace& workspace) { return workspace.execution_; }

 private:
  runtime::Execution execution_;
};

}  // namespace tconv
