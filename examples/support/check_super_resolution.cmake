# cmake -DPROGRAM=... -DPHOTOGRAPHS=... -P check_super_resolution.cmake: train_super_resolution writes
# the same parameters on one thread and on two, and says how it is used when it is called wrongly.
foreach(threads 1 2)
  set(folder super_resolution_${threads})
  file(REMOVE_RECURSE ${folder})
  file(MAKE_DIRECTORY ${folder})
  execute_process(COMMAND ${PROGRAM} --threads=${threads} 2 ${PHOTOGRAPHS} ${folder}
    COMMAND_ERROR_IS_FATAL ANY)
endforeach()
foreach(file body up_x2 up_x3 up_x4)
  execute_process(COMMAND ${CMAKE_COMMAND} -E compare_files
    super_resolution_1/${file}.npy super_resolution_2/${file}.npy COMMAND_ERROR_IS_FATAL ANY)
endforeach()

foreach(wrong "0" "many" "--threads=0" "1;absent" "1;${PHOTOGRAPHS};absent" "1;a;b;c")
  execute_process(COMMAND ${PROGRAM} ${wrong}
    RESULT_VARIABLE result OUTPUT_VARIABLE output ERROR_VARIABLE error)
  if(NOT result EQUAL 1 OR NOT error MATCHES "^usage: |^absent: is no folder")
    message(FATAL_ERROR "with ${wrong}: ${result}, ${error}")
  endif()
endforeach()
