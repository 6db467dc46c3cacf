# cmake -DNM=nm -DOBJECTS=a.o,b.o -P symbols.cmake
#
# Of the functions that both objects define, and of which a linker keeps one, none computes.
cmake_minimum_required(VERSION 3.23)
string(REPLACE "," ";" objects "${OBJECTS}")
foreach(object IN LISTS objects)
  execute_process(COMMAND ${NM} --defined-only -C ${object}
    OUTPUT_VARIABLE symbols COMMAND_ERROR_IS_FATAL ANY)
  string(REGEX REPLACE "[;[]" "," symbols "${symbols}")
  string(REPLACE "]" "," symbols "${symbols}")
  string(REGEX MATCHALL " [WVu] [^\n]*tconv::[^\n]*" symbols "${symbols}")
  if(NOT symbols MATCHES "micro_kernel")
    message(FATAL_ERROR "${object} defines no micro-kernel: this test sees nothing")
  endif()
  if(DEFINED before)
    foreach(symbol IN LISTS symbols)
      # What computes nothing is one for all sets.
      if(symbol IN_LIST before AND symbol MATCHES "tconv::(core::)?(sse|avx)[a-z0-9]*::")
        message(SEND_ERROR "both sets define${symbol}")
      endif()
    endforeach()
  endif()
  set(before "${symbols}")
endforeach()
