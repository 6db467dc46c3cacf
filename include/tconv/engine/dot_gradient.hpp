#pragma once

/// \file
/// The weight gradient of few channels, depthwise layers above all: dot products of image rows,
/// with pixels in the lanes. Channels would fill no panel.
///
/// On a tile of pixels the coarse channel is copied into rows that are as far apart as those of the
/// fine windows, with zeros between, so that a tap is one long dot product with a shift:
///
///     coarse  x x x x 0 0 x x x x 0 0 x x x x 0 0
///     fine    o o o o o o o o o o o o o o o o o o     tap 0
///               o o o o o o o o o o ...               tap 1

#include <algorithm>
#include <array>
#include <atomic>
#include <cmath>
#include <cstddef>
#include <vector>

#include "tconv/engine/arena.hpp"
#include "tconv/engine/dot_kernel.hpp"
#include "tconv/engine/gradient_plan.hpp"
#include "tconv/engine/gradient_target.hpp"
#include "tconv/workspace.hpp"

namespace tconv::engine {

/// How the gradient is cut: tiles of pixels, and windows of which all have unit steps.
class DotPlan {
 public:
  DotPlan(const GradientShape& shape, Index lane_count) : shape_(shape), lane_count_(lane_count) {
    for (std::size_t a = 0; a < 3; ++a) {
      windows_[a] = make_tap_windows(shape.axes[a], true);
      taps_ *= count_taps(windows_[a]);
      window_count_ *= static_cast<Index>(windows_[a].size());
    }
    Index pixels = 1024;
    for (std::size_t a = 3; a-- > 0;) {
      tile_.q[a] = Split::into_at_most(shape.axes[a].coarse, std::max<Index>(pixels, 1)).largest();
      pixels /= tile_.q[a];
    }
    tile_.batch =
        Split::into_at_most(std::max<Index>(shape.batch, 1), std::max<Index>(pixels, 1)).largest();
    tiles_ = ceil_div(shape.batch, tile_.batch);
    for (std::size_t a = 0; a < 3; ++a) tiles_ *= ceil_div(shape.axes[a].coarse, tile_.q[a]);
    // Few groups leave threads nothing else to share. Independent of the number of threads, as the
    // order of the sums is.
    parts_ = {tiles_, shape.groups < 8 ? std::clamp<Index>(tiles_ / 4, 1, 8) : 1};
  }

  const GradientShape& shape() const { return shape_; }
  const std::vector<TapWindow>& windows(std::size_t axis) const { return windows_[axis]; }
  const Tile& tile() const { return tile_; }
  Index tiles() const { return tiles_; }
  const Split& parts() const { return parts_; }
  Index taps() const { return taps_; }
  Index window_count() const { return window_count_; }

  /// Extents that hold any window of `pixels`.
  std::array<Index, 3> extents(const std::array<Index, 3>& pixels) const {
    std::array<Index, 3> result{1, 1, 1};
    for (std::size_t a = 0; a < 3; ++a)
      for (const TapWindow& window : windows_[a])
        result[a] = std::max(result[a], window.extent(pixels[a]));
    return result;
  }
  /// Elements of a copy of a window, which taps read beyond its end by whole packets.
  Index window_size() const {
    const auto e = extents(tile_.q);
    return round_up(tile_.batch * e[0] * e[1] * e[2], lane_count_) + lane_count_;
  }
  /// Elements of the sums of a group: a packet each.
  Index sums_size() const {
    return shape_.coarse_channels * shape_.fine_channels * taps_ * lane_count_;
  }

  /// Cycles of a pixel's products. Packets of other channels' rows are loaded once for four.
  double cycles() const {
    const auto e = extents(tile_.q);
    const double filled = static_cast<double>(tile_.q[0] * tile_.q[1] * tile_.q[2]) /
                          static_cast<double>(e[0] * e[1] * e[2]);
    const auto products =
        static_cast<double>(shape_.coarse_channels * shape_.fine_channels * taps_) /
        static_cast<double>(lane_count_);
    return products * (shape_.coarse_channels == 1 ? 1.0 : 0.6) / filled;
  }
  /// Whether the scratch fits the second-level cache.
  bool is_small() const {
    return sums_size() <= Index{1} << 17 &&
           (shape_.coarse_channels + window_count_) * window_size() <= Index{1} << 17;
  }

 private:
  GradientShape shape_;
  Index lane_count_;
  std::array<std::vector<TapWindow>, 3> windows_;
  Index taps_ = 1, window_count_ = 1;
  Tile tile_;
  Index tiles_ = 1;
  Split parts_;
};

/// One task: some tiles of one group.
template <class Scalar>
class DotTask {
 public:
  static constexpr Index lanes = detail::Packet<Scalar>::size;

  DotTask(const DotPlan& plan, const Image<const Scalar>& coarse, const Image<const Scalar>& fine,
          std::byte* scratch)
      : plan_(plan), coarse_(coarse), fine_(fine), scratch_(carve(plan, Arena(scratch))) {}

  static std::size_t scratch_bytes(const DotPlan& plan) {
    return carve(plan, Arena(nullptr)).bytes;
  }

  /// Sums `[coarse channel][fine channel][tap]`, a packet of partial sums each.
  void run(Index group, Index first_tile, Index end_tile, Scalar* sums) {
    const GradientShape& shape = plan_.shape();
    std::fill_n(sums, plan_.sums_size(), Scalar(0));
    for (Index tile = first_tile; tile < end_tile; ++tile) {
      place(tile);
      for (Index c = 0; c < shape.coarse_channels; ++c)
        copy_coarse(group * shape.coarse_channels + c, scratch_.coarse + c * plan_.window_size());
      for (Index m = 0; m < shape.fine_channels; ++m) {
        copy_fine(group * shape.fine_channels + m);
        multiply(sums + m * plan_.taps() * lanes);
      }
    }
  }

 private:
  struct Scratch {
    Scalar *coarse, *fine;
    const Scalar** taps;
    std::size_t bytes;
  };

  static Scratch carve(const DotPlan& plan, Arena arena) {
    Scratch s{};
    s.coarse = arena.take<Scalar>(plan.shape().coarse_channels * plan.window_size());
    // The last tap reads beyond its window by what lies before its first element.
    s.fine = arena.take<Scalar>((plan.window_count() + 1) * plan.window_size());
    s.taps = arena.take<const Scalar*>(plan.taps());
    s.bytes = arena.used();
    return s;
  }

  void place(Index tile) {
    const auto next = [&tile](Index size, Index part) {
      const Index parts = ceil_div(size, part), i = tile % parts;
      tile /= parts;
      return Range{i * part, std::min((i + 1) * part, size)};
    };
    for (std::size_t a = 3; a-- > 0;) q_[a] = next(plan_.shape().axes[a].coarse, plan_.tile().q[a]);
    n_ = next(plan_.shape().batch, plan_.tile().batch);
    extents_ = plan_.extents({q_[0].size(), q_[1].size(), q_[2].size()});
    const Index run =
        (((n_.size() - 1) * extents_[0] + q_[0].size() - 1) * extents_[1] + q_[1].size() - 1) *
            extents_[2] +
        q_[2].size();
    packets_ = ceil_div(run, lanes);
  }

  void copy_coarse(Index channel, Scalar* to) const {
    Scalar* const end = to + packets_ * lanes;
    const Scalar* const from = coarse_.data + channel * coarse_.channel_stride;
    for (Index n = n_.first; n < n_.end; ++n)
      for (Index z = 0; z < extents_[0]; ++z)
        for (Index y = 0; y < extents_[1]; ++y, to += extents_[2]) {
          if (to >= end) return;
          if (z >= q_[0].size() || y >= q_[1].size()) {
            std::fill(to, std::min(to + extents_[2], end), Scalar(0));
            continue;
          }
          copy_row(from + n * coarse_.batch_stride + (q_[0].first + z) * coarse_.strides[0] +
                       (q_[1].first + y) * coarse_.strides[1] + q_[2].first * coarse_.strides[2],
                   coarse_.strides[2], q_[2].size(), to);
          std::fill(to + q_[2].size(), std::max(to + q_[2].size(), std::min(to + extents_[2], end)),
                    Scalar(0));
        }
    std::fill(to, std::max(to, end), Scalar(0));
  }

  /// Copies all windows of a channel, and finds their taps.
  void copy_fine(Index channel) const {
    const auto& axes = plan_.shape().axes;
    const Scalar* const from = fine_.data + channel * fine_.channel_stride;
    Scalar* to = scratch_.fine;
    const Scalar** tap = scratch_.taps;
    for (const TapWindow& wz : plan_.windows(0))
      for (const TapWindow& wy : plan_.windows(1))
        for (const TapWindow& wx : plan_.windows(2)) {
          for (const WindowTap& z : wz.taps)
            for (const WindowTap& y : wy.taps)
              for (const WindowTap& x : wx.taps)
                *tap++ = to + (z.element * extents_[1] + y.element) * extents_[2] + x.element;
          const Index step = wx.fine_step;
          const Index first = wx.origin + q_[2].first * axes[2].stride;
          const Index left = std::clamp<Index>(ceil_div(-first, step), 0, extents_[2]);
          const Index right =
              std::clamp<Index>(ceil_div(axes[2].fine - first, step), left, extents_[2]);
          for (Index n = n_.first; n < n_.end; ++n)
            for (Index iz = 0; iz < extents_[0]; ++iz)
              for (Index iy = 0; iy < extents_[1]; ++iy, to += extents_[2]) {
                const Index z = wz.origin + q_[0].first * axes[0].stride + iz * wz.fine_step;
                const Index y = wy.origin + q_[1].first * axes[1].stride + iy * wy.fine_step;
                if (!axes[0].has_fine(z) || !axes[1].has_fine(y) || left == right) {
                  std::fill_n(to, extents_[2], Scalar(0));
                  continue;
                }
                std::fill_n(to, left, Scalar(0));
                copy_row(from + n * fine_.batch_stride + z * fine_.strides[0] +
                             y * fine_.strides[1] + (first + left * step) * fine_.strides[2],
                         step * fine_.strides[2], right - left, to + left);
                std::fill(to + right, to + extents_[2], Scalar(0));
              }
        }
    // Whole packets of the last taps.
    std::fill_n(to, plan_.window_size(), Scalar(0));
  }

  void multiply(Scalar* sums) const {
    const GradientShape& shape = plan_.shape();
    const Index step = plan_.window_size();
    const Index sums_step = shape.fine_channels * plan_.taps() * lanes;
    Index c = 0;
    const auto run = [&](auto rows) {
      for (; c + rows() <= shape.coarse_channels; c += rows())
        dot_products<Scalar, rows()>(packets_, scratch_.coarse + c * step, step, scratch_.taps,
                                     plan_.taps(), sums + c * sums_step, sums_step);
    };
    run(std::integral_constant<int, 4>());
    run(std::integral_constant<int, 2>());
    run(std::integral_constant<int, 1>());
  }

  const DotPlan& plan_;
  const Image<const Scalar>& coarse_;
  const Image<const Scalar>& fine_;
  Scratch scratch_;
  Range n_;
  std::array<Range, 3> q_;
  std::array<Index, 3> extents_{};
  Index packets_ = 0;
};

/// Computes the gradient on the threads of `workspace`. Returns whether all elements are finite.
template <class Scalar>
bool dot_gradient(const DotPlan& plan, const Image<const Scalar>& coarse,
                  const Image<const Scalar>& fine, const GradientTarget<Scalar>& target,
                  Workspace& workspace) {
  constexpr Index lanes = detail::Packet<Scalar>::size;
  const GradientShape& shape = plan.shape();
  const Index parts = plan.parts().parts, tasks = shape.groups * parts;
  const int workers = static_cast<int>(std::min<Index>(workspace.threads(), tasks));
  const std::size_t own_bytes = whole_pages(DotTask<Scalar>::scratch_bytes(plan));
  const std::size_t sums_bytes =
      whole_pages(static_cast<std::size_t>(plan.sums_size()) * sizeof(Scalar));
  const auto kept = static_cast<std::size_t>(parts == 1 ? workers : tasks);
  std::byte* const scratch =
      workspace.scratch(own_bytes * static_cast<std::size_t>(workers) + sums_bytes * kept);
  std::byte* const sums_scratch = scratch + own_bytes * static_cast<std::size_t>(workers);
  const auto sums_of = [&](Index place) {
    return reinterpret_cast<Scalar*>(sums_scratch + sums_bytes * static_cast<std::size_t>(place));
  };

  std::atomic<bool> finite = true;
  const auto store = [&](Index group, const Scalar* sums, Index step) {
    for (Index c = 0; c < shape.coarse_channels; ++c)
      for (Index m = 0; m < shape.fine_channels; ++m) {
        Scalar* const to = target.data + group * target.group_stride + c * target.coarse_stride +
                           m * target.fine_stride;
        for (const TapWindow& wz : plan.windows(0))
          for (const TapWindow& wy : plan.windows(1))
            for (const TapWindow& wx : plan.windows(2))
              for (const WindowTap& z : wz.taps)
                for (const WindowTap& y : wy.taps)
                  for (const WindowTap& x : wx.taps) {
                    Scalar sum(0);
                    for (Index part = 0; part < parts; ++part)
                      for (Index i = 0; i < lanes; ++i) sum += sums[part * step + i];
                    to[z.kernel * target.tap_strides[0] + y.kernel * target.tap_strides[1] +
                       x.kernel * target.tap_strides[2]] = sum;
                    if (!std::isfinite(sum)) finite = false;
                    sums += lanes;
                  }
      }
  };
  workspace.parallel_for(tasks, workers, [&](Index task, int worker) {
    const Index part = task % parts;
    Scalar* const sums = sums_of(parts == 1 ? worker : task);
    DotTask<Scalar>(plan, coarse, fine, scratch + own_bytes * static_cast<std::size_t>(worker))
        .run(task / parts, plan.parts().begin(part), plan.parts().end(part), sums);
    if (parts == 1) store(task, sums, 0);
  });
  if (parts == 1) return finite;
  for (Index group = 0; group < shape.groups; ++group)
    store(group, sums_of(group * parts), static_cast<Index>(sums_bytes / sizeof(Scalar)));
  return finite;
}

}  // namespace tconv::engine
