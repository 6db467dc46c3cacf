#pragma once

/// \file
/// Workspaces as first arguments, and the one of calls without.

#include <concepts>
#include <type_traits>

#include "tconv/core/isa.hpp"
#include "tconv/workspace.hpp"

namespace tconv::inline TCONV_ISA::frontend {

template <class T>
concept AnyWorkspace = std::same_as<std::remove_cvref_t<T>, Workspace>;

template <class T>
concept NoWorkspace = !AnyWorkspace<T>;

/// The memory of free functions that are not given a workspace.
inline Workspace& thread_workspace() {
  static thread_local Workspace workspace;
  return workspace;
}

}  // namespace tconv::inline TCONV_ISA::frontend
