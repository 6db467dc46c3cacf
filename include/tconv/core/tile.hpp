#pragma once

/// \file
/// A box of positions with a part of the batch.

#include <array>

#include "tconv/core/eigen.hpp"

namespace tconv::core {

/// Batch entries and a box of q.
struct Tile {
  Index batch = 1;
  std::array<Index, 3> q{1, 1, 1};

  bool operator==(const Tile&) const = default;

  Index pixels() const { return batch * q[0] * q[1] * q[2]; }
};

}  // namespace tconv::core
