// A program that is right whatever flags it is compiled with; see CMakeLists.txt.
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <stdexcept>
#include <tconv/tconv.hpp>

namespace {

using tconv::Index;
using T4 = Eigen::Tensor<float, 4>;

/// Whether two tensors differ by no more than rounding. Elements are sums of at most 500 products
/// of numbers below one.
bool close(const T4& a, const T4& b) {
  if (a.dimensions() != b.dimensions()) return false;
  for (Index i = 0; i < a.size(); ++i)
    if (std::abs(a.data()[i] - b.data()[i]) > 500 * 500 * 6e-8F) return false;
  return true;
}

void expect(bool right, const char* what) {
  if (right) return;
  std::printf("wrong: %s\n", what);
  std::exit(1);
}

void check_operators(Index channels, Index stride) {
  T4 x(2, channels, 9, 11), w(channels, 24, 3, 4);
  x.setRandom(), w.setRandom();
  const tconv::ConvOptions<2> options{.stride = stride, .padding = 1};
  const T4 y = tconv::scatter::conv_transpose(x, w, options);
  expect(close(tconv::conv_transpose(x, w, options), y), "conv_transpose");
  expect(close(tconv::sparse::conv_transpose(x, w, options), y), "sparse::conv_transpose");
  expect(close(tconv::ConvTranspose(w, options)(x), y), "ConvTranspose");
  const auto gradients = tconv::conv_transpose_backward(x, w, y, options);
  expect(gradients.weight.dimensions() == w.dimensions(), "conv_transpose_backward");
  expect(tconv::upsample_linear(x, 2).dimension(3) == 22, "upsample_linear");
}

[[noreturn]] void end_with(const char* message) {
  std::exit(std::strstr(message, "tconv::conv: weight") ? 0 : 1);
}

}  // namespace

int main() {
  for (const Index channels : {3, 40})
    for (const Index stride : {1, 2}) check_operators(channels, stride);

  T4 x(1, 2, 3, 3), w(1, 3, 1, 1);
  x.setZero(), w.setZero();
  tconv::set_error_handler(&end_with);
#ifdef __cpp_exceptions
  try {
    tconv::conv(x, w);
  } catch (const std::invalid_argument& error) {
    end_with(error.what());
  }
#else
  tconv::conv(x, w);
#endif
  return 1;
}
