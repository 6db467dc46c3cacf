/// \file
/// Options and a workspace pass between translation units that are compiled for different
/// instruction sets; each computes with its own.

#include <cstdio>
#include <string>
#include <tconv/scatter.hpp>
#include <tconv/workspace.hpp>
#include <vector>

const char* convolve_low(const float*, const float*, const tconv::ConvOptions<2>&,
                         tconv::Workspace&, float*, float*);
const char* convolve_high(const float*, const float*, const tconv::ConvOptions<2>&,
                          tconv::Workspace&, float*, float*);

int main() {
  using Image = Eigen::Tensor<float, 4>;
  // Small integers, whose sums are exact in every order.
  Image x(2, 5, 9, 7), weight(5, 3, 4, 4);
  for (Eigen::Index i = 0; i < x.size(); ++i) x.data()[i] = static_cast<float>(i % 7 - 3);
  for (Eigen::Index i = 0; i < weight.size(); ++i) weight.data()[i] = static_cast<float>(i % 5 - 2);
  const tconv::ConvOptions<2> options{.stride = 2, .padding = 1};
  const Image y = tconv::scatter::conv_transpose(x, weight, options);
  const std::vector<float> expected(y.data(), y.data() + y.size());
  tconv::Workspace workspace;
  const auto check = [&](auto convolve, const std::string& set) {
    std::vector<float> free(expected.size()), layer(expected.size());
    const std::string used =
        convolve(x.data(), weight.data(), options, workspace, free.data(), layer.data());
    std::printf("%s\n", used.c_str());
    return free == expected && layer == expected && used == set;
  };
  bool right = check(convolve_low, "SSE2");
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
    right = check(convolve_high, "AVX2") && right;
  // The other set's plans in the workspace are not taken for its own.
  return check(convolve_low, "SSE2") && right ? 0 : 1;
}
