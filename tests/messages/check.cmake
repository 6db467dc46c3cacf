# cmake -DCXX=... -DALL_ERRORS=<flag that lifts the limit of errors> -DINCLUDE=... -DEIGEN=... -DSOURCE=wrong_types.cpp -P check.cmake
#
# Compiles SOURCE and compares the errors with the sentences in its comments, one by one.
execute_process(
  COMMAND ${CMAKE_COMMAND} -E env LC_ALL=C ${CXX} -std=c++20 -fsyntax-only ${ALL_ERRORS}
    -I ${INCLUDE} -isystem ${EIGEN} ${SOURCE}
  RESULT_VARIABLE failed ERROR_VARIABLE output)
if(NOT failed)
  message(FATAL_ERROR "wrong types compile")
endif()

# Lists split at semicolons, which the compiler's notes contain.
string(REPLACE ";" "," output "${output}")
string(REGEX MATCHALL "[^\n]* error: [^\n]*" errors "${output}")
file(STRINGS ${SOURCE} sentences REGEX "^ +// tconv: ")
foreach(sentence IN LISTS sentences)
  string(REGEX REPLACE "^ +// " "" sentence "${sentence}")
  set(found FALSE)
  set(index 0)
  foreach(error IN LISTS errors)
    string(FIND "${error}" "${sentence}" at)
    if(NOT at EQUAL -1)
      set(found TRUE)
      list(REMOVE_AT errors ${index})
      break()
    endif()
    math(EXPR index "${index} + 1")
  endforeach()
  if(NOT found)
    message(SEND_ERROR "no error says: ${sentence}")
  endif()
endforeach()
foreach(error IN LISTS errors)
  message(SEND_ERROR "an error that no comment announces: ${error}")
endforeach()
