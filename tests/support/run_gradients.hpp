#pragma once

/// \file
/// `gradients`, to be instantiated in one file a scalar.

#include <algorithm>
#include <tuple>

#include "support/gradients.hpp"
#include "support/run.hpp"

namespace support {

template <int R, int layout, int rank, class Scalar>
GradientData<Scalar> gradients_of_tensors(Calls calls, const Problem& p, const Data<Scalar>& data,
                                          const std::vector<Scalar>& grad_y,
                                          tconv::Workspace& workspace) {
  using Image = Eigen::Tensor<Scalar, rank, layout>;
  using W = Eigen::Tensor<Scalar, R + 2, layout>;
  constexpr auto axes = static_cast<std::size_t>(R);
  const auto write = [](Scalar& element, const Scalar& value) { element = value; };
  const auto read = [](const Scalar& element, Scalar& value) { value = element; };
  Problem of_y = p;
  of_y.in = p.out;
  of_y.in_channels = p.out_channels;
  Problem first = p;
  first.channels_last = false;

  Image x(x_shape<static_cast<std::size_t>(rank)>(p));
  visit<R>(p, x, data.x, write);
  Image dy(x_shape<static_cast<std::size_t>(rank)>(of_y));
  visit<R>(p, dy, grad_y, write);
  std::array<Index, axes + 2> w_shape{p.scatters() ? p.in_channels : p.out_channels,
                                      (p.scatters() ? p.out_channels : p.in_channels) / p.groups};
  std::array<Index, axes> kernel{}, in{};
  std::copy_n(p.kernel.begin(), R, kernel.begin());
  std::copy_n(p.in.begin(), R, in.begin());
  std::copy(kernel.begin(), kernel.end(), w_shape.begin() + 2);
  W w(w_shape);
  visit<R>(first, w, data.w, write);
  const auto o = p.options<R>();

  Image input(x.dimensions());
  W weight(w.dimensions());
  Eigen::Tensor<Scalar, 1, layout> bias(p.out_channels);
  input.setConstant(poison<Scalar>());
  weight.setConstant(poison<Scalar>());
  bias.setConstant(poison<Scalar>());
  // bias_grad takes batched tensors.
  std::array<Index, axes + 2> batched{};
  if (p.unbatched) batched[0] = 1;
  std::copy_n(dy.dimensions().begin(), rank, batched.end() - rank);
  if (calls == Calls::together_into) {
    const auto outputs = std::tie(input, weight, bias);
    if (p.scatters())
      tconv::conv_transpose_backward_into(workspace, outputs, x, w, dy, o);
    else
      tconv::conv_backward_into(workspace, outputs, x, w, dy, o);
  } else if (calls == Calls::one_by_one_into) {
    if (p.scatters()) {
      tconv::conv_transpose_input_grad_into(workspace, input, w, dy, o);
      tconv::conv_transpose_weight_grad_into(workspace, weight, x, dy, kernel, o);
    } else {
      tconv::conv_input_grad_into(workspace, input, w, dy, in, o);
      tconv::conv_weight_grad_into(workspace, weight, x, dy, kernel, o);
    }
    tconv::bias_grad_into(workspace, bias, dy.reshape(batched), o.data_format);
  } else if (calls == Calls::together) {
    const auto all = p.scatters() ? tconv::conv_transpose_backward(workspace, x, w, dy, o)
                                  : tconv::conv_backward(workspace, x, w, dy, o);
    input = all.input;
    weight = all.weight;
    bias = all.bias;
  } else {
    input = p.scatters() ? tconv::conv_transpose_input_grad(workspace, w, dy, o)
                         : tconv::conv_input_grad(workspace, w, dy, in, o);
    weight = p.scatters() ? tconv::conv_transpose_weight_grad(workspace, x, dy, kernel, o)
                          : tconv::conv_weight_grad(workspace, x, dy, kernel, o);
    bias = tconv::bias_grad(workspace, dy.reshape(batched), o.data_format);
  }
  GradientData<Scalar> result;
  result.input.resize(static_cast<std::size_t>(input.size()));
  result.weight.resize(static_cast<std::size_t>(weight.size()));
  visit<R>(p, input, result.input, read);
  visit<R>(first, weight, result.weight, read);
  result.bias.assign(bias.data(), bias.data() + bias.size());
  return result;
}

template <int R, class Scalar>
GradientData<Scalar> gradients_of_rank(Calls calls, const Problem& p, const Data<Scalar>& data,
                                       const std::vector<Scalar>& grad_y,
                                       tconv::Workspace& workspace) {
  const auto run_layout = [&](auto layout) {
    return p.unbatched
               ? gradients_of_tensors<R, layout(), R + 1>(calls, p, data, grad_y, workspace)
               : gradients_of_tensors<R, layout(), R + 2>(calls, p, data, grad_y, workspace);
  };
  return p.col_major ? run_layout(std::integral_constant<int, Eigen::ColMajor>())
                     : run_layout(std::integral_constant<int, Eigen::RowMajor>());
}

template <class Scalar>
GradientData<Scalar> gradients(Calls calls, const Problem& p, const Data<Scalar>& data,
                               const std::vector<Scalar>& grad_y, tconv::Workspace& workspace) {
  return p.rank == 1   ? gradients_of_rank<1>(calls, p, data, grad_y, workspace)
         : p.rank == 2 ? gradients_of_rank<2>(calls, p, data, grad_y, workspace)
                       : gradients_of_rank<3>(calls, p, data, grad_y, workspace);
}

}  // namespace support
