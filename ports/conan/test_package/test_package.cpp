#include <cstdio>
#include <tconv/tconv.hpp>

int main() {
  Eigen::Tensor<float, 3, Eigen::RowMajor> x(1, 2, 2);
  Eigen::Tensor<float, 4, Eigen::RowMajor> kernel(1, 1, 2, 2);
  x.setConstant(1.0f);
  kernel.setConstant(2.0f);
  const auto y = tconv::conv_transpose(x, kernel);
  const bool right = y.dimension(1) == 3 && y.dimension(2) == 3 && y(0, 1, 1) == 8.0f;
  std::printf("tconv %s, %s: %s\n", tconv::version.data(), tconv::instruction_set(),
              right ? "right" : "wrong");
  return right ? 0 : 1;
}
