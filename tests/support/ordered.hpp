#pragma once

/// \file
/// `Summation::ordered` as a scalar loop, and the comparison of bytes.

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <string>
#include <tconv/build.hpp>
#include <vector>

#include "support/catch.hpp"
#include "support/problem.hpp"

namespace support {

/// Whether the library's engine has fused multiply-adds.
inline bool engine_fuses() {
  const std::string set = tconv::instruction_set();
#ifdef __FMA__
  return true;
#else
  return set.starts_with("AVX-512") || set == "AVX2" || set == "NEON" || set.ends_with(", FMA");
#endif
}

/// The products of one output in the order that the option promises.
template <class Scalar>
Scalar ordered_sum(const Problem& p, const Data<Scalar>& data, Index n, Index m,
                   const std::array<Index, 3>& o, bool fuses) {
  const Index in_group = p.in_channels / p.groups, out_group = p.out_channels / p.groups;
  const auto at = [](const std::array<Index, 3>& extents, Index plane,
                     const std::array<Index, 3>& i) {
    return static_cast<std::size_t>(((plane * extents[0] + i[0]) * extents[1] + i[1]) * extents[2] +
                                    i[2]);
  };
  Scalar sum = 0;
  bool reached = false;
  for (Index c = m / out_group * in_group; c < (m / out_group + 1) * in_group; ++c) {
    std::array<Index, 3> k{}, i{};
    for (k[0] = 0; k[0] < p.kernel[0]; ++k[0])
      for (k[1] = 0; k[1] < p.kernel[1]; ++k[1])
        for (k[2] = 0; k[2] < p.kernel[2]; ++k[2]) {
          bool inside = true;
          for (std::size_t a = 0; a < 3; ++a) {
            const Index reach = k[a] * p.dilation[a] - p.before[a];
            i[a] = p.scatters() ? (o[a] - reach) / p.stride[a] : o[a] * p.stride[a] + reach;
            inside = inside && 0 <= i[a] && i[a] < p.in[a] &&
                     (!p.scatters() || i[a] * p.stride[a] + reach == o[a]);
          }
          if (!inside) continue;
          reached = true;
          const Index plane =
              p.scatters() ? c * out_group + m % out_group : m * in_group + c % in_group;
          const Scalar x = data.x[at(p.in, n * p.in_channels + c, i)];
          const Scalar w = data.w[at(p.kernel, plane, k)];
          if (fuses) {
            sum = std::fma(x, w, sum);
          } else {
            const volatile Scalar product = x * w;  // rounded
            sum += product;
          }
        }
  }
  if (!p.bias) return sum;
  const Scalar bias = data.bias[static_cast<std::size_t>(m)];
  return reached ? sum + bias : bias;
}

/// Compares the bytes of some outputs of an implementation, `count` of them in equal distances,
/// with the scalar loop.
template <class Scalar>
void check_bytes(Implementation implementation, const Problem& p, const Data<Scalar>& data,
                 Index count) {
  INFO(p);
  const std::vector<Scalar> y = run(implementation, p, data);
  const Index plane = p.out[0] * p.out[1] * p.out[2];
  const Index step = std::max<Index>(p.y_size() / count, 1);
  for (Index i = 0; i < p.y_size(); i += step) {
    const std::array<Index, 3> o{i % plane / (p.out[1] * p.out[2]),
                                 i % (p.out[1] * p.out[2]) / p.out[2], i % p.out[2]};
    const Scalar expected = ordered_sum(p, data, i / plane / p.out_channels,
                                        i / plane % p.out_channels, o, engine_fuses());
    const Scalar& value = y[static_cast<std::size_t>(i)];
    REQUIRE(std::memcmp(&value, &expected, sizeof(Scalar)) == 0);
  }
}

/// Small problems of all kinds, every output.
template <class Scalar>
void check_small_problems(Random& random) {
  for (int i = 0; i < effort(400); ++i) {
    Problem p =
        random_problem(random, i % 3 == 0 ? tconv::Direction::gather : tconv::Direction::scatter);
    p.summation = tconv::Summation::ordered;
    Data<Scalar> data = random_reals<Scalar>(random, p);
    // A bias of -0 is told from none where no input reaches an output.
    if (i % 2 == 0 && p.bias) data.bias[0] = Scalar(-0.0);
    for (const auto implementation : {Implementation::production, Implementation::layer})
      check_bytes(implementation, p, data, p.y_size());
  }
}

}  // namespace support
