#include <tconv/tconv.hpp>

#include "support/catch.hpp"

// The other translation unit of this program, compiled without EIGEN_USE_THREADS.
float corner_without_threads(tconv::Workspace& workspace, float value);

TEST_CASE("translation units with and without threads share a workspace") {
  Eigen::ThreadPool pool(2);
  const Eigen::ThreadPoolDevice device(&pool, 2);
  tconv::Workspace workspace(device);
  Eigen::Tensor<float, 4> x(1, 1, 2, 2), w(1, 1, 2, 2);
  x.setConstant(3.0f);
  w.setConstant(1.0f);
  CHECK(tconv::conv_transpose(workspace, x, w)(0, 0, 1, 1) == 12.0f);
  CHECK(corner_without_threads(workspace, 5.0f) == 20.0f);
}
