#pragma once

/// \file
/// What we accept as a tensor, and how the code behind the front doors sees it.
///
///     caller's x (unbatched, channels last, ColMajor)      TensorView, always
///        axis      0   1   2                               axis     0   1   2   3
///        meaning   h   w   c                               meaning  n   c   h   w
///        extent    H   W   C                       ->      extent   1   C   H   W
///        stride    1   H   H*W                             stride   0  H*W  1   H

#include <algorithm>
#include <array>
#include <concepts>
#include <cstddef>
#include <functional>
#include <type_traits>
#include <utility>

#include "tconv/detail/huge_pages.hpp"
#include "tconv/detail/require.hpp"
#include "tconv/geometry.hpp"

namespace tconv {

/// Elements at `data + sum(index[a] * strides[a])`. Axes are `(n, channel, spatial...)` for
/// inputs and outputs, and the weight's own for weights. Does not own its elements.
template <class T, int rank>
struct TensorView {
  T* data = nullptr;
  Extents<rank> extents{};
  Extents<rank> strides{};

  T& operator()(Index axis0, Index axis1, const Extents<rank - 2>& spatial) const {
    Index offset = axis0 * strides[0] + axis1 * strides[1];
    for (std::size_t a = 2; a < strides.size(); ++a) offset += spatial[a - 2] * strides[a];
    return data[offset];
  }

  operator TensorView<const T, rank>() const requires(!std::is_const_v<T>) {
    return {data, extents, strides};
  }
};

namespace detail {

/// The tensor of `rank` axes that an operator returns for an argument `X`.
template <TensorExpression X, int rank = tensor_rank<X>>
using Result = Eigen::Tensor<tensor_scalar<X>, rank, tensor_layout<X>, tensor_index<X>>;

/// An uninitialised tensor.
template <class Tensor, std::size_t rank>
Tensor make_tensor(const std::array<Index, rank>& extents) {
  typename Tensor::Dimensions dimensions;
  for (std::size_t a = 0; a < rank; ++a)
    dimensions[a] = static_cast<typename Tensor::Index>(extents[a]);
  Tensor tensor(dimensions);
  advise_huge_pages(tensor.data(),
                    static_cast<std::size_t>(tensor.size()) * sizeof(typename Tensor::Scalar));
  return tensor;
}

/// Spatial axes of a weight `T`; 2 where `T` is no tensor, so that overloads resolve and the
/// sentence of `check_argument_types` is what the user reads.
template <class T>
inline constexpr int spatial_axes = 2;
template <TensorExpression T>
inline constexpr int spatial_axes<T> = std::clamp(tensor_rank<T> - 2, 1, 3);

/// The options that belong to a weight.
template <class W>
using OptionsOf = ConvOptions<spatial_axes<W>>;

/// Anything that is not the options themselves; what it must be, `check_argument_types` says.
template <class Bias, class W>
concept BiasFor = !std::same_as<Bias, OptionsOf<W>>;

/// Stands for an absent bias.
struct NoBias {};

/// Rejects arguments of wrong type, rank or storage order with one sentence. Returns whether the
/// caller may go on to use them.
template <class X, class W, class Bias>
consteval bool check_argument_types() {
  static_assert(TensorExpression<X>, "tconv: x must be an Eigen tensor or tensor expression");
  static_assert(TensorExpression<W>, "tconv: weight must be an Eigen tensor or tensor expression");
  static_assert(TensorExpression<Bias> || std::same_as<Bias, NoBias>,
                "tconv: bias must be an Eigen tensor of rank 1, and options must be ConvOptions<R> "
                "with R the weight's rank minus 2");
  if constexpr (TensorExpression<X> && TensorExpression<W>) {
    constexpr bool weight_rank = 3 <= tensor_rank<W> && tensor_rank<W> <= 5;
    constexpr bool x_rank =
        tensor_rank<X> == tensor_rank<W> || tensor_rank<X> == tensor_rank<W> - 1;
    constexpr bool scalars = std::same_as<tensor_scalar<X>, tensor_scalar<W>>;
    constexpr bool layouts = tensor_layout<X> == tensor_layout<W>;
    static_assert(weight_rank,
                  "tconv: weight must have rank 3, 4 or 5: two channel axes and 1, 2 "
                  "or 3 spatial axes");
    static_assert(!weight_rank || x_rank,
                  "tconv: x must have the weight's rank, or one axis less if it is unbatched");
    static_assert(scalars, "tconv: x and weight must have the same scalar type");
    static_assert(layouts, "tconv: x and weight must have the same storage order");
    constexpr bool main = weight_rank && x_rank && scalars && layouts;
    if constexpr (TensorExpression<Bias>) {
      constexpr bool bias_rank = tensor_rank<Bias> == 1;
      constexpr bool bias_scalar = std::same_as<tensor_scalar<X>, tensor_scalar<Bias>>;
      constexpr bool bias_layout = tensor_layout<X> == tensor_layout<Bias>;
      static_assert(bias_rank, "tconv: bias must have rank 1");
      static_assert(bias_scalar, "tconv: bias must have the scalar type of x");
      static_assert(bias_layout, "tconv: bias must have the storage order of x");
      return main && bias_rank && bias_scalar && bias_layout;
    } else {
      return main && std::same_as<Bias, NoBias>;
    }
  } else {
    return false;
  }
}

/// `x` itself if it is stored, otherwise the tensor it evaluates to.
template <TensorExpression X>
decltype(auto) stored(const X& x) {
  if constexpr (StoredTensor<X>) {
    return (x);
  } else {
    return Result<X>(x);
  }
}

/// The element count of `extents`, rejecting what memory cannot hold or a tensor with indices of
/// type `TensorIndex` cannot count.
template <class Scalar, class TensorIndex = Index, std::size_t rank>
Index checked_size(const std::array<Index, rank>& extents, const char* function) {
  CheckedIndex size(1, function);
  for (const Index extent : extents) size = size * std::max<Index>(extent, 1);
  static_cast<void>(size * static_cast<Index>(sizeof(Scalar)));
  if (!std::in_range<TensorIndex>(Index{size}))
    throw std::length_error(
        message(function, "a result of ", Index{size}, " elements exceeds the index type of x"));
  return *std::min_element(extents.begin(), extents.end()) == 0 ? 0 : Index{size};
}

template <class Tensor>
auto extents_of(const Tensor& t) {
  const Eigen::DSizes<Index, tensor_rank<Tensor>> dimensions(t.dimensions());
  Extents<tensor_rank<Tensor>> extents{};
  std::copy(dimensions.begin(), dimensions.end(), extents.begin());
  return extents;
}

/// Element strides of a dense tensor.
template <std::size_t rank>
constexpr std::array<Index, rank> dense_strides(const std::array<Index, rank>& extents,
                                                int layout) {
  std::array<Index, rank> strides{};
  Index stride = 1;
  for (std::size_t a = 0; a < rank; ++a) {
    const std::size_t axis = layout == Eigen::RowMajor ? rank - 1 - a : a;
    strides[axis] = stride;
    stride *= extents[axis];
  }
  return strides;
}

template <class Tensor>
using ElementOf = std::remove_pointer_t<decltype(std::declval<Tensor&>().data())>;

/// A stored tensor with its axes in their own order.
template <class Tensor>
auto plain_view(Tensor& t) {
  using Plain = std::remove_const_t<Tensor>;
  const auto extents = extents_of(t);
  return TensorView<ElementOf<Tensor>, tensor_rank<Plain>>{
      t.data(), extents, dense_strides(extents, tensor_layout<Plain>)};
}

/// Reorders per-axis numbers of a caller's `x` or `y` to `(n, channel, spatial...)`. `batch` stands
/// for the batch axis of an unbatched tensor.
template <int R, std::size_t rank>
constexpr Extents<R + 2> canonical(const std::array<Index, rank>& own, DataFormat format,
                                   Index batch) {
  constexpr std::size_t first = rank - static_cast<std::size_t>(R) - 1;
  const bool last = format == DataFormat::channels_last;
  Extents<R + 2> result{};
  result[0] = first == 1 ? own[0] : batch;
  result[1] = own[last ? rank - 1 : first];
  for (std::size_t a = 0; a < static_cast<std::size_t>(R); ++a)
    result[a + 2] = own[first + a + (last ? 0 : 1)];
  return result;
}

/// The inverse of `canonical`: per-axis numbers in the order of a caller's tensor of rank `rank`.
template <std::size_t rank, std::size_t canonical_rank>
constexpr std::array<Index, rank> own_order(const std::array<Index, canonical_rank>& shape,
                                            DataFormat format) {
  std::array<Index, rank> result{};
  std::copy(shape.end() - static_cast<std::ptrdiff_t>(rank), shape.end(), result.begin());
  if (format == DataFormat::channels_last)
    std::rotate(result.end() - static_cast<std::ptrdiff_t>(canonical_rank) + 1,
                result.end() - static_cast<std::ptrdiff_t>(canonical_rank) + 2, result.end());
  return result;
}

/// A stored `x` or `y` as `(n, channel, spatial...)`.
template <int R, class Tensor>
auto image_view(Tensor& t, DataFormat format) {
  const auto own = plain_view(t);
  return TensorView<ElementOf<Tensor>, R + 2>{own.data, canonical<R>(own.extents, format, 1),
                                              canonical<R>(own.strides, format, 0)};
}

/// Calls `f` with each element of a view, in row-major order of its axes.
template <class T, int rank, class F>
void for_each_row_major(const TensorView<T, rank>& view, const F& f) {
  Extents<rank> at{};
  const auto visit = [&](const auto& self, std::size_t a, Index offset) -> void {
    if (a == at.size()) {
      f(view.data[offset]);
      return;
    }
    for (Index i = 0; i < view.extents[a]; ++i) self(self, a + 1, offset + i * view.strides[a]);
  };
  visit(visit, 0, 0);
}

/// Axis of the caller's tensor of rank `rank` that holds the channels.
template <int R, int rank>
constexpr int channel_axis(DataFormat format) {
  return format == DataFormat::channels_last ? rank - 1 : rank - R - 1;
}

}  // namespace detail
}  // namespace tconv
