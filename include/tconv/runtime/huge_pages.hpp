#pragma once

/// \file
/// Huge pages for large blocks. The first write to a fresh page costs a visit to the kernel, which
/// for pages of 4 KiB is dearer than all the arithmetic of a memory-bound layer; and long strides
/// through small pages miss in the TLB.

#include <cstddef>
#include <cstdint>

#if __has_include(<sys/mman.h>)
#include <sys/mman.h>
#endif

namespace tconv::runtime {

inline constexpr std::size_t huge_page = std::size_t{2} << 20;

/// Asks the system to back the whole huge pages inside a block with huge pages.
inline void advise_huge_pages([[maybe_unused]] void* data, [[maybe_unused]] std::size_t bytes) {
#ifdef MADV_HUGEPAGE
  const auto address = reinterpret_cast<std::uintptr_t>(data);
  const std::uintptr_t first = (address + huge_page - 1) / huge_page * huge_page;
  const std::uintptr_t end = (address + bytes) / huge_page * huge_page;
  // Advice: what it returns does not matter.
  if (first < end)
    static_cast<void>(
        madvise(static_cast<std::byte*>(data) + (first - address), end - first, MADV_HUGEPAGE));
#endif
}

}  // namespace tconv::runtime
