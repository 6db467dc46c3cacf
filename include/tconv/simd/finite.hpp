#pragma once

/// \file
/// Whether numbers are finite, or within a limit, and how large they are in all.

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <limits>
#include <numeric>

#include "tconv/core/eigen.hpp"
#include "tconv/core/isa.hpp"
#include "tconv/simd/packet.hpp"

namespace tconv::inline TCONV_ISA::simd {

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

/// Whether elements are finite: zero times any other is not zero.
template <class Scalar>
class FiniteCheck {
 public:
  EIGEN_ALWAYS_INLINE void add(const Scalar* from, Index count) {
    if (count != P::size) {
      for (Index i = 0; i < count; ++i) rest_ += from[i] * Scalar(0);
      return;
    }
    // The sums take turns: a single one would wait for itself.
    const auto next = P::multiply_add(P::load(from), P::broadcast(Scalar(0)), sums_[0]);
    for (std::size_t i = 1; i < ways; ++i) sums_[i - 1] = sums_[i];
    sums_[ways - 1] = next;
  }
  bool passed() const {
    std::array<Scalar, ways* static_cast<std::size_t>(P::size)> sums;
    for (std::size_t i = 0; i < ways; ++i)
      P::store(sums.data() + i * static_cast<std::size_t>(P::size), sums_[i]);
    return rest_ == Scalar(0) &&
           std::all_of(sums.begin(), sums.end(), [](Scalar sum) { return sum == Scalar(0); });
  }

 private:
  using P = Packet<Scalar>;
  static constexpr std::size_t ways = 4;
  typename P::Type sums_[ways] = {P::broadcast(Scalar(0)), P::broadcast(Scalar(0)),
                                  P::broadcast(Scalar(0)), P::broadcast(Scalar(0))};
  Scalar rest_{0};
};

/// Whether some packets hold numbers of at most `limit` only.
template <class Scalar>
class LimitCheck {
  using P = Packet<Scalar>;

 public:
  explicit LimitCheck(Scalar limit)
      : scale_(P::broadcast(std::numeric_limits<Scalar>::max() / limit)) {}

  /// Beyond the limit the product is infinite, and infinity times zero is no number.
  EIGEN_ALWAYS_INLINE void add(const typename P::Type& packet) {
    zero_ = P::multiply_add(P::multiply(packet, scale_), P::broadcast(Scalar(0)), zero_);
  }
  bool passed() const {
    Scalar zeros[P::size];
    P::store(zeros, zero_);
    return std::all_of(zeros, zeros + P::size, [](Scalar zero) { return zero == Scalar(0); });
  }

 private:
  typename P::Type scale_, zero_ = P::broadcast(Scalar(0));
};

}  // namespace tconv::inline TCONV_ISA::simd
