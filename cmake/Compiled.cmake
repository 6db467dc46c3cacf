# Makes tconv::compiled: the headers of tconv::tconv, with the engine for float and double in a
# library. Static or shared as BUILD_SHARED_LIBS says.
#
# Where the loader knows glibc's hwcaps folders, a shared library is built once more for each of
# TCONV_COMPILED_LEVELS, and the loader takes the best one that the machine runs. Elsewhere it is
# built for the one instruction set that TCONV_COMPILED_MARCH names (or the compiler's default).
set(TCONV_COMPILED_MARCH "" CACHE STRING "What tconv::compiled is built for: a value of -march")
if(BUILD_SHARED_LIBS AND CMAKE_SYSTEM_NAME STREQUAL "Linux"
    AND CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64|AMD64" AND CMAKE_SIZEOF_VOID_P EQUAL 8)
  set(TCONV_COMPILED_LEVELS "x86-64-v2;x86-64-v3;x86-64-v4"
    CACHE STRING "Instruction sets beside the default that the loader of glibc chooses from")
else()
  set(TCONV_COMPILED_LEVELS "")
endif()

set(compiled_folder ${CMAKE_CURRENT_LIST_DIR}/compiled)

# A library of the compiled sources for a value of -march, or for the compiler's default.
function(tconv_add_compiled target march)
  add_library(${target} ${compiled_folder}/engine_float.cpp ${compiled_folder}/engine_double.cpp
    ${compiled_folder}/gradient_float.cpp ${compiled_folder}/gradient_double.cpp)
  target_link_libraries(${target} PUBLIC tconv PRIVATE $<BUILD_INTERFACE:tconv_developer>)
  target_compile_definitions(${target} PUBLIC TCONV_COMPILED)
  if(march)
    target_compile_options(${target} PRIVATE -march=${march})
  endif()
  # g++ 12 finds its own AVX-512 intrinsics uninitialized.
  target_compile_options(${target} PRIVATE $<$<CXX_COMPILER_ID:GNU>:-Wno-maybe-uninitialized>)
  set_target_properties(${target} PROPERTIES
    OUTPUT_NAME tconv EXPORT_NAME compiled
    VERSION ${PROJECT_VERSION} SOVERSION ${PROJECT_VERSION_MAJOR}.${PROJECT_VERSION_MINOR}
    POSITION_INDEPENDENT_CODE ON CXX_VISIBILITY_PRESET hidden VISIBILITY_INLINES_HIDDEN ON
    WINDOWS_EXPORT_ALL_SYMBOLS ON)
endfunction()

tconv_add_compiled(tconv_compiled "${TCONV_COMPILED_MARCH}")
add_library(tconv::compiled ALIAS tconv_compiled)
foreach(level IN LISTS TCONV_COMPILED_LEVELS)
  tconv_add_compiled(tconv_compiled_${level} ${level})
  set_target_properties(tconv_compiled_${level} PROPERTIES
    LIBRARY_OUTPUT_DIRECTORY ${CMAKE_CURRENT_BINARY_DIR}/glibc-hwcaps/${level})
endforeach()

if(TCONV_INSTALL)
  include(GNUInstallDirs)
  install(TARGETS tconv_compiled EXPORT tconvTargets)
  foreach(level IN LISTS TCONV_COMPILED_LEVELS)
    install(TARGETS tconv_compiled_${level}
      LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR}/glibc-hwcaps/${level} NAMELINK_SKIP)
  endforeach()
endif()
