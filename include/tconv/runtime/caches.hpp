#pragma once

/// \file
/// What scratch may take of the caches.

#include <algorithm>

#include "tconv/core/eigen.hpp"

namespace tconv::runtime {

/// Elements of scratch that a tile may take: five eighths of the second-level cache, which leaves
/// room for the weights that stream past.
template <class Scalar>
Index scratch_budget() {
  return std::max(static_cast<Index>(Eigen::l2CacheSize()), Index{256} * 1024) * 5 / 8 /
         static_cast<Index>(sizeof(Scalar));
}

/// Elements of the first-level cache, of 16 KiB at least.
template <class Scalar>
Index first_level() {
  return std::max(static_cast<Index>(Eigen::l1CacheSize()), Index{16} * 1024) /
         static_cast<Index>(sizeof(Scalar));
}

}  // namespace tconv::runtime
