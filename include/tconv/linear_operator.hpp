#pragma once

/// \file
/// The matrix of `kernel2matrix` without the matrix: a convolution where Eigen's iterative solvers
/// take a sparse matrix.

#include <concepts>
#include <cstddef>
#include <memory>
#include <mutex>

#include "tconv/core/axis.hpp"
#include "tconv/core/eigen.hpp"
#include "tconv/core/isa.hpp"
#include "tconv/core/view.hpp"
#include "tconv/frontend/arguments.hpp"
#include "tconv/frontend/dispatch.hpp"
#include "tconv/frontend/eigen_operator.hpp"
#include "tconv/frontend/views.hpp"
#include "tconv/frontend/workspace.hpp"
#include "tconv/geometry.hpp"
#include "tconv/kernel2matrix.hpp"
#include "tconv/layer.hpp"
#include "tconv/options.hpp"
#include "tconv/workspace.hpp"

namespace tconv::inline TCONV_ISA {
namespace detail {

/// A convolution of one sample, and its transpose, on vectors in the order of `kernel2matrix`: the
/// memory order of row-major tensors with channels first.
template <class Scalar, int R>
struct OperatorState {
  template <class T>
  using Weight = Eigen::Tensor<T, R + 2, Eigen::RowMajor>;
  using RealScalar = typename Eigen::NumTraits<Scalar>::Real;
  using RealVector = Eigen::Matrix<RealScalar, Eigen::Dynamic, 1>;

  Geometry<R> geometry;
  Weight<Scalar> weight;
  ConvOptions<R> transpose_options;
  Conv<Scalar, R, Eigen::RowMajor> forward;
  ConvTranspose<Scalar, R, Eigen::RowMajor> backward;
  Index rows, cols;

  OperatorState(const core::TensorView<const Scalar, R + 2>& w, const Extents<R>& in,
                ConvOptions<R> options, const char* function)
      : geometry(matrix_geometry<R>(w.extents, in, options, function)),
        weight(row_major(w)),
        transpose_options(transposed(options, geometry)),
        forward(weight, channels_first(options)),
        backward(weight, transpose_options),
        rows(core::checked_size<Scalar>(geometry.coarse_shape(), "the output", function)),
        cols(core::checked_size<Scalar>(geometry.fine_shape(), "the input", function)) {}

  /// The squared norms of the matrix's columns: its squared entries, transposed, times ones. Made
  /// when first asked for.
  const RealVector& column_norms() const {
    std::call_once(norms_made_, [this] {
      const Weight<RealScalar> squares =
          weight.unaryExpr([](const Scalar& w) { return Eigen::numext::abs2(w); });
      auto ones = frontend::make_tensor<Weight<RealScalar>>(geometry.coarse_shape());
      ones.setConstant(RealScalar(1));
      norms_ = vec(ConvTranspose(squares, transpose_options)(ones));
    });
    return norms_;
  }

 private:
  static Weight<Scalar> row_major(const core::TensorView<const Scalar, R + 2>& w) {
    auto copy = frontend::make_tensor<Weight<Scalar>>(w.extents);
    Scalar* next = copy.data();
    core::for_each_row_major(w, [&](const Scalar& value) { *next++ = value; });
    return copy;
  }

  static ConvOptions<R> channels_first(ConvOptions<R> options) {
    options.data_format = DataFormat::channels_first;
    return options;
  }

  /// The options with which the transposed convolution gives exactly the operator's input.
  static ConvOptions<R> transposed(const ConvOptions<R>& options, const Geometry<R>& geometry) {
    Extents<R> in{}, kernel{}, out{};
    for (std::size_t a = 0; a < in.size(); ++a) {
      const Axis& axis = geometry.axes()[a];
      in[a] = axis.fine, kernel[a] = axis.kernel, out[a] = axis.coarse;
    }
    return with_output_extents(channels_first(options), out, kernel, in);
  }

  mutable std::once_flag norms_made_;
  mutable RealVector norms_;
};

}  // namespace detail

/// The matrix of one sample of `conv` as a linear operator, without the matrix: a product with it
/// is a convolution, a product with its transpose a transposed convolution.
///
///     tconv::ConvOperator A(weight, {height, width}, {.stride = 2, .padding = 1});
///     Eigen::LeastSquaresConjugateGradient<decltype(A)> solver(A);
///     x = solver.solve(y);
///
/// Equals `kernel2matrix(weight, in, options)`: `C_out * prod(out)` rows and `C_in * prod(in)`
/// columns in row-major order of (channel, spatial...), whatever the storage order of the weight
/// and the data format, so that `A * vec(x, format)` is `vec(conv(x, weight, options), format)`.
///
/// Immutable; copies share the weight. Many threads may multiply with one operator, unless it was
/// given a workspace. Solvers refer to the operator they are given, which must outlive them.
///
/// \par Limits
/// One sample; `output_padding` is less than the stride.
/// \par Example
/// \snippet functions.cpp ConvOperator
template <class Scalar_, int R>
class ConvOperator : public frontend::OperatorBase<ConvOperator<Scalar_, R>> {
 public:
  using Scalar = Scalar_;
  using RealScalar = typename Eigen::NumTraits<Scalar>::Real;
  class InnerIterator;

  /// \param weight   `(C_out, C_in / groups, kernel...)`; copied
  /// \param in       spatial extents of the input
  /// \param options  as for `conv`
  /// \throws std::invalid_argument if the options or extents are invalid, or `output_padding` is
  ///   not below the stride, as for `kernel2matrix`
  /// \throws std::length_error if the vectors are larger than memory can be
  template <core::TensorExpression W>
  ConvOperator(const W& weight, const Extents<R>& in, const ConvOptions<R>& options = {})
      : state_(make_state(weight, in, options)) {}

  /// The same, to multiply on the threads and memory of a workspace, which must outlive the
  /// operator and what is made of it.
  template <core::TensorExpression W>
  ConvOperator(Workspace& workspace, const W& weight, const Extents<R>& in,
               const ConvOptions<R>& options = {})
      : state_(make_state(weight, in, options)), workspace_(&workspace) {}

  Index rows() const { return state_->rows; }
  Index cols() const { return state_->cols; }

  auto transpose() const { return frontend::TransposedOperator<Scalar, R, false>(*this); }
  /// The conjugate transpose.
  auto adjoint() const {
    return frontend::TransposedOperator<Scalar, R, Eigen::NumTraits<Scalar>::IsComplex>(*this);
  }

  /// `A.adjoint() * A + shift * I`, for `Eigen::ConjugateGradient<..., Eigen::Lower |
  /// Eigen::Upper>`. A positive shift is Tikhonov's regularisation.
  auto normal(const RealScalar& shift = RealScalar(0)) const {
    return frontend::NormalOperator<Scalar, R>(*this, shift);
  }

  /// The product with `v`, of `cols()` elements, into `product`, of `rows()` elements in other
  /// memory.
  void multiply(const Scalar* v, Scalar* product) const {
    run(state_->forward, v, state_->geometry.fine_shape(), product,
        state_->geometry.coarse_shape());
  }
  /// The product of the transpose with `v`, of `rows()` elements, into `product`, of `cols()`.
  void multiply_transposed(const Scalar* v, Scalar* product) const {
    run(state_->backward, v, state_->geometry.coarse_shape(), product,
        state_->geometry.fine_shape());
  }

  /// What Eigen's default preconditioner for least squares wants to know about column `j`.
  struct Column {
    RealScalar norm;
    RealScalar squaredNorm() const { return norm; }
  };
  Column col(Index j) const { return {state_->column_norms()[j]}; }

 private:
  template <class W>
  static auto make_state(const W& weight, const Extents<R>& in, const ConvOptions<R>& options) {
    constexpr bool rank = core::tensor_rank<W> == R + 2;
    constexpr bool scalar = std::same_as<core::tensor_scalar<W>, Scalar>;
    static_assert(rank, "tconv: weight must have rank R + 2");
    static_assert(scalar, "tconv: weight must have the scalar type of the operator");
    if constexpr (rank && scalar) {
      const auto& stored_weight = frontend::stored(weight);
      core::checked_size<Scalar>(core::extents_of(stored_weight), "weight", "ConvOperator");
      return std::make_shared<const detail::OperatorState<Scalar, R>>(
          core::plain_view(stored_weight), in, options, "ConvOperator");
    } else {
      return std::shared_ptr<const detail::OperatorState<Scalar, R>>();
    }
  }

  template <class Layer>
  void run(const Layer& layer, const Scalar* v, const Extents<R + 2>& v_shape, Scalar* product,
           const Extents<R + 2>& product_shape) const {
    using Tensor = Eigen::Tensor<Scalar, R + 2, Eigen::RowMajor>;
    using Dimensions = typename Tensor::Dimensions;
    layer.run(Eigen::TensorMap<const Tensor>(v, Dimensions(v_shape)),
              Eigen::TensorMap<Tensor>(product, Dimensions(product_shape)),
              workspace_ ? *workspace_ : thread_workspace());
  }

  std::shared_ptr<const detail::OperatorState<Scalar, R>> state_;
  Workspace* workspace_ = nullptr;
};

template <core::TensorExpression W>
ConvOperator(const W&, const Extents<frontend::spatial_axes<W>>&,
             const frontend::OptionsOf<W>& = {})
    -> ConvOperator<core::tensor_scalar<W>, frontend::spatial_axes<W>>;
template <core::TensorExpression W>
ConvOperator(Workspace&, const W&, const Extents<frontend::spatial_axes<W>>&,
             const frontend::OptionsOf<W>& = {})
    -> ConvOperator<core::tensor_scalar<W>, frontend::spatial_axes<W>>;

/// The entries of one column in ascending order of their rows.
template <class Scalar, int R>
class ConvOperator<Scalar, R>::InnerIterator : public frontend::EntryIterator<Scalar> {
 public:
  InnerIterator(const ConvOperator& a, Index column) {
    const auto& geometry = a.state_->geometry;
    const auto& weight = a.state_->weight;
    const core::TensorView<const Scalar, R + 2> taps = core::plain_view(weight);
    const auto coarse = geometry.coarse_shape(), fine = geometry.fine_shape();
    Extents<R> o{}, k{};
    for (std::size_t axis = o.size(); axis-- > 0; column /= fine[axis + 2])
      o[axis] = column % fine[axis + 2];
    const Index fine_per_group = fine[1] / geometry.groups();
    const Index coarse_per_group = coarse[1] / geometry.groups();
    const Index first = column / fine_per_group * coarse_per_group;
    const auto visit = [&](const auto& self, Index m, std::size_t axis, Index row) -> void {
      if (axis == o.size()) {
        this->append(row, taps(m, column % fine_per_group, k));
        return;
      }
      const Axis& relation = geometry.axes()[axis];
      for (k[axis] = relation.kernel - 1; k[axis] >= 0; --k[axis]) {
        // Positions grow by a stride from one coarse position to the next.
        const Index distance = o[axis] - relation.fine_position(0, k[axis]);
        const Index i = distance / relation.stride;
        if (distance >= 0 && distance % relation.stride == 0 && i < relation.coarse)
          self(self, m, axis + 1, row * relation.coarse + i);
      }
    };
    for (Index m = first; m < first + coarse_per_group; ++m) visit(visit, m, 0, m);
  }
};

namespace frontend {

/// The transpose of a `ConvOperator`, or its conjugate.
template <class Scalar_, int R, bool conjugates>
class TransposedOperator : public OperatorBase<TransposedOperator<Scalar_, R, conjugates>> {
 public:
  using Scalar = Scalar_;
  explicit TransposedOperator(const ConvOperator<Scalar, R>& of) : of_(of) {}

  Index rows() const { return of_.cols(); }
  Index cols() const { return of_.rows(); }

  auto transpose() const requires(!conjugates) { return of_; }
  auto adjoint() const requires(conjugates == Eigen::NumTraits<Scalar>::IsComplex) { return of_; }

  void multiply(const Scalar* v, Scalar* product) const {
    using Vector = Eigen::Matrix<Scalar, Eigen::Dynamic, 1>;
    if constexpr (conjugates) {
      const Vector conjugate = Eigen::Map<const Vector>(v, cols()).conjugate();
      of_.multiply_transposed(conjugate.data(), product);
      Eigen::Map<Vector> result(product, rows());
      result = result.conjugate();
    } else {
      of_.multiply_transposed(v, product);
    }
  }

 private:
  ConvOperator<Scalar, R> of_;
};

/// `A.adjoint() * A + shift * I` of a `ConvOperator`.
template <class Scalar_, int R>
class NormalOperator : public OperatorBase<NormalOperator<Scalar_, R>> {
 public:
  using Scalar = Scalar_;
  using RealScalar = typename Eigen::NumTraits<Scalar>::Real;

  /// The entry on the diagonal, all that Eigen's preconditioners read of a square matrix.
  class InnerIterator : public EntryIterator<Scalar> {
   public:
    InnerIterator(const NormalOperator& a, Index column) {
      this->append(column, Scalar(a.of_.col(column).squaredNorm() + a.shift_));
    }
  };

  NormalOperator(const ConvOperator<Scalar, R>& of, const RealScalar& shift)
      : of_(of), shift_(shift) {}

  Index rows() const { return of_.cols(); }
  Index cols() const { return of_.cols(); }
  auto adjoint() const { return *this; }

  void multiply(const Scalar* v, Scalar* product) const {
    using Vector = Eigen::Matrix<Scalar, Eigen::Dynamic, 1>;
    Vector image(of_.rows());
    of_.multiply(v, image.data());
    of_.adjoint().multiply(image.data(), product);
    if (shift_ != RealScalar(0))
      Eigen::Map<Vector>(product, rows()) += shift_ * Eigen::Map<const Vector>(v, cols());
  }

 private:
  ConvOperator<Scalar, R> of_;
  RealScalar shift_;
};

}  // namespace frontend
}  // namespace tconv::inline TCONV_ISA
