# cmake -DMODE=find_package|add_subdirectory -DSOURCE=... -DBUILD=... -DWORK=... -DCXX=... -P run.cmake
function(run)
  execute_process(COMMAND ${ARGV} COMMAND_ERROR_IS_FATAL ANY)
endfunction()

file(REMOVE_RECURSE ${WORK})
file(MAKE_DIRECTORY ${WORK}/consumer)
configure_file(${SOURCE}/tests/package/main.cpp ${WORK}/consumer/main.cpp COPYONLY)
configure_file(${SOURCE}/tests/package/consumer.cmake ${WORK}/consumer/CMakeLists.txt COPYONLY)

if(MODE STREQUAL "find_package")
  run(${CMAKE_COMMAND} --install ${BUILD} --prefix ${WORK}/installed)
  file(RENAME ${WORK}/installed ${WORK}/moved)
  set(how -DCMAKE_PREFIX_PATH=${WORK}/moved)
else()
  set(how -DTCONV_SOURCE_DIR=${SOURCE})
endif()
run(${CMAKE_COMMAND} -G Ninja -S ${WORK}/consumer -B ${WORK}/build
  -DCMAKE_CXX_COMPILER=${CXX} ${how})
run(${CMAKE_COMMAND} --build ${WORK}/build)
run(${WORK}/build/consumer)
if(EXISTS ${WORK}/build/consumer_compiled)
  run(${WORK}/build/consumer_compiled)
endif()
