#pragma once

/// \file
/// Pieces of one block of memory.

#include <cstddef>

#include "tconv/core/eigen.hpp"

namespace tconv::runtime {

/// Rounded up to pages, so that no two threads write to one.
constexpr std::size_t whole_pages(std::size_t bytes) {
  constexpr std::size_t page = 4096;
  return (bytes + page - 1) / page * page;
}

/// Hands out consecutive aligned pieces of a block, or, started on null, counts what they need.
class Arena {
 public:
  static constexpr std::size_t alignment = 64;

  explicit Arena(std::byte* block) : block_(block) {}

  template <class T>
  T* take(Index count) {
    std::byte* piece = block_ ? block_ + used_ : nullptr;
    const std::size_t bytes = static_cast<std::size_t>(count) * sizeof(T);
    used_ += (bytes + alignment - 1) / alignment * alignment;
    return reinterpret_cast<T*>(piece);
  }

  std::size_t used() const { return used_; }

 private:
  std::byte* block_;
  std::size_t used_ = 0;
};

}  // namespace tconv::runtime
