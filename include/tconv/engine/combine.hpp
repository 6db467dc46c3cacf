#pragma once

/// \file
/// Sums of rows, times small factors: what Winograd's transforms consist of.

#include <algorithm>
#include <utility>
#include <vector>

#include "tconv/detail/packet.hpp"

namespace tconv::engine {

/// `factor` times the thing number `index`.
struct Multiple {
  Index index = 0;
  double factor = 1;

  bool operator==(const Multiple&) const = default;
};

using Combination = std::vector<Multiple>;

/// The largest magnitude of some packets, lane by lane, and zero, or NaN if one of them is no
/// finite number.
template <class Scalar>
struct Magnitude {
  using P = detail::Packet<Scalar>;
  typename P::Type largest = P::broadcast(Scalar(0)), zero = P::broadcast(Scalar(0));

  EIGEN_ALWAYS_INLINE void add(const typename P::Type& packet) {
    largest = P::max_magnitude(largest, packet);
    zero = P::multiply_add(packet, P::broadcast(Scalar(0)), zero);
  }
  /// Whether all were numbers of at most `limit`.
  bool within(Scalar limit) const {
    Scalar magnitudes[P::size], zeros[P::size];
    P::store(magnitudes, largest);
    P::store(zeros, zero);
    bool result = true;
    for (int i = 0; i < P::size; ++i)
      result = result && magnitudes[i] <= limit && zeros[i] == Scalar(0);
    return result;
  }
};

/// `to[i]` = the sum over `count` rows, `pitch` apart, and over what `to` held if `accumulate`, for
/// as many whole packets as hold `size` elements. Asks for what follows `to`.
template <int count, class Scalar>
void combine_rows(const Multiple* parts, const Scalar* from, Index pitch, Index size, Scalar* to,
                  bool accumulate, Magnitude<Scalar>& magnitude) {
  using P = detail::Packet<Scalar>;
  // In memory it could be one of the elements that are written.
  Magnitude<Scalar> local = magnitude;
  [&]<int... part>(std::integer_sequence<int, part...>) {
    const Scalar* const row[] = {from + parts[part].index * pitch...};
    const typename P::Type factor[] = {P::broadcast(static_cast<Scalar>(parts[part].factor))...};
    for (Index i = 0; i < size; i += P::size) {
      auto sum = accumulate ? P::multiply_add(factor[0], P::load(row[0] + i), P::load(to + i))
                            : P::multiply(factor[0], P::load(row[0] + i));
      ((sum = part == 0 ? sum : P::multiply_add(factor[part], P::load(row[part] + i), sum)), ...);
      detail::prefetch(to + size + i);
      local.add(sum);
      P::store(to + i, sum);
    }
  }
  (std::make_integer_sequence<int, count>{});
  magnitude = local;
}

/// The same for any number of rows. `magnitude` sees the sums, and some that are not complete.
template <class Scalar>
void combine(const Combination& parts, const Scalar* from, Index pitch, Index size, Scalar* to,
             Magnitude<Scalar>& magnitude) {
  constexpr Index most = 4;
  const auto count = static_cast<Index>(parts.size());
  for (Index done = 0; done < count; done += most) {
    const Multiple* next = parts.data() + done;
    switch (std::min(count - done, most)) {
      case 1:
        combine_rows<1>(next, from, pitch, size, to, done > 0, magnitude);
        break;
      case 2:
        combine_rows<2>(next, from, pitch, size, to, done > 0, magnitude);
        break;
      case 3:
        combine_rows<3>(next, from, pitch, size, to, done > 0, magnitude);
        break;
      default:
        combine_rows<4>(next, from, pitch, size, to, done > 0, magnitude);
    }
  }
}

template <class Scalar>
void combine(const Combination& parts, const Scalar* from, Index pitch, Index size, Scalar* to) {
  Magnitude<Scalar> magnitude;
  combine(parts, from, pitch, size, to, magnitude);
}

}  // namespace tconv::engine
