#pragma once

/// \file
/// Implementation 2: build the sparse matrix of the convolution, multiply by it or its transpose.
/// Shares no loop with the other implementations, and checks them.

#include "tconv/core/accumulator.hpp"
#include "tconv/core/axis.hpp"
#include "tconv/core/eigen.hpp"
#include "tconv/core/isa.hpp"
#include "tconv/core/view.hpp"
#include "tconv/frontend/arguments.hpp"
#include "tconv/frontend/front_door.hpp"
#include "tconv/geometry.hpp"
#include "tconv/kernel2matrix.hpp"

namespace tconv::inline TCONV_ISA {
namespace detail {

template <Direction direction>
struct SparseProduct {
  template <int R, class Scalar>
  void operator()(const Geometry<R>& geometry, const core::TensorView<const Scalar, R + 2>& x,
                  const core::TensorView<const Scalar, R + 2>& weight, const Scalar* bias,
                  const core::TensorView<Scalar, R + 2>& y) const {
    using Sum = core::Accumulator<Scalar>;
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
      core::for_each_row_major(sample(x, n),
                               [&](const Scalar& value) { in[next++] = static_cast<Sum>(value); });
      Vector out;
      if constexpr (direction == Direction::scatter)
        out = matrix.transpose() * in;
      else
        out = matrix * in;
      const Index plane = out.size() / y.extents[1];
      next = 0;
      core::for_each_row_major(sample(y, n), [&](Scalar& value) {
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
auto conv_transpose(const X& x, const W& weight, const frontend::OptionsOf<W>& options = {}) {
  return frontend::apply<Direction::scatter>("sparse::conv_transpose", x, weight,
                                             frontend::NoBias{}, options,
                                             detail::SparseProduct<Direction::scatter>{});
}
template <class X, class W, frontend::BiasFor<W> Bias>
auto conv_transpose(const X& x, const W& weight, const Bias& bias,
                    const frontend::OptionsOf<W>& options = {}) {
  return frontend::apply<Direction::scatter>("sparse::conv_transpose", x, weight, bias, options,
                                             detail::SparseProduct<Direction::scatter>{});
}

/// `tconv::conv` as `kernel2matrix(weight, ...) * vec(x)`. Same arguments, results and errors.
template <class X, class W>
auto conv(const X& x, const W& weight, const frontend::OptionsOf<W>& options = {}) {
  return frontend::apply<Direction::gather>("sparse::conv", x, weight, frontend::NoBias{}, options,
                                            detail::SparseProduct<Direction::gather>{});
}
template <class X, class W, frontend::BiasFor<W> Bias>
auto conv(const X& x, const W& weight, const Bias& bias,
          const frontend::OptionsOf<W>& options = {}) {
  return frontend::apply<Direction::gather>("sparse::conv", x, weight, bias, options,
                                            detail::SparseProduct<Direction::gather>{});
}

}  // namespace sparse
}  // namespace tconv::inline TCONV_ISA
