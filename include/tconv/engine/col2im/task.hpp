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

#include "tconv/core/eigen.hpp"
#include "tconv/core/integer.hpp"
#include "tconv/core/isa.hpp"
#include "tconv/core/view.hpp"
#include "tconv/engine/call.hpp"
#include "tconv/engine/col2im/schedule.hpp"
#include "tconv/engine/correlation.hpp"
#include "tconv/engine/direct/line.hpp"
#include "tconv/engine/direct/products.hpp"
#include "tconv/engine/phases.hpp"
#include "tconv/engine/store.hpp"
#include "tconv/engine/tile.hpp"
#include "tconv/engine/weights/pack.hpp"
#include "tconv/runtime/arena.hpp"
#include "tconv/simd/packet.hpp"
#include "tconv/simd/prefetch.hpp"

namespace tconv::inline TCONV_ISA::engine {

template <class Scalar>
using Col2imCall = Call<Col2imSchedule, Scalar>;

/// Computes the tasks of one worker, one after another, in one scratch.
template <class Scalar>
class Col2imTask {
 public:
  static constexpr Index lanes = simd::Packet<Scalar>::size;

  Col2imTask(const Col2imCall<Scalar>& call, std::byte* scratch)
      : call_(call),
        scratch_(call.schedule, call.weights, call.operands, runtime::Arena(scratch)) {}

  static std::size_t scratch_bytes(const Col2imSchedule& schedule) {
    const Operands<Scalar> none;
    return Scratch(schedule, {}, none, runtime::Arena(nullptr)).bytes;
  }

  /// Computes some chunks of a tile.
  void run(const TileBox& box, const Range& chunks) {
    box_ = read_ = box;
    for (std::size_t a = 0; a < 3; ++a) read_.q[a] = read_pixels(c_.axes[a], box.q[a]);
    scratch_.products.begin(read_);
    const auto no_outputs = [](Index) { return simd::MemoryBlocks<Scalar>{}; };
    scratch_.products.compute_line(0, chunks, no_outputs, [&](Index chunk) {
      if (chunk == chunks.first) list_tile();
      store_chunk(chunk);
    });
    if (streams_) simd::finish_streaming();
  }

 private:
  /// What a tap of the innermost axis adds to a packet of outputs: `part` of the products of its
  /// row from `at` on.
  struct TapRead {
    Index at;
    simd::PacketPart<Scalar> part;
  };

  /// The outer taps of an output row that lie in the image: where their products begin among those
  /// of a channel and batch entry, for the first element of the kernel on the innermost axis.
  struct OuterTaps {
    Index* first;
    Index count;
  };

  struct Scratch {
    TileProducts<Scalar> products;
    TapRead* reads;       // of a row, phase by phase, packet by packet
    OuterTaps* outer;     // of each row, phase by phase
    Index* outer_places;  // where `outer` points
    PhaseRow<Scalar>* rows;
    Index* taps;     // of each phase
    Scalar* row;     // of outputs
    Scalar* joined;  // the phases of some rows
    StripBuffer<Scalar> strips;
    std::size_t bytes;

    Scratch(const Col2imSchedule& schedule, const Weights<Scalar>& weights,
            const Operands<Scalar>& operands, runtime::Arena arena)
        : products(schedule.products(), weights, operands, arena) {
      const auto& axes = schedule.correlation().axes;
      const auto& q = schedule.plan().tile.q;
      const auto phases = static_cast<Index>(axes[2].phases.size());
      Index outer_rows = 1, most_outer = 1;
      for (const std::size_t a : {std::size_t{0}, std::size_t{1}}) {
        outer_rows *= static_cast<Index>(axes[a].phases.size()) * q[a];
        most_outer *= most_taps(axes[a]);
      }
      reads = arena.take<TapRead>(kernel_range(axes[2]).size() * ceil_div(q[2], lanes));
      outer = arena.take<OuterTaps>(outer_rows);
      outer_places = arena.take<Index>(outer_rows * most_outer);
      rows = arena.take<PhaseRow<Scalar>>(phases);
      taps = arena.take<Index>(phases);
      const Index row_size = std::min(axes[2].out, (q[2] + 1) * axes[2].out_stride);
      row = arena.take<Scalar>(row_size);
      strips = take_strips<Scalar>(schedule.correlation(), schedule.products().layout(),
                                   schedule.plan().tile, row_size, arena);
      // Whole packets are read behind the last one.
      joined = arena.take<Scalar>(joined_rows(schedule) * joined_pitch(schedule) + lanes);
      bytes = arena.used();
    }
  };

  static Index most_taps(const PhasedAxis& axis) {
    std::size_t most = 0;
    for (const Phase& phase : axis.phases) most = std::max(most, phase.taps.size());
    return static_cast<Index>(most);
  }

  /// Elements of the phases of a row.
  static Index joined_pitch(const Col2imSchedule& schedule) {
    return static_cast<Index>(schedule.correlation().axes[2].phases.size()) *
           round_up(schedule.plan().tile.q[2], lanes);
  }

  /// Rows that are summed, then stored: as many as a part of the first-level cache holds.
  static Index joined_rows(const Col2imSchedule& schedule) {
    constexpr Index cached = 16 * 1024 / static_cast<Index>(sizeof(Scalar));
    return std::clamp<Index>(cached / joined_pitch(schedule), 1, schedule.plan().tile.q[1]);
  }

  /// Calls `visit(z, y, z_outputs, y_outputs)` for the phases of the outer axes that have outputs
  /// in the tile.
  template <class Visit>
  void for_each_outer_phase(const Visit& visit) const {
    for (const Phase& z : c_.axes[0].phases)
      for (const Phase& y : c_.axes[1].phases) {
        const PhasePixels z_outputs = phase_pixels(z, box_.q[0], c_.axes[0].out_stride);
        const PhasePixels y_outputs = phase_pixels(y, box_.q[1], c_.axes[1].out_stride);
        visit(z, y, z_outputs, y_outputs);
      }
  }

  /// Lists what the taps of each output row read, the same for all channels.
  void list_tile() {
    list_row();
    OuterTaps* outer = scratch_.outer;
    Index* place = scratch_.outer_places;
    for_each_outer_phase([&](const Phase& z, const Phase& y, const PhasePixels& z_outputs,
                             const PhasePixels& y_outputs) {
      for (Index i = 0; i < z_outputs.count; ++i)
        for (Index j = 0; j < y_outputs.count; ++j) {
          *outer = {place, 0};
          find_outer_taps(z, box_.q[0].first + z_outputs.pixel + i, y,
                          box_.q[1].first + y_outputs.pixel + j, *outer);
          place += outer++->count;
        }
    });
  }

  /// Lists the phases of an output row, in the order of their outputs, and what their taps read.
  void list_row() {
    const PhasedAxis& axis = c_.axes[2];
    pitch_ = round_up(box_.q[2].size(), lanes);
    row_phases_ = 0;
    TapRead* read = scratch_.reads;
    row_outputs_ = for_each_phase(axis, box_.q[2], [&](std::size_t p, const PhasePixels& outputs) {
      const auto& taps = axis.phases[p].taps;
      PhaseRow<Scalar>& row = scratch_.rows[row_phases_];
      row = {};
      row.first = outputs.first;
      row.count = outputs.count;
      scratch_.taps[row_phases_++] = static_cast<Index>(taps.size());
      for (Index j = 0; j < outputs.count; j += lanes)
        for (const Tap& tap : taps) {
          const Index x = box_.q[2].first + outputs.pixel + j + tap.shift - read_.q[2].first;
          *read++ = {(tap.kernel - kernel_[2].first) * products_pitch() + x,
                     {-x, read_.q[2].size() - x}};
        }
    });
    for (Index r = 0; r < row_phases_; ++r) scratch_.rows[r].next = row_phases_ * pitch_;
  }

  /// Finds the outer taps of an output row.
  void find_outer_taps(const Phase& z_phase, Index qz, const Phase& y_phase, Index qy,
                       OuterTaps& outer) const {
    if (products_pitch() == 0) return;
    const std::array<Index, 3> steps = line().pixels()[0].sum_steps();
    for (const Tap& z_tap : z_phase.taps) {
      const Index z = qz + z_tap.shift - read_.q[0].first;
      if (z < 0 || z >= read_.q[0].size()) continue;
      for (const Tap& y_tap : y_phase.taps) {
        const Index y = qy + y_tap.shift - read_.q[1].first;
        if (y < 0 || y >= read_.q[1].size()) continue;
        const Index row =
            (z_tap.kernel - kernel_[0].first) * kernel_[1].size() + y_tap.kernel - kernel_[1].first;
        outer.first[outer.count++] =
            row * kernel_[2].size() * products_pitch() + z * steps[1] + y * steps[2];
      }
    }
  }

  /// Writes the outputs of a chunk, whose products are complete.
  void store_chunk(Index chunk) {
    const RowPattern pattern{scratch_.rows, row_phases_, c_.axes[2].out_stride,
                             row_outputs_.size()};
    if (pattern.row_size == 0) return;
    const RowStore<Scalar> rows(scratch_.rows, row_phases_, pattern, call_.operands, streams_,
                                scratch_.row, scratch_.strips);
    const Split& chunks = call_.schedule.products().layout().chunks();
    const Scalar* products = nullptr;
    Index channel_step = 0;
    if (products_pitch() > 0) {
      products = scratch_.products.stored_sums(line().pixels()[0], chunk).first;
      channel_step = kernel_[0].size() * kernel_[1].size() * kernel_[2].size() * products_pitch();
    }
    const Index begin = box_.group * c_.out_channels + chunks.begin(chunk);
    const Index count = chunks.end(chunk) - chunks.begin(chunk);
    for (Index m = 0, next = 0; m < count; m = next) {
      next = m + rows.channels_at_once(count);
      store_channels(products + m * channel_step, channel_step, {begin + m, begin + next}, rows);
    }
  }

  /// Writes the outputs of some channels of all groups, whose products are `channel_step` apart.
  void store_channels(const Scalar* products, Index channel_step, const Range& channels,
                      const RowStore<Scalar>& store) {
    const Image<void>& y = call_.operands.y;
    const PhasedAxis &z_axis = c_.axes[0], &y_axis = c_.axes[1];
    const Index batch_step = products_pitch() > 0 ? line().pixels()[0].sum_steps()[0] : 0;
    const Index most_rows = joined_rows(call_.schedule);
    const Index first = box_.n * y.batch_stride + row_outputs_.first * y.strides[2];
    const OuterTaps* outer = scratch_.outer;
    for_each_outer_phase([&](const Phase&, const Phase&, const PhasePixels& z_rows,
                             const PhasePixels& y_rows) {
      const Index entries = store.entries_at_once(box_.batch);
      for (Index n = 0; n < box_.batch; n += entries)
        for (Index i = 0; i < z_rows.count; ++i)
          store.write(
              channels, entries,
              {first + n * y.batch_stride + (z_rows.first + i * z_axis.out_stride) * y.strides[0] +
                   y_rows.first * y.strides[1],
               y_axis.out_stride * y.strides[1], y_rows.count},
              most_rows, [&](Index channel, Index entry, Index row, Index count) {
                const Scalar* const own =
                    products + (channel - channels.first) * channel_step + (n + entry) * batch_step;
                for (Index r = 0; r < count; ++r)
                  join_row(own, outer[i * y_rows.count + row + r],
                           scratch_.joined + r * row_phases_ * pitch_);
                for (Index p = 0; p < row_phases_; ++p)
                  scratch_.rows[p].sums = scratch_.joined + p * pitch_;
              });
      outer += z_rows.count * y_rows.count;
    });
  }

  /// Sums the taps of all phases of a row. On its own the loop keeps all it needs in registers.
  EIGEN_DONT_INLINE void join_row(const Scalar* products, const OuterTaps outer, Scalar* to) const {
    using P = simd::Packet<Scalar>;
    const TapRead* read = scratch_.reads;
    for (Index p = 0; p < row_phases_; ++p, to += pitch_) {
      const Index taps = scratch_.taps[p];
      for (Index j = 0; j < scratch_.rows[p].count; j += lanes, read += taps) {
        auto sum = P::broadcast(Scalar(0));
        for (Index t = 0; t < taps; ++t)
          for (Index i = 0; i < outer.count; ++i)
            sum = P::add(sum, read[t].part.load(products + outer.first[i] + read[t].at));
        P::store(to + j, sum);
      }
    }
  }

  const TileLine& line() const { return scratch_.products.line(); }

  /// From row to row of products, or zero if no output of the tile reads a pixel.
  Index products_pitch() const {
    return line().pixels().count > 0 ? line().pixels()[0].count() : 0;
  }

  const Col2imCall<Scalar>& call_;
  const Correlation& c_ = call_.schedule.correlation();
  const bool streams_ = call_.schedule.plan().streams;
  const std::array<Range, 3> kernel_{kernel_range(c_.axes[0]), kernel_range(c_.axes[1]),
                                     kernel_range(c_.axes[2])};
  Scratch scratch_;
  TileBox box_, read_;  // the outputs of the tile, and the pixels that they read
  Range row_outputs_;
  Index row_phases_ = 0;
  Index pitch_ = 0;  // from phase to phase of a joined row
};

}  // namespace tconv::inline TCONV_ISA::engine
