#pragma once

/// \file
/// Eigen's matrices and vectors where functions take small tensors. They are copied, but for
/// vectors whose elements lie side by side.

#include <concepts>
#include <type_traits>

#include "tconv/core/eigen.hpp"
#include "tconv/core/isa.hpp"
#include "tconv/core/view.hpp"

namespace tconv::inline TCONV_ISA::frontend {

/// The rank 1 tensor with the elements of a vector: where they lie side by side, a map of them.
template <class V>
requires VectorExpression<std::remove_const_t<V>>
auto to_tensor(V& v) {
  using Tensor = Eigen::Tensor<std::remove_const_t<typename V::Scalar>, 1>;
  if constexpr (DenseVector<std::remove_const_t<V>>) {
    using Mapped = std::conditional_t<is_writable<V>, Tensor, const Tensor>;
    return Eigen::TensorMap<Mapped>(v.data(), v.size());
  } else {
    Tensor tensor(v.size());
    const auto& elements = v.eval();
    for (Index i = 0; i < v.size(); ++i) tensor(i) = elements(i);
    return tensor;
  }
}

/// The rank 2 tensor with the elements of a matrix, in a storage order, by default the matrix's.
template <MatrixExpression M, int layout = M::IsRowMajor ? Eigen::RowMajor : Eigen::ColMajor>
auto matrix_to_tensor(const M& m) {
  using Scalar = typename M::Scalar;
  using Tensor = Eigen::Tensor<Scalar, 2, layout>;
  const Eigen::Matrix<Scalar, Eigen::Dynamic, Eigen::Dynamic, layout> elements = m.matrix();
  return Tensor(Eigen::TensorMap<const Tensor>(elements.data(), m.rows(), m.cols()));
}

/// The matrix with the elements of a rank 2 tensor.
template <TensorExpression T>
auto tensor_to_matrix(const T& tensor) {
  using Matrix = Eigen::Matrix<tensor_scalar<T>, Eigen::Dynamic, Eigen::Dynamic, tensor_layout<T>>;
  return Matrix(Eigen::Map<const Matrix>(tensor.data(), tensor.dimension(0), tensor.dimension(1)));
}

}  // namespace tconv::inline TCONV_ISA::frontend
