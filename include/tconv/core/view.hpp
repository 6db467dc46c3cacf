#pragma once

/// \file
/// How the code behind the front doors sees a tensor.
///
///     caller's x (unbatched, channels last, ColMajor)      TensorView, always
///        axis      0   1   2                               axis     0   1   2   3
///        meaning   h   w   c                               meaning  n   c   h   w
///        extent    H   W   C                       ->      extent   1   C   H   W
///        stride    1   H   H*W                             stride   0  H*W  1   H

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <type_traits>
#include <utility>

#include "tconv/core/axis.hpp"
#include "tconv/core/eigen.hpp"
#include "tconv/core/integer.hpp"
#include "tconv/core/require.hpp"

namespace tconv::core {

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

/// The element count of an argument, or a result, of the shape `extents`, rejecting what memory
/// cannot hold or a tensor with indices of type `TensorIndex` cannot count.
template <class Scalar, class TensorIndex = Index, std::size_t rank>
Index checked_size(const std::array<Index, rank>& extents, const char* argument,
                   const char* function) {
  CheckedIndex product(1);
  for (const Index extent : extents) product = product * std::max<Index>(extent, 1);
  constexpr auto largest = static_cast<Index>(std::min<std::intmax_t>(
      std::numeric_limits<Index>::max(), std::numeric_limits<TensorIndex>::max()));
  constexpr auto words = ", which is more than its index type can count";
  const Index size = product.at_most(largest, function, argument, " has shape ", extents, words);
  static_cast<void>((product * static_cast<Index>(sizeof(Scalar)))
                        .get(function, argument, " has shape ", extents, words));
  return *std::min_element(extents.begin(), extents.end()) == 0 ? 0 : size;
}

template <class Tensor>
requires(!StoredSlice<Tensor>) auto extents_of(const Tensor& t) {
  const Eigen::DSizes<Index, tensor_rank<Tensor>> dimensions(t.dimensions());
  Extents<tensor_rank<Tensor>> extents{};
  std::copy(dimensions.begin(), dimensions.end(), extents.begin());
  return extents;
}

template <StoredSlice Slice>
auto extents_of(const Slice& slice) {
  Extents<tensor_rank<Slice>> extents{};
  for (std::size_t a = 0; a < extents.size(); ++a)
    extents[a] = static_cast<Index>(slice.sizes()[a]);
  return extents;
}

/// The elements of memory from the first one of a view to the last, those between them included.
template <class T, int rank>
Index span_of(const TensorView<T, rank>& view) {
  Index last = 0;
  for (std::size_t a = 0; a < view.extents.size(); ++a) {
    if (view.extents[a] == 0) return 0;
    last += (view.extents[a] - 1) * view.strides[a];
  }
  return last + 1;
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

/// An element of a stored tensor, dense vector or slice, const if it may not be written. `T` is
/// const if the caller's object is.
template <class T>
struct ElementOfType {
  using type = std::remove_pointer_t<decltype(std::declval<T&>().data())>;
};
template <class Start, class Sizes, class Tensor>
struct ElementOfType<Eigen::TensorSlicingOp<Start, Sizes, Tensor>> : ElementOfType<Tensor> {};
template <class Start, class Sizes, class Tensor>
struct ElementOfType<const Eigen::TensorSlicingOp<Start, Sizes, Tensor>> : ElementOfType<Tensor> {};
template <class T>
using ElementOf = typename ElementOfType<T>::type;

template <class T>
inline constexpr bool is_writable = !std::is_const_v<ElementOf<T>>;

/// A stored tensor with its axes in their own order.
template <class Tensor>
requires(!StoredSlice<std::remove_const_t<Tensor>>) auto plain_view(Tensor& t) {
  using Plain = std::remove_const_t<Tensor>;
  const auto extents = extents_of(t);
  return TensorView<ElementOf<Tensor>, tensor_rank<Plain>>{
      t.data(), extents, dense_strides(extents, tensor_layout<Plain>)};
}

/// The same of a slice of one, which may be written to if its tensor may.
template <StoredSlice Slice>
auto plain_view(const Slice& slice) {
  const auto whole = plain_view(slice.expression());
  // Eigen shows a slice's tensor as const.
  TensorView<ElementOf<Slice>, tensor_rank<Slice>> view{const_cast<ElementOf<Slice>*>(whole.data),
                                                        extents_of(slice), whole.strides};
  for (std::size_t a = 0; a < view.strides.size(); ++a)
    view.data += static_cast<Index>(slice.startIndices()[a]) * view.strides[a];
  return view;
}

/// Throws `std::invalid_argument` unless a slice lies in its tensor.
template <StoredSlice Slice>
void check_slice(const Slice& slice, const char* argument, const char* function) {
  const auto whole = extents_of(slice.expression()), extents = extents_of(slice);
  for (std::size_t a = 0; a < whole.size(); ++a) {
    const auto first = static_cast<Index>(slice.startIndices()[a]);
    const bool inside =
        0 <= first && 0 <= extents[a] && extents[a] <= whole[a] && first <= whole[a] - extents[a];
    require(inside, function, argument, " is a slice from ", first, " of extent ", extents[a],
            " on axis ", a, ", where its tensor has extent ", whole[a]);
  }
}

/// A part of a view on one axis.
template <class T, int rank>
TensorView<T, rank> part_of(TensorView<T, rank> view, std::size_t axis, const Range& range) {
  view.data += range.first * view.strides[axis];
  view.extents[axis] = range.size();
  return view;
}

/// Whether all spatial positions of an image are as far apart in memory as those on its densest
/// axis, one after the other.
template <int R, class T>
bool dense_image(const TensorView<T, R + 2>& view, int layout) {
  Index next = 0;
  for (int a = 0; a < R; ++a) {
    const auto axis = static_cast<std::size_t>(layout == Eigen::RowMajor ? R + 1 - a : a + 2);
    if (a == 0) next = view.strides[axis];
    if (view.extents[axis] > 1 && view.strides[axis] != next) return false;
    next *= view.extents[axis];
  }
  return true;
}

/// Calls `f` with each element of a view, in row-major order of its axes.
template <class T, int rank, class F>
void for_each_row_major(const TensorView<T, rank>& view, const F& f) {
  if (std::find(view.extents.begin(), view.extents.end(), 0) != view.extents.end()) return;
  Extents<rank> at{};
  T* row = view.data;
  for (bool ends = false; !ends;) {
    for (Index i = 0; i < view.extents.back(); ++i) f(row[i * view.strides.back()]);
    ends = true;
    for (std::size_t a = at.size() - 1; ends && a-- > 0;) {
      row += view.strides[a];
      ends = ++at[a] == view.extents[a];
      if (ends) row -= view.extents[a] * view.strides[a], at[a] = 0;
    }
  }
}

/// A tensor as (n, channel, three spatial axes).
template <class T>
struct Image {
  T* data = nullptr;
  Index batch_stride = 0;
  Index channel_stride = 0;
  std::array<Index, 3> strides{};

  /// Of elements that are no longer told.
  operator Image<std::conditional_t<std::is_const_v<T>, const void, void>>() const
      requires(!std::is_void_v<T>) {
    return {data, batch_stride, channel_stride, strides};
  }
};

/// The end of a dense tensor.
template <class Scalar>
const Scalar* end_of(const Image<const Scalar>& image, Index batch, Index channels,
                     const std::array<Index, 3>& extents) {
  Index last = (batch - 1) * image.batch_stride + (channels - 1) * image.channel_stride;
  for (std::size_t a = 0; a < 3; ++a) last += (extents[a] - 1) * image.strides[a];
  return image.data + last + 1;
}

/// Makes the batch, densest in memory, the last axis, so that images have rows.
template <class In, class Out>
void make_batch_an_axis(ConvShape& shape, Image<const In>& x, Image<Out>& y) {
  shape.axes = {shape.axes[1], shape.axes[2], Axis{shape.batch, shape.batch}};
  shape.batch = 1;
  shape.batch_is_axis = true;
  x = {x.data, 0, x.channel_stride, {x.strides[1], x.strides[2], 1}};
  y = {y.data, 0, y.channel_stride, {y.strides[1], y.strides[2], 1}};
}

/// The spatial axes in the order of memory, the densest one last; missing ones in front.
template <int R, class T>
std::array<T, 3> memory_order(const std::array<T, static_cast<std::size_t>(R)>& own, int layout,
                              const T& missing) {
  std::array<T, 3> result;
  result.fill(missing);
  for (int a = 0; a < R; ++a) {
    const int axis = layout == Eigen::RowMajor ? a : R - 1 - a;
    result[static_cast<std::size_t>(3 - R + a)] = own[static_cast<std::size_t>(axis)];
  }
  return result;
}

template <int R, class T>
std::array<Index, 3> memory_strides(const TensorView<T, R + 2>& view, int layout) {
  Extents<R> own{};
  std::copy(view.strides.begin() + 2, view.strides.end(), own.begin());
  return memory_order<R>(own, layout, Index{0});
}

template <int R, class T>
Image<T> image_of(const TensorView<T, R + 2>& view, int layout) {
  return {view.data, view.strides[0], view.strides[1], memory_strides<R>(view, layout)};
}

}  // namespace tconv::core
