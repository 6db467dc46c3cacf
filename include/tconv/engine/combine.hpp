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

/// `to[i]` = the sum over `count` rows, `pitch` apart, and over what `to` held if `accumulate`, for
/// as many whole packets as hold `size` elements. Asks for what follows `to`. Returns the sum of
/// the magnitudes.
template <int count, class Scalar>
typename detail::Packet<Scalar>::Type combine_rows(const Multiple* parts, const Scalar* from,
                                                   Index pitch, Index size, Scalar* to,
                                                   bool accumulate) {
  using P = detail::Packet<Scalar>;
  auto magnitude = P::broadcast(Scalar(0));
  [&]<int... part>(std::integer_sequence<int, part...>) {
    const Scalar* const row[] = {from + parts[part].index * pitch...};
    const typename P::Type factor[] = {P::broadcast(static_cast<Scalar>(parts[part].factor))...};
    for (Index i = 0; i < size; i += P::size) {
      auto sum = accumulate ? P::multiply_add(factor[0], P::load(row[0] + i), P::load(to + i))
                            : P::multiply(factor[0], P::load(row[0] + i));
      ((sum = part == 0 ? sum : P::multiply_add(factor[part], P::load(row[part] + i), sum)), ...);
      detail::prefetch(to + size + i);
      magnitude = P::add_magnitude(magnitude, sum);
      P::store(to + i, sum);
    }
  }
  (std::make_integer_sequence<int, count>{});
  return magnitude;
}

/// The same for any number of rows.
template <class Scalar>
typename detail::Packet<Scalar>::Type combine(const Combination& parts, const Scalar* from,
                                              Index pitch, Index size, Scalar* to) {
  constexpr Index most = 4;
  const auto count = static_cast<Index>(parts.size());
  const auto some = [&](Index done) {
    const Multiple* next = parts.data() + done;
    switch (std::min(count - done, most)) {
      case 1:
        return combine_rows<1>(next, from, pitch, size, to, done > 0);
      case 2:
        return combine_rows<2>(next, from, pitch, size, to, done > 0);
      case 3:
        return combine_rows<3>(next, from, pitch, size, to, done > 0);
      default:
        return combine_rows<4>(next, from, pitch, size, to, done > 0);
    }
  };
  auto magnitude = some(0);
  for (Index done = most; done < count; done += most) magnitude = some(done);
  return magnitude;
}

}  // namespace tconv::engine
