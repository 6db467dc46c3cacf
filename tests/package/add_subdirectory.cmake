cmake_minimum_required(VERSION 3.23)
project(outside LANGUAGES CXX)
add_subdirectory(${TCONV_FOLDER} tconv)

add_executable(with_headers definition.cpp)
target_link_libraries(with_headers PRIVATE tconv::tconv)
