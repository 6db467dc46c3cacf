# Makes the target Eigen3::Eigen, 3.4 or newer: the parent project's, an installed one, or a download.
#
# The package is asked for without a version: 3.4's refuses version ranges, and 5.x refuses 3.4.
if(TARGET Eigen3::Eigen)
  return()
endif()

find_package(Eigen3 CONFIG QUIET)
if(Eigen3_FOUND)
  if(Eigen3_VERSION VERSION_LESS 3.4)
    message(FATAL_ERROR "tconv needs Eigen 3.4 or newer, but found ${Eigen3_VERSION} in ${Eigen3_DIR}")
  endif()
  return()
endif()

include(FetchContent)
set(EIGEN_BUILD_DOC OFF)
set(EIGEN_BUILD_PKGCONFIG OFF)
set(BUILD_TESTING OFF)
FetchContent_Declare(Eigen3
  URL https://gitlab.com/libeigen/eigen/-/archive/3.4.0/eigen-3.4.0.tar.gz)
FetchContent_MakeAvailable(Eigen3)
