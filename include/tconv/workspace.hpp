#pragma once

/// \file
/// Scratch memory and threads of a call.

#include <concepts>
#include <functional>
#include <type_traits>

#include "tconv/detail/eigen.hpp"

namespace tconv {

/// Scratch memory, kept between calls, and the threads to compute on. One for each calling thread;
/// any number of calls, layers and shapes may take turns on it.
class Workspace {
 public:
  /// Computes on the calling thread alone.
  Workspace() = default;

  /// Computes on `device`, an `Eigen::ThreadPoolDevice` (define `EIGEN_USE_THREADS` before Eigen's
  /// headers to have it), which must outlive the workspace.
  template <class Device>
  requires requires(const Device& device) {
    { device.numThreads() } -> std::convertible_to<int>;
  }
  explicit Workspace(const Device& device) : threads_(static_cast<int>(device.numThreads())) {}

  Workspace(const Workspace&) = delete;
  Workspace& operator=(const Workspace&) = delete;
  Workspace(Workspace&&) = default;
  Workspace& operator=(Workspace&&) = default;

  /// Threads that calls on this workspace may use.
  int threads() const { return threads_; }

 private:
  int threads_ = 1;
};

namespace detail {

template <class T>
concept AnyWorkspace = std::same_as<std::remove_cvref_t<T>, Workspace>;

template <class T>
concept NoWorkspace = !AnyWorkspace<T>;

}  // namespace detail
}  // namespace tconv
