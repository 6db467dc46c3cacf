#pragma once

/// \file
/// Blocks of memory for weights and scratch.

#include <cstddef>
#include <memory>
#include <new>
#include <utility>

#include "tconv/runtime/huge_pages.hpp"

namespace tconv::runtime {

/// Uninitialised memory that grows on demand, aligned to cache lines, large blocks in huge pages.
class Memory {
 public:
  Memory() = default;
  Memory(Memory&& other) noexcept
      : block_(std::move(other.block_)), size_(std::exchange(other.size_, 0)) {}
  Memory& operator=(Memory&& other) noexcept {
    block_ = std::move(other.block_);
    size_ = std::exchange(other.size_, 0);
    return *this;
  }

  /// At least `bytes`, whose content is lost when it grows.
  std::byte* at_least(std::size_t bytes) {
    if (bytes > size_) {
      block_.reset();
      size_ = 0;
      const bool large = bytes >= huge_page / 4;
      const std::size_t rounded = large ? (bytes + huge_page - 1) / huge_page * huge_page : bytes;
      const std::align_val_t alignment{large ? huge_page : cache_line};
      block_ = {static_cast<std::byte*>(::operator new(rounded, alignment)), Delete{alignment}};
      size_ = rounded;
      advise_huge_pages(block_.get(), size_);
    }
    return block_.get();
  }

 private:
  static constexpr std::size_t cache_line = 64;

  struct Delete {
    std::align_val_t alignment;
    void operator()(std::byte* p) const { ::operator delete(p, alignment); }
  };

  // Its deleter knows the alignment.
  std::unique_ptr<std::byte, Delete> block_{nullptr, Delete{std::align_val_t{cache_line}}};
  std::size_t size_ = 0;
};

}  // namespace tconv::runtime
