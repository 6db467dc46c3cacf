#pragma once

/// \file
/// One task: some rows (lines and chunks of output channels) of one tile of one group.
///
///     copy the tile's pixels, with a halo of zeros                  pack_halo
///     for each line
///       for each phase set and block of input channels
///         copy the pixels of each tap, if so planned                gather_pixels
///         for each panel of rows                                    weights of the panel in L1
///           for each block of pixels: sums += weights * pixels      micro_kernel
///       write the output rows                                       store_row
///
/// Every output is summed by one task, in one order of taps and channels, so that results do not
/// depend on the number of threads.

#include <algorithm>
#include <array>
#include <cstddef>

#include "tconv/engine/arena.hpp"
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
        plan_(call.schedule.plan()),
        scratch_(carve(call.schedule, Arena(scratch))) {}

  static std::size_t scratch_bytes(const Schedule& schedule) {
    return carve(schedule, Arena(nullptr)).bytes;
  }

  /// Computes the rows `[unit_begin, unit_end)` of the tile at batch entry `n` and `q`; a unit is a
  /// chunk of a line.
  void run(Index group, Index n, const std::array<Index, 3>& q, Index unit_begin, Index unit_end) {
    group_ = group;
    n_ = n;
    halo_.batch = std::min(plan_.tile.batch, c_.batch - n);
    std::array<Index, 3> in{};
    for (std::size_t a = 0; a < 3; ++a) {
      const PhasedAxis& axis = c_.axes[a];
      q_[a] = {q[a], std::min(q[a] + plan_.tile.q[a], q_range(axis).end)};
      halo_.first[a] = q_[a].first * axis.in_stride + shift_range(axis).first;
      halo_.extents[a] = halo_extent(axis, q_[a].size());
      in[a] = axis.in;
    }
    Image<const Scalar> x = call_.x;
    x.data += n * x.batch_stride + group * c_.in_channels * x.channel_stride;
    pack_halo(x, c_.in_channels, in, halo_, scratch_.halo);
    std::fill_n(scratch_.halo + c_.in_channels * halo_.plane(), lanes, Scalar(0));

    while (unit_begin < unit_end) {
      const Index line = unit_begin / layout_.chunks.parts;
      const Index line_begin = line * layout_.chunks.parts;
      const Index line_end = std::min(unit_end, line_begin + layout_.chunks.parts);
      compute_line(line, {unit_begin - line_begin, line_end - line_begin});
      unit_begin = line_end;
    }
  }

 private:
  /// The pixels of one set: `runs` of `blocks.pixels` each, whose image rows are `pitch` apart.
  struct Pixels {
    Box box;
    Index runs = 1;
    PixelBlocks blocks;
    Index pitch = 0;
    Index sums = 0;  // where the set's sums begin
    Index row_step = 0, pixel_step = 0;
  };

  /// Phases of the innermost axis on the tile that follow one another in the sums and in the
  /// output: `count` outputs each from `first`, whose sums begin with the set's pixel `pixel`.
  struct StoredPhase {
    const Pixels* pixels = nullptr;
    std::size_t set = 0;
    Index members = 1, member = 0;
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
    Pixels* pixels;     // of each set
    Index* pixel_taps;  // tap_count of each set
    Index* weight_taps;
    StoredPhase* phases;
    PhaseRow<Scalar>* rows;
    Scalar* halo;
    Scalar* gathered;
    Scalar* sums;
    std::size_t bytes;
  };

  static Scratch carve(const Schedule& schedule, Arena arena) {
    const Correlation& c = schedule.correlation();
    const WeightLayout& layout = schedule.layout();
    const Plan& plan = schedule.plan();
    const Tile& tile = plan.tile;
    const Index pitch = halo_extent(c.axes[2], tile.q[2]);
    const Index halo = c.in_channels * tile.batch * halo_extent(c.axes[0], tile.q[0]) *
                       halo_extent(c.axes[1], tile.q[1]) * pitch;
    const Index runs = plan.gather ? 1 : tile.batch * tile.q[0];
    const Index run = tile.batch * tile.q[0] * tile.q[1] / runs * (plan.gather ? tile.q[2] : pitch);
    const Index pixels = runs * round_up(run, lanes);
    Index tap_count = 0, rows = 0;
    for (std::size_t set = 0; set < layout.sets.size(); ++set) {
      rows += layout.total_rows(set);
      for (const Line& line : layout.lines)
        tap_count = std::max(tap_count, WeightLayout::taps(line, layout.sets[set]));
    }
    const Index steps = tap_count * layout.channel_block;
    // A packet between blocks, and no block is narrower than half of a full one.
    const Index gathered = plan.gather ? pixels * steps + (2 * pixels + lanes) * lanes : 0;
    const auto sets = static_cast<Index>(layout.sets.size());
    const auto phases = static_cast<Index>(c.axes[2].phases.size());
    Scratch s{};
    s.pixels = arena.take<Pixels>(sets);
    s.pixel_taps = arena.take<Index>(tap_count);
    s.weight_taps = arena.take<Index>(tap_count);
    s.phases = arena.take<StoredPhase>(phases);
    s.rows = arena.take<PhaseRow<Scalar>>(phases);
    s.halo = arena.take<Scalar>(halo + lanes);
    s.gathered = arena.take<Scalar>(gathered);
    s.sums = arena.take<Scalar>(rows * pixels);
    s.bytes = arena.used();
    return s;
  }

  /// Computes chunks `[chunks.first, chunks.end)` of a line.
  void compute_line(Index line_index, const Range& chunks) {
    const Line& line = layout_.lines[static_cast<std::size_t>(line_index)];
    phase_count_ = 0;
    Index sums = 0;
    for (std::size_t s = 0; s < layout_.sets.size(); ++s) {
      const PhaseSet& set = layout_.sets[s];
      Pixels& pixels = scratch_.pixels[s];
      pixels = place_pixels(line, set);
      if (pixels.box.pixels() == 0) continue;
      const Index rows = layout_.rows_before(s, chunks.end) - layout_.rows_before(s, chunks.first);
      const Index lane_pixels = pixels.runs * pixels.blocks.pixels;
      pixels.sums = sums;
      pixels.row_step = plan_.packing.weights_in_lanes() ? 1 : lane_pixels;
      pixels.pixel_step = plan_.packing.weights_in_lanes() ? rows : 1;
      sums += rows * lane_pixels;
      list_phases(s, pixels);
      multiply_set(line_index, s, chunks);
    }
    join_phases();
    for (Index chunk = chunks.first; chunk < chunks.end; ++chunk)
      store_chunk(line, chunk, chunks.first);
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

  /// The part of the tile that a line and set compute, and its order as lanes.
  Pixels place_pixels(const Line& line, const PhaseSet& set) const {
    const std::array<Range, 3> ranges{Range{line.z->first, line.z->end()},
                                      Range{line.y->first, line.y->end()},
                                      Range{set.first, set.end()}};
    Pixels pixels;
    Box& box = pixels.box;
    box.batch = halo_.batch;
    for (std::size_t a = 0; a < 3; ++a) {
      box.first[a] = std::max(q_[a].first, ranges[a].first);
      box.count[a] = std::max<Index>(0, std::min(q_[a].end, ranges[a].end) - box.first[a]);
    }
    pixels.runs = plan_.gather ? 1 : box.batch * box.count[0];
    pixels.pitch = plan_.gather ? box.count[2] : halo_.extents[2];
    const Index length =
        plan_.gather ? box.pixels() : (box.count[1] - 1) * pixels.pitch + box.count[2];
    if (plan_.packing.weights_in_lanes())
      pixels.blocks = {length, max_rows(plan_.packing.weight_packets), true};
    else
      pixels.blocks = {round_up(length, lanes), vectors_for(set) * lanes, false};
    return pixels;
  }

  /// Packets of pixels in a micro-tile, the most that leave registers for the panel's rows.
  Index vectors_for(const PhaseSet& set) const {
    const Index rows =
        Split::into_at_most(layout_.chunks.largest() * static_cast<Index>(set.members.size()),
                            layout_.panel)
            .largest();
    Index vectors = 2;
    while (vectors < max_vectors && max_rows(static_cast<int>(2 * vectors)) >= rows) vectors *= 2;
    return vectors;
  }

  /// Appends the members of a set that have outputs in the tile.
  void list_phases(std::size_t s, const Pixels& pixels) {
    const PhaseSet& set = layout_.sets[s];
    const auto members = static_cast<Index>(set.members.size());
    for (Index r = 0; r < members; ++r) {
      const Phase& phase = *set.members[static_cast<std::size_t>(r)];
      const Index first = std::max(pixels.box.first[2], phase.first);
      const Index end = std::min(pixels.box.first[2] + pixels.box.count[2], phase.end());
      if (first < end)
        scratch_.phases[phase_count_++] = {&pixels,
                                           s,
                                           members,
                                           r,
                                           first - pixels.box.first[2],
                                           first * c_.axes[2].out_stride + phase.offset,
                                           end - first};
    }
  }

  /// Sums of one set of a line, for a range of chunks.
  void multiply_set(Index line_index, std::size_t s, const Range& chunks) {
    const Line& line = layout_.lines[static_cast<std::size_t>(line_index)];
    const PhaseSet& set = layout_.sets[s];
    const Pixels& pixels = scratch_.pixels[s];
    const Index taps = WeightLayout::taps(line, set);
    const Scalar* weights =
        call_.weights + group_ * layout_.size +
        layout_.offset[static_cast<std::size_t>(line_index) * layout_.sets.size() + s];
    if (!plan_.gather) set_halo_taps(line, set, pixels.box);
    pixel_tap_step_ = 0;
    for (Index c0 = 0; c0 < c_.in_channels; c0 += layout_.channel_block) {
      const Index depth = std::min(layout_.channel_block, c_.in_channels - c0);
      const Scalar* halo = scratch_.halo + c0 * halo_.plane();
      if (plan_.gather)
        gather_pixels(halo, halo_, depth, pixels.box,
                      {c_.axes[0].in_stride, c_.axes[1].in_stride, c_.axes[2].in_stride}, line, set,
                      pixels.blocks, scratch_.gathered);
      for (Index chunk = chunks.first; chunk < chunks.end; ++chunk) {
        const Index chunk_row = layout_.rows_before(s, chunk);
        const Split panels = layout_.panels(chunk, set);
        for (Index p = 0; p < panels.parts; ++p) {
          const Index row = chunk_row + panels.begin(p) * layout_.lane_multiple;
          const Index width = (panels.end(p) - panels.begin(p)) * layout_.lane_multiple;
          multiply_panel(pixels, taps, depth, weights + taps * depth * row, halo,
                         row - layout_.rows_before(s, chunks.first), width, c0 > 0);
        }
      }
      weights += taps * depth * layout_.total_rows(s);
    }
  }

  /// Where each tap reads in the halo, from the box's first pixel.
  void set_halo_taps(const Line& line, const PhaseSet& set, const Box& box) {
    const Index plane_y = halo_.extents[2], plane_z = plane_y * halo_.extents[1];
    Index* offset = scratch_.pixel_taps;
    for (const Tap& z : line.z->taps)
      for (const Tap& y : line.y->taps)
        for (const Tap& x : set.taps)
          *offset++ = (box.first[0] + z.shift - halo_.first[0]) * plane_z +
                      (box.first[1] + y.shift - halo_.first[1]) * plane_y +
                      (box.first[2] + x.shift - halo_.first[2]);
  }

  /// Where run `run` starts in the halo.
  Index run_start(const Box& box, Index run) const {
    const Index plane_z = halo_.extents[2] * halo_.extents[1];
    return (run / box.count[0] * halo_.extents[0] + run % box.count[0]) * plane_z;
  }

  /// Sums of one panel: `width` rows from `row`, for one block of `depth` channels.
  void multiply_panel(const Pixels& pixels, Index taps, Index depth, const Scalar* weights,
                      const Scalar* halo, Index row, Index width, bool accumulate) {
    const bool weights_in_lanes = plan_.packing.weights_in_lanes();
    for (Index t = 0; t < taps; ++t) scratch_.weight_taps[t] = t * depth * width;
    const Operand<Scalar> weight_operand{weights, scratch_.weight_taps, width};
    for (Index run = 0; run < pixels.runs; ++run)
      for (Index b = 0; b < pixels.blocks.parts(); ++b) {
        const Index first = pixels.blocks.begin(b), size = pixels.blocks.size(b);
        Operand<Scalar> pixel_operand{halo, scratch_.pixel_taps, halo_.plane()};
        if (plan_.gather) {
          if (const Index step = depth * size; step != pixel_tap_step_) {
            for (Index t = 0; t < taps; ++t) scratch_.pixel_taps[t] = t * step;
            pixel_tap_step_ = step;
          }
          pixel_operand.data =
              scratch_.gathered + gathered_begin(pixels.blocks, b, taps * depth, lanes);
          pixel_operand.channel_step = size;
        } else {
          pixel_operand.data += run_start(pixels.box, run) + first;
        }
        Scalar* sums = scratch_.sums + pixels.sums + row * pixels.row_step +
                       (run * pixels.blocks.pixels + first) * pixels.pixel_step;
        // The lane operand in whole micro-tiles, then in halves.
        const Index lane_total = weights_in_lanes ? width : size;
        const Index rows = weights_in_lanes ? size : width;
        for (Index done = 0, vectors = max_vectors; done < lane_total; done += vectors * lanes) {
          while (vectors * lanes > lane_total - done || max_rows(static_cast<int>(vectors)) < rows)
            vectors /= 2;
          Operand<Scalar> lane_operand = weights_in_lanes ? weight_operand : pixel_operand;
          lane_operand.data += done;
          find_micro_kernel<Scalar>(rows, vectors)(
              taps, depth, lane_operand, weights_in_lanes ? pixel_operand : weight_operand,
              sums + done, weights_in_lanes ? pixels.pixel_step : pixels.row_step, accumulate);
        }
      }
  }

  /// Writes the outputs of a chunk; the sums begin with chunk `first_chunk`.
  void store_chunk(const Line& line, Index chunk, Index first_chunk) {
    PhaseRow<Scalar>* rows = scratch_.rows;
    if (phase_count_ == 0) return;
    // All sets of a line have the same rows of q.
    const Box& box = scratch_.phases[0].pixels->box;
    for (Index m = layout_.chunks.begin(chunk); m < layout_.chunks.end(chunk); ++m) {
      const Index channel = group_ * c_.out_channels + m;
      const Scalar bias = call_.bias ? call_.bias[channel] : Scalar(0);
      for (Index n = 0; n < box.batch; ++n)
        for (Index z = 0; z < box.count[0]; ++z)
          for (Index y = 0; y < box.count[1]; ++y) {
            for (Index i = 0; i < phase_count_; ++i) {
              const StoredPhase& phase = scratch_.phases[i];
              const Pixels& pixels = *phase.pixels;
              const Index image = n * box.count[0] + z;
              const Index pixel =
                  phase.pixel + y * pixels.pitch +
                  image * (plan_.gather ? box.count[1] * pixels.pitch : pixels.blocks.pixels);
              const Index row = layout_.rows_before(phase.set, chunk) -
                                layout_.rows_before(phase.set, first_chunk) +
                                (m - layout_.chunks.begin(chunk)) * phase.members + phase.member;
              rows[i] = {
                  scratch_.sums + pixels.sums + row * pixels.row_step + pixel * pixels.pixel_step,
                  pixels.pixel_step, phase.first, phase.count, phase.width};
            }
            Scalar* out =
                call_.y.data + (n_ + n) * call_.y.batch_stride + channel * call_.y.channel_stride +
                ((box.first[0] + z) * c_.axes[0].out_stride + line.z->offset) * call_.y.strides[0] +
                ((box.first[1] + y) * c_.axes[1].out_stride + line.y->offset) * call_.y.strides[1];
            store_row(rows, phase_count_, c_.axes[2].out_stride, bias, channel, call_.f, out,
                      call_.y.strides[2]);
          }
    }
  }

  const Call<Scalar, F>& call_;
  const Correlation& c_;
  const WeightLayout& layout_;
  const Plan& plan_;
  Index group_ = 0, n_ = 0;
  std::array<Range, 3> q_{};
  Halo halo_;
  Scratch scratch_;
  Index phase_count_ = 0;
  Index pixel_tap_step_ = 0;  // of gathered pixels, as `pixel_taps` holds it
};

}  // namespace tconv::engine
