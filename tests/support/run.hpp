#pragma once

/// \file
/// `run`, to be instantiated in one file a scalar.

#include <algorithm>
#include <limits>
#include <tconv/tconv.hpp>

#include "support/problem.hpp"

namespace support {

/// Copies between a canonical vector and a tensor whose axes are `(n, spatial..., c)` or so.
template <int R, class Tensor, class Vector, class Assign>
void visit(const Problem& p, Tensor& tensor, Vector& values, const Assign& assign) {
  auto view =
      tconv::frontend::image_view<R>(tensor, p.channels_last ? tconv::DataFormat::channels_last
                                                             : tconv::DataFormat::channels_first);
  std::size_t next = 0;
  tconv::core::for_each_row_major(view, [&](auto& element) { assign(element, values[next++]); });
}

/// What results are full of before they are computed.
template <class Scalar>
Scalar poison() {
  using Limits = std::numeric_limits<Scalar>;
  return Limits::has_quiet_NaN ? Limits::quiet_NaN() : Scalar(77);
}

template <std::size_t rank>
std::array<Index, rank> x_shape(const Problem& p) {
  std::array<Index, rank> shape{};
  std::size_t a = 0;
  if (!p.unbatched) shape[a++] = p.batch;
  if (!p.channels_last) shape[a++] = p.in_channels;
  for (std::size_t s = 0; s < static_cast<std::size_t>(p.rank); ++s) shape[a++] = p.in[s];
  if (p.channels_last) shape[a++] = p.in_channels;
  return shape;
}

template <int R, int layout, int rank, class Scalar>
std::vector<Scalar> run_tensors(Implementation implementation, const Problem& p,
                                const Data<Scalar>& data) {
  using X = Eigen::Tensor<Scalar, rank, layout>;
  using W = Eigen::Tensor<Scalar, R + 2, layout>;
  using B = Eigen::Tensor<Scalar, 1, layout>;
  const auto read = [](Scalar& element, const Scalar& value) { element = value; };
  X x(x_shape<static_cast<std::size_t>(rank)>(p));
  visit<R>(p, x, data.x, read);
  std::array<Index, static_cast<std::size_t>(R) + 2> w_shape{
      p.scatters() ? p.in_channels : p.out_channels,
      (p.scatters() ? p.out_channels : p.in_channels) / p.groups};
  std::copy_n(p.kernel.begin(), R, w_shape.begin() + 2);
  W w(w_shape);
  Problem first = p;
  first.channels_last = false;
  visit<R>(first, w, data.w, read);
  B b(static_cast<Index>(data.bias.size()));
  std::copy(data.bias.begin(), data.bias.end(), b.data());
  const auto options = p.options<R>();

  const auto with_bias = [&](const auto& operation) -> X {
    return p.bias ? operation(x, w, b, options) : operation(x, w, options);
  };
  const auto y = [&]() -> X {
    switch (implementation) {
      case Implementation::production:
        return with_bias([&](const auto&... a) {
          if (p.scatters()) return tconv::conv_transpose(a...);
          return tconv::conv(a...);
        });
      case Implementation::layer:
        if (p.scatters())
          return p.bias ? tconv::ConvTranspose(w, b, options)(x)
                        : tconv::ConvTranspose(w, options)(x);
        return p.bias ? tconv::Conv(w, b, options)(x) : tconv::Conv(w, options)(x);
      case Implementation::into: {
        Problem of_y = p;
        of_y.in = p.out;
        of_y.in_channels = p.out_channels;
        X memory(x_shape<static_cast<std::size_t>(rank)>(of_y));
        memory.setConstant(poison<Scalar>());
        return with_bias([&](const auto&... a) {
          const Eigen::TensorMap<X> map(memory.data(), memory.dimensions());
          if (p.scatters())
            tconv::conv_transpose_into(map, a...);
          else
            tconv::conv_into(map, a...);
          return memory;
        });
      }
      case Implementation::scatter:
        return with_bias([&](const auto&... a) {
          if (p.scatters()) return tconv::scatter::conv_transpose(a...);
          return tconv::scatter::conv(a...);
        });
      default:
        return with_bias([&](const auto&... a) {
          if (p.scatters()) return tconv::sparse::conv_transpose(a...);
          return tconv::sparse::conv(a...);
        });
    }
  }();
  std::vector<Scalar> result(static_cast<std::size_t>(y.size()));
  visit<R>(p, y, result, [](const Scalar& element, Scalar& value) { value = element; });
  return result;
}

template <int R, class Scalar>
std::vector<Scalar> run_rank(Implementation i, const Problem& p, const Data<Scalar>& data) {
  if (p.col_major)
    return p.unbatched ? run_tensors<R, Eigen::ColMajor, R + 1>(i, p, data)
                       : run_tensors<R, Eigen::ColMajor, R + 2>(i, p, data);
  return p.unbatched ? run_tensors<R, Eigen::RowMajor, R + 1>(i, p, data)
                     : run_tensors<R, Eigen::RowMajor, R + 2>(i, p, data);
}

template <class Scalar>
std::vector<Scalar> run(Implementation i, const Problem& p, const Data<Scalar>& data) {
  return p.rank == 1   ? run_rank<1>(i, p, data)
         : p.rank == 2 ? run_rank<2>(i, p, data)
                       : run_rank<3>(i, p, data);
}

}  // namespace support
