#pragma once

/// \file
/// A few elements in one register, of any power of two: shorter than Eigen's packets, and shuffled
/// at will. Compilers find such shuffles in long loops only, and image rows are short.

#include <array>
#include <cstddef>
#include <cstring>
#include <utility>

#include "tconv/core/isa.hpp"

namespace tconv::inline TCONV_ISA::simd {

#if defined(__has_builtin)
#if __has_builtin(__builtin_shufflevector)
#define TCONV_HAS_SHUFFLEVECTOR
#endif
#endif

/// `size` elements.
template <class Scalar, std::size_t size>
struct Register {
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

  static EIGEN_ALWAYS_INLINE Type broadcast(Scalar value) {
    return broadcast(value, std::make_index_sequence<size>{});
  }

  /// Element `at` of `block` in all places.
  template <std::size_t at>
  static EIGEN_ALWAYS_INLINE Type spread(const Type& block) {
    return spread<at>(block, std::make_index_sequence<size>{});
  }

  /// The last element of `before`, then `block` without its own last.
  static EIGEN_ALWAYS_INLINE Type shift_up(const Type& before, const Type& block) {
    return slide<size - 1>(before, block, std::make_index_sequence<size>{});
  }

  /// `block` without its first element, then the first of `after`.
  static EIGEN_ALWAYS_INLINE Type shift_down(const Type& block, const Type& after) {
    return slide<1>(block, after, std::make_index_sequence<size>{});
  }

  /// Every second element of `a` and `b`, one after the other, from element `first` on.
  template <std::size_t first>
  static EIGEN_ALWAYS_INLINE Type alternate(const Type& a, const Type& b) {
    return alternate<first>(a, b, std::make_index_sequence<size>{});
  }

  /// Elements `[part * size, (part + 1) * size)` of the sequence `from[0][0], from[1][0], ...,
  /// from[0][1], from[1][1], ...`.
  template <std::size_t part, std::size_t count>
  static EIGEN_ALWAYS_INLINE Type interleaved(const Type (&from)[count]) {
    if constexpr (count == 1) {
      return from[0];
    } else if constexpr (count % 2 == 0) {
      return interleaved_pairs<part>(from, std::make_index_sequence<count / 2>{});
    } else {
      return interleaved_singly<part>(from, std::make_index_sequence<count - 1>{});
    }
  }

  /// Writes all parts of the interleaved sequence.
  template <std::size_t count>
  static EIGEN_ALWAYS_INLINE void interleave(const Type (&from)[count], Scalar* to) {
    interleave(from, to, std::make_index_sequence<count>{});
  }

 private:
  template <std::size_t... i>
  static EIGEN_ALWAYS_INLINE Type broadcast(Scalar value, std::index_sequence<i...>) {
    return Type{(static_cast<void>(i), value)...};
  }

  template <std::size_t at, std::size_t... i>
  static EIGEN_ALWAYS_INLINE Type spread(const Type& block, std::index_sequence<i...>) {
    return select<(static_cast<void>(i), at)...>(block, block);
  }

  /// Elements `[first, first + size)` of `a` and `b` one after the other.
  template <std::size_t first, std::size_t... i>
  static EIGEN_ALWAYS_INLINE Type slide(const Type& a, const Type& b, std::index_sequence<i...>) {
    return select<(first + i)...>(a, b);
  }

  template <std::size_t first, std::size_t... i>
  static EIGEN_ALWAYS_INLINE Type alternate(const Type& a, const Type& b,
                                            std::index_sequence<i...>) {
    return select<(first + 2 * i)...>(a, b);
  }

  /// Of even and odd sources, each interleaved before: as many shuffles as for pairs.
  template <std::size_t part, std::size_t count, std::size_t... source>
  static EIGEN_ALWAYS_INLINE Type interleaved_pairs(const Type (&from)[count],
                                                    std::index_sequence<source...>) {
    const Type even[] = {from[2 * source]...}, odd[] = {from[2 * source + 1]...};
    return zip<part % 2>(interleaved<part / 2>(even), interleaved<part / 2>(odd),
                         std::make_index_sequence<size>{});
  }

  template <std::size_t part, std::size_t count, std::size_t... source>
  static EIGEN_ALWAYS_INLINE Type interleaved_singly(const Type (&from)[count],
                                                     std::index_sequence<source...>) {
    Type result = from[0];
    ((result = take<part, count, source + 1>(result, from[source + 1],
                                             std::make_index_sequence<size>{})),
     ...);
    return result;
  }

  template <std::size_t count, std::size_t... part>
  static EIGEN_ALWAYS_INLINE void interleave(const Type (&from)[count], Scalar* to,
                                             std::index_sequence<part...>) {
    (store(to + part * size, interleaved<part>(from)), ...);
  }

  /// The elements of `a` and `b` in turn: of their lower half, or of their upper half.
  template <std::size_t half, std::size_t... i>
  static EIGEN_ALWAYS_INLINE Type zip(const Type& a, const Type& b, std::index_sequence<i...>) {
    return select<((half * size + i) / 2 + (half * size + i) % 2 * size)...>(a, b);
  }

  /// `result` with those of its elements replaced that come from `from`, the source number
  /// `source`. Source 0 has the others: the first replacement takes them from where they are.
  template <std::size_t part, std::size_t count, std::size_t source, std::size_t... i>
  static EIGEN_ALWAYS_INLINE Type take(const Type& result, const Type& from,
                                       std::index_sequence<i...>) {
    return select<((part * size + i) % count == source ? size + (part * size + i) / count
                   : source == 1                       ? (part * size + i) / count
                                                       : i)...>(result, from);
  }

  /// Those elements of `a` and `b`, one after the other, at the given places.
  template <std::size_t... at>
  static EIGEN_ALWAYS_INLINE Type select(const Type& a, const Type& b) {
#ifdef TCONV_HAS_SHUFFLEVECTOR
    return __builtin_shufflevector(a, b, static_cast<int>(at)...);
#else
    return Type{(at < size ? a[at % size] : b[at % size])...};
#endif
  }
};

/// A single element, which is no vector to the compiler.
template <class Scalar>
struct Register<Scalar, 1> {
  using Type = Scalar;

  static EIGEN_ALWAYS_INLINE Scalar load(const Scalar* from) { return *from; }
  static EIGEN_ALWAYS_INLINE Scalar load_and_add(const Scalar* from, Scalar addend) {
    return *from + addend;
  }
  static EIGEN_ALWAYS_INLINE Scalar broadcast(Scalar value) { return value; }
  static EIGEN_ALWAYS_INLINE void store(Scalar* to, Scalar value) { *to = value; }
  static EIGEN_ALWAYS_INLINE Scalar blend(Scalar a, Scalar a_weight, Scalar b, Scalar b_weight) {
    return a_weight * a + b_weight * b;
  }
  template <std::size_t at>
  static EIGEN_ALWAYS_INLINE Scalar spread(Scalar value) {
    return value;
  }
  static EIGEN_ALWAYS_INLINE Scalar shift_up(Scalar before, Scalar) { return before; }
  static EIGEN_ALWAYS_INLINE Scalar shift_down(Scalar, Scalar after) { return after; }

  template <std::size_t first>
  static EIGEN_ALWAYS_INLINE Scalar alternate(Scalar a, Scalar b) {
    return first == 0 ? a : b;
  }

  template <std::size_t part, std::size_t count>
  static EIGEN_ALWAYS_INLINE Scalar interleaved(const Scalar (&from)[count]) {
    return from[part];
  }

  template <std::size_t count>
  static EIGEN_ALWAYS_INLINE void interleave(const Scalar (&from)[count], Scalar* to) {
    for (std::size_t i = 0; i < count; ++i) to[i] = from[i];
  }
};

}  // namespace tconv::inline TCONV_ISA::simd
