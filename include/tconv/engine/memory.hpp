#pragma once

/// \file
/// Blocks of memory for weights and scratch.

#include <cstddef>
#include <memory>
#include <new>

#if __has_include(<sys/mman.h>)
#include <sys/mman.h>
#endif

namespace tconv::engine {

/// Uninitialised memory that grows on demand, aligned to cache lines. Large blocks ask the system
/// for huge pages: the micro-kernel walks them with long strides, and would miss in the TLB.
class Memory {
 public:
  std::byte* at_least(std::size_t bytes) {
    if (bytes > size_) {
      block_.reset();
      size_ = 0;
      const bool large = bytes >= huge_page / 4;
      const std::size_t rounded = large ? (bytes + huge_page - 1) / huge_page * huge_page : bytes;
      const std::align_val_t alignment{large ? huge_page : cache_line};
      block_ = {static_cast<std::byte*>(::operator new(rounded, alignment)), Delete{alignment}};
      size_ = rounded;
#ifdef MADV_HUGEPAGE
      // Advice: what it returns does not matter.
      if (large) static_cast<void>(madvise(block_.get(), rounded, MADV_HUGEPAGE));
#endif
    }
    return block_.get();
  }

 private:
  static constexpr std::size_t cache_line = 64;
  static constexpr std::size_t huge_page = std::size_t{2} << 20;

  struct Delete {
    std::align_val_t alignment;
    void operator()(std::byte* p) const { ::operator delete(p, alignment); }
  };

  std::unique_ptr<std::byte, Delete> block_{nullptr, Delete{std::align_val_t{cache_line}}};
  std::size_t size_ = 0;
};

}  // namespace tconv::engine
