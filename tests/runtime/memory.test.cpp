/// \file
/// Blocks of memory for weights and scratch.

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <tconv/runtime/memory.hpp>

#include "support/catch.hpp"

namespace {

/// What the kernel says of the mapping that holds `address`: the line `VmFlags` of
/// /proc/self/smaps.
std::string flags_of(const void* address) {
  const auto wanted = reinterpret_cast<std::uintptr_t>(address);
  std::ifstream maps("/proc/self/smaps");
  bool inside = false;
  for (std::string line; std::getline(maps, line);) {
    std::uintptr_t first = 0, end = 0;
    char dash = 0;
    if (std::istringstream(line) >> std::hex >> first >> dash >> end && dash == '-')
      inside = first <= wanted && wanted < end;
    else if (inside && line.starts_with("VmFlags:"))
      return line + " ";
  }
  return {};
}

}  // namespace

TEST_CASE("memory grows on demand, and large blocks begin with a huge page") {
  tconv::runtime::Memory memory;
  std::byte* const small = memory.at_least(100);
  CHECK(reinterpret_cast<std::uintptr_t>(small) % 64 == 0);
  CHECK(memory.at_least(50) == small);
  std::byte* const large = memory.at_least(std::size_t{8} << 20);
  CHECK(reinterpret_cast<std::uintptr_t>(large) % tconv::runtime::huge_page == 0);
  large[(std::size_t{8} << 20) - 1] = std::byte{1};
}

TEST_CASE("large blocks ask for huge pages, where the kernel has them") {
  if (!std::filesystem::exists("/sys/kernel/mm/transparent_hugepage/enabled")) return;
  tconv::runtime::Memory memory;
  const std::byte* const block = memory.at_least(std::size_t{16} << 20);
  const std::string flags = flags_of(block);
  INFO(flags);
  // Emulators and sandboxes may show no flags.
  if (!flags.empty()) CHECK(flags.find(" hg ") != std::string::npos);
}
