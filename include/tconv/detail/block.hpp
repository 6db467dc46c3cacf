#pragma once

/// \file
/// A few elements in one register, of any power of two: shorter than Eigen's packets, and shuffled
/// at will. Compilers find such shuffles in long loops only, and image rows are short.

#include <array>
#include <cstddef>
#include <cstring>
#include <utility>

#include "tconv/detail/eigen.hpp"

namespace tconv::detail {

#if defined(__has_builtin)
#if __has_builtin(__builtin_shufflevector)
#define TCONV_HAS_SHUFFLEVECTOR
#endif
#endif

/// `size` elements.
template <class Scalar, std::size_t size>
struct Block {
#ifdef TCONV_HAS_SHUFFLEVECTOR
  typedef Scalar Type __attribute__((vector_size(size * sizeof(Scalar))));
#else
  using Type = std::array<Scalar, size>;
#endif

  static EIGEN_ALWAYS_INLINE Type load(const Scalar* from) {
    Type value;
    std::memcpy(&value, from, sizeof(value));
    return value;
  }

  /// `a_weight * a + b_weight * b`.
  static EIGEN_ALWAYS_INLINE Type blend(Type a, Scalar a_weight, Type b, Scalar b_weight) {
#ifdef TCONV_HAS_SHUFFLEVECTOR
    return a_weight * a + b_weight * b;
#else
    for (std::size_t i = 0; i < size; ++i) a[i] = a_weight * a[i] + b_weight * b[i];
    return a;
#endif
  }

  static EIGEN_ALWAYS_INLINE void store(Scalar* to, const Type& value) {
    std::memcpy(to, &value, sizeof(value));
  }

  static EIGEN_ALWAYS_INLINE Type load_and_add(const Scalar* from, Scalar addend) {
    Type value;
    std::memcpy(&value, from, sizeof(value));
#ifdef TCONV_HAS_SHUFFLEVECTOR
    return value + addend;
#else
    for (Scalar& element : value) element += addend;
    return value;
#endif
  }

  /// Writes `from[0][0], from[1][0], ..., from[0][1], from[1][1], ...`.
  template <std::size_t count>
  static EIGEN_ALWAYS_INLINE void interleave(const Type (&from)[count], Scalar* to) {
#ifdef TCONV_HAS_SHUFFLEVECTOR
    [&]<std::size_t... part>(std::index_sequence<part...>) {
      (store(to + part * size, interleaved<part>(from)), ...);
    }
    (std::make_index_sequence<count>{});
#else
    for (std::size_t i = 0; i < size; ++i)
      for (std::size_t r = 0; r < count; ++r) to[i * count + r] = from[r][i];
#endif
  }

 private:
#ifdef TCONV_HAS_SHUFFLEVECTOR
  /// Elements `[part * size, (part + 1) * size)` of the interleaved sequence, one source at a time.
  template <std::size_t part, std::size_t count>
  static EIGEN_ALWAYS_INLINE Type interleaved(const Type (&from)[count]) {
    Type result = from[0];
    [&]<std::size_t... source>(std::index_sequence<source...>) {
      ((result = take<part, count, source>(result, from[source], std::make_index_sequence<size>{})),
       ...);
    }
    (std::make_index_sequence<count>{});
    return result;
  }

  template <std::size_t part, std::size_t count, std::size_t source, std::size_t... i>
  static EIGEN_ALWAYS_INLINE Type take(const Type& result, const Type& from,
                                       std::index_sequence<i...>) {
    return __builtin_shufflevector(
        result, from,
        static_cast<int>((part * size + i) % count == source ? size + (part * size + i) / count
                                                             : i)...);
  }
#endif
};

}  // namespace tconv::detail
