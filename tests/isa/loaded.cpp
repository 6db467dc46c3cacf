/// \file
/// Checks the library that the loader has chosen, and says which one it is.

#include <cmath>
#include <cstdio>
#include <tconv/tconv.hpp>

namespace {

/// Whether forward pass and gradients are those of the definition.
template <class Scalar>
bool is_right() {
  using Image = Eigen::Tensor<Scalar, 4, Eigen::RowMajor>;
  Image x(2, 40, 9, 11), weight(40, 24, 4, 4);
  // Small integers, whose sums are exact in every order.
  for (Eigen::Index i = 0; i < x.size(); ++i) x.data()[i] = static_cast<Scalar>(i % 7 - 3);
  for (Eigen::Index i = 0; i < weight.size(); ++i)
    weight.data()[i] = static_cast<Scalar>(i % 5 - 2);
  const tconv::ConvOptions<2> options{.stride = 2, .padding = 1};
  const Image expected = tconv::scatter::conv_transpose(x, weight, options);
  tconv::ConvTranspose layer(weight, options);
  tconv::Workspace workspace;
  Image y = layer(x, workspace);
  const auto equal = [](const auto& a, const auto& b) {
    const Eigen::Tensor<bool, 0, Eigen::RowMajor> all = (a == b).all();
    return all();
  };
  if (!equal(y, expected) || !equal(tconv::conv_transpose(x, weight, options), expected))
    return false;
  layer.run(x, y, workspace, [](Scalar value) { return value + 1; });
  if (!equal(y, expected + Scalar(1))) return false;
  const auto gradients = tconv::conv_transpose_backward(x, weight, expected, options);
  // Both gradients are adjoints: <grad, direction> = <expected, operator(direction)>.
  const Eigen::Tensor<Scalar, 0, Eigen::RowMajor> of_x = (gradients.input * x).sum(),
                                                  of_weight = (gradients.weight * weight).sum(),
                                                  square = expected.square().sum();
  return std::abs(of_x() - square()) <= Scalar(1e-4) * square() &&
         std::abs(of_weight() - square()) <= Scalar(1e-4) * square();
}

}  // namespace

int main() {
  std::printf("%s\n", tconv::instruction_set());
  return is_right<float>() && is_right<double>() ? 0 : 1;
}
