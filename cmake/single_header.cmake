# cmake [-DOUTPUT=tconv.hpp] -P single_header.cmake
#
# Writes the whole library as one header: each header once, before the first one that includes it.
cmake_minimum_required(VERSION 3.23)

cmake_path(SET root NORMALIZE ${CMAKE_CURRENT_LIST_DIR}/..)
set(include ${root}/include)
if(NOT OUTPUT)
  set(OUTPUT tconv.hpp)
endif()
cmake_path(ABSOLUTE_PATH OUTPUT)

# Appends `header` to `code`, its own headers first. `seen` lists what is there.
function(add header)
  if(header IN_LIST seen)
    return()
  endif()
  list(APPEND seen ${header})
  file(READ ${include}/${header} text)
  string(REPLACE "#pragma once\n" "" text "${text}")
  string(APPEND code "\n// ---- ${header}\n")
  while(text MATCHES "(^|\n)(#include [<\"]([^>\"]+)[>\"]\n)")
    set(line "${CMAKE_MATCH_2}")
    set(included ${CMAKE_MATCH_3})
    string(LENGTH "${CMAKE_MATCH_0}" length)
    string(FIND "${text}" "${CMAKE_MATCH_0}" begin)
    math(EXPR end "${begin} + ${length}")
    string(SUBSTRING "${text}" 0 ${begin} before)
    string(APPEND code "${before}${CMAKE_MATCH_1}")
    string(SUBSTRING "${text}" ${end} -1 text)
    if(included MATCHES "^tconv/")
      add(${included})
    elseif(NOT included IN_LIST seen)
      list(APPEND seen ${included})
      string(APPEND code "${line}")
    endif()
  endwhile()
  string(APPEND code "${text}")
  set(code "${code}" PARENT_SCOPE)
  set(seen ${seen} PARENT_SCOPE)
endfunction()

set(code "")
set(seen "")
add(tconv/tconv.hpp)
# An empty folder or a wrong path would give an empty header.
file(GLOB_RECURSE headers RELATIVE ${include} ${include}/tconv/*.hpp)
foreach(header IN LISTS headers)
  if(NOT header IN_LIST seen)
    message(FATAL_ERROR "tconv/tconv.hpp does not lead to ${header}")
  endif()
endforeach()

file(READ ${root}/LICENSE license)
string(STRIP "${license}" license)
string(REGEX REPLACE "\n" "\n// " license "// ${license}")
string(REGEX REPLACE "// (\n|$)" "//\\1" license "${license}")
file(STRINGS ${include}/tconv/build.hpp version REGEX "std::string_view version = ")
string(REGEX REPLACE ".*\"(.+)\".*" "\\1" version "${version}")
string(REGEX REPLACE "\n\n\n+" "\n\n" code "${code}")
file(WRITE ${OUTPUT} "// tconv ${version} in one header, made of the headers that its comments name.
//
${license}

#pragma once

#ifdef TCONV_COMPILED
#error \"tconv in one header has its engine in it: do not define TCONV_COMPILED\"
#endif
${code}")
