#pragma once

/// \file
/// Eigen's matrices and vectors where functions take small tensors: they are copied.

#include <concepts>
#include <type_traits>

#include "tconv/core/eigen.hpp"
#include "tconv/core/isa.hpp"

namespace tconv::inline TCONV_ISA::frontend {

/// The rank 1 tensor with the elements of a vector.
template <VectorExpression V>
auto to_tensor(const V& v) {
  using Scalar = typename V::Scalar;
  Eigen::Tensor<Scalar, 1> tensor(v.size());
  const auto& elements = v.eval();
  for (Index i = 0; i < v.size(); ++i) tensor(i) = elements(i);
  return tensor;
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
