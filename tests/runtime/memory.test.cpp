/// \file
/// Blocks of memory for weights and scratch.

#include <cstdint>
#include <fstream>
#include <sstream>
#include <string>
#include <tconv/runtime/memory.hpp>

#include "support/catch.hpp"

TEST_CASE("memory grows on demand, and large blocks begin with a huge page") {
  tconv::runtime::Memory memory;
  std::byte* const small = memory.at_least(100);
  CHECK(reinterpret_cast<std::uintptr_t>(small) % 64 == 0);
  CHECK(memory.at_least(50) == small);
  std::byte* const large = memory.at_least(std::size_t{8} << 20);
  CHECK(reinterpret_cast<std::uintptr_t>(large) % tconv::runtime::huge_page == 0);
  large[(std::size_t{8} << 20) - 1] = std::byte{1};
}

#ifdef MADV_HUGEPAGE
namespace {

/// Whether the kernel says that the mapping that holds `address` asks for huge pages: `hg` in the
/// line `VmFlags` of /proc/self/smaps.
bool has_huge_pages(const void* address) {
  const auto wanted = reinterpret_cast<std::uintptr_t>(address);
  std::ifstream maps("/proc/self/smaps");
  bool inside = false;
  for (std::string line; std::getline(maps, line);) {
    std::uintptr_t first = 0, end = 0;
    char dash = 0;
    if (std::istringstream(line) >> std::hex >> first >> dash >> end && dash == '-')
      inside = first <= wanted && wanted < end;
    else if (inside && line.starts_with("VmFlags:"))
      return (line + " ").find(" hg ") != std::string::npos;
  }
  return false;
}

}  // namespace

TEST_CASE("large blocks ask for huge pages, where the kernel has them") {
  const std::size_t bytes = std::size_t{16} << 20;
  // Emulators and sandboxes take the advice and do not show it: a mapping of our own tells.
  void* const asked =
      mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  REQUIRE(asked != MAP_FAILED);
  madvise(asked, bytes, MADV_HUGEPAGE);
  const bool shown = has_huge_pages(asked);
  munmap(asked, bytes);

  tconv::runtime::Memory memory;
  CHECK(has_huge_pages(memory.at_least(bytes)) == shown);
}
#endif
