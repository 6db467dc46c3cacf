# cmake -DPROGRAM=... -P check_training.cmake: a training program writes its picture, prints the same
# losses on one thread and on two, and says how it is used when it is called wrongly.
get_filename_component(name ${PROGRAM} NAME_WE)
foreach(threads 1 2)
  set(picture ${name}_${threads}.png)
  file(REMOVE ${picture})
  execute_process(COMMAND ${PROGRAM} --threads=${threads} 3 ${picture}
    OUTPUT_VARIABLE output COMMAND_ERROR_IS_FATAL ANY)
  string(REGEX MATCHALL "loss [-+.e0-9]+" losses_${threads} "${output}")
  list(LENGTH losses_${threads} count)
  if(NOT count EQUAL 3)
    message(FATAL_ERROR "three lines with a loss were expected:\n${output}")
  endif()
  if(NOT EXISTS ${picture})
    message(FATAL_ERROR "${picture} was not written:\n${output}")
  endif()
endforeach()
if(NOT losses_1 STREQUAL losses_2)
  message(FATAL_ERROR "one thread: ${losses_1}, two threads: ${losses_2}")
endif()

foreach(wrong "0" "-3" "many" "3x" "--threads=0" "--threads=" "3;a.png;b.png")
  execute_process(COMMAND ${PROGRAM} ${wrong}
    RESULT_VARIABLE result OUTPUT_VARIABLE output ERROR_VARIABLE error)
  if(NOT result EQUAL 1 OR NOT error MATCHES "^usage: ${name} ")
    message(FATAL_ERROR "with ${wrong}: ${result}, ${error}")
  endif()
endforeach()
