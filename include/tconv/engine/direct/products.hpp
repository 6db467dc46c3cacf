#pragma once

/// \file
/// The sums of the products of one tile.
///
///     for each block of input channels
///       copy the windows of pixels that the taps read                  pack_window
///       for each chunk of output channels
///         copy its weights, if they are not packed for all calls     bring_chunk
///         for each panel of its rows                                   weights of the panel in L1
///           for each block of pixels: sums += weights * pixels         micro_kernel
///         with the last input channels: hand the sums over

#include <algorithm>
#include <cstdint>
#include <limits>

#include "tconv/core/eigen.hpp"
#include "tconv/core/function_ref.hpp"
#include "tconv/core/integer.hpp"
#include "tconv/core/isa.hpp"
#include "tconv/core/view.hpp"
#include "tconv/engine/call.hpp"
#include "tconv/engine/correlation.hpp"
#include "tconv/engine/direct/line.hpp"
#include "tconv/engine/direct/schedule.hpp"
#include "tconv/engine/input/pack.hpp"
#include "tconv/engine/input/pixel_list.hpp"
#include "tconv/engine/input/stage.hpp"
#include "tconv/engine/input/window.hpp"
#include "tconv/engine/layout.hpp"
#include "tconv/engine/multiply.hpp"
#include "tconv/engine/operands.hpp"
#include "tconv/engine/tile.hpp"
#include "tconv/engine/weights/chunks.hpp"
#include "tconv/engine/weights/pack.hpp"
#include "tconv/runtime/arena.hpp"
#include "tconv/simd/finite.hpp"
#include "tconv/simd/packet.hpp"
#include "tconv/simd/prefetch.hpp"
#include "tconv/simd/transpose.hpp"
#include "tconv/simd/transpose_rows.hpp"

namespace tconv::inline TCONV_ISA::engine {

/// Computes tiles of one worker, one after another, in one scratch.
template <class Scalar>
class TileProducts {
 public:
  static constexpr Index lanes = simd::Packet<Scalar>::size;

  TileProducts(const DirectSchedule& schedule, const Weights<Scalar>& weights,
               const Operands<Scalar>& operands, runtime::Arena& arena)
      : schedule_(schedule),
        weights_(weights),
        operands_(operands),
        line_(schedule, arena),
        packed_pixels_(arena.take<Scalar>(schedule.footprint().most_pixels)),
        sums_(arena.take<Scalar>(schedule.footprint().sums)),
        // Whole packets are read behind the sums, turned or not.
        turned_(arena.take<Scalar>(schedule.footprint().turned + lanes)),
        chunk_weights_(arena.take<Scalar>(schedule.footprint().weights + lanes)),
        staged_(arena.take<Scalar>(schedule.footprint().staged)),
        image_offsets_(arena.take<std::int32_t>(layout_.channel_blocks().largest())),
        pixel_list_(arena) {
    reads_in_place_ = pixels_serve_once();
    // A scratch that is only measured has no memory.
    for (Index c = 0; reads_in_place_ && image_offsets_ && c < layout_.channel_blocks().largest();
         ++c)
      image_offsets_[c] = static_cast<std::int32_t>(c * operands.x.channel_stride);
  }

  /// Turns to a tile.
  void begin(const TileBox& box) {
    if (box != box_) packed_block_ = staged_block_ = -1;
    box_ = box;
  }

  /// Computes chunks `[chunks.first, chunks.end)` of a line, and calls `store(chunk)` when the sums
  /// of one are complete. The outputs that will be stored then are prefetched before.
  void compute_line(Index line, const Range& chunks,
                    const FunctionRef<simd::MemoryBlocks<Scalar>(Index chunk)>& outputs_of,
                    const FunctionRef<void(Index chunk)>& store) {
    line_.place(line, box_.batch, box_.q);
    eigen_assert(line_.packed_size() + lanes <= schedule_.footprint().most_pixels);
    eigen_assert(line_.sums() <= schedule_.footprint().sums);
    eigen_assert(line_.turned() <= schedule_.footprint().turned);
    const Split& blocks = layout_.channel_blocks();
    for (Index b = 0; b < blocks.parts; ++b) {
      pack_block(line, b);
      const bool last = b + 1 == blocks.parts;
      for (Index chunk = chunks.first; chunk < chunks.end; ++chunk) {
        simd::Prefetches<Scalar> outputs;
        if (last) {
          const simd::MemoryBlocks<Scalar> stored = outputs_of(chunk);
          if (stored.count > 0) outputs = {stored, pixel_blocks(chunk) / 2};
        }
        for (const Pixels& pixels : line_.pixels())
          multiply(pixels, chunk, b, weights_after(pixels, chunk, chunks, b),
                   outputs.done() ? nullptr : &outputs);
        if (!last) continue;
        if (turns_sums_)
          for (const Pixels& pixels : line_.pixels()) turn_sums(pixels, chunk);
        store(chunk);
      }
    }
  }

  /// Where the line that is computed has its pixels.
  const TileLine& line() const { return line_; }

  /// The sums of a chunk as they are stored.
  Sums<Scalar> stored_sums(const Pixels& pixels, Index chunk) const {
    if (!turns_sums_) return chunk_sums(pixels, chunk);
    return {turned_ + pixels.turned, round_up(pixels.count(), lanes), 1};
  }

 private:
  /// Whether every pixel is loaded once: by one panel, for one tap.
  bool pixels_serve_once() const {
    constexpr Index most = std::numeric_limits<std::int32_t>::max();
    return !c_.reads_strips && layout_.products().size() == 1 && layout_.product(0).taps() == 1 &&
           layout_.chunks().parts == 1 && layout_.panels(0, 0).parts == 1 &&
           operands_.x.channel_stride <= most / layout_.channel_blocks().largest();
  }

  /// Whether a window of `size` pixels, which is dense in the image, may be read where it lies:
  /// whole packets behind it belong to the image too.
  bool may_read_in_place(const Scalar* window, Index size, Index channels,
                         Index channel_stride) const {
    return reads_in_place_ && size > 0 && box_.batch == 1 &&
           rows_.end - window >= (channels - 1) * channel_stride + size + simd::max_vectors * lanes;
  }

  /// Copies the windows of a channel block, unless they are there or need no copy.
  void pack_block(Index line, Index b) {
    const auto& windows = line_.windows();
    const bool same_windows = packed_line_ == line || lines_share_windows_;
    if (windows.count == 0 || (packed_block_ == b && same_windows)) return;
    packed_block_ = b;
    packed_line_ = line;
    const Split& blocks = layout_.channel_blocks();
    const Index group = box_.group * c_.in_channels;
    if (packing_.channels_inside)
      return pack_pixels({group + blocks.begin(b), group + blocks.end(b)});
    if (staged_block_ != b)
      rows_ = input_rows(c_, operands_, schedule_.reach(), box_,
                         {group + blocks.begin(b), group + blocks.end(b)}, staged_);
    staged_block_ = b;
    Image<const Scalar> x = rows_.image;
    x.data += box_.n * x.batch_stride + (group + blocks.begin(b)) * x.channel_stride;
    Scalar* to = packed_pixels_;
    const Window& first = windows[0];
    const Index dense = windows.count == 1 ? dense_size(first, x.strides) : 0;
    if (c_.reads_strips && dense > 0 && dense == x.batch_stride &&
        line_.plane() == x.channel_stride) {
      // What is staged is the window.
      pixels_ = staged_;
      return;
    }
    const Index at = first.first[0] * x.strides[0] + first.first[1] * x.strides[1] +
                     first.first[2] * x.strides[2];
    in_place_ =
        may_read_in_place(x.data + at, dense, blocks.end(b) - blocks.begin(b), x.channel_stride);
    if (in_place_) {
      pixels_ = x.data + at;
      return;
    }
    pixels_ = packed_pixels_;
    const Index distance = pixel_distance(windows.first, windows.count, x.strides);
    const simd::RowSource<Scalar> pixels{x.batch_stride, distance, box_.batch, rows_.end};
    const bool listed =
        dense == 0 && distance == 0 &&
        blocks.end(b) - blocks.begin(b) >= PixelList::fewest_channels &&
        pixel_list_.place(windows.first, windows.count, box_.batch, x.batch_stride, x.strides);
    for (Index c = blocks.begin(b); c < blocks.end(b); ++c, x.data += x.channel_stride) {
      if (dense > 0) {
        for (Index n = 0; n < box_.batch; ++n)
          copy_rows(x.data + n * x.batch_stride + at, 1, 0, 1, {0, dense}, dense, to + n * dense);
      } else if (distance > 0) {
        simd::transpose_row(x.data + at, pixels, windows.count, to, box_.batch);
      } else if (listed) {
        pixel_list_.copy(x.data, to);
      } else {
        Scalar* end = to;
        for (const Window& window : windows) end = pack_window(x, box_.batch, window, end);
      }
      to += line_.plane();
    }
    // Whole packets are read up to the end.
    std::fill_n(to, lanes, Scalar(0));
  }

  /// The same where the channels of a pixel stay together.
  void pack_pixels(const Range& channels) {
    const Image<const void>& x = operands_.x;
    const Scalar* const from =
        static_cast<const Scalar*>(x.data) + box_.n * x.batch_stride + channels.first;
    Scalar* to = packed_pixels_;
    for (const Window& window : line_.windows())
      to = engine::pack_pixels(
          Image<const Scalar>{from, x.batch_stride, x.channel_stride, x.strides}, box_.batch,
          window, channels.size(), line_.plane(), to);
    pixels_ = packed_pixels_;
  }

  Sums<Scalar> chunk_sums(const Pixels& pixels, Index chunk) const {
    const bool turned = packing_.weights_in_lanes();
    const Index count = pixels.count();
    Sums<Scalar> sums{sums_ + pixels.sums, turned ? 1 : count,
                      turned ? layout_.padded_rows(pixels.product, chunk) : 1};
    if (layout_.channel_blocks().parts > 1)
      sums.first += layout_.rows_before(pixels.product, chunk) * count;
    return sums;
  }

  /// Packs the weights of a chunk and channel block.
  void bring_chunk(Index chunk, Index b) const {
    ChunkPacker<Scalar>(layout_, weights_.matrix).pack(box_.group, chunk, b, chunk_weights_);
    const Split& blocks = layout_.channel_blocks();
    const Index steps = layout_.product(0).taps() * (blocks.end(b) - blocks.begin(b));
    if (weights_.not_finite &&
        !simd::all_finite(chunk_weights_, layout_.padded_rows(0, chunk) * steps))
      *weights_.not_finite = true;
  }

  /// Brings the sums of a chunk into the order in which they are stored.
  void turn_sums(const Pixels& pixels, Index chunk) const {
    const Sums<Scalar> from = chunk_sums(pixels, chunk), to = stored_sums(pixels, chunk);
    simd::turn_rows(from.first, from.pixel_step, pixels.count(), to.first, to.row_step);
  }

  const Scalar* packed_weights(std::size_t product, Index chunk, Index b) const {
    return weights_.packed + box_.group * layout_.size() + layout_.offset(product, b, chunk);
  }

  /// The weights that are multiplied after those of `pixels`, if they are packed already.
  const Scalar* weights_after(const Pixels& pixels, Index chunk, const Range& chunks,
                              Index b) const {
    if (!weights_.packed) return nullptr;
    const Pixels* const next = &pixels + 1;
    if (next != line_.pixels().end()) return packed_weights(next->product, chunk, b);
    return chunk + 1 < chunks.end ? packed_weights(line_.pixels()[0].product, chunk + 1, b)
                                  : nullptr;
  }

  /// Blocks of pixels that the panels of a chunk are multiplied with.
  Index pixel_blocks(Index chunk) const {
    Index count = 0;
    for (const Pixels& pixels : line_.pixels())
      count +=
          layout_.panels(pixels.product, chunk).parts * pixels.blocks.parts() * pixels.runs.size();
    return count;
  }

  /// Adds the products of one channel block to the sums of one chunk.
  void multiply(const Pixels& pixels, Index chunk, Index b, const Scalar* next_weights,
                simd::Prefetches<Scalar>* outputs) const {
    const Split& blocks = layout_.channel_blocks();
    const Index steps = layout_.product(pixels.product).taps() * (blocks.end(b) - blocks.begin(b));
    const Scalar* weights = chunk_weights_;
    if (weights_.packed)
      weights = packed_weights(pixels.product, chunk, b);
    else if (steps > 0)
      bring_chunk(chunk, b);
    const ChunkProduct<Scalar> operands{steps,   in_place_ ? image_offsets_ : pixels.offsets,
                                        pixels_, packing_.channels_inside ? line_.plane() : 1,
                                        weights, next_weights,
                                        outputs, b > 0};
    const PixelSteps runs{pixels.runs.counts, pixels.runs.steps, pixels.sum_steps()};
    const Sums<Scalar> sums = chunk_sums(pixels, chunk);
    if (!packing_.by_taps || steps == 0)
      return multiply_chunk<Scalar>(layout_, pixels.product, chunk, operands, runs, pixels.blocks,
                                    sums);
    if (b == 0) std::fill_n(sums.first, pixels.count() * sums.pixel_step, Scalar(0));
    multiply_chunk_by_taps<Scalar>(layout_, pixels.product, chunk, operands, pixels.taps,
                                   layout_.product(pixels.product).taps(), runs, pixels.blocks,
                                   sums);
  }

  const DirectSchedule& schedule_;
  Weights<Scalar> weights_;
  const Operands<Scalar>& operands_;
  const Correlation& c_ = schedule_.correlation();
  const WeightLayout& layout_ = schedule_.layout();
  const Packing& packing_ = schedule_.plan().packing;
  const bool turns_sums_ = layout_.turns_sums() && !schedule_.lists_outputs();
  // Without copies for each shift, or each remainder of one, on the outer axes.
  const bool lines_share_windows_ =
      packing_.copied_axes < 2 && c_.axes[0].in_stride == 1 && c_.axes[1].in_stride == 1;
  TileLine line_;
  Scalar* packed_pixels_;
  const Scalar* pixels_ = nullptr;  // these, what is staged, or the image
  Scalar* sums_;
  Scalar* turned_;
  Scalar* chunk_weights_;
  Scalar* staged_;
  std::int32_t* image_offsets_;  // of the channels of a block in the image
  PixelList pixel_list_;
  bool reads_in_place_ = false;  // where the window allows it
  bool in_place_ = false;        // this window
  InputRows<Scalar> rows_;       // of the staged block
  TileBox box_;
  Index staged_block_ = -1;
  Index packed_block_ = -1, packed_line_ = 0;  // the channel block and line whose pixels are packed
};

}  // namespace tconv::inline TCONV_ISA::engine
