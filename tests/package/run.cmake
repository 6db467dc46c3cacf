# cmake -DHOW=... -DSOURCE=... -DBUILD=... -DEIGEN=... -DEigen3_DIR=... -DWORK=... -DCXX=... -P run.cmake
#
# HOW is `install`, which moves the installed tree to WORK/moved, or a way to use the library from
# outside, by the compiler's command line or by CMake. EIGEN is the folder of Eigen's headers.
cmake_minimum_required(VERSION 3.23)

function(run)
  execute_process(COMMAND ${ARGV} COMMAND_ECHO STDOUT COMMAND_ERROR_IS_FATAL ANY)
endfunction()

set(moved ${WORK}/moved)
if(HOW STREQUAL "install")
  file(REMOVE_RECURSE ${WORK}/installed ${moved})
  run(${CMAKE_COMMAND} --install ${BUILD} --prefix ${WORK}/installed)
  file(RENAME ${WORK}/installed ${moved})
  return()
endif()

set(folder ${WORK}/${HOW})
file(REMOVE_RECURSE ${folder})
file(MAKE_DIRECTORY ${folder})
set(programs ${SOURCE}/tests/package)

# Compiles and runs a program with the given flags, in the empty folder.
function(compile_and_run program)
  run(${CXX} -std=c++20 ${programs}/${program}.cpp -o ${folder}/${program} ${ARGN})
  run(${CMAKE_COMMAND} -E env LD_LIBRARY_PATH=${library_folder} ${folder}/${program})
endfunction()

# What pkg-config says of a package of the moved tree.
function(pkg_config package result)
  file(GLOB_RECURSE files ${moved}/*.pc)
  set(path "")
  foreach(file IN LISTS files)
    cmake_path(GET file PARENT_PATH pc_folder)
    string(APPEND path ${pc_folder}:)
  endforeach()
  execute_process(
    COMMAND ${CMAKE_COMMAND} -E env PKG_CONFIG_PATH=${path} pkg-config ${ARGN} ${package}
    OUTPUT_VARIABLE said OUTPUT_STRIP_TRAILING_WHITESPACE COMMAND_ERROR_IS_FATAL ANY)
  separate_arguments(said UNIX_COMMAND "${said}")
  set(${result} ${said} PARENT_SCOPE)
endfunction()

if(HOW STREQUAL "include")
  compile_and_run(operator -I${SOURCE}/include -I${EIGEN})
elseif(HOW STREQUAL "single_header")
  run(${CMAKE_COMMAND} -DOUTPUT=${folder}/tconv/tconv.hpp -P ${SOURCE}/cmake/single_header.cmake)
  compile_and_run(definition -I${folder} -I${EIGEN})
elseif(HOW STREQUAL "pkg_config")
  pkg_config(tconv flags --cflags --libs)
  compile_and_run(definition ${flags})
  pkg_config(tconv-compiled flags --cflags --libs)
  pkg_config(tconv-compiled library_folder --variable=libdir)
  compile_and_run(operator ${flags})
else()
  configure_file(${programs}/${HOW}.cmake ${folder}/CMakeLists.txt COPYONLY)
  foreach(program definition operator)
    configure_file(${programs}/${program}.cpp ${folder}/${program}.cpp COPYONLY)
  endforeach()
  run(${CMAKE_COMMAND} -G Ninja -S ${folder} -B ${folder}/build -DCMAKE_CXX_COMPILER=${CXX}
    -DCMAKE_PREFIX_PATH=${moved} -DEigen3_DIR=${Eigen3_DIR} -DTCONV_FOLDER=${SOURCE} -DFETCHCONTENT_SOURCE_DIR_TCONV=${SOURCE}
    -DCMAKE_PROJECT_INCLUDE=${programs}/check.cmake)
  run(${CMAKE_COMMAND} --build ${folder}/build)
  file(GLOB built ${folder}/build/with_*)
  foreach(program IN LISTS built)
    run(${program})
  endforeach()
endif()
