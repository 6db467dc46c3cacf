# The port lies in the tree that it packages, so the source is two folders up.
set(SOURCE_PATH "${CURRENT_PORT_DIR}/../..")
set(VCPKG_BUILD_TYPE release)

vcpkg_cmake_configure(
  SOURCE_PATH "${SOURCE_PATH}"
  OPTIONS
    -DTCONV_BUILD_TESTS=OFF
    -DTCONV_BUILD_EXAMPLES=OFF
    -DTCONV_BUILD_BENCHMARKS=OFF
    -DTCONV_INSTALL=ON)
vcpkg_cmake_install()
vcpkg_cmake_config_fixup(CONFIG_PATH share/cmake/tconv)
vcpkg_fixup_pkgconfig()
vcpkg_install_copyright(FILE_LIST "${SOURCE_PATH}/LICENSE")
