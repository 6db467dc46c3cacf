# Included by the outside projects behind project(): looks at what they have in the end.
if(NOT PROJECT_IS_TOP_LEVEL)
  return()
endif()

function(check)
  get_target_property(leaked tconv::tconv INTERFACE_COMPILE_OPTIONS)
  if(leaked)
    message(FATAL_ERROR "tconv::tconv passes flags on to its users: ${leaked}")
  endif()
  foreach(target tests upsample_image)
    if(TARGET ${target})
      message(FATAL_ERROR "an outside project got tconv's own target ${target}")
    endif()
  endforeach()
endfunction()
cmake_language(DEFER CALL check)

add_compile_options(-Wall -Wextra -Wpedantic -Wconversion -Wshadow -Werror)
