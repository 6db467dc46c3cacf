#pragma once

/// \file
/// What the caller says about a convolution: strides, padding, dilation, groups, data format.

#include <array>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "tconv/core/eigen.hpp"

namespace tconv {

/// Rows that `conv` adds before and after an axis of its input, and that `conv_transpose` removes
/// from its output. One number means both; a negative number crops `conv`'s input and widens
/// `conv_transpose`'s output.
struct Padding {
  Index before = 0;
  Index after = 0;

  constexpr Padding() = default;
  constexpr Padding(Index both) : before(both), after(both) {}
  Padding(std::floating_point auto) = delete;
  constexpr Padding(Index before_, Index after_) : before(before_), after(after_) {}

  friend constexpr bool operator==(const Padding&, const Padding&) = default;
};

/// `R` values of type `T`, one for each spatial axis; a single value stands for every axis.
///
/// Written `2`, `{2, 1}` or, for padding, `{{0, 1}, {2, 3}}`.
template <int R, class T>
class PerAxis {
 public:
  static_assert(1 <= R && R <= 3, "tconv: 1, 2 or 3 spatial axes are supported");

  constexpr PerAxis() : PerAxis(T{}) {}
  constexpr PerAxis(T every_axis) { values_.fill(every_axis); }
  template <std::integral I>
  constexpr PerAxis(I every_axis) : PerAxis(T(static_cast<Index>(every_axis))) {}
  PerAxis(std::floating_point auto) = delete;
  constexpr PerAxis(T axis0, T axis1) requires(R == 2) : values_{axis0, axis1} {}
  constexpr PerAxis(T axis0, T axis1, T axis2) requires(R == 3) : values_{axis0, axis1, axis2} {}
  template <std::same_as<T> U>
  constexpr PerAxis(const std::array<U, static_cast<std::size_t>(R)>& values) : values_(values) {}

  static constexpr int size() { return R; }
  constexpr T& operator[](std::integral auto axis) {
    return values_[static_cast<std::size_t>(axis)];
  }
  constexpr const T& operator[](std::integral auto axis) const {
    return values_[static_cast<std::size_t>(axis)];
  }
  constexpr const std::array<T, static_cast<std::size_t>(R)>& values() const { return values_; }
  constexpr auto begin() const { return values_.begin(); }
  constexpr auto end() const { return values_.end(); }

  friend constexpr bool operator==(const PerAxis&, const PerAxis&) = default;

 private:
  std::array<T, static_cast<std::size_t>(R)> values_{};
};

/// Where the channel axis lies in `x` and `y`: `(N, C, spatial...)` or `(N, spatial..., C)`.
/// Weights have one layout in both.
enum class DataFormat { channels_first, channels_last };

/// In which order the products of an output are summed, and so how the sum is rounded.
enum class Summation {
  /// The fastest way for the shape and the machine.
  fastest,
  /// From zero, in ascending order of input channel and, within one, of kernel position (row-major
  /// over the spatial axes), each by one fused multiply-add where the code that runs has them, else
  /// by a rounded product and a sum; then the bias. The same bits for any batch, place in it,
  /// extent, layout, number of threads, cache size and width of registers. `scatter::` and
  /// `sparse::`, which are there to compare with, keep their own order.
  ordered
};

/// Which side gets the odd row of "same" padding: `upper` the end (ONNX's SAME_UPPER, TensorFlow's
/// SAME), `lower` the beginning (ONNX's SAME_LOWER).
enum class Same { upper, lower };

/// The options of a convolution and of its transpose over `R` spatial axes. The terms are those of
/// PyTorch's `Conv2d` and `ConvTranspose2d`; "A guide to convolution arithmetic for deep learning"
/// (Dumoulin and Visin, 2016) draws them.
template <int R>
struct ConvOptions {
  PerAxis<R, Index> stride = 1;
  PerAxis<R, Padding> padding = 0;
  /// Rows that `conv_transpose` adds at the end of an axis, to choose among the inputs that `conv`
  /// would map to one extent. It does not change `conv`.
  PerAxis<R, Index> output_padding = 0;
  PerAxis<R, Index> dilation = 1;
  Index groups = 1;
  DataFormat data_format = DataFormat::channels_first;
  Summation summation = Summation::fastest;

  friend constexpr bool operator==(const ConvOptions&, const ConvOptions&) = default;
};

/// What small integers stand for, and what becomes of the sums of their products:
///
///     y = scale * (sum of (x - x_zero_point) * (weight - w_zero_point) + bias) + y_zero_point
///
/// The names are those of ONNX's QLinearConv, where `scale` is `x_scale * w_scale / y_scale`. Zero
/// points lie within the range of their scalar.
struct Quantization {
  std::int32_t x_zero_point = 0;
  std::int32_t w_zero_point = 0;
  /// One for all output channels, or one for each. Products are rounded to nearest, ties to even,
  /// and clamped to the range of the result. With none, sums are kept modulo 2 to the power of the
  /// result's bits.
  std::vector<float> scale = {};
  std::int32_t y_zero_point = 0;
};

}  // namespace tconv
