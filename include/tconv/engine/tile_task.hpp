#pragma once

/// \file
/// One task: some rows (lines and chunks of output channels) of one tile of one group.
///
///     for each line
///       for each block of input channels
///         copy the windows of pixels that its taps read                pack_window
///         for each chunk of output channels
///           for each panel of its rows                                 weights of the panel in L1
///             for each block of pixels: sums += weights * pixels       micro_kernel
///           with the last input channels: write the output rows        store_row
///
/// Every output is summed by one task, in one order of taps and channels, so that results do not
/// depend on the number of threads.

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <utility>

#include "tconv/engine/store.hpp"
#include "tconv/engine/tile_line.hpp"
#include "tconv/engine/transpose.hpp"

namespace tconv::engine {

/// The arguments of a call, as every task sees them.
template <class Scalar, class F>
struct Call {
  const Schedule& schedule;
  const Scalar* weights;  // as pack_all_weights leaves them
  const Scalar* bias;     // one a channel of all groups, or null
  Image<const Scalar> x;
  Image<Scalar> y;
  const F& f;
};

/// Computes the tasks of one worker, one after another, in one scratch.
template <class Scalar, class F>
class TileTask {
 public:
  static constexpr Index lanes = detail::Packet<Scalar>::size;

  TileTask(const Call<Scalar, F>& call, std::byte* scratch)
      : call_(call),
        c_(call.schedule.correlation()),
        layout_(call.schedule.layout()),
        packing_(call.schedule.plan().packing),
        tile_(call.schedule.plan().tile),
        scratch_(call.schedule, Arena(scratch)),
        line_(scratch_.line),
        streams_(call.schedule.plan().streams && call.y.strides[2] == 1) {
    std::fill_n(scratch_.zeros, tile_.q[2] + line_.max_phases(), Scalar(0));
  }

  static std::size_t scratch_bytes(const Schedule& schedule) {
    return Scratch(schedule, Arena(nullptr)).bytes;
  }

  /// Computes the rows `[unit_begin, unit_end)` of the tile at batch entry `n` and `q`; a unit is a
  /// chunk of a line.
  void run(Index group, Index n, const std::array<Index, 3>& q, Index unit_begin, Index unit_end) {
    const bool moved = group != group_ || n != n_ || q[0] != q_[0].first || q[1] != q_[1].first ||
                       q[2] != q_[2].first;
    if (moved) packed_block_ = -1;
    group_ = group;
    n_ = n;
    batch_ = std::min(tile_.batch, c_.batch - n);
    for (std::size_t a = 0; a < 3; ++a)
      q_[a] = {q[a], std::min(q[a] + tile_.q[a], q_range(c_.axes[a]).end)};
    const Index chunks = layout_.chunks().parts;
    while (unit_begin < unit_end) {
      const Index line = unit_begin / chunks;
      const Index line_end = std::min(unit_end, (line + 1) * chunks);
      compute_line(line, {unit_begin - line * chunks, line_end - line * chunks});
      unit_begin = line_end;
    }
    if (streams_) detail::finish_streaming();
  }

 private:
  /// Outputs in a row of a tile, at most.
  static Index row_size(const PhasedAxis& axis, Index q) {
    return q < axis.out / axis.out_stride ? (q + 1) * axis.out_stride : axis.out;
  }

  /// Where the sums of a phase begin, and those of the next member of a chunk, batch entry, plane.
  struct PhaseSums {
    Scalar* first;
    Index member_step, batch_step, plane_step;
  };

  struct Scratch {
    TileLine line;
    PhaseRow<Scalar>* rows;
    PhaseSums* phase_sums;
    Scalar* row;    // of outputs
    Scalar* zeros;  // of phases without taps
    Scalar* packed;
    Scalar* sums;
    Scalar* turned;
    std::size_t bytes;

    Scratch(const Schedule& schedule, Arena arena)
        : line(schedule, arena),
          rows(arena.take<PhaseRow<Scalar>>(line.max_phases())),
          phase_sums(arena.take<PhaseSums>(line.max_phases())),
          row(arena.take<Scalar>(
              row_size(schedule.correlation().axes[2], schedule.plan().tile.q[2]))),
          zeros(arena.take<Scalar>(schedule.plan().tile.q[2] + line.max_phases())),
          packed(arena.take<Scalar>(schedule.footprint().most_pixels)),
          sums(arena.take<Scalar>(schedule.footprint().sums)),
          // Whole packets are read behind the sums, turned or not.
          turned(arena.take<Scalar>(schedule.footprint().turned + lanes)),
          bytes(arena.used()) {}
  };

  /// Computes chunks `[chunks.first, chunks.end)` of a line.
  void compute_line(Index line, const Range& chunks) {
    line_.place(line, batch_, q_);
    if (line_.pixels().count == 0) return;
    eigen_assert(layout_.channel_blocks().largest() * line_.plane() + lanes <=
                 call_.schedule.footprint().most_pixels);
    eigen_assert(line_.sums() <= call_.schedule.footprint().sums);
    eigen_assert(line_.turned() <= call_.schedule.footprint().turned);
    const Split& blocks = layout_.channel_blocks();
    for (Index b = 0; b < blocks.parts; ++b) {
      pack_block(line, b);
      const bool last = b + 1 == blocks.parts;
      for (Index chunk = chunks.first; chunk < chunks.end; ++chunk) {
        for (const Pixels& pixels : line_.pixels()) multiply_chunk(pixels, chunk, b);
        if (last) store_chunk(chunk);
      }
    }
  }

  /// Copies the windows of a channel block, unless they are there: without windows of their own on
  /// the outer axes, all lines read the same.
  void pack_block(Index line, Index b) {
    const auto& windows = line_.windows();
    const bool same_windows = packed_line_ == line || packing_.copied_axes < 2;
    if (windows.count == 0 || (packed_block_ == b && same_windows)) return;
    packed_block_ = b;
    packed_line_ = line;
    const Split& blocks = layout_.channel_blocks();
    Image<const Scalar> x = call_.x;
    x.data += n_ * x.batch_stride + (group_ * c_.in_channels + blocks.begin(b)) * x.channel_stride;
    constexpr Index channels_ahead = 4;
    const Index ahead = channels_ahead * x.channel_stride;
    Scalar* to = scratch_.packed;
    for (Index c = blocks.begin(b); c < blocks.end(b); ++c, x.data += x.channel_stride) {
      Scalar* end = to;
      for (const Window& window : windows)
        end = pack_window(x, batch_, window, c + channels_ahead < c_.in_channels ? ahead : 0, end);
      to += line_.plane();
    }
    // Whole packets are read up to the end.
    std::fill_n(to, lanes, Scalar(0));
  }

  /// The sums of a chunk, `[row][pixel]` or `[pixel][row]`.
  struct Sums {
    Scalar* first;
    Index row_step, pixel_step;
  };

  Sums chunk_sums(const Pixels& pixels, Index chunk) const {
    const bool turned = packing_.weights_in_lanes();
    const Index count = pixels.count();
    Sums sums{scratch_.sums + pixels.sums, turned ? 1 : count,
              turned ? layout_.padded_rows(pixels.product, chunk) : 1};
    if (layout_.channel_blocks().parts > 1)
      sums.first += layout_.rows_before(pixels.product, chunk) * count;
    return sums;
  }

  /// The sums of a chunk as they are stored.
  Sums stored_sums(const Pixels& pixels, Index chunk) const {
    if (!layout_.turns_sums()) return chunk_sums(pixels, chunk);
    return {scratch_.turned + pixels.turned, round_up(pixels.count(), lanes), 1};
  }

  /// Brings the sums of a chunk into the order in which they are stored.
  void turn_sums(const Pixels& pixels, Index chunk) const {
    const Sums from = chunk_sums(pixels, chunk), to = stored_sums(pixels, chunk);
    turn_rows(from.first, from.pixel_step, pixels.count(), to.first, to.row_step);
  }

  /// Adds the products of one channel block to the sums of one chunk.
  void multiply_chunk(const Pixels& pixels, Index chunk, Index b) const {
    const Split& blocks = layout_.channel_blocks();
    const Index steps = layout_.product(pixels.product).taps() * (blocks.end(b) - blocks.begin(b));
    const Scalar* weights =
        call_.weights + group_ * layout_.size() + layout_.offset(pixels.product, b, chunk);
    const Sums sums = chunk_sums(pixels, chunk);
    const Split panels = layout_.panels(pixels.product, chunk);
    for (Index p = 0; p < panels.parts; ++p) {
      const Index row = panels.begin(p) * layout_.lane_multiple();
      const Index width = panels.end(p) * layout_.lane_multiple() - row;
      for (Index n = 0; n < pixels.runs.counts[0]; ++n)
        for (Index z = 0; z < pixels.runs.counts[1]; ++z) {
          const Scalar* run = scratch_.packed + n * pixels.runs.steps[0] + z * pixels.runs.steps[1];
          Scalar* run_sums = sums.first + row * sums.row_step +
                             (n * pixels.batch_step() + z * pixels.plane_step()) * sums.pixel_step;
          for (Index block = 0; block < pixels.blocks.parts(); ++block) {
            const Index first = pixels.blocks.begin(block), size = pixels.blocks.size(block);
            if (packing_.weights_in_lanes())
              multiply_block<Lanes::weights>(
                  steps, pixels.offsets, run + first, weights + steps * row, width, size,
                  run_sums + first * sums.pixel_step, sums.pixel_step, b > 0);
            else
              multiply_block<Lanes::pixels>(steps, pixels.offsets, run + first,
                                            weights + steps * row, width, size, run_sums + first,
                                            sums.row_step, b > 0);
          }
        }
    }
  }

  /// Writes the outputs of a chunk, whose sums are complete.
  void store_chunk(Index chunk) {
    const auto& phases = line_.phases();
    if (phases.count == 0) return;
    if (layout_.turns_sums())
      for (const Pixels& pixels : line_.pixels()) turn_sums(pixels, chunk);
    const RowPattern pattern = list_rows(chunk);
    const Image<Scalar>& y = call_.y;
    const PhasedAxis &z_axis = c_.axes[0], &y_axis = c_.axes[1];
    Scalar* const first = y.data + n_ * y.batch_stride + phases[0].outputs.first * y.strides[2];
    Index member = 0;
    for (Index m = layout_.chunks().begin(chunk); m < layout_.chunks().end(chunk); ++m) {
      const Index channel = group_ * c_.out_channels + m;
      const Scalar bias = call_.bias ? call_.bias[channel] : Scalar(0);
      for (const auto& [z_rows, y_rows] : line_.outer_phases()) {
        Scalar* const to = first + channel * y.channel_stride + z_rows.first * y.strides[0] +
                           y_rows.first * y.strides[1];
        for (Index n = 0; n < batch_; ++n)
          for (Index z = 0; z < z_rows.count; ++z) {
            for (Index i = 0; i < phases.count; ++i) {
              const PhaseSums& sums = scratch_.phase_sums[i];
              PhaseRow<Scalar>& row = scratch_.rows[i];
              row.sums = sums.first + member * sums.member_step + n * sums.batch_step +
                         (z_rows.pixel + z) * sums.plane_step + y_rows.pixel * row.next;
            }
            store_rows(scratch_.rows, phases.count, pattern, bias, channel, call_.f, y_rows.count,
                       to + n * y.batch_stride + z * z_axis.out_stride * y.strides[0],
                       y_axis.out_stride * y.strides[1], streams_ ? scratch_.row : nullptr);
          }
        ++member;
      }
    }
  }

  /// Lists where the phases of a row have their sums and outputs.
  RowPattern list_rows(Index chunk) {
    const auto& phases = line_.phases();
    const Index stride = c_.axes[2].out_stride, begin = phases[0].outputs.first;
    Index end = begin;
    for (Index i = 0; i < phases.count; ++i) {
      const auto& [pixels, member, outputs, width] = phases[i];
      const bool blank = pixels->blank();
      const Sums sums = blank ? Sums{scratch_.zeros, 0, 0} : stored_sums(*pixels, chunk);
      scratch_.phase_sums[i] = {
          sums.first + member * sums.row_step + outputs.pixel * sums.pixel_step,
          layout_.product(pixels->product).x->size() * sums.row_step,
          pixels->batch_step() * sums.pixel_step, pixels->plane_step() * sums.pixel_step};
      scratch_.rows[i] = {nullptr,
                          blank ? 1 : sums.pixel_step,
                          outputs.first - begin,
                          outputs.count,
                          width,
                          pixels->runs.steps[2] * sums.pixel_step,
                          blank};
      end = std::max(end, outputs.first + (outputs.count - 1) * stride + width);
    }
    return {scratch_.rows, phases.count, stride, call_.y.strides[2], end - begin};
  }

  const Call<Scalar, F>& call_;
  const Correlation& c_;
  const WeightLayout& layout_;
  const Packing& packing_;
  const Tile& tile_;
  Scratch scratch_;
  TileLine& line_;
  bool streams_;
  Index group_ = 0, n_ = 0, batch_ = 1;
  std::array<Range, 3> q_{};
  Index packed_block_ = -1, packed_line_ = 0;  // the channel block and line whose pixels are packed
};

}  // namespace tconv::engine
