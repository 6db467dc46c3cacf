#pragma once

/// \file
/// Writes the sums of a weight gradient where they belong.

#include <algorithm>
#include <vector>

#include "tconv/engine/gradient_task.hpp"

namespace tconv::engine {

/// A tap among the sums of a pair of panels, and in the gradient.
struct StoredTap {
  Index sum = 0;
  Index target = 0;
};

/// All taps in windows, in the order of the gradient's memory.
inline std::vector<StoredTap> list_stored_taps(const GradientPlan& plan,
                                               const std::array<Index, 3>& tap_strides) {
  std::vector<StoredTap> taps;
  Index slot = 0;
  for (const TapWindow& wz : plan.windows(0))
    for (const TapWindow& wy : plan.windows(1))
      for (const TapWindow& wx : plan.windows(2))
        for (const WindowTap& z : wz.taps)
          for (const WindowTap& y : wy.taps) {
            for (const WindowTap& x : wx.taps) {
              // Folded taps lie in one slot, like further fine channels.
              const Index folded =
                  plan.cut().folds ? x.element * plan.fine_width() * plan.fine_step() : 0;
              taps.push_back({slot * plan.slot_size() + folded, z.kernel * tap_strides[0] +
                                                                    y.kernel * tap_strides[1] +
                                                                    x.kernel * tap_strides[2]});
              if (!plan.cut().folds) ++slot;
            }
            if (plan.cut().folds) ++slot;
          }
  std::sort(taps.begin(), taps.end(),
            [](const StoredTap& a, const StoredTap& b) { return a.target < b.target; });
  return taps;
}

/// Writes the sums of one pair of panels, of `channels` coarse and `items` fine channels.
template <class Scalar>
void store_gradient(const GradientPlan& plan, const std::vector<StoredTap>& taps, Index channels,
                    Index items, const Scalar* sums, const GradientTarget<Scalar>& target) {
  constexpr Index size = Square<Scalar>::size;
  const auto tap_count = static_cast<Index>(taps.size());
  const bool coarse_lanes = plan.coarse_in_lanes();
  const Index lane_count = coarse_lanes ? channels : items, rows = coarse_lanes ? items : channels;
  const Index lane_target = coarse_lanes ? target.coarse_stride : target.fine_stride;
  const Index row_target = coarse_lanes ? target.fine_stride : target.coarse_stride;
  for (Index row = 0; row < rows; ++row)
    for (Index lane = 0; lane < lane_count; lane += size) {
      const Index count = std::min(size, lane_count - lane);
      const Scalar* from = sums + row * plan.row_step() + lane;
      Scalar* to = target.data + row * row_target + lane * lane_target;
      Index t = 0;
      // Taps that are dense in the gradient, a packet of them at a time.
      for (; t + size <= tap_count && taps[static_cast<std::size_t>(t + size - 1)].target ==
                                          taps[static_cast<std::size_t>(t)].target + size - 1;
           t += size) {
        Square<Scalar> square;
        square.load_transposed(
            from, [&](auto i) { return taps[static_cast<std::size_t>(t + i)].sum; }, size);
        square.store(to + taps[static_cast<std::size_t>(t)].target, lane_target, count);
      }
      for (; t < tap_count; ++t) {
        const StoredTap& tap = taps[static_cast<std::size_t>(t)];
        for (Index j = 0; j < count; ++j) to[tap.target + j * lane_target] = from[tap.sum + j];
      }
    }
}

}  // namespace tconv::engine
