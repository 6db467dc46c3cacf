#pragma once

/// \file
/// One task of a correlation by Winograd's transform.
///
///     for each line
///       for each block of input channels
///         copy the rows that its inputs consist of, and combine them  split_rows, combine
///         for each chunk of output channels
///           for each term
///             for each panel of its rows, for each block of pixels     micro_kernel
///           with the last input channels, for each output row
///             join its phases from the terms, and write it             store_rows
///
/// Every output is summed in one order, however the work is cut.

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>

#include "tconv/core/eigen.hpp"
#include "tconv/core/integer.hpp"
#include "tconv/core/isa.hpp"
#include "tconv/core/tile.hpp"
#include "tconv/engine/call.hpp"
#include "tconv/engine/correlation.hpp"
#include "tconv/engine/input/stage.hpp"
#include "tconv/engine/layout.hpp"
#include "tconv/engine/multiply.hpp"
#include "tconv/engine/phases.hpp"
#include "tconv/engine/store.hpp"
#include "tconv/engine/tile.hpp"
#include "tconv/engine/winograd/filter.hpp"
#include "tconv/engine/winograd/lines.hpp"
#include "tconv/engine/winograd/schedule.hpp"
#include "tconv/engine/winograd/transform.hpp"
#include "tconv/runtime/arena.hpp"
#include "tconv/simd/finite.hpp"
#include "tconv/simd/packet.hpp"
#include "tconv/simd/tile_shape.hpp"
#include "tconv/simd/transpose.hpp"

namespace tconv::inline TCONV_ISA::engine {

template <class Scalar>
struct WinogradCall : Call<WinogradSchedule, Scalar> {
  /// Largest magnitude of an input's element with which no sum can overflow. Beyond, and where an
  /// element is no number, differences of infinities could replace those.
  Scalar limit;
  /// Set where that was exceeded: the result is of no use.
  std::atomic<bool>& exceeded;
};

/// Computes the tasks of one worker, one after another, in one scratch.
template <class Scalar>
class WinogradTask {
 public:
  static constexpr Index lanes = simd::Packet<Scalar>::size;

  WinogradTask(const WinogradCall<Scalar>& call, std::byte* scratch)
      : call_(call),
        problem_(call.schedule.problem()),
        layout_(call.schedule.layout()),
        packing_(call.schedule.plan().packing),
        scratch_(call.schedule, runtime::Arena(scratch)),
        streams_(call.schedule.plan().streams) {}

  static std::size_t scratch_bytes(const WinogradSchedule& schedule) {
    return Scratch(schedule, runtime::Arena(nullptr)).bytes;
  }

  /// Computes some rows of a tile. A unit is a chunk of a line.
  void run(const TileBox& box, const Range& units) {
    if (call_.exceeded.load(std::memory_order_relaxed)) return;
    if (box != box_) packed_block_ = staged_block_ = -1;
    box_ = box;
    extents_.batch = box.batch;
    for (std::size_t a = 0; a < 3; ++a) extents_.q[a] = box.q[a].size();
    const WinogradFootprint& whole = call_.schedule.footprint();
    place_ = {problem_.terms(), problem_.shape(), layout_.shape(), packing_, extents_, lanes};
    place_.channels = std::min(place_.channels, whole.channels);
    eigen_assert(place_.copied_rows <= whole.copied_rows && place_.inputs <= whole.inputs &&
                 place_.sums <= whole.sums && place_.joined <= whole.joined &&
                 place_.turned <= whole.turned);
    for_each_line(units, layout_.chunks().parts,
                  [this](Index line, const Range& chunks) { compute_line(line, chunks); });
    if (streams_) simd::finish_streaming();
  }

 private:
  struct Scratch {
    std::int32_t* offsets;  // of the steps of a line's products in the inputs
    PhaseRow<Scalar>* rows;
    Scalar* row;  // of outputs
    SourceRow* copied_rows;
    Scalar* copies;
    Scalar* inputs;
    Scalar* sums;
    Scalar* joined;
    Scalar* turned;
    Scalar* staged;
    StripBuffer<Scalar> strips;
    std::size_t bytes;

    Scratch(const WinogradSchedule& schedule, runtime::Arena arena) {
      const WinogradFootprint& place = schedule.footprint();
      const PhasedAxis& x = schedule.problem().axis(2).outputs;
      Index taps = 0;
      for (const WinogradLine& line : schedule.problem().lines()) taps = std::max(taps, line.taps);
      offsets = arena.take<std::int32_t>(taps * schedule.layout().channel_blocks().largest());
      rows = arena.take<PhaseRow<Scalar>>(static_cast<Index>(x.phases.size()));
      const Index row_size = std::min(x.out, schedule.plan().tile.q[2] * x.out_stride);
      row = arena.take<Scalar>(row_size);
      copied_rows = arena.take<SourceRow>(place.copied_rows);
      copies = arena.take<Scalar>(place.copies);
      inputs = arena.take<Scalar>(place.inputs);
      sums = arena.take<Scalar>(place.sums);
      joined = arena.take<Scalar>(place.joined);
      // Whole packets are read behind what is joined, turned or not.
      turned = arena.take<Scalar>(place.turned + lanes);
      staged = arena.take<Scalar>(place.staged);
      strips = take_strips<Scalar>(schedule.correlation(), schedule.layout(), schedule.plan().tile,
                                   row_size, arena);
      bytes = arena.used();
    }
  };

  void compute_line(Index number, const Range& chunks) {
    const WinogradLine& line = problem_.lines()[static_cast<std::size_t>(number)];
    const Split& blocks = layout_.channel_blocks();
    for (Index b = 0; b < blocks.parts; ++b) {
      if (packed_block_ != b || packed_line_ != number) pack_block(line, b);
      packed_block_ = b;
      packed_line_ = number;
      for (Index chunk = chunks.first; chunk < chunks.end; ++chunk) {
        for (std::size_t i = 0; i < line.products.size(); ++i)
          multiply(line, i, chunk, b, weights_after(line, i, chunk, chunks, b));
        if (b + 1 == blocks.parts)
          for (const WinogradLine::Rows& rows : line.rows) store(rows, chunk);
      }
    }
  }

  /// Lists what the products of a line read, and fills its inputs with a block of channels, a few
  /// at a time, so that what is copied of them stays in the first-level cache.
  void pack_block(const WinogradLine& line, Index b) {
    const Split& blocks = layout_.channel_blocks();
    const Index first = blocks.begin(b), end = blocks.end(b);
    const Index pitch = blocks.largest() * place_.pixels;
    std::int32_t* offset = scratch_.offsets;
    for (const WinogradLine::Product& product : line.products)
      for (Index c = 0; c < blocks.largest(); ++c)
        for (const Index input : product.inputs)
          *offset++ = static_cast<std::int32_t>(input * pitch + c * place_.pixels);
    if (staged_block_ != b) {
      const Index group = box_.group * problem_.terms().in_channels;
      rows_ = input_rows(problem_.terms(), call_.operands, problem_.shape().reach(), box_,
                         {group + first, group + end}, scratch_.staged);
      staged_block_ = b;
    }
    const Index rows = list_rows(line);
    simd::LimitCheck<Scalar> check(call_.limit);
    for (Index c = first, next = c; c < end; c = next) {
      next = std::min(c + place_.channels, end);
      const Index size = (next - c) * place_.pixels;
      copy_channels(line, c, next, rows);
      Scalar* to = scratch_.inputs + (c - first) * place_.pixels;
      for (const Combination& input : line.inputs) {
        combine(input, scratch_.copies, copies_pitch(), size, to, check);
        to += pitch;
      }
    }
    if (!check.passed()) call_.exceeded.store(true, std::memory_order_relaxed);
  }

  /// Lists the rows that the inputs of a line consist of, `[z shift][y shift][n][z][y]`.
  Index list_rows(const WinogradLine& line) {
    SourceRow* row = scratch_.copied_rows;
    const PhasedAxis &z_axis = problem_.axis(0).outputs, &y_axis = problem_.axis(1).outputs;
    for (const Index z_shift : line.shifts[0])
      for (const Index y_shift : line.shifts[1])
        for (Index n = 0; n < extents_.batch; ++n)
          for (Index qz = box_.q[0].first; qz < box_.q[0].end; ++qz)
            for (Index qy = box_.q[1].first; qy < box_.q[1].end; ++qy) {
              const Index z = qz * z_axis.in_stride + z_shift;
              const Index y = qy * y_axis.in_stride + y_shift;
              *row++ = {(box_.n + n) * rows_.image.batch_stride + z * rows_.image.strides[0] +
                            y * rows_.image.strides[1],
                        0 <= z && z < z_axis.in && 0 <= y && y < y_axis.in};
            }
    return static_cast<Index>(row - scratch_.copied_rows);
  }

  /// Copies what inputs consist of: the pixels of some channels at each shift.
  void copy_channels(const WinogradLine& line, Index begin, Index end, Index rows) {
    const PhasedAxis& axis = problem_.axis(2).outputs;
    const Index period = line.period, count = box_.q[2].size();
    const Index plane_rows = extents_.pixels() / count, pitch = copies_pitch();
    const Scalar* const from =
        rows_.image.data +
        (box_.group * problem_.terms().in_channels + begin) * rows_.image.channel_stride;
    RowSplit split{nullptr, plane_rows,    end - begin, rows_.image.channel_stride, 0, 0,
                   count,   place_.pixels, pitch};
    Scalar* to = scratch_.copies;
    for (Index first = 0; first < rows; first += plane_rows)
      for (Index block = 0; block < line.periods; ++block, to += period * pitch) {
        const Index x = (box_.q[2].first + block) * period + line.first_shift;
        split.rows = scratch_.copied_rows + first;
        split.begin = -x;
        split.end = std::min(axis.in - x, count * period);
        clear_padding(period * pitch, to);
        split_rows(from + x, period, split, to);
      }
  }

  /// Zeros behind the pixels, up to whole packets: what lies there must be a number.
  void clear_padding(Index size, Scalar* copies) const {
    const Index pixels = extents_.pixels();
    if (pixels == place_.pixels) return;
    const auto zero = simd::Packet<Scalar>::broadcast(Scalar(0));
    for (Index shift = 0; shift < size; shift += copies_pitch())
      for (Index c = 0; c < place_.channels; ++c)
        simd::Packet<Scalar>::store(copies + shift + c * place_.pixels + pixels, zero);
  }

  /// From shift to shift: whole packets are written behind each.
  Index copies_pitch() const { return place_.channels * place_.pixels + lanes; }

  /// The sums of a product's chunk, `[row][pixel]` or `[pixel][row]`.
  Scalar* sums_of(Index product, Index chunk) const {
    const bool one_block = layout_.channel_blocks().parts == 1;
    const Index rows = one_block ? layout_.chunk_rows(0) : layout_.total_rows(0);
    const Index before = one_block ? 0 : layout_.rows_before(0, chunk);
    return scratch_.sums + (product * rows + before) * place_.span;
  }

  const Scalar* packed_weights(const WinogradLine::Product& product, Index chunk, Index b) const {
    return call_.weights.packed + box_.group * layout_.size() +
           layout_.offset(product.product, b, chunk);
  }

  /// The weights that are multiplied after those of product `i`, or null.
  const Scalar* weights_after(const WinogradLine& line, std::size_t i, Index chunk,
                              const Range& chunks, Index b) const {
    if (i + 1 < line.products.size()) return packed_weights(line.products[i + 1], chunk, b);
    return chunk + 1 < chunks.end ? packed_weights(line.products[0], chunk + 1, b) : nullptr;
  }

  void multiply(const WinogradLine& line, std::size_t i, Index chunk, Index b,
                const Scalar* next_weights) const {
    const WinogradLine::Product& product = line.products[i];
    const Split& blocks = layout_.channel_blocks();
    const auto taps = static_cast<Index>(product.inputs.size());
    const Index steps = taps * (blocks.end(b) - blocks.begin(b));
    const std::int32_t* const offsets = scratch_.offsets + product.taps_before * blocks.largest();
    const Index panel = layout_.panels(product.product, chunk).largest();
    const bool turned = packing_.weights_in_lanes();
    multiply_chunk<Scalar>(layout_, product.product, chunk,
                           {steps, offsets, scratch_.inputs, 1, packed_weights(product, chunk, b),
                            next_weights, nullptr, b > 0},
                           {}, PixelBlocks(packing_, extents_.pixels(), panel, lanes),
                           {sums_of(static_cast<Index>(i), chunk), turned ? 1 : place_.span,
                            turned ? layout_.padded_rows(product.product, chunk) : 1});
  }

  /// Joins and writes a chunk of the rows of one phase of each outer axis.
  void store(const WinogradLine::Rows& outputs, Index chunk) {
    const PhasedAxis& axis = problem_.axis(2).outputs;
    const bool turns = packing_.weights_in_lanes();
    const Index rows = layout_.padded_rows(0, chunk);
    const auto product = static_cast<Index>(sums_of(1, 0) - sums_of(0, 0));
    const Index size = round_up(rows * place_.span, lanes);
    Scalar* const stored = turns ? scratch_.turned : scratch_.joined;
    const Index stored_size = turns ? rows * place_.pixels : size;
    PhaseRow<Scalar>* const row = scratch_.rows;
    Index count = 0;
    const Range range =
        for_each_phase(axis, box_.q[2], [&](std::size_t p, const PhasePixels& pixels) {
          Scalar* const sums = scratch_.joined + count * size;
          combine(outputs.sums[p], sums_of(0, chunk), product, size, sums);
          if (turns)
            simd::turn_rows(sums, rows, extents_.pixels(), stored + count * stored_size,
                            place_.pixels);
          row[count++] = {nullptr, 1, pixels.first, pixels.count, 1, box_.q[2].size()};
        });
    if (count == 0) return;
    const Image<void>& to = call_.operands.y;
    const RowPattern pattern(row, count, axis.out_stride, range.size());
    const RowStore<Scalar> output_rows(row, count, pattern, call_.operands, streams_, scratch_.row,
                                       scratch_.strips);
    const PhasedAxis &z_axis = problem_.axis(0).outputs, &y_axis = problem_.axis(1).outputs;
    const PhasePixels z = phase_pixels(*outputs.z, box_.q[0], z_axis.out_stride);
    const PhasePixels y = phase_pixels(*outputs.y, box_.q[1], y_axis.out_stride);
    const Index plane = box_.q[1].size() * box_.q[2].size();
    const Index group = box_.group * problem_.terms().out_channels;
    const Index begin = group + layout_.chunks().begin(chunk);
    const Index end = group + layout_.chunks().end(chunk);
    for (Index m = begin, next = m; m < end; m = next) {
      next = m + output_rows.channels_at_once(end - begin);
      const Index entries = output_rows.entries_at_once(extents_.batch);
      for (Index n = 0; n < extents_.batch; n += entries)
        for (Index k = 0; k < z.count; ++k)
          output_rows.write(
              {m, next}, entries,
              {(box_.n + n) * to.batch_stride + (z.first + k * z_axis.out_stride) * to.strides[0] +
                   y.first * to.strides[1] + range.first * to.strides[2],
               y_axis.out_stride * to.strides[1], y.count},
              y.count, [&](Index channel, Index entry, Index first, Index) {
                Scalar* const sums = stored + (channel - begin) * place_.pixels +
                                     ((n + entry) * box_.q[0].size() + k) * plane +
                                     first * box_.q[2].size();
                for (Index i = 0; i < count; ++i) row[i].sums = sums + i * stored_size;
              });
    }
  }

  const WinogradCall<Scalar>& call_;
  const WinogradProblem& problem_;
  const WeightLayout& layout_;
  const Packing& packing_;
  Scratch scratch_;
  bool streams_;
  TileBox box_;
  Tile extents_;  // of the present tile
  WinogradFootprint place_;
  InputRows<Scalar> rows_;  // of the staged block
  Index staged_block_ = -1, packed_block_ = -1, packed_line_ = 0;
};

}  // namespace tconv::inline TCONV_ISA::engine
