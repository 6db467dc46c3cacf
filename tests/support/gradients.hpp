#pragma once

/// \file
/// The gradients of random problems: an independent reference, and one way to run the
/// library's.

#include <tconv/workspace.hpp>

#include "support/problem.hpp"

namespace support {

/// Arrays in canonical order, as in `Data`.
template <class Scalar>
struct GradientData {
  std::vector<Scalar> input, weight, bias;

  friend bool operator==(const GradientData&, const GradientData&) = default;
};

/// Calls `visit(x, w, y)`, indices into the arrays, for every product that is a term of an output.
template <class Visit>
void for_each_term(const Problem& p, const Visit& visit) {
  const Index in_group = p.in_channels / p.groups, out_group = p.out_channels / p.groups;
  const auto& coarse = p.scatters() ? p.in : p.out;
  const auto& fine = p.scatters() ? p.out : p.in;
  // Index of (plane, position), by axis.
  const auto at = [](const std::array<Index, 3>& e, Index plane, const std::array<Index, 3>& i) {
    return static_cast<std::size_t>(((plane * e[0] + i[0]) * e[1] + i[1]) * e[2] + i[2]);
  };
  const auto each = [](const std::array<Index, 3>& extents, const auto& f) {
    std::array<Index, 3> i{};
    for (i[0] = 0; i[0] < extents[0]; ++i[0])
      for (i[1] = 0; i[1] < extents[1]; ++i[1])
        for (i[2] = 0; i[2] < extents[2]; ++i[2]) f(i);
  };
  each(coarse, [&](const auto& i) {
    each(p.kernel, [&](const auto& k) {
      std::array<Index, 3> o{};
      for (std::size_t a = 0; a < 3; ++a) {
        o[a] = i[a] * p.stride[a] + k[a] * p.dilation[a] - p.before[a];
        if (o[a] < 0 || o[a] >= fine[a]) return;
      }
      for (Index n = 0; n < p.batch; ++n)
        for (Index g = 0; g < p.groups; ++g)
          for (Index c = 0; c < in_group; ++c)
            for (Index m = 0; m < out_group; ++m) {
              const Index x = n * p.in_channels + g * in_group + c;
              const Index y = n * p.out_channels + g * out_group + m;
              const Index w = p.scatters() ? (g * in_group + c) * out_group + m
                                           : (g * out_group + m) * in_group + c;
              visit(at(p.in, x, p.scatters() ? i : o), at(p.kernel, w, k),
                    at(p.out, y, p.scatters() ? o : i));
            }
    });
  });
}

template <class Scalar>
GradientData<Scalar> gradient_reference(const Problem& p, const Data<Scalar>& data,
                                        const std::vector<Scalar>& grad_y) {
  GradientData<Scalar> result;
  result.input.resize(data.x.size());
  result.weight.resize(data.w.size());
  result.bias.resize(static_cast<std::size_t>(p.out_channels));
  for_each_term(p, [&](std::size_t x, std::size_t w, std::size_t y) {
    result.input[x] += data.w[w] * grad_y[y];
    result.weight[w] += data.x[x] * grad_y[y];
  });
  const auto plane = static_cast<std::size_t>(p.out[0] * p.out[1] * p.out[2]);
  for (std::size_t y = 0; y < grad_y.size(); ++y)
    result.bias[y / plane % result.bias.size()] += grad_y[y];
  return result;
}

/// Which of the public functions give the gradients. Those into given memory find it poisoned.
enum class Calls { together, one_by_one, together_into, one_by_one_into };

/// The library's gradients, in canonical order.
template <class Scalar>
GradientData<Scalar> gradients(Calls calls, const Problem& p, const Data<Scalar>& data,
                               const std::vector<Scalar>& grad_y, tconv::Workspace& workspace);

}  // namespace support
