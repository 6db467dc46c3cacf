# Makes the target Catch2::Catch2WithMain, of version 2.13 or 3, and the command
# catch_discover_tests: an installed package, or a download. `catch` is what tests link.
find_package(Catch2 CONFIG QUIET)
if(NOT Catch2_FOUND)
  include(FetchContent)
  FetchContent_Declare(Catch2
    URL https://github.com/catchorg/Catch2/archive/refs/tags/v3.7.1.tar.gz)
  FetchContent_MakeAvailable(Catch2)
  list(APPEND CMAKE_MODULE_PATH ${catch2_SOURCE_DIR}/extras)
endif()
include(Catch)

# A build for another machine brings its own main: the installed library is for this one.
if(CMAKE_CROSSCOMPILING)
  add_library(catch_main STATIC ${CMAKE_CURRENT_LIST_DIR}/catch_main.cpp)
  target_link_libraries(catch_main PUBLIC Catch2::Catch2)
  set(catch catch_main)
else()
  set(catch Catch2::Catch2WithMain)
endif()
