#pragma once

/// \file
/// One task: some rows (lines and chunks of output channels) of one tile of one group. Their sums
/// are computed line by line (tile_products.hpp), and written as output rows (store.hpp).
///
/// Every output is summed by one task, in one order of taps and channels, so that results do not
/// depend on the number of threads.

#include <algorithm>
#include <array>
#include <cstddef>

#include "tconv/core/eigen.hpp"
#include "tconv/core/integer.hpp"
#include "tconv/core/isa.hpp"
#include "tconv/core/tile.hpp"
#include "tconv/core/view.hpp"
#include "tconv/engine/call.hpp"
#include "tconv/engine/correlation.hpp"
#include "tconv/engine/direct/line.hpp"
#include "tconv/engine/direct/products.hpp"
#include "tconv/engine/direct/schedule.hpp"
#include "tconv/engine/layout.hpp"
#include "tconv/engine/output_list.hpp"
#include "tconv/engine/phases.hpp"
#include "tconv/engine/pixel_store.hpp"
#include "tconv/engine/store.hpp"
#include "tconv/engine/tile.hpp"
#include "tconv/runtime/arena.hpp"
#include "tconv/simd/packet.hpp"
#include "tconv/simd/prefetch.hpp"

namespace tconv::inline TCONV_ISA::engine {

template <class Scalar>
using DirectCall = Call<DirectSchedule, Scalar>;

/// Computes the tasks of one worker, one after another, in one scratch.
template <class Scalar>
class DirectTask {
 public:
  DirectTask(const DirectCall<Scalar>& call, std::byte* scratch)
      : call_(call), scratch_(call.schedule, call.weights, call.operands, runtime::Arena(scratch)) {
    std::fill_n(scratch_.zeros, Scratch::zero_count(call.schedule, scratch_.products), Scalar(0));
  }

  static std::size_t scratch_bytes(const DirectSchedule& schedule) {
    const Operands<Scalar> none;
    return Scratch(schedule, {}, none, runtime::Arena(nullptr)).bytes;
  }

  /// Computes some rows of a tile. A unit is a chunk of a line.
  void run(const TileBox& box, const Range& units) {
    box_ = box;
    scratch_.products.begin(box);
    for_each_line(units, layout_.chunks().parts, [this](Index line, const Range& chunks) {
      scratch_.products.compute_line(
          line, chunks, [this](Index chunk) { return outputs_of(chunk); },
          [this](Index chunk) { store_chunk(chunk); });
    });
    if (streams_) simd::finish_streaming();
  }

 private:
  /// Where the sums of a phase begin, and those of the next member of a chunk, batch entry, plane.
  struct PhaseSums {
    Scalar* first;
    Index member_step, batch_step, plane_step;
  };

  struct Scratch {
    TileProducts<Scalar> products;
    PhaseRow<Scalar>* rows;
    PhaseSums* phase_sums;
    Scalar* row;    // of outputs, or the channels of one
    Scalar* zeros;  // of phases without taps
    StripBuffer<Scalar> strips;
    OutputList<Scalar> outputs;
    std::size_t bytes;

    Scratch(const DirectSchedule& schedule, const Weights<Scalar>& weights,
            const Operands<Scalar>& operands, runtime::Arena arena)
        : products(schedule, weights, operands, arena),
          rows(arena.take<PhaseRow<Scalar>>(products.line().max_phases())),
          phase_sums(arena.take<PhaseSums>(products.line().max_phases())),
          row(arena.take<Scalar>(
              std::max(row_size(schedule.correlation().axes[2], schedule.plan().tile.q[2]),
                       schedule.layout().shape().chunk_rows(1)))),
          zeros(arena.take<Scalar>(zero_count(schedule, products))),
          strips(take_strips<Scalar>(
              schedule.correlation(), schedule.layout(), schedule.plan().tile,
              row_size(schedule.correlation().axes[2], schedule.plan().tile.q[2]), arena)),
          outputs(arena),
          bytes(arena.used()) {}

    /// Zeros for a row of any phases, or for the channels of a chunk.
    static Index zero_count(const DirectSchedule& schedule, const TileProducts<Scalar>& products) {
      return std::max(schedule.plan().tile.q[2] + products.line().max_phases(),
                      schedule.layout().shape().chunk_rows(1));
    }
  };

  /// Outputs in a row of a tile, at most.
  static Index row_size(const PhasedAxis& axis, Index q) {
    return q < axis.out / axis.out_stride ? (q + 1) * axis.out_stride : axis.out;
  }

  const TileLine& line() const { return scratch_.products.line(); }

  /// Where the outputs of a chunk lie, if they are worth a prefetch before they are stored: in one
  /// block of each channel.
  simd::MemoryBlocks<Scalar> outputs_of(Index chunk) const {
    if (!prefetches_outputs_ || box_.batch > 1) return {};
    std::array<Range, 3> outputs;
    for (std::size_t a = 0; a < 3; ++a)
      outputs[a] = for_each_phase(c_.axes[a], box_.q[a], [](std::size_t, const PhasePixels&) {});
    std::size_t outer = 2;
    while (outer > 0 && outputs[outer].size() == c_.axes[outer].out) --outer;
    const Image<void>& y = call_.operands.y;
    const Index begin = layout_.chunks().begin(chunk), end = layout_.chunks().end(chunk);
    const auto* first = static_cast<const Scalar*>(y.data) + box_.n * y.batch_stride +
                        (box_.group * c_.out_channels + begin) * y.channel_stride;
    for (std::size_t a = 0; a < 3; ++a) {
      if (a < outer && outputs[a].size() != 1) return {};
      first += outputs[a].first * y.strides[a];
    }
    return {first, end - begin, outputs[outer].size() * y.strides[outer], y.channel_stride};
  }

  /// Writes the outputs of a chunk, whose sums are complete.
  void store_chunk(Index chunk) {
    const auto& phases = line().phases();
    if (phases.count == 0) return;
    if (call_.schedule.plan().packing.channels_inside) return store_pixels(chunk);
    if (lists_outputs_) return store_listed(chunk);
    const RowPattern pattern = list_rows(chunk);
    const Index summed = pattern.blank ? 0 : phases.count;
    const RowStore<Scalar> rows(scratch_.rows, summed, pattern, call_.operands, streams_,
                                scratch_.row, scratch_.strips);
    const Image<void>& y = call_.operands.y;
    const PhasedAxis &z_axis = c_.axes[0], &y_axis = c_.axes[1];
    const Index first = box_.n * y.batch_stride + phases[0].outputs.first * y.strides[2];
    const Index begin = box_.group * c_.out_channels + layout_.chunks().begin(chunk);
    const Index end = box_.group * c_.out_channels + layout_.chunks().end(chunk);
    const Index outer_count = line().outer_phases().count;
    for (Index m = begin, next = m; m < end; m = next) {
      next = m + rows.channels_at_once(end - begin);
      for (Index o = 0; o < outer_count; ++o) {
        const auto& [z_rows, y_rows] = line().outer_phases()[o];
        const Index entries = rows.entries_at_once(box_.batch);
        for (Index n = 0; n < box_.batch; n += entries)
          for (Index z = 0; z < z_rows.count; ++z)
            rows.write({m, next}, entries,
                       {first + n * y.batch_stride +
                            (z_rows.first + z * z_axis.out_stride) * y.strides[0] +
                            y_rows.first * y.strides[1],
                        y_axis.out_stride * y.strides[1], y_rows.count},
                       y_rows.count,
                       [&, &z_rows = z_rows, &y_rows = y_rows](Index channel, Index entry,
                                                               Index row, Index) {
                         const Index member = (channel - begin) * outer_count + o;
                         for (Index i = 0; i < summed; ++i) {
                           const PhaseSums& sums = scratch_.phase_sums[i];
                           PhaseRow<Scalar>& to = scratch_.rows[i];
                           to.sums = sums.first + member * sums.member_step +
                                     (n + entry) * sums.batch_step +
                                     (z_rows.pixel + z) * sums.plane_step +
                                     (y_rows.pixel + row) * to.next;
                         }
                       });
      }
    }
  }

  /// The same where outputs are few.
  void store_listed(Index chunk) {
    const Image<void>& y = call_.operands.y;
    const std::array<Index, 3> strides{c_.axes[0].out_stride * y.strides[0],
                                       c_.axes[1].out_stride * y.strides[1],
                                       c_.axes[2].out_stride * y.strides[2]};
    scratch_.outputs.clear();
    for (const StoredPhase& phase : line().phases()) {
      const Pixels& pixels = *phase.pixels;
      const bool blank = pixels.blank();
      const std::array<Index, 3> steps = pixels.sum_steps();
      const Sums<Scalar> sums =
          blank ? Sums<Scalar>{scratch_.zeros, 0, 0} : scratch_.products.stored_sums(pixels, chunk);
      const Index members = layout_.product(pixels.product).x->size();
      const Index outer_count = line().outer_phases().count;
      for (Index o = 0; o < outer_count; ++o) {
        const auto& [z_rows, y_rows] = line().outer_phases()[o];
        for (Index z = 0; z < z_rows.count; ++z)
          for (Index row = 0; row < y_rows.count; ++row) {
            const Scalar* sum = sums.first + (o * members + phase.member) * sums.row_step +
                                ((z_rows.pixel + z) * steps[1] + (y_rows.pixel + row) * steps[2] +
                                 phase.outputs.pixel) *
                                    sums.pixel_step;
            const Index place = z_rows.first * y.strides[0] + z * strides[0] +
                                y_rows.first * y.strides[1] + row * strides[1] +
                                phase.outputs.first * y.strides[2];
            for (Index q = 0; q < phase.outputs.count; ++q)
              for (Index w = 0; w < phase.width; ++w)
                scratch_.outputs.add(sum + q * sums.pixel_step + w * sums.row_step,
                                     outer_count * members * sums.row_step,
                                     steps[0] * sums.pixel_step,
                                     place + q * strides[2] + w * y.strides[2]);
          }
      }
    }
    const Index group = box_.group * c_.out_channels;
    scratch_.outputs.write(
        call_.operands,
        {group + layout_.chunks().begin(chunk), group + layout_.chunks().end(chunk)}, box_.n,
        box_.batch);
  }

  /// The same where the sums of a pixel lie as the channels of its output do. No phases share a
  /// product, and so its rows have one phase of each outer axis.
  void store_pixels(Index chunk) {
    list_rows(chunk);
    const Split& chunks = layout_.chunks();
    const Index group = box_.group * c_.out_channels;
    const PixelStore<Scalar> store(call_.operands,
                                   {group + chunks.begin(chunk), group + chunks.end(chunk)},
                                   streams_, scratch_.row);
    const Image<void>& y = call_.operands.y;
    const auto& phases = line().phases();
    const auto& [z_rows, y_rows] = line().outer_phases()[0];
    const Index begin = box_.n * y.batch_stride + phases[0].outputs.first * y.strides[2];
    Index most = 0;
    for (Index i = 0; i < phases.count; ++i) most = std::max(most, scratch_.rows[i].count);
    for (Index n = 0; n < box_.batch; ++n)
      for (Index z = 0; z < z_rows.count; ++z)
        for (Index row = 0; row < y_rows.count; ++row) {
          for (Index i = 0; i < phases.count; ++i) {
            const PhaseSums& sums = scratch_.phase_sums[i];
            scratch_.rows[i].sums = sums.first + n * sums.batch_step +
                                    (z_rows.pixel + z) * sums.plane_step +
                                    (y_rows.pixel + row) * scratch_.rows[i].next;
          }
          const Index place = begin + n * y.batch_stride +
                              (z_rows.first + z * c_.axes[0].out_stride) * y.strides[0] +
                              (y_rows.first + row * c_.axes[1].out_stride) * y.strides[1];
          // In the order of memory, all phases by turns.
          for (Index q = 0; q < most; ++q)
            for (Index i = 0; i < phases.count; ++i) {
              const PhaseRow<Scalar>& from = scratch_.rows[i];
              if (q < from.count)
                store.write(from.blank ? from.sums : from.sums + q * from.step,
                            place + (from.first + q * c_.axes[2].out_stride) * y.strides[2]);
            }
        }
  }

  /// Lists where the phases of a row have their sums and outputs.
  RowPattern list_rows(Index chunk) {
    const auto& phases = line().phases();
    const Index stride = c_.axes[2].out_stride, begin = phases[0].outputs.first;
    Index end = begin;
    for (Index i = 0; i < phases.count; ++i) {
      const auto& [pixels, member, outputs, width] = phases[i];
      const bool blank = pixels->blank();
      const std::array<Index, 3> steps = pixels->sum_steps();
      const auto sums = blank ? Sums<Scalar>{scratch_.zeros, 0, 0}
                              : scratch_.products.stored_sums(*pixels, chunk);
      scratch_.phase_sums[i] = {
          sums.first + member * sums.row_step + outputs.pixel * sums.pixel_step,
          layout_.product(pixels->product).x->size() * sums.row_step, steps[0] * sums.pixel_step,
          steps[1] * sums.pixel_step};
      scratch_.rows[i] = {nullptr,
                          blank ? 1 : sums.pixel_step,
                          outputs.first - begin,
                          outputs.count,
                          width,
                          steps[2] * sums.pixel_step,
                          blank};
      end = std::max(end, outputs.first + (outputs.count - 1) * stride + width);
    }
    return {scratch_.rows, phases.count, stride, end - begin};
  }

  const DirectCall<Scalar>& call_;
  const Correlation& c_ = call_.schedule.correlation();
  const WeightLayout& layout_ = call_.schedule.layout();
  const Tile& tile_ = call_.schedule.plan().tile;
  const bool streams_ = call_.schedule.plan().streams;
  const bool lists_outputs_ = call_.schedule.lists_outputs();
  // Of several lines each would prefetch the rows of all.
  const bool prefetches_outputs_ = call_.schedule.plan().prefetches_outputs && layout_.lines() == 1;
  Scratch scratch_;
  TileBox box_;
};

}  // namespace tconv::inline TCONV_ISA::engine
