#pragma once

/// \file
/// Sums over dense tensors that tell whether all elements are finite, and how large they are.

#include <array>
#include <cmath>
#include <cstddef>
#include <numeric>

#include "tconv/detail/eigen.hpp"

namespace tconv::engine {

/// The sum of `f` over all elements of a dense tensor.
template <class Scalar, class F>
Scalar sum_over(const Scalar* data, Index size, const F& f) {
  // Independent sums, as many as fill the SIMD registers' latency.
  constexpr Index ways = 64;
  std::array<Scalar, static_cast<std::size_t>(ways)> sums{};
  Index i = 0;
  for (; i + ways <= size; i += ways)
    for (Index j = 0; j < ways; ++j) sums[static_cast<std::size_t>(j)] += f(data[i + j]);
  for (; i < size; ++i) sums[0] += f(data[i]);
  return std::accumulate(sums.begin(), sums.end(), Scalar(0));
}

/// Whether zeros around the image may be multiplied with the weights: infinity times a zero that is
/// no term of the sum would make a NaN.
template <class Scalar>
bool all_finite(const Scalar* data, Index size) {
  return sum_over(data, size, [](Scalar value) { return value * Scalar(0); }) == Scalar(0);
}

/// May be infinite or no number.
template <class Scalar>
Scalar sum_of_magnitudes(const Scalar* data, Index size) {
  return sum_over(data, size, [](Scalar value) { return std::abs(value); });
}

}  // namespace tconv::engine
