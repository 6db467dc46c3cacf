# cmake -DDRAW_PICTURES=... -DDRAW_SPEED=... -DDOCS=.../docs -DWORK=... -P pictures.cmake
file(REMOVE_RECURSE ${WORK})
file(MAKE_DIRECTORY ${WORK})
execute_process(COMMAND ${DRAW_PICTURES} ${WORK} COMMAND_ERROR_IS_FATAL ANY)
execute_process(COMMAND ${DRAW_SPEED} ${DOCS}/numbers.md "Beside Debian's peers" ${WORK}/speed.svg
  COMMAND_ERROR_IS_FATAL ANY)
execute_process(COMMAND ${DRAW_SPEED} ${DOCS}/numbers.md "Channels last, beside peers"
  ${WORK}/speed_channels_last.svg COMMAND_ERROR_IS_FATAL ANY)
file(GLOB drawn RELATIVE ${WORK} ${WORK}/*.svg)
if(NOT drawn)
  message(FATAL_ERROR "no picture was drawn")
endif()
foreach(picture IN LISTS drawn)
  execute_process(COMMAND ${CMAKE_COMMAND} -E compare_files ${WORK}/${picture}
    ${DOCS}/images/${picture} RESULT_VARIABLE differs)
  if(differs)
    message(SEND_ERROR "docs/images/${picture} is not what its program draws: build the target "
      "`pictures`, and look at it")
  endif()
endforeach()
