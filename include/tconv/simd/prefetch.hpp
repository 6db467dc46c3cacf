#pragma once

/// \file
/// What is brought into the second-level cache while the micro-kernel computes. The third-level
/// cache and memory would be idle meanwhile.

#include <algorithm>

#include "tconv/core/eigen.hpp"
#include "tconv/core/integer.hpp"
#include "tconv/core/isa.hpp"

namespace tconv::inline TCONV_ISA::simd {

/// Brings a cache line into the second-level cache. It is not read, and may lie anywhere.
EIGEN_ALWAYS_INLINE void prefetch([[maybe_unused]] const void* line) {
  // g++ takes Eigen's function for one without effect.
#if EIGEN_COMP_GNUC
  __builtin_prefetch(line, 0, 2);
#endif
}

/// Memory that a call of the micro-kernel prefetches, `step` elements with each of its steps.
template <class Scalar>
struct Ahead {
  const Scalar* first;
  Index step;

  /// Nothing new: `present` is in the cache, or soon will be.
  static Ahead nothing(const Scalar* present) { return {present, 0}; }
};

/// Blocks of memory of equal size.
template <class Scalar>
struct MemoryBlocks {
  const Scalar* first = nullptr;
  Index count = 0;
  Index size = 0;      // elements of a block
  Index distance = 0;  // from block to block
};

/// Hands out blocks of memory part by part.
template <class Scalar>
class Prefetches {
 public:
  /// Of nothing.
  Prefetches() = default;
  /// In at most `parts` parts of nearly equal size, or one of each block if these are more.
  Prefetches(const MemoryBlocks<Scalar>& blocks, Index parts)
      : blocks_(blocks), next_(blocks.first), left_(blocks.size) {
    if (blocks.count == 0 || parts == 0)
      blocks_.count = 0;
    else
      part_ = ceil_div(blocks.size, std::max<Index>(parts / blocks.count, 1));
  }

  bool done() const { return blocks_.count == 0; }

  /// The next part, for a call of so many steps. It is not done.
  Ahead<Scalar> take(Index steps) {
    constexpr Index line = 64 / static_cast<Index>(sizeof(Scalar));
    const Ahead<Scalar> ahead{next_, std::min(ceil_div(part_, std::max<Index>(steps, 1)), line)};
    next_ += part_;
    left_ -= part_;
    if (left_ <= 0) {
      --blocks_.count;
      blocks_.first += blocks_.distance;
      next_ = blocks_.first;
      left_ = blocks_.size;
    }
    return ahead;
  }

 private:
  MemoryBlocks<Scalar> blocks_;  // those that are left
  const Scalar* next_ = nullptr;
  Index left_ = 0, part_ = 0;  // of the first block
};

}  // namespace tconv::inline TCONV_ISA::simd
