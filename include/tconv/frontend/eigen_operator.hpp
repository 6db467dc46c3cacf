#pragma once

/// \file
/// The seam to Eigen's solvers: what makes the operators of `linear_operator.hpp` matrices to them.
/// Source of the pattern: Eigen's manual, "Matrix-free solvers".

#include <Eigen/SparseCore>
#include <concepts>
#include <cstddef>
#include <functional>
#include <utility>
#include <vector>

#include "tconv/core/eigen.hpp"
#include "tconv/core/isa.hpp"
#include "tconv/core/require.hpp"

namespace tconv::inline TCONV_ISA {

template <class Scalar, int R>
class ConvOperator;

namespace frontend {

template <class Scalar, int R, bool conjugates>
class TransposedOperator;
template <class Scalar, int R>
class NormalOperator;

template <class Operator>
struct OperatorScalar {};
template <class Scalar, int R>
struct OperatorScalar<ConvOperator<Scalar, R>> {
  using type = Scalar;
};
template <class Scalar, int R, bool conjugates>
struct OperatorScalar<TransposedOperator<Scalar, R, conjugates>> {
  using type = Scalar;
};
template <class Scalar, int R>
struct OperatorScalar<NormalOperator<Scalar, R>> {
  using type = Scalar;
};

/// The operators, which Eigen's templates must know before they are complete.
template <class T>
concept LinearOperator = requires {
  typename OperatorScalar<T>::type;
};

}  // namespace frontend
}  // namespace tconv::inline TCONV_ISA

namespace Eigen::internal {

/// Without a flag that says otherwise, products hold an operator by value: it is a shared pointer,
/// and often a temporary, as in `auto product = A.transpose() * v`.
template <tconv::frontend::LinearOperator Operator>
struct traits<Operator>
    : traits<SparseMatrix<typename tconv::frontend::OperatorScalar<Operator>::type>> {
  enum { Flags = 0 };
};

/// Evaluates the products of the operators by their `multiply`, column by column.
template <tconv::frontend::LinearOperator Operator, class Factor, int tag>
struct generic_product_impl<Operator, Factor, SparseShape, DenseShape, tag>
    : generic_product_impl_base<
          Operator, Factor, generic_product_impl<Operator, Factor, SparseShape, DenseShape, tag>> {
  using Scalar = typename tconv::frontend::OperatorScalar<Operator>::type;
  using Vector = Matrix<Scalar, Dynamic, 1>;
  /// Refers to what lies in memory column by column, and evaluates everything else.
  using Columns = Ref<const Matrix<Scalar, Dynamic, Dynamic>, 0, OuterStride<>>;

  template <class Dest>
  static void evalTo(Dest& dest, const Operator& a, const Factor& v) {
    const Columns columns(v);
    if constexpr (is_contiguous<Dest>)
      if (!overlap(dest, columns)) {
        for (Index j = 0; j < columns.cols(); ++j)
          a.multiply(columns.col(j).data(), dest.col(j).data());
        return;
      }
    Matrix<Scalar, Dynamic, Dynamic> product(a.rows(), columns.cols());
    for (Index j = 0; j < columns.cols(); ++j)
      a.multiply(columns.col(j).data(), product.col(j).data());
    dest = product;
  }

  template <class Dest>
  static void scaleAndAddTo(Dest& dest, const Operator& a, const Factor& v, const Scalar& scale) {
    Matrix<Scalar, Dynamic, Dynamic> product(a.rows(), v.cols());
    evalTo(product, a, v);
    dest += scale * product;
  }

 private:
  template <class Dest>
  static constexpr bool is_contiguous =
      has_direct_access<Dest>::ret&& Dest::InnerStrideAtCompileTime == 1 &&
      (Dest::IsVectorAtCompileTime || !Dest::IsRowMajor);

  template <class Dest>
  static bool overlap(const Dest& dest, const Columns& columns) {
    const auto end = [](const auto& m) {
      return m.data() + (m.cols() > 0 ? (m.cols() - 1) * m.outerStride() + m.rows() : 0);
    };
    const std::less<const Scalar*> before;
    return before(dest.data(), end(columns)) && before(columns.data(), end(dest));
  }
};

}  // namespace Eigen::internal

namespace tconv::inline TCONV_ISA {
namespace frontend {

/// What the operators share: the names that Eigen reads, and the product expression.
template <class Derived>
class OperatorBase : public Eigen::EigenBase<Derived> {
 public:
  using Scalar = typename OperatorScalar<Derived>::type;
  using RealScalar = typename Eigen::NumTraits<Scalar>::Real;
  using StorageIndex = int;
  enum {
    RowsAtCompileTime = Eigen::Dynamic,
    ColsAtCompileTime = Eigen::Dynamic,
    MaxRowsAtCompileTime = Eigen::Dynamic,
    MaxColsAtCompileTime = Eigen::Dynamic,
    IsRowMajor = false
  };

  Index outerSize() const { return this->cols(); }

  /// The product with a vector, or with each column of a matrix, of any dense expression. It is
  /// computed when it is assigned, to the factor itself if need be.
  /// \throws std::invalid_argument if the factor has not as many rows as the operator has columns
  template <class Factor>
  auto operator*(const Eigen::MatrixBase<Factor>& v) const {
    static_assert(std::same_as<typename Factor::Scalar, Scalar>,
                  "tconv: a vector must have the scalar type of the operator that multiplies it");
    require(v.rows() == this->cols(), "ConvOperator", "v has ", v.rows(),
            " rows, but the operator has ", this->cols(), " columns");
    return Eigen::Product<Derived, Factor, Eigen::AliasFreeProduct>(this->derived(), v.derived());
  }
};

/// Entries of one column, as Eigen's preconditioners read them.
template <class Scalar>
class EntryIterator {
 public:
  explicit operator bool() const { return next_ < entries_.size(); }
  EntryIterator& operator++() {
    ++next_;
    return *this;
  }
  Index index() const { return entries_[next_].first; }
  Scalar value() const { return entries_[next_].second; }

 protected:
  void append(Index row, const Scalar& value) { entries_.emplace_back(row, value); }

 private:
  std::vector<std::pair<Index, Scalar>> entries_;
  std::size_t next_ = 0;
};

}  // namespace frontend
}  // namespace tconv::inline TCONV_ISA
