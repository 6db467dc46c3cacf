#pragma once

/// \file
/// Between the caller's tensors and `TensorView`s: the axes in their own order, and results.

#include <algorithm>
#include <array>
#include <cstddef>

#include "tconv/core/axis.hpp"
#include "tconv/core/eigen.hpp"
#include "tconv/core/isa.hpp"
#include "tconv/core/view.hpp"
#include "tconv/options.hpp"
#include "tconv/runtime/huge_pages.hpp"

namespace tconv::inline TCONV_ISA::frontend {

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
  runtime::advise_huge_pages(
      tensor.data(), static_cast<std::size_t>(tensor.size()) * sizeof(typename Tensor::Scalar));
  return tensor;
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

/// `x` itself if it is stored, or a slice of a stored tensor, which must lie in it; otherwise the
/// tensor it evaluates to. For those that read it through `image_view`.
template <TensorExpression X>
decltype(auto) stored_image(const X& x, const char* argument, const char* function) {
  if constexpr (StoredSlice<X>) {
    check_slice(x, argument, function);
    return (x);
  } else {
    return stored(x);
  }
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
  using Element = std::remove_pointer_t<decltype(own.data)>;
  return TensorView<Element, R + 2>{own.data, canonical<R>(own.extents, format, 1),
                                    canonical<R>(own.strides, format, 0)};
}

/// Axis of the caller's tensor of rank `rank` that holds the channels.
template <int R, int rank>
constexpr int channel_axis(DataFormat format) {
  return format == DataFormat::channels_last ? rank - 1 : rank - R - 1;
}

/// A stored `x` or `grad_y`, which `argument` says, as `(n, channel, spatial...)`, its size
/// checked.
template <int R, class Tensor>
auto checked_image_view(const Tensor& t, DataFormat format, const char* argument,
                        const char* function) {
  checked_size<tensor_scalar<Tensor>>(extents_of(t), argument, function);
  return image_view<R>(t, format);
}

/// An uninitialised tensor like `grad_y`, of the given `(n, channel, spatial...)`.
template <class GradY, std::size_t rank>
auto make_image(const std::array<Index, rank>& shape, DataFormat format, const char* function) {
  checked_size<tensor_scalar<GradY>, tensor_index<GradY>>(shape, "the result", function);
  return make_tensor<Result<GradY>>(
      own_order<static_cast<std::size_t>(tensor_rank<GradY>)>(shape, format));
}

}  // namespace tconv::inline TCONV_ISA::frontend
