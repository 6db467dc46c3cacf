#pragma once

/// \file
/// Sums of rows, times small factors: what Winograd's transforms consist of.

#include <algorithm>
#include <limits>
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

/// Whether some packets hold numbers of at most `limit` only.
template <class Scalar>
class LimitCheck {
  using P = detail::Packet<Scalar>;

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

/// `to[i]` = the sum over `count` rows, `pitch` apart, and over what `to` held if `accumulate`, for
/// as many whole packets as hold `size` elements. Asks for what follows `to`.
template <int count, class Scalar>
void combine_rows(const Multiple* parts, const Scalar* from, Index pitch, Index size, Scalar* to,
                  bool accumulate, LimitCheck<Scalar>& check) {
  using P = detail::Packet<Scalar>;
  // In memory it could be one of the elements that are written.
  LimitCheck<Scalar> local = check;
  [&]<int... part>(std::integer_sequence<int, part...>) {
    const Scalar* const row[] = {from + parts[part].index * pitch...};
    const typename P::Type factor[] = {P::broadcast(static_cast<Scalar>(parts[part].factor))...};
    for (Index i = 0; i < size; i += P::size) {
      auto sum = accumulate ? P::multiply_add(factor[0], P::load(row[0] + i), P::load(to + i))
                            : P::multiply(factor[0], P::load(row[0] + i));
      ((sum = part == 0 ? sum : P::multiply_add(factor[part], P::load(row[part] + i), sum)), ...);
      local.add(sum);
      P::store(to + i, sum);
    }
  }
  (std::make_integer_sequence<int, count>{});
  check = local;
}

/// The same for any number of rows. `check` sees the sums, and some that are not complete.
template <class Scalar>
void combine(const Combination& parts, const Scalar* from, Index pitch, Index size, Scalar* to,
             LimitCheck<Scalar>& check) {
  constexpr Index most = 4;
  const auto count = static_cast<Index>(parts.size());
  for (Index done = 0; done < count; done += most) {
    const Multiple* next = parts.data() + done;
    switch (std::min(count - done, most)) {
      case 1:
        combine_rows<1>(next, from, pitch, size, to, done > 0, check);
        break;
      case 2:
        combine_rows<2>(next, from, pitch, size, to, done > 0, check);
        break;
      case 3:
        combine_rows<3>(next, from, pitch, size, to, done > 0, check);
        break;
      default:
        combine_rows<4>(next, from, pitch, size, to, done > 0, check);
    }
  }
}

template <class Scalar>
void combine(const Combination& parts, const Scalar* from, Index pitch, Index size, Scalar* to) {
  LimitCheck<Scalar> check(std::numeric_limits<Scalar>::max());
  combine(parts, from, pitch, size, to, check);
}

}  // namespace tconv::engine
