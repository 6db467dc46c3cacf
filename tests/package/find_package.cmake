cmake_minimum_required(VERSION 3.23)
project(outside LANGUAGES CXX)
find_package(tconv 0.2 CONFIG REQUIRED)

add_executable(with_headers definition.cpp)
target_link_libraries(with_headers PRIVATE tconv::tconv)
add_executable(with_library operator.cpp)
target_link_libraries(with_library PRIVATE tconv::compiled)
