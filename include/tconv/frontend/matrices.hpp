#pragma once

/// \file
/// Eigen's matrices and vectors where functions take small tensors. They are copied, but for
/// vectors whose elements lie side by side.

#include <array>
#include <type_traits>

#include "tconv/core/eigen.hpp"
#include "tconv/core/isa.hpp"
#include "tconv/core/view.hpp"
#include "tconv/frontend/output.hpp"

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

/// The rank 2 tensor with the elements of a matrix, in a storage order, by default the matrix's: of
/// what is stored so, a map.
template <MatrixExpression M, int layout = M::IsRowMajor ? Eigen::RowMajor : Eigen::ColMajor>
auto matrix_to_tensor(const M& m) {
  using Scalar = std::remove_const_t<typename M::Scalar>;
  using Tensor = Eigen::Tensor<Scalar, 2, layout>;
  constexpr bool same_order = (layout == Eigen::RowMajor) == static_cast<bool>(M::IsRowMajor);
  if constexpr (std::is_base_of_v<Eigen::PlainObjectBase<M>, M> && same_order) {
    return Eigen::TensorMap<const Tensor>(m.data(), m.rows(), m.cols());
  } else {
    using Matrix = Eigen::Matrix<Scalar, Eigen::Dynamic, Eigen::Dynamic, layout>;
    Tensor tensor(m.rows(), m.cols());
    Eigen::Map<Matrix>(tensor.data(), m.rows(), m.cols()) = m.matrix();
    return tensor;
  }
}

/// A new matrix in place of a tensor of rank 2; otherwise as `NewTensor`.
struct NewMatrix {
  template <class Tensor>
  auto place(const char* function, const std::array<Index, 2>& shape, Inputs) const {
    using Scalar = typename Tensor::Scalar;
    checked_size<Scalar>(shape, "the result", function);
    return Eigen::Matrix<Scalar, Eigen::Dynamic, Eigen::Dynamic, tensor_layout<Tensor>>(shape[0],
                                                                                        shape[1]);
  }
};

}  // namespace tconv::inline TCONV_ISA::frontend
