# The port lies in the tree that it packages, so the source is two folders up.
cmake_path(SET SOURCE_PATH NORMALIZE "${CURRENT_PORT_DIR}/../..")

if(NOT "compiled" IN_LIST FEATURES)
  # Headers are the same in every configuration.
  set(VCPKG_BUILD_TYPE release)
endif()
vcpkg_check_features(OUT_FEATURE_OPTIONS FEATURE_OPTIONS
  FEATURES
    compiled TCONV_BUILD_COMPILED)

vcpkg_cmake_configure(
  SOURCE_PATH "${SOURCE_PATH}"
  OPTIONS
    ${FEATURE_OPTIONS}
    -DTCONV_BUILD_TESTS=OFF
    -DTCONV_BUILD_EXAMPLES=OFF
    -DTCONV_BUILD_BENCHMARKS=OFF
    -DTCONV_INSTALL=ON)
vcpkg_cmake_install()
vcpkg_cmake_config_fixup(CONFIG_PATH share/cmake/tconv)
vcpkg_fixup_pkgconfig()
# CMake 4.3 would prefer a .cps file to the package that was fixed up here, and would not find the
# library of the debug configuration by it.
file(REMOVE_RECURSE
  "${CURRENT_PACKAGES_DIR}/debug/include"
  "${CURRENT_PACKAGES_DIR}/debug/share"
  "${CURRENT_PACKAGES_DIR}/share/cps")

file(INSTALL "${CURRENT_PORT_DIR}/usage" DESTINATION "${CURRENT_PACKAGES_DIR}/share/${PORT}")
vcpkg_install_copyright(FILE_LIST "${SOURCE_PATH}/LICENSE")
