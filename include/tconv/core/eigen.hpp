#pragma once

/// \file
/// The seam to Eigen: the one place that includes unsupported headers or reads Eigen's internal
/// traits, so that a change in Eigen is met here and nowhere else.

#include <Eigen/Core>
#include <cstddef>
#include <type_traits>
#include <unsupported/Eigen/CXX11/Tensor>

namespace tconv {

/// The signed type of every extent, stride and position.
using Index = Eigen::Index;

namespace core {

/// True for `Eigen::Tensor`, `TensorMap`, `TensorFixedSize` and every tensor expression.
template <class T>
concept TensorExpression = std::is_base_of_v<Eigen::TensorBase<T, Eigen::ReadOnlyAccessors>, T>;

template <class T>
inline constexpr bool has_storage = false;
template <class Scalar, int rank, int options, class I>
inline constexpr bool has_storage<Eigen::Tensor<Scalar, rank, options, I>> = true;
template <class Scalar, class Sizes, int options, class I>
inline constexpr bool has_storage<Eigen::TensorFixedSize<Scalar, Sizes, options, I>> = true;
template <class Plain, int options, template <class> class MakePointer>
inline constexpr bool has_storage<Eigen::TensorMap<Plain, options, MakePointer>> = true;

/// Tensors whose elements lie in memory already.
template <class T>
concept StoredTensor = TensorExpression<T> && has_storage<T>;

template <class T>
inline constexpr bool is_slice = false;
template <class Start, class Sizes, class Tensor>
inline constexpr bool is_slice<Eigen::TensorSlicingOp<Start, Sizes, Tensor>> =
    has_storage<std::remove_const_t<Tensor>>;

/// `tensor.slice(...)` of a stored tensor: its elements lie in memory, but not side by side.
template <class T>
concept StoredSlice = TensorExpression<T> && is_slice<T>;

/// Eigen's matrices, arrays, maps and expressions of them.
template <class T>
concept MatrixExpression = std::is_base_of_v<Eigen::DenseBase<T>, T>;

/// Those which are vectors by their type.
template <class T>
concept VectorExpression = MatrixExpression<T> && static_cast<bool>(T::IsVectorAtCompileTime);

/// Those whose elements lie in memory one after the other.
template <class T>
concept DenseVector =
    VectorExpression<T> && Eigen::internal::inner_stride_at_compile_time<T>::ret == 1;

template <TensorExpression T>
inline constexpr int tensor_rank = Eigen::internal::traits<T>::NumDimensions;

template <TensorExpression T>
inline constexpr int tensor_layout = static_cast<int>(Eigen::internal::traits<T>::Layout);

template <TensorExpression T>
using tensor_scalar = std::remove_const_t<typename Eigen::internal::traits<T>::Scalar>;

template <TensorExpression T>
using tensor_index = typename Eigen::internal::traits<T>::Index;

/// As `tensor_layout`, and something where `T` is no tensor.
template <class T>
inline constexpr int storage_order = Eigen::ColMajor;
template <TensorExpression T>
inline constexpr int storage_order<T> = tensor_layout<T>;

/// Axes of a dimensions object: `std::array`, `Eigen::DSizes` or `Eigen::Sizes`.
template <class Dimensions>
inline constexpr int dimension_count =
    static_cast<int>(Eigen::internal::array_size<Dimensions>::value);

template <class Dimensions>
using DimensionSubscript = std::conditional_t<std::is_empty_v<Dimensions>, Index, std::size_t>;

}  // namespace core
}  // namespace tconv
