#pragma once

/// \file
/// The type in which sums of products of a scalar are formed.

#include <complex>
#include <concepts>
#include <cstdint>
#include <type_traits>

#include "tconv/core/eigen.hpp"

namespace tconv::core {

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

/// Scalars that the engine computes; others take the reference loops.
template <class Scalar>
concept EngineScalar = std::same_as<Scalar, float> || std::same_as<Scalar, double>;

template <class T, class... Types>
concept OneOf = (std::same_as<T, Types> || ...);

/// Integers that the engine sums exactly in floating point.
template <class Scalar>
concept EngineInteger = OneOf<Scalar, std::int8_t, std::uint8_t, std::int16_t, std::uint16_t,
                              std::int32_t, std::uint32_t>;

/// Integers that may meet others in one call, and what such a call may give.
template <class Scalar>
concept SmallInteger = OneOf<Scalar, std::int8_t, std::uint8_t, std::int16_t, std::uint16_t>;
template <class Scalar>
concept QuantizedResult =
    OneOf<Scalar, std::int8_t, std::uint8_t, std::int16_t, std::int32_t, float>;

/// Complex numbers that the engine computes in real products.
template <class Scalar>
concept EngineComplex = OneOf<Scalar, std::complex<float>, std::complex<double>>;

/// Scalars that are stored in other elements than they are computed in.
template <class Scalar>
concept StoredNarrow = EngineScalar<Accumulator<Scalar>> && !EngineScalar<Scalar>;

}  // namespace tconv::core
