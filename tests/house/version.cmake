# cmake -DSOURCE=... -DVERSION=... -P version.cmake
#
# The headers, the port and the changelog have the version that CMake's project has.
cmake_minimum_required(VERSION 3.23)

function(expect_version place found)
  if(NOT found STREQUAL VERSION)
    message(SEND_ERROR "${place} has version ${found}, but the project has ${VERSION}")
  endif()
endfunction()

file(STRINGS ${SOURCE}/include/tconv/build.hpp line REGEX "std::string_view version = ")
string(REGEX REPLACE ".*\"(.+)\".*" "\\1" found "${line}")
expect_version(include/tconv/build.hpp "${found}")

file(READ ${SOURCE}/ports/tconv/vcpkg.json port)
string(JSON found GET "${port}" version)
expect_version(ports/tconv/vcpkg.json "${found}")

# The uppermost heading with a number; "Unreleased" may stand above it.
file(STRINGS ${SOURCE}/docs/changelog.md headings REGEX "^## [0-9]")
list(GET headings 0 heading)
string(REGEX REPLACE "^## ([0-9.]+).*" "\\1" found "${heading}")
expect_version(docs/changelog.md "${found}")
