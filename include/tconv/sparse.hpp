#pragma once

/// \file
/// Implementation 2: build the sparse matrix of the convolution, multiply by it or its transpose.
/// Shares no loop with the other implementations, and checks them.

#include "tconv/kernel2matrix.hpp"

namespace tconv {
namespace detail {

template <Direction direction>
struct SparseProduct {
  template <int R, class Scalar>
  void operator()(const Geometry<R>& geometry, const TensorView<const Scalar, R + 2>& x,
                  const TensorView<const Scalar, R + 2>& weight, const Scalar* bias,
                  const TensorView<Scalar, R + 2>& y) const {
    using Sum = Accumulator<Scalar>;
    using Vector = Eigen::Matrix<Sum, Eigen::Dynamic, 1>;
    const Eigen::SparseMatrix<Sum, Eigen::RowMajor> matrix =
        convolution_matrix<Sum>(geometry, weight, function());
    const auto sample = [](auto view, Index n) {
      view.data += n * view.strides[0];
      view.extents[0] = 1;
      return view;
    };
    for (Index n = 0; n < geometry.batch(); ++n) {
      Vector in(direction == Direction::scatter ? matrix.rows() : matrix.cols());
      Index next = 0;
      for_each_row_major(sample(x, n),
                         [&](const Scalar& value) { in[next++] = static_cast<Sum>(value); });
      Vector out;
      if constexpr (direction == Direction::scatter)
        out = matrix.transpose() * in;
      else
        out = matrix * in;
      const Index plane = out.size() / y.extents[1];
      next = 0;
      for_each_row_major(sample(y, n), [&](Scalar& value) {
        const Sum& sum = out[next];
        value = static_cast<Scalar>(bias ? sum + static_cast<Sum>(bias[next / plane]) : sum);
        ++next;
      });
    }
  }

  static constexpr const char* function() {
    return direction == Direction::scatter ? "sparse::conv_transpose" : "sparse::conv";
  }
};

}  // namespace detail

namespace sparse {

/// `tconv::conv_transpose` as `kernel2matrix(weight, ...).transpose() * vec(x)`. Same arguments,
/// results and errors.
template <class X, class W>
auto conv_transpose(const X& x, const W& weight, const detail::OptionsOf<W>& options = {}) {
  return detail::apply<Direction::scatter>("sparse::conv_transpose", x, weight, detail::NoBias{},
                                           options, detail::SparseProduct<Direction::scatter>{});
}
template <class X, class W, detail::BiasFor<W> Bias>
auto conv_transpose(const X& x, const W& weight, const Bias& bias,
                    const detail::OptionsOf<W>& options = {}) {
  return detail::apply<Direction::scatter>("sparse::conv_transpose", x, weight, bias, options,
                                           detail::SparseProduct<Direction::scatter>{});
}

/// `tconv::conv` as `kernel2matrix(weight, ...) * vec(x)`. Same arguments, results and errors.
template <class X, class W>
auto conv(const X& x, const W& weight, const detail::OptionsOf<W>& options = {}) {
  return detail::apply<Direction::gather>("sparse::conv", x, weight, detail::NoBias{}, options,
                                          detail::SparseProduct<Direction::gather>{});
}
template <class X, class W, detail::BiasFor<W> Bias>
auto conv(const X& x, const W& weight, const Bias& bias, const detail::OptionsOf<W>& options = {}) {
  return detail::apply<Direction::gather>("sparse::conv", x, weight, bias, options,
                                          detail::SparseProduct<Direction::gather>{});
}

}  // namespace sparse
}  // namespace tconv
