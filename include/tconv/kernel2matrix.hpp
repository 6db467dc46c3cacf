#pragma once

/// \file
/// The convolution as a sparse matrix, and tensors as vectors. "Dive into Deep Learning", section
/// 14.10 (transposed convolution), does it for one channel, stride 1, no padding.

#include <Eigen/SparseCore>
#include <algorithm>
#include <array>
#include <cstddef>
#include <limits>
#include <stdexcept>

#include "tconv/core/axis.hpp"
#include "tconv/core/eigen.hpp"
#include "tconv/core/isa.hpp"
#include "tconv/core/require.hpp"
#include "tconv/core/view.hpp"
#include "tconv/frontend/arguments.hpp"
#include "tconv/frontend/matrices.hpp"
#include "tconv/frontend/views.hpp"
#include "tconv/geometry.hpp"
#include "tconv/options.hpp"

namespace tconv::inline TCONV_ISA {
namespace detail {

/// Moves the last axis of a sample `(spatial..., C)` to the front.
template <class T, int rank>
core::TensorView<T, rank> channels_to_front(core::TensorView<T, rank> view, DataFormat format) {
  if (format == DataFormat::channels_last) {
    std::rotate(view.extents.begin(), view.extents.end() - 1, view.extents.end());
    std::rotate(view.strides.begin(), view.strides.end() - 1, view.strides.end());
  }
  return view;
}

/// The geometry of one sample of `conv`, rejecting options with which the transposed convolution
/// reaches beyond the matrix.
template <int R>
Geometry<R> matrix_geometry(const Extents<R + 2>& weight, const Extents<R>& in,
                            const ConvOptions<R>& options, const char* function) {
  Extents<R + 2> x{1, core::channels_of_groups(weight[1], options.groups, function)};
  std::copy(in.begin(), in.end(), x.begin() + 2);
  const auto geometry = Geometry<R>::of_conv(x, weight, options, function);
  for (int a = 0; a < R; ++a)
    core::require(options.output_padding[a] < options.stride[a], function, "output_padding is ",
                  options.output_padding[a], " on spatial axis ", a,
                  ", but must be less than the stride, which is ", options.stride[a]);
  return geometry;
}

/// The matrix of one sample of `conv`: rows are coarse, columns fine, both in row-major order of
/// (channel, spatial...).
template <class Element, int R, class Scalar>
Eigen::SparseMatrix<Element, Eigen::RowMajor> convolution_matrix(
    const Geometry<R>& geometry, const core::TensorView<const Scalar, R + 2>& weight,
    const char* function) {
  using Matrix = Eigen::SparseMatrix<Element, Eigen::RowMajor>;
  using StorageIndex = typename Matrix::StorageIndex;
  constexpr Index limit = std::numeric_limits<StorageIndex>::max();
  const Index fine_per_group = geometry.fine_channels() / geometry.groups();
  const Index coarse_per_group = geometry.coarse_channels() / geometry.groups();

  Extents<R> fine{};
  for (std::size_t a = 0; a < fine.size(); ++a) fine[a] = geometry.axes()[a].fine;
  const auto limited = [&](const core::CheckedIndex& count) {
    return count.at_most(limit, function, "the matrix of a weight ", weight.extents, " for in ",
                         fine, " exceeds the index type of Eigen::SparseMatrix");
  };
  Index rows = limited(geometry.coarse_channels()), columns = limited(geometry.fine_channels());
  Index entries = limited(core::CheckedIndex(rows) * fine_per_group);
  for (const Axis& axis : geometry.axes()) {
    rows = limited(core::CheckedIndex(rows) * axis.coarse);
    columns = limited(core::CheckedIndex(columns) * axis.fine);
    Index meetings = 0;
    for (Index i = 0; i < axis.coarse; ++i)
      for (Index k = 0; k < axis.kernel; ++k) meetings += axis.has_fine(axis.fine_position(i, k));
    entries = limited(core::CheckedIndex(entries) * meetings);
  }

  const auto fine_strides = core::dense_strides(fine, Eigen::RowMajor);
  const Index fine_plane = fine_strides[0] * fine[0];
  Matrix matrix(rows, columns);
  matrix.reserve(entries);
  Index row = 0;
  for (Index m = 0; m < geometry.coarse_channels(); ++m) {
    const Index first_fine_channel = m / coarse_per_group * fine_per_group;
    // Ascending columns: channels, then taps in row-major order, since dilation is positive.
    Extents<R> k{};
    const auto insert_taps = [&](const auto& self, const Extents<R>& i, Index c, std::size_t a,
                                 Index column) -> void {
      if (a == k.size()) {
        matrix.insertBack(row, column) = static_cast<Element>(weight(m, c, k));
        return;
      }
      const Axis& axis = geometry.axes()[a];
      for (k[a] = 0; k[a] < axis.kernel; ++k[a]) {
        const Index o = axis.fine_position(i[a], k[a]);
        if (axis.has_fine(o)) self(self, i, c, a + 1, column + o * fine_strides[a]);
      }
    };
    const auto visit_rows = [&](const auto& self, Extents<R>& i, std::size_t a) -> void {
      if (a == i.size()) {
        matrix.startVec(row);
        for (Index c = 0; c < fine_per_group; ++c)
          insert_taps(insert_taps, i, c, 0, (first_fine_channel + c) * fine_plane);
        ++row;
        return;
      }
      for (i[a] = 0; i[a] < geometry.axes()[a].coarse; ++i[a]) self(self, i, a + 1);
    };
    Extents<R> i{};
    visit_rows(visit_rows, i, 0);
  }
  matrix.finalize();
  return matrix;
}

/// Spatial axes of a kernel: of a textbook kernel of rank 2, or of a weight.
template <class K>
inline constexpr int kernel_axes = 2;
template <core::TensorExpression K>
inline constexpr int kernel_axes<K> = core::tensor_rank<K> == 2 ? 2 : frontend::spatial_axes<K>;

template <class K>
inline constexpr bool is_kernel = false;
template <core::TensorExpression K>
inline constexpr bool is_kernel<K> = 2 <= core::tensor_rank<K>&& core::tensor_rank<K> <= 5;

/// A textbook kernel of rank 2 as a weight with one channel on each side; weights as they are.
template <class W>
auto weight_view(const W& weight) {
  using Scalar = core::tensor_scalar<W>;
  if constexpr (core::tensor_rank<W> == 2) {
    const core::TensorView<const Scalar, 2> plain = core::plain_view(weight);
    return core::TensorView<const Scalar, 4>{plain.data,
                                             {1, 1, plain.extents[0], plain.extents[1]},
                                             {0, 0, plain.strides[0], plain.strides[1]}};
  } else {
    return core::TensorView<const Scalar, core::tensor_rank<W>>(core::plain_view(weight));
  }
}

}  // namespace detail

/// The elements of `x`, a tensor of any rank, in row-major order of its axes whatever its storage
/// order. With `channels_last`, `x` is one sample `(spatial..., C)` and the order is
/// (channel, spatial...), that of `kernel2matrix`.
///
/// \par Limits
/// Copies the elements.
/// \par Example
/// \snippet functions.cpp kernel2matrix
template <core::TensorExpression X>
auto vec(const X& x, DataFormat format = DataFormat::channels_first) {
  using Scalar = core::tensor_scalar<X>;
  constexpr int rank = core::tensor_rank<X>;
  const auto& tensor = frontend::stored(x);
  Eigen::Matrix<Scalar, Eigen::Dynamic, 1> result(tensor.size());
  if (result.size() == 0) return result;
  Index next = 0;
  const core::TensorView<const Scalar, rank> view = core::plain_view(tensor);
  core::for_each_row_major(detail::channels_to_front(view, format),
                           [&](const Scalar& value) { result[next++] = value; });
  return result;
}

/// The inverse of `vec`: a tensor of the given extents and storage order `layout`.
///
/// \par Limits
/// Copies the elements.
/// \par Example
/// \snippet functions.cpp kernel2matrix
///
/// \throws std::invalid_argument if `v` does not have as many elements as the extents say
template <int layout = Eigen::RowMajor, class Vector, std::size_t rank>
auto unvec(const Eigen::MatrixBase<Vector>& v, const std::array<Index, rank>& extents,
           DataFormat format = DataFormat::channels_first) {
  using Scalar = typename Vector::Scalar;
  for (const Index extent : extents)
    core::require(extent >= 0, "unvec", "extents contain ", extent, ", but must be at least 0");
  const Index size = core::checked_size<Scalar>(extents, "the result", "unvec");
  core::require(v.size() == size && v.cols() == 1, "unvec", "v is ", v.rows(), " by ", v.cols(),
                ", but the extents ask for a column of ", size);
  auto result =
      frontend::make_tensor<Eigen::Tensor<Scalar, static_cast<int>(rank), layout>>(extents);
  if (size == 0) return result;
  const typename Vector::PlainObject values = v;
  Index next = 0;
  core::for_each_row_major(detail::channels_to_front(core::plain_view(result), format),
                           [&](Scalar& value) { value = values(next++, 0); });
  return result;
}
template <int layout = Eigen::RowMajor, class Vector, std::size_t rank>
auto unvec(const Eigen::MatrixBase<Vector>& v, const Index (&extents)[rank],
           DataFormat format = DataFormat::channels_first) {
  return unvec<layout>(v, std::to_array(extents), format);
}

/// The sparse matrix `M` of one sample of a convolution: `vec(conv(X, K)) == M * vec(X)`, and
/// `vec(conv_transpose(Y, K)) == M.transpose() * vec(Y)`.
///
/// \par Limits
/// One entry for each pair of output and tap: for a large image with many channels take
/// `ConvOperator`.
/// \par Example
/// \snippet functions.cpp kernel2matrix
///
/// \param kernel   `(k0, k1)` for one channel, a tensor or an Eigen matrix, or a weight
///                 `(C_out, C_in / groups, kernel...)`
/// \param in       spatial extents of `X`
/// \param options  as for `conv`; the matrix is the same in both data formats
/// \returns `C_out * prod(out)` rows and `C_in * prod(in)` columns, numbered in row-major order of
///   (channel, spatial...); every tap that falls inside `X` has an entry, zeros included
/// \throws std::invalid_argument if the options or extents are invalid, or `output_padding` is not
///   below the stride: such outputs lie beyond the matrix
/// \throws std::length_error if the matrix exceeds its index type
template <class K>
auto kernel2matrix(const K& kernel, const Extents<detail::kernel_axes<K>>& in,
                   const ConvOptions<detail::kernel_axes<K>>& options = {}) {
  static_assert(
      detail::is_kernel<K> || core::MatrixExpression<K>,
      "tconv: kernel must be an Eigen matrix, or a tensor of rank 2 (one channel), 3, 4 or "
      "5");
  if constexpr (core::MatrixExpression<K>) {
    return kernel2matrix(frontend::matrix_to_tensor(kernel), in, options);
  } else if constexpr (detail::is_kernel<K>) {
    using Scalar = core::tensor_scalar<K>;
    constexpr int R = detail::kernel_axes<K>;
    constexpr auto function = "kernel2matrix";
    const auto& stored_kernel = frontend::stored(kernel);
    core::checked_size<Scalar>(core::extents_of(stored_kernel), "kernel", function);
    const auto weight = detail::weight_view(stored_kernel);
    const auto geometry = detail::matrix_geometry<R>(weight.extents, in, options, function);
    return detail::convolution_matrix<Scalar>(geometry, weight, function);
  }
}

}  // namespace tconv::inline TCONV_ISA
