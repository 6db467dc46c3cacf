#pragma once

/// \file
/// The type in which sums of products of a scalar are formed.

#include <concepts>
#include <type_traits>

#include "tconv/detail/eigen.hpp"

namespace tconv::detail {

/// `float` for the 16-bit floats. Unsigned for integers: it wraps where a signed sum would be
/// undefined, and gives the same bits. Any other scalar itself.
template <class Scalar>
struct AccumulatorOf {
  using type = Scalar;
};
template <>
struct AccumulatorOf<Eigen::half> {
  using type = float;
};
template <>
struct AccumulatorOf<Eigen::bfloat16> {
  using type = float;
};
template <std::integral Scalar>
struct AccumulatorOf<Scalar> {
  using type = std::conditional_t<(sizeof(Scalar) > 4), unsigned long long, unsigned>;
};

template <class Scalar>
using Accumulator = typename AccumulatorOf<Scalar>::type;

}  // namespace tconv::detail
