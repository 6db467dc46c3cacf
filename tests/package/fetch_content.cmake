cmake_minimum_required(VERSION 3.23)
project(outside LANGUAGES CXX)
include(FetchContent)
FetchContent_Declare(tconv GIT_REPOSITORY https://github.com/tconv/tconv GIT_TAG v0.2.0)
FetchContent_MakeAvailable(tconv)

add_executable(with_headers definition.cpp)
target_link_libraries(with_headers PRIVATE tconv::tconv)
