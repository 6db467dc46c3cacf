#pragma once

/// \file
/// How large sums of products of whole numbers can become: the largest magnitude of an input times
/// the largest sum of those of the weights that one output meets.

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <numeric>
#include <type_traits>

#include "tconv/core/axis.hpp"
#include "tconv/core/eigen.hpp"
#include "tconv/core/integer.hpp"
#include "tconv/core/isa.hpp"
#include "tconv/core/view.hpp"
#include "tconv/geometry.hpp"
#include "tconv/runtime/execution.hpp"

namespace tconv::inline TCONV_ISA::frontend {

/// The largest distance of a number from `zero`.
template <class Scalar>
double largest_magnitude(const Scalar* from, Index count, double zero = 0) {
  // Two loops that compilers turn into SIMD, where std::minmax_element and, with g++ 12, std::min
  // of what began with an element go one by one.
  Scalar least = from[0], largest = from[0];
  for (Index i = 0; i < count; ++i) least = from[i] < least ? from[i] : least;
  for (Index i = 0; i < count; ++i) largest = from[i] > largest ? from[i] : largest;
  return std::max(zero - static_cast<double>(least), static_cast<double>(largest) - zero);
}

/// The same of a view, row by row where its elements do not lie side by side.
template <class Scalar, int rank>
double largest_magnitude(const TensorView<const Scalar, rank>& view, double zero = 0) {
  const Index size = size_of(view.extents);
  if (span_of(view) == size) return largest_magnitude(view.data, size, zero);
  TensorView<const Scalar, rank> starts = view;
  Index count = 1;
  for (std::size_t a = 0; a < view.strides.size(); ++a)
    if (count == 1 && view.strides[a] == 1) std::swap(count, starts.extents[a]);
  double largest = 0;
  for_each_row_major(starts, [&](const Scalar& first) {
    largest = std::max(largest, largest_magnitude(&first, count, zero));
  });
  return largest;
}

/// Of the taps of an axis, those that are so far apart meet one output.
template <Direction direction>
Index taps_apart(const Axis& axis) {
  return direction == Direction::scatter ? axis.stride / std::gcd(axis.stride, axis.dilation) : 1;
}

/// The products of an output, at most.
template <Direction direction, int R>
double most_products(const Geometry<R>& geometry) {
  double products = static_cast<double>(
      (direction == Direction::scatter ? geometry.coarse_channels() : geometry.fine_channels()) /
      geometry.groups());
  for (const Axis& axis : geometry.axes())
    products *= static_cast<double>(ceil_div(axis.kernel, taps_apart<direction>(axis)));
  return products;
}

/// Holds the sum of the magnitudes of as many weights as memory does.
template <class Scalar>
using MagnitudeSum =
    std::conditional_t<sizeof(Scalar) == 1, std::int32_t,
                       std::conditional_t<sizeof(Scalar) == 2, std::int64_t, double>>;

/// For each tap the sum of the magnitudes of its weights over input channels, of the output channel
/// where that is largest. The weight may be that of some input channels. Loops follow the order of
/// memory, so that compilers turn them into SIMD.
template <Direction direction, int layout, int R, class Scalar>
class MagnitudeSums {
 public:
  using Sum = MagnitudeSum<Scalar>;
  using Weight = TensorView<const Scalar, R + 2>;

  MagnitudeSums(const Weight& weight, Index groups) : groups_(groups) {
    std::copy(weight.extents.begin() + 2, weight.extents.end(), kernel_.begin());
    if (!taps_are_dense) std::reverse(kernel_.begin(), kernel_.begin() + R);
    taps_ = kernel_[0] * kernel_[1] * kernel_[2];
    in_ = scatters ? weight.extents[0] / groups : weight.extents[1];
    out_ = scatters ? weight.extents[1] : weight.extents[0] / groups;
  }

  std::size_t taps() const { return static_cast<std::size_t>(taps_); }
  std::size_t memory_size() const { return static_cast<std::size_t>(taps_ + taps_ * out_); }

  /// Fills the first `taps()` elements of `memory` with sums of distances from `zero`.
  void fill(const Weight& weight, std::int32_t zero, Sum* memory) const {
    const Index in_step = weight.strides[scatters ? 0 : 1];
    const Index out_step = weight.strides[scatters ? 1 : 0];
    const Index tap_step = taps_are_dense ? 1 : weight.strides[2];
    Sum* const sums = memory + taps_;
    std::fill_n(memory, taps_, Sum(0));
    for (Index group = 0; group < groups_; ++group) {
      const Scalar* const from =
          weight.data + group * (weight.extents[0] / groups_) * weight.strides[0];
      std::fill_n(sums, taps_ * out_, Sum(0));
      if (taps_are_dense && scatters)
        for (Index c = 0; c < in_; ++c) add_row(from + c * in_step, zero, out_ * taps_, sums);
      else if (taps_are_dense)
        for (Index m = 0; m < out_; ++m)
          for (Index c = 0; c < in_; ++c)
            add_row(from + m * out_step + c * in_step, zero, taps_, sums + m * taps_);
      else if (scatters)
        for (Index t = 0; t < taps_; ++t)
          for (Index m = 0; m < out_; ++m)
            sums[t * out_ + m] = sum_of_row(from + t * tap_step + m * out_step, zero, in_);
      else
        for (Index t = 0; t < taps_; ++t)
          for (Index c = 0; c < in_; ++c)
            add_row(from + t * tap_step + c * in_step, zero, out_, sums + t * out_);
      for (Index t = 0; t < taps_; ++t)
        for (Index m = 0; m < out_; ++m)
          memory[t] =
              std::max(memory[t], taps_are_dense ? sums[m * taps_ + t] : sums[t * out_ + m]);
    }
  }

  /// The sum of those of the taps that one output meets, at most. `sums` are filled.
  double largest(const std::array<Axis, static_cast<std::size_t>(R)>& axes, const Sum* sums) const {
    std::array<Index, 3> apart{1, 1, 1}, first{};
    for (std::size_t a = 0; a < axes.size(); ++a)
      apart[taps_are_dense ? a : axes.size() - 1 - a] = taps_apart<direction>(axes[a]);
    const auto end = [&](std::size_t a) { return std::min(apart[a], kernel_[a]); };
    double result = 0;
    for (first[0] = 0; first[0] < end(0); ++first[0])
      for (first[1] = 0; first[1] < end(1); ++first[1])
        for (first[2] = 0; first[2] < end(2); ++first[2]) {
          double sum = 0;
          for (Index i = first[0]; i < kernel_[0]; i += apart[0])
            for (Index j = first[1]; j < kernel_[1]; j += apart[1])
              for (Index k = first[2]; k < kernel_[2]; k += apart[2])
                sum += static_cast<double>(sums[(i * kernel_[1] + j) * kernel_[2] + k]);
          result = std::max(result, sum);
        }
    return result;
  }

 private:
  static constexpr bool scatters = direction == Direction::scatter;
  static constexpr bool taps_are_dense = layout == Eigen::RowMajor;

  static Sum distance(Scalar value, std::int32_t zero) {
    const Sum difference = static_cast<Sum>(value) - static_cast<Sum>(zero);
    return difference < 0 ? -difference : difference;
  }
  static void add_row(const Scalar* from, std::int32_t zero, Index count, Sum* to) {
    for (Index i = 0; i < count; ++i) to[i] += distance(from[i], zero);
  }
  static Sum sum_of_row(const Scalar* from, std::int32_t zero, Index count) {
    Sum sum = 0;
    for (Index i = 0; i < count; ++i) sum += distance(from[i], zero);
    return sum;
  }

  std::array<Index, 3> kernel_{1, 1, 1};  // in the order of memory
  Index groups_, taps_, in_, out_;        // channels of one group
};

/// The sum of the distances from `zero` of weights that an output meets, at most, for one call.
template <Direction direction, int layout, int R, class Scalar>
double largest_sum_once(const Geometry<R>& geometry, const TensorView<const Scalar, R + 2>& weight,
                        std::int32_t zero, runtime::Execution& execution) {
  const MagnitudeSums<direction, layout, R, Scalar> sums(weight, geometry.groups());
  auto* const memory = reinterpret_cast<MagnitudeSum<Scalar>*>(
      execution.operand_scratch(sums.memory_size() * sizeof(MagnitudeSum<Scalar>)));
  sums.fill(weight, zero, memory);
  return sums.largest(geometry.axes(), memory);
}

}  // namespace tconv::inline TCONV_ISA::frontend
