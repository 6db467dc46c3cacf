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

#include "tconv/engine/arena.hpp"
#include "tconv/engine/pack.hpp"
#include "tconv/engine/schedule.hpp"
#include "tconv/engine/store.hpp"

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

/// A task's share of the tile, and its scratch.
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
        scratch_(carve(call.schedule, Arena(scratch))) {}

  static std::size_t scratch_bytes(const Schedule& schedule) {
    return carve(schedule, Arena(nullptr)).bytes;
  }

  /// Computes the rows `[unit_begin, unit_end)` of the tile at batch entry `n` and `q`; a unit is a
  /// chunk of a line.
  void run(Index group, Index n, const std::array<Index, 3>& q, Index unit_begin, Index unit_end) {
    group_ = group;
    n_ = n;
    packed_block_ = -1;
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
  }

 private:
  /// The pixels of one product, and where they and their sums lie.
  struct Pixels {
    std::size_t product = 0;
    std::array<Range, 3> q{};
    PixelRuns runs;
    PixelBlocks blocks;
    std::int32_t* offsets = nullptr;  // of each channel and tap in the packed pixels
    Scalar* sums = nullptr;
    Index row_step = 1;  // of the sums

    Index count() const { return runs.size() * blocks.pixels; }
    /// The place among the sums of batch entry `n` and plane `z`.
    Index plane(Index n, Index z) const {
      return n * (runs.counts[0] == 1 ? runs.steps[0] : runs.counts[1] * blocks.pixels) +
             z * (runs.counts[1] == 1 ? runs.steps[1] : blocks.pixels);
    }
  };

  /// Phases of the innermost axis on the tile that follow one another in the sums and in the
  /// output: `count` outputs each from `first`, whose sums begin with the pixel `pixel`.
  struct StoredPhase {
    const Pixels* pixels = nullptr;
    Index member = 0;
    Index pixel = 0;
    Index first = 0, count = 0;
    Index width = 1;

    /// Whether `next` can be stored together with this one.
    bool continues_with(const StoredPhase& next) const {
      return pixels == next.pixels && pixels->row_step == 1 && next.member == member + width &&
             next.pixel == pixel && next.count == count && next.first == first + width;
    }
  };

  struct Scratch {
    Pixels* pixels;  // of each product of a line
    Window* windows;
    std::int32_t* offsets;
    StoredPhase* phases;
    PhaseRow<Scalar>* rows;
    Scalar* packed;
    Scalar* sums;
    Index packed_size, sums_size;
    std::size_t bytes;
  };

  static Scratch carve(const Schedule& schedule, Arena arena) {
    const WeightLayout& layout = schedule.layout();
    const Footprint& footprint = schedule.footprint();
    Index taps = 1;
    for (const Product& product : layout.products()) taps = std::max(taps, product.taps());
    const Index steps = taps * layout.channel_blocks().largest();
    const auto products = static_cast<Index>(layout.line_size());
    const auto phases = static_cast<Index>(schedule.correlation().axes[2].phases.size());
    Scratch s{};
    s.pixels = arena.take<Pixels>(products);
    s.windows = arena.take<Window>(footprint.most_windows);
    s.offsets = arena.take<std::int32_t>(products * steps);
    s.phases = arena.take<StoredPhase>(phases);
    s.rows = arena.take<PhaseRow<Scalar>>(phases);
    s.packed = arena.take<Scalar>(footprint.most_pixels);
    s.sums = arena.take<Scalar>(footprint.sums);
    s.packed_size = footprint.most_pixels;
    s.sums_size = footprint.sums;
    s.bytes = arena.used();
    return s;
  }

  /// Computes chunks `[chunks.first, chunks.end)` of a line.
  void compute_line(Index line, const Range& chunks) {
    place_pixels(line);
    if (pixels_count_ == 0) return;
    const Split& blocks = layout_.channel_blocks();
    for (Index b = 0; b < blocks.parts; ++b) {
      pack_block(b);
      for (Index chunk = chunks.first; chunk < chunks.end; ++chunk) {
        const bool last = b + 1 == blocks.parts;
        if (last) prefetch_outputs(chunk);
        for (Index i = 0; i < pixels_count_; ++i) multiply_chunk(scratch_.pixels[i], chunk, b);
        if (last) store_chunk(chunk);
      }
    }
  }

  /// Copies the windows of a channel block, unless the last line left them there: without windows
  /// of their own on the outer axes, all lines read the same.
  void pack_block(Index b) {
    if (windows_count_ == 0 || (packed_block_ == b && packing_.copied_axes < 2)) return;
    packed_block_ = b;
    const Split& blocks = layout_.channel_blocks();
    Image<const Scalar> x = call_.x;
    x.data += n_ * x.batch_stride + (group_ * c_.in_channels + blocks.begin(b)) * x.channel_stride;
    const std::array<Index, 3> in{c_.axes[0].in, c_.axes[1].in, c_.axes[2].in};
    constexpr Index channels_ahead = 4;
    const Index ahead = channels_ahead * x.channel_stride;
    Scalar* to = scratch_.packed;
    for (Index c = blocks.begin(b); c < blocks.end(b); ++c, x.data += x.channel_stride) {
      Scalar* end = to;
      for (Index w = 0; w < windows_count_; ++w)
        end = pack_window(x, batch_, in, scratch_.windows[w],
                          c + channels_ahead < c_.in_channels ? ahead : 0, end);
      to += plane_;
    }
    // Whole packets are read up to the end.
    std::fill_n(to, lanes, Scalar(0));
  }

  /// Lists the products of a line that have pixels on the tile, and where those lie.
  void place_pixels(Index line) {
    const bool one_block = layout_.channel_blocks().parts == 1;
    const std::size_t begin = static_cast<std::size_t>(line) * layout_.line_size();
    Scalar* sums = scratch_.sums;
    std::int32_t* offsets = scratch_.offsets;
    pixels_count_ = windows_count_ = phase_count_ = 0;
    Index packed = 0;
    for (std::size_t p = begin; p < begin + layout_.line_size(); ++p) {
      const Product& product = layout_.product(p);
      Pixels pixels;
      pixels.product = p;
      std::array<Index, 3> count{};
      for (std::size_t a = 0; a < 3; ++a) {
        const PhaseSet& set = product.set(a);
        const Index first = std::max(q_[a].first, set.first);
        pixels.q[a] = {first, std::max(first, std::min(q_[a].end, set.end()))};
        count[a] = pixels.q[a].size();
      }
      if (count[0] * count[1] * count[2] == 0) continue;
      packed = place_windows(pixels, count, packed, offsets);
      pixels.blocks =
          PixelBlocks(packing_, pixels.runs.length, layout_.panels(p, 0).largest(), lanes);
      pixels.offsets = offsets;
      pixels.sums = sums;
      pixels.row_step = packing_.weights_in_lanes() ? 1 : pixels.count();
      offsets += product.taps() * layout_.channel_blocks().largest();
      sums += (one_block ? layout_.chunk_rows(p) : layout_.total_rows(p)) * pixels.count();
      scratch_.pixels[pixels_count_] = pixels;
      list_phases(scratch_.pixels[pixels_count_++]);
    }
    plane_ = channel_plane(packed, lanes);
    eigen_assert(layout_.channel_blocks().largest() * plane_ + lanes <= scratch_.packed_size);
    eigen_assert(sums - scratch_.sums <= scratch_.sums_size);
    for (Index i = 0; i < pixels_count_; ++i) {
      const Pixels& pixels = scratch_.pixels[i];
      const Index taps = layout_.product(pixels.product).taps();
      for (Index step = taps; step < taps * layout_.channel_blocks().largest(); ++step)
        pixels.offsets[step] = pixels.offsets[step - taps] + static_cast<std::int32_t>(plane_);
    }
    join_phases();
  }

  /// Adds the windows that a product reads, and says where its taps begin in those of the first
  /// channel. `packed` elements of a channel are taken; returns how many are afterwards.
  Index place_windows(Pixels& pixels, const std::array<Index, 3>& count, Index packed,
                      std::int32_t* offsets) {
    const Product& product = layout_.product(pixels.product);
    Window window;
    for (std::size_t a = 0; a < 3; ++a) {
      const PhasedAxis& axis = c_.axes[a];
      const bool copied = packing_.copies(a);
      window.first[a] = q_[a].first * axis.in_stride + shift_range(axis).first;
      window.extents[a] = copied ? count[a] : halo_extent(axis, q_[a].size());
      window.steps[a] = copied ? axis.in_stride : 1;
    }
    pixels.runs = PixelRuns(batch_, count, window.extents);
    for (const Tap& z : product.z->taps)
      for (const Tap& y : product.y->taps)
        for (const Tap& x : product.x->taps) {
          const std::array<Index, 3> shifts{z.shift, y.shift, x.shift};
          Index within = 0;
          for (std::size_t a = 0; a < 3; ++a) {
            const Index first = pixels.q[a].first * c_.axes[a].in_stride + shifts[a];
            const Index step = a == 2 ? 1 : pixels.runs.steps[a + 1];
            if (packing_.copies(a))
              window.first[a] = first;
            else
              within += (first - window.first[a]) * step;
          }
          Index at = 0, w = 0;
          for (; w < windows_count_ && !(scratch_.windows[w] == window); ++w)
            at += window_size(scratch_.windows[w]);
          if (w == windows_count_) {
            scratch_.windows[windows_count_++] = window;
            packed += window_size(window);
          }
          *offsets++ = static_cast<std::int32_t>(at + within);
        }
    return packed;
  }

  Index window_size(const Window& window) const {
    return batch_ * window.extents[0] * window.extents[1] * window.extents[2];
  }

  /// Appends the phases of the innermost axis that have outputs in the tile.
  void list_phases(const Pixels& pixels) {
    const PhaseSet& set = *layout_.product(pixels.product).x;
    for (Index member = 0; member < set.size(); ++member) {
      const Phase& phase = *set.members[static_cast<std::size_t>(member)];
      const Index first = std::max(pixels.q[2].first, phase.first);
      const Index end = std::min(pixels.q[2].end, phase.end());
      if (first < end)
        scratch_.phases[phase_count_++] = {&pixels, member, first - pixels.q[2].first,
                                           first * c_.axes[2].out_stride + phase.offset,
                                           end - first};
    }
  }

  /// Sorts the phases by output, and joins those that are stored together.
  void join_phases() {
    StoredPhase* const phases = scratch_.phases;
    std::sort(phases, phases + phase_count_,
              [](const StoredPhase& a, const StoredPhase& b) { return a.first < b.first; });
    Index joined = 0;
    for (Index i = 1; i < phase_count_; ++i) {
      if (phases[joined].continues_with(phases[i]))
        ++phases[joined].width;
      else
        phases[++joined] = phases[i];
    }
    phase_count_ = std::min(phase_count_, joined + 1);
  }

  /// Sums of a chunk begin here.
  Scalar* chunk_sums(const Pixels& pixels, Index chunk) const {
    if (layout_.channel_blocks().parts == 1) return pixels.sums;
    return pixels.sums + layout_.rows_before(pixels.product, chunk) * pixels.count();
  }

  /// From pixel to pixel of a chunk's sums.
  Index pixel_step(const Pixels& pixels, Index chunk) const {
    return packing_.weights_in_lanes() ? layout_.padded_rows(pixels.product, chunk) : 1;
  }

  /// Adds the products of one channel block to the sums of one chunk.
  void multiply_chunk(const Pixels& pixels, Index chunk, Index b) const {
    const Split& blocks = layout_.channel_blocks();
    const Index steps = layout_.product(pixels.product).taps() * (blocks.end(b) - blocks.begin(b));
    const Scalar* weights =
        call_.weights + group_ * layout_.size() + layout_.offset(pixels.product, b, chunk);
    Scalar* const sums = chunk_sums(pixels, chunk);
    const Index step = pixel_step(pixels, chunk);
    const Split panels = layout_.panels(pixels.product, chunk);
    for (Index p = 0; p < panels.parts; ++p) {
      const Index row = panels.begin(p) * layout_.lane_multiple();
      const Index width = panels.end(p) * layout_.lane_multiple() - row;
      for (Index n = 0; n < pixels.runs.counts[0]; ++n)
        for (Index z = 0; z < pixels.runs.counts[1]; ++z) {
          const Scalar* run = scratch_.packed + n * pixels.runs.steps[0] + z * pixels.runs.steps[1];
          Scalar* run_sums = sums + row * pixels.row_step + pixels.plane(n, z) * step;
          for (Index block = 0; block < pixels.blocks.parts(); ++block) {
            const Index first = pixels.blocks.begin(block), size = pixels.blocks.size(block);
            if (packing_.weights_in_lanes())
              multiply_block<Lanes::weights>(steps, pixels.offsets, run + first,
                                             weights + steps * row, width, size,
                                             run_sums + first * step, step, b > 0);
            else
              multiply_block<Lanes::pixels>(steps, pixels.offsets, run + first,
                                            weights + steps * row, width, size, run_sums + first,
                                            pixels.row_step, b > 0);
          }
        }
    }
  }

  /// One panel of `width` rows times one block of `size` pixels: whole micro-tiles, then halves of
  /// what the lanes hold.
  template <Lanes held>
  static void multiply_block(Index steps, const std::int32_t* offsets, const Scalar* pixels,
                             const Scalar* weights, Index width, Index size, Scalar* sums,
                             Index sums_step, bool accumulate) {
    const Index total = held == Lanes::weights ? width : size;
    const Index rows = held == Lanes::weights ? size : width;
    for (Index done = 0, vectors = max_vectors; done < total; done += vectors * lanes) {
      while (vectors * lanes > total - done || max_rows(static_cast<int>(vectors)) < rows)
        vectors /= 2;
      find_micro_kernel<Scalar, held>(rows, vectors)(
          steps, offsets, held == Lanes::pixels ? pixels + done : pixels,
          held == Lanes::weights ? weights + done : weights, width, sums + done, sums_step,
          accumulate);
    }
  }

  /// The output rows of one channel in one phase of each outer axis, of one batch entry and plane.
  struct OutputRows {
    Index channel;
    Index member;  // of the chunk: (channel, z phase, y phase)
    Index n, z;
    Range y;
    Scalar* first;
    Index step;
  };

  /// Calls `visit(OutputRows)` for all outputs of a chunk.
  template <class Visit>
  void for_each_output(Index chunk, const Visit& visit) const {
    if (phase_count_ == 0) return;
    // The products of a line have the same sets, and so the same q, on the outer axes.
    const Pixels& pixels = *scratch_.phases[0].pixels;
    const Product& product = layout_.product(pixels.product);
    OutputRows rows{};
    for (Index m = layout_.chunks().begin(chunk); m < layout_.chunks().end(chunk); ++m)
      for (const Phase* z_phase : product.z->members)
        for (const Phase* y_phase : product.y->members) {
          const Range z = clip(*z_phase, pixels.q[0]);
          rows.y = clip(*y_phase, pixels.q[1]);
          rows.channel = group_ * c_.out_channels + m;
          rows.step = c_.axes[1].out_stride * call_.y.strides[1];
          for (rows.n = 0; rows.n < batch_; ++rows.n)
            for (rows.z = z.first; rows.z < z.end; ++rows.z) {
              rows.first =
                  call_.y.data + (n_ + rows.n) * call_.y.batch_stride +
                  rows.channel * call_.y.channel_stride +
                  (rows.z * c_.axes[0].out_stride + z_phase->offset) * call_.y.strides[0] +
                  (rows.y.first * c_.axes[1].out_stride + y_phase->offset) * call_.y.strides[1];
              visit(std::as_const(rows));
            }
          ++rows.member;
        }
  }

  /// Asks for the memory of a chunk's outputs, which arrives while the sums are computed.
  void prefetch_outputs(Index chunk) const {
    if (call_.y.strides[2] != 1) return;
    constexpr Index line = detail::cache_line / static_cast<Index>(sizeof(Scalar));
    const StoredPhase& last = scratch_.phases[std::max<Index>(phase_count_ - 1, 0)];
    for_each_output(chunk, [&](const OutputRows& rows) {
      const Index begin = scratch_.phases[0].first;
      const Index end = last.first + (last.count - 1) * c_.axes[2].out_stride + last.width;
      for (Index y = 0; y < rows.y.size(); ++y)
        for (Index i = begin; i < end; i += line) detail::prefetch(rows.first + y * rows.step + i);
    });
  }

  void store_chunk(Index chunk) {
    PhaseRow<Scalar>* const phases = scratch_.rows;
    for (Index i = 0; i < phase_count_; ++i) {
      const StoredPhase& phase = scratch_.phases[i];
      phases[i] = {nullptr, pixel_step(*phase.pixels, chunk), phase.first, phase.count,
                   phase.width};
    }
    const RowPattern pattern(phases, phase_count_, c_.axes[2].out_stride, call_.y.strides[2]);
    for_each_output(chunk, [&](const OutputRows& rows) {
      const Scalar bias = call_.bias ? call_.bias[rows.channel] : Scalar(0);
      for (Index i = 0; i < phase_count_; ++i) {
        const StoredPhase& phase = scratch_.phases[i];
        const Pixels& pixels = *phase.pixels;
        const Index row = rows.member * layout_.product(pixels.product).x->size() + phase.member;
        const Index pixel = pixels.plane(rows.n, rows.z - pixels.q[0].first) +
                            (rows.y.first - pixels.q[1].first) * pixels.runs.steps[2] + phase.pixel;
        phases[i].sums = chunk_sums(pixels, chunk) + row * pixels.row_step + pixel * phases[i].step;
      }
      Scalar* out = rows.first;
      for (Index y = 0; y < rows.y.size(); ++y, out += rows.step) {
        store_row(phases, phase_count_, pattern, bias, rows.channel, call_.f, out);
        for (Index i = 0; i < phase_count_; ++i)
          phases[i].sums += scratch_.phases[i].pixels->runs.steps[2] * phases[i].step;
      }
    });
  }

  /// The q of a phase that are computed.
  static Range clip(const Phase& phase, const Range& q) {
    const Index first = std::max(q.first, phase.first);
    return {first, std::max(first, std::min(q.end, phase.end()))};
  }

  const Call<Scalar, F>& call_;
  const Correlation& c_;
  const WeightLayout& layout_;
  const Packing& packing_;
  const Tile& tile_;
  Index group_ = 0, n_ = 0, batch_ = 1;
  std::array<Range, 3> q_{};
  Index packed_block_ = -1;  // the channel block whose pixels are packed
  Index plane_ = 0;          // from channel to channel of the packed pixels
  Scratch scratch_;
  Index pixels_count_ = 0, windows_count_ = 0, phase_count_ = 0;
};

}  // namespace tconv::engine
