#pragma once

/// \file
/// Workspaces as first arguments.

#include <concepts>
#include <type_traits>

#include "tconv/core/isa.hpp"
#include "tconv/workspace.hpp"

namespace tconv::inline TCONV_ISA::frontend {

template <class T>
concept AnyWorkspace = std::same_as<std::remove_cvref_t<T>, Workspace>;

template <class T>
concept NoWorkspace = !AnyWorkspace<T>;

}  // namespace tconv::inline TCONV_ISA::frontend
