# Installs the headers and what finds them: a CMake package, pkg-config's files and, where CMake is
# 4.3 or newer, the package in the Common Package Specification.
include(CMakePackageConfigHelpers)
include(GNUInstallDirs)

set(package_dir ${CMAKE_INSTALL_DATADIR}/cmake/tconv)
install(TARGETS tconv EXPORT tconvTargets FILE_SET HEADERS FILE_SET private_headers)
install(EXPORT tconvTargets NAMESPACE tconv:: DESTINATION ${package_dir})
configure_package_config_file(cmake/tconvConfig.cmake.in tconvConfig.cmake
  INSTALL_DESTINATION ${package_dir})
# Headers are for every machine, a library is not.
set(any_machine ARCH_INDEPENDENT)
if(TARGET tconv_compiled)
  set(any_machine "")
endif()
write_basic_package_version_file(tconvConfigVersion.cmake
  COMPATIBILITY SameMinorVersion ${any_machine})
install(FILES
  ${CMAKE_CURRENT_BINARY_DIR}/tconvConfig.cmake
  ${CMAKE_CURRENT_BINARY_DIR}/tconvConfigVersion.cmake
  DESTINATION ${package_dir})

# pkg-config's file `name`.pc in `folder`. It finds its prefix from its own place, so that an
# installed tree can be moved.
function(tconv_install_pkgconfig name folder)
  file(RELATIVE_PATH to_prefix
    ${CMAKE_INSTALL_PREFIX}/${folder}/pkgconfig ${CMAKE_INSTALL_PREFIX})
  string(REGEX REPLACE "/$" "" to_prefix "${to_prefix}")
  configure_file(cmake/${name}.pc.in ${name}.pc @ONLY)
  install(FILES ${CMAKE_CURRENT_BINARY_DIR}/${name}.pc DESTINATION ${folder}/pkgconfig)
endfunction()

tconv_install_pkgconfig(tconv ${CMAKE_INSTALL_DATADIR})
if(TARGET tconv_compiled)
  tconv_install_pkgconfig(tconv-compiled ${CMAKE_INSTALL_LIBDIR})
endif()

if(CMAKE_VERSION VERSION_GREATER_EQUAL 4.3)
  set(cps_dir ${CMAKE_INSTALL_DATADIR}/cps/tconv)
  install(PACKAGE_INFO tconv EXPORT tconvTargets DESTINATION ${cps_dir}
    VERSION ${PROJECT_VERSION}
    COMPAT_VERSION ${PROJECT_VERSION_MAJOR}.${PROJECT_VERSION_MINOR}.0
    DEFAULT_TARGETS tconv
    LICENSE MIT)
  # CMake writes down which Eigen it has found, and where. Users may have another one elsewhere.
  set(cps_file "\$ENV{DESTDIR}\${CMAKE_INSTALL_PREFIX}/${cps_dir}/tconv.cps")
  install(CODE "
    file(READ \"${cps_file}\" package)
    foreach(member version hints)
      string(JSON package ERROR_VARIABLE none REMOVE \"\${package}\" requires Eigen3 \${member})
    endforeach()
    file(WRITE \"${cps_file}\" \"\${package}\")")
endif()
