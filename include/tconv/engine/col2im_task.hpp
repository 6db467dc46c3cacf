#pragma once

/// \file
/// One task of a correlation by products with tap rows and col2im: some output channels of one tile
/// of one group. Their products are computed as those of any tile (tile_products.hpp). Then each
/// output row is summed from the rows of its taps, and written (store.hpp).
///
/// Every output is summed in one order, however the work is cut.

#include <algorithm>
#include <array>
#include <cstddef>

#include "tconv/engine/call.hpp"
#include "tconv/engine/col2im_plan.hpp"
#include "tconv/engine/store.hpp"
#include "tconv/engine/tile_products.hpp"

namespace tconv::engine {

template <class Scalar, class F>
using Col2imCall = Call<Col2imSchedule, Scalar, F>;

/// Computes the tasks of one worker, one after another, in one scratch.
template <class Scalar, class F>
class Col2imTask {
 public:
  static constexpr Index lanes = detail::Packet<Scalar>::size;

  Col2imTask(const Col2imCall<Scalar, F>& call, std::byte* scratch)
      : call_(call), scratch_(call.schedule, call.weights, call.x, Arena(scratch)) {}

  static std::size_t scratch_bytes(const Col2imSchedule& schedule) {
    return Scratch(schedule, nullptr, {}, Arena(nullptr)).bytes;
  }

  /// Computes some chunks of a tile.
  void run(const TileBox& box, const Range& chunks) {
    box_ = read_ = box;
    for (std::size_t a = 0; a < 3; ++a) read_.q[a] = read_pixels(c_.axes[a], box.q[a]);
    scratch_.products.begin(read_);
    scratch_.products.compute_line(0, chunks, [this](Index chunk) { store_chunk(chunk); });
    if (streams_) detail::finish_streaming();
  }

 private:
  struct Scratch {
    TileProducts<Scalar> products;
    const Scalar** tap_rows;  // of the outer taps of an output row that lie in the image
    PhaseRow<Scalar>* rows;
    Scalar* row;     // of outputs
    Scalar* joined;  // the phases of a row
    std::size_t bytes;

    Scratch(const Col2imSchedule& schedule, const Scalar* weights, const Image<const Scalar>& x,
            Arena arena)
        : products(schedule.products(), weights, x, arena) {
      const auto& axes = schedule.correlation().axes;
      const Index count = schedule.plan().tile.q[2];
      const auto phases = static_cast<Index>(axes[2].phases.size());
      tap_rows = arena.take<const Scalar*>(count_taps(axes[0]) * count_taps(axes[1]));
      rows = arena.take<PhaseRow<Scalar>>(phases);
      row = arena.take<Scalar>(std::min(axes[2].out, (count + 1) * axes[2].out_stride));
      // Whole packets are read behind the last one.
      joined = arena.take<Scalar>((phases + 1) * round_up(count, lanes));
      bytes = arena.used();
    }
  };

  /// Writes the outputs of a chunk, whose products are complete.
  void store_chunk(Index chunk) {
    const RowPattern pattern = list_rows();
    if (pattern.row_size == 0) return;
    const Split& chunks = call_.schedule.products().layout().chunks();
    for (Index m = chunks.begin(chunk); m < chunks.end(chunk); ++m) {
      Index z_tap = 0;
      for (const Phase& z : c_.axes[0].phases) {
        Index y_tap = 0;
        for (const Phase& y : c_.axes[1].phases) {
          store_phase(chunk, m, z, z_tap, y, y_tap, pattern);
          y_tap += static_cast<Index>(y.taps.size());
        }
        z_tap += static_cast<Index>(z.taps.size());
      }
    }
  }

  /// Lists the phases of an output row, in the order of their outputs.
  RowPattern list_rows() {
    const PhasedAxis& axis = c_.axes[2];
    const Index pitch = round_up(box_.q[2].size(), lanes);
    row_phases_ = 0;
    const Range range =
        for_each_phase(axis, box_.q[2], [&](std::size_t p, const PhasePixels& outputs) {
          PhaseRow<Scalar>& row = scratch_.rows[row_phases_++];
          row = {};
          row.sums = scratch_.joined + static_cast<Index>(p) * pitch;
          row.first = outputs.first;
          row.count = outputs.count;
        });
    row_begin_ = range.first;
    return {scratch_.rows, row_phases_, axis.out_stride, call_.y.strides[2], range.size()};
  }

  /// Writes the rows of a channel that belong to one phase of each outer axis, whose taps' rows
  /// begin with number `z_tap` and `y_tap`.
  void store_phase(Index chunk, Index m, const Phase& z_phase, Index z_tap, const Phase& y_phase,
                   Index y_tap, const RowPattern& pattern) {
    const PhasedAxis &z_axis = c_.axes[0], &y_axis = c_.axes[1];
    const PhasePixels z = phase_pixels(z_phase, box_.q[0], z_axis.out_stride);
    const PhasePixels y = phase_pixels(y_phase, box_.q[1], y_axis.out_stride);
    const Index channel = box_.group * c_.out_channels + m;
    const Scalar bias = call_.bias ? call_.bias[channel] : Scalar(0);
    Scalar* const first = call_.y.data + box_.n * call_.y.batch_stride +
                          channel * call_.y.channel_stride + z.first * call_.y.strides[0] +
                          y.first * call_.y.strides[1] + row_begin_ * call_.y.strides[2];
    for (Index n = 0; n < box_.batch; ++n)
      for (Index i = 0; i < z.count; ++i)
        for (Index j = 0; j < y.count; ++j) {
          const Index taps =
              find_tap_rows(chunk, m, n, z_phase, z_tap, box_.q[0].first + z.pixel + i, y_phase,
                            y_tap, box_.q[1].first + y.pixel + j);
          join_phases(taps);
          store_rows(scratch_.rows, row_phases_, pattern, bias, channel, call_.f, 1,
                     first + n * call_.y.batch_stride + i * z_axis.out_stride * call_.y.strides[0] +
                         j * y_axis.out_stride * call_.y.strides[1],
                     0, streams_ ? scratch_.row : nullptr);
        }
  }

  /// Lists where the outer taps of an output row have their rows of products, for the first tap of
  /// the innermost axis. Returns how many lie in the image.
  Index find_tap_rows(Index chunk, Index m, Index n, const Phase& z_phase, Index z_tap, Index qz,
                      const Phase& y_phase, Index y_tap, Index qy) {
    if (line().pixels().count == 0) return 0;
    const Pixels& pixels = line().pixels()[0];
    const Sums<Scalar> sums = scratch_.products.stored_sums(pixels, chunk);
    const Index channel = m - call_.schedule.products().layout().chunks().begin(chunk);
    const Index first = channel * taps_[0] + z_tap;
    Index count = 0;
    for (std::size_t i = 0; i < z_phase.taps.size(); ++i) {
      const Index z = qz + z_phase.taps[i].shift;
      if (z < read_.q[0].first || z >= read_.q[0].end) continue;
      for (std::size_t j = 0; j < y_phase.taps.size(); ++j) {
        const Index y = qy + y_phase.taps[j].shift;
        if (y < read_.q[1].first || y >= read_.q[1].end) continue;
        const Index outer =
            (first + static_cast<Index>(i)) * taps_[1] + y_tap + static_cast<Index>(j);
        scratch_.tap_rows[count++] = sums.first + outer * taps_[2] * sums.row_step +
                                     n * pixels.batch_step() +
                                     (z - read_.q[0].first) * pixels.plane_step() +
                                     (y - read_.q[1].first) * pixels.runs.steps[2];
      }
    }
    return count;
  }

  /// Sums the taps of each phase of an output row.
  void join_phases(Index outer_taps) {
    const PhasedAxis& axis = c_.axes[2];
    Scalar* to = scratch_.joined;
    Index row = 0;
    for (const Phase& phase : axis.phases) {
      const PhasePixels outputs = phase_pixels(phase, box_.q[2], axis.out_stride);
      if (outputs.count > 0)
        join_phase(phase, outer_taps, row, box_.q[2].first + outputs.pixel, outputs.count, to);
      row += static_cast<Index>(phase.taps.size());
      to += round_up(box_.q[2].size(), lanes);
    }
  }

  /// Sums `count` outputs of a phase from `q` on, whose first tap has row number `row`.
  void join_phase(const Phase& phase, Index outer_taps, Index row, Index q, Index count,
                  Scalar* to) {
    using P = detail::Packet<Scalar>;
    const Index row_step = line().pixels().count > 0 ? line().pixels()[0].count() : 0;
    for (Index j = 0; j < count; j += lanes) {
      auto sum = P::broadcast(Scalar(0));
      for (std::size_t t = 0; t < phase.taps.size(); ++t) {
        const Index x = q + j + phase.taps[t].shift - read_.q[2].first;
        const detail::PacketPart<Scalar> inside(-x, read_.q[2].size() - x);
        const Index at = (row + static_cast<Index>(t)) * row_step + x;
        for (Index i = 0; i < outer_taps; ++i)
          sum = P::add(sum, inside.load(scratch_.tap_rows[i] + at));
      }
      P::store(to + j, sum);
    }
  }

  const TileLine& line() const { return scratch_.products.line(); }

  const Col2imCall<Scalar, F>& call_;
  const Correlation& c_ = call_.schedule.correlation();
  const bool streams_ = call_.schedule.plan().streams && call_.y.strides[2] == 1;
  const std::array<Index, 3> taps_{count_taps(c_.axes[0]), count_taps(c_.axes[1]),
                                   count_taps(c_.axes[2])};
  Scratch scratch_;
  TileBox box_, read_;  // the outputs of the tile, and the pixels that they read
  Index row_begin_ = 0, row_phases_ = 0;
};

}  // namespace tconv::engine
