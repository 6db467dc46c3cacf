#pragma once

/// \file
/// The engine: correlates an image with packed weights, tile by tile.
///
/// One task computes some rows (lines and chunks of output channels) of one tile of one group:
///
///     copy the tile's pixels, with a halo of zeros                          pack_halo
///     for each line and chunk of output channels
///       for each phase set, panel of rows and block of input channels       weight panel in L1
///         for each block of pixels: sums += weights * pixels                micro_kernel
///       write the chunk's output rows                                       store_row
///
/// Every output is summed by one task, in one order of taps and channels, so that results do not
/// depend on the number of threads.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <utility>

#include "tconv/engine/arena.hpp"
#include "tconv/engine/pack.hpp"
#include "tconv/engine/plan.hpp"
#include "tconv/engine/store.hpp"
#include "tconv/workspace.hpp"

namespace tconv::engine {

/// Elements of pixels that a tile may hold: together with the sums about half of the second-level
/// cache of today's cores.
template <class Scalar>
inline constexpr Index pixel_budget = (768 * 1024) / static_cast<Index>(sizeof(Scalar));

/// What is computed once for a shape: the taps, their layout as matrices and the chosen cut.
class Schedule {
 public:
  Schedule(Correlation correlation, Index lane_count, Index budget)
      : correlation_(std::move(correlation)),
        plan_(make_plan(correlation_, lane_count, budget)),
        layout_(make_weight_layout(correlation_, plan_.packing, lane_count)) {}
  // The layout points into the correlation.
  Schedule(const Schedule&) = delete;
  Schedule& operator=(const Schedule&) = delete;

  const Correlation& correlation() const { return correlation_; }
  const Plan& plan() const { return plan_; }
  const WeightLayout& layout() const { return layout_; }
  /// Elements of the packed weights of all groups.
  Index weight_size() const { return correlation_.groups * layout_.size; }

 private:
  Correlation correlation_;
  Plan plan_;
  WeightLayout layout_;
};

/// Packs the weights of all groups.
template <class Scalar>
void pack_all_weights(const Schedule& schedule, WeightSource<Scalar> source, Scalar* to) {
  const WeightLayout& layout = schedule.layout();
  for (Index g = 0; g < schedule.correlation().groups; ++g, source.data += source.group_stride) {
    std::size_t part = 0;
    for (const Line& line : layout.lines)
      for (const PhaseSet& set : layout.sets)
        pack_weights(schedule.correlation(), layout, line, set, source,
                     to + g * layout.size + layout.offset[part++]);
  }
}

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

    Index packed_line = -1;
    for (Index unit = unit_begin; unit < unit_end; ++unit) {
      const Index line = unit / layout_.chunks.parts;
      if (line != packed_line) prepare_line(line);
      packed_line = line;
      compute_chunk(line, unit % layout_.chunks.parts);
    }
  }

 private:
  /// The pixels of one set as lanes: `runs` times `length` of them, `stride` apart in the source.
  struct Pixels {
    Box box;
    const Scalar* data = nullptr;
    Index channel_step = 0;
    Index runs = 1;
    Index length = 0;
    Index padded = 0;  // length in sums
    Index pitch = 0;   // of a row inside a run
    Index sums = 0;    // where the set's sums begin
    Index row_step = 0, pixel_step = 0;
  };

  /// One phase of the innermost axis on the tile: `count` outputs from `first`, whose sums begin
  /// with the set's pixel `pixel`.
  struct StoredPhase {
    const Pixels* pixels = nullptr;
    Index members = 1, member = 0;
    Index pixel = 0;
    Index first = 0, count = 0;
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
    Index tap_count;
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
    const Index pixels = runs * round_up(tile.batch * tile.q[0] * tile.q[1] / runs *
                                             (plan.gather ? tile.q[2] : pitch),
                                         lanes);
    Index tap_count = 0, gathered = 0, sums = 0;
    for (const PhaseSet& set : layout.sets) {
      Index taps = 0, rows = 0;
      for (const Line& line : layout.lines) taps = std::max(taps, WeightLayout::taps(line, set));
      for (Index chunk = 0; chunk < layout.chunks.parts; ++chunk)
        rows = std::max(rows, layout.padded_rows(chunk, set));
      tap_count = std::max(tap_count, taps);
      gathered += taps * c.in_channels * pixels + lanes;
      sums += rows * pixels;
    }
    const auto sets = static_cast<Index>(layout.sets.size());
    const auto phases = static_cast<Index>(c.axes[2].phases.size());
    Scratch s{};
    s.tap_count = tap_count;
    s.pixels = arena.take<Pixels>(sets);
    s.pixel_taps = arena.take<Index>(sets * tap_count);
    s.weight_taps = arena.take<Index>(tap_count);
    s.phases = arena.take<StoredPhase>(phases);
    s.rows = arena.take<PhaseRow<Scalar>>(phases);
    s.halo = arena.take<Scalar>(halo + lanes);
    s.gathered = arena.take<Scalar>(plan.gather ? gathered : 0);
    s.sums = arena.take<Scalar>(sums);
    s.bytes = arena.used();
    return s;
  }

  Index* pixel_taps(std::size_t set) const {
    return scratch_.pixel_taps + static_cast<Index>(set) * scratch_.tap_count;
  }

  /// Finds, and gathers if so planned, the pixels of each set of a line.
  void prepare_line(Index line_index) {
    const Line& line = layout_.lines[static_cast<std::size_t>(line_index)];
    Scalar* gathered = scratch_.gathered;
    phase_count_ = 0;
    for (std::size_t s = 0; s < layout_.sets.size(); ++s) {
      const PhaseSet& set = layout_.sets[s];
      Box box{halo_.batch, {}, {}};
      const std::array<Range, 3> ranges{Range{line.z->first, line.z->end()},
                                        Range{line.y->first, line.y->end()},
                                        Range{set.first, set.end()}};
      for (std::size_t a = 0; a < 3; ++a) {
        box.first[a] = std::max(q_[a].first, ranges[a].first);
        box.count[a] = std::max<Index>(0, std::min(q_[a].end, ranges[a].end) - box.first[a]);
      }
      Pixels& pixels = scratch_.pixels[s];
      pixels = {};
      pixels.box = box;
      if (box.pixels() == 0) continue;
      list_phases(set, pixels);
      Index* offsets = pixel_taps(s);
      if (plan_.gather) {
        const Index padded = round_up(box.pixels(), lanes);
        const std::array<Index, 3> in_strides{c_.axes[0].in_stride, c_.axes[1].in_stride,
                                              c_.axes[2].in_stride};
        gather_pixels(scratch_.halo, halo_, c_.in_channels, box, in_strides, line, set, padded,
                      gathered);
        const Index taps = WeightLayout::taps(line, set);
        for (Index t = 0; t < taps; ++t) offsets[t] = t * c_.in_channels * padded;
        pixels.data = gathered;
        pixels.channel_step = padded;
        pixels.runs = 1;
        pixels.length = box.pixels();
        pixels.pitch = box.count[2];
        gathered += taps * c_.in_channels * padded + lanes;
      } else {
        const Index plane_y = halo_.extents[2], plane_z = plane_y * halo_.extents[1];
        for (const Tap& tz : line.z->taps)
          for (const Tap& ty : line.y->taps)
            for (const Tap& tx : set.taps)
              *offsets++ = (box.first[0] + tz.shift - halo_.first[0]) * plane_z +
                           (box.first[1] + ty.shift - halo_.first[1]) * plane_y +
                           (box.first[2] + tx.shift - halo_.first[2]);
        pixels.data = scratch_.halo;
        pixels.channel_step = halo_.plane();
        pixels.runs = box.batch * box.count[0];
        pixels.pitch = plane_y;
        pixels.length = (box.count[1] - 1) * plane_y + box.count[2];
      }
      pixels.padded = round_up(pixels.length, lanes);
    }
    std::sort(scratch_.phases, scratch_.phases + phase_count_,
              [](const StoredPhase& a, const StoredPhase& b) { return a.first < b.first; });
  }

  /// Appends the members of a set that have outputs in the tile.
  void list_phases(const PhaseSet& set, const Pixels& pixels) {
    const auto members = static_cast<Index>(set.members.size());
    for (Index r = 0; r < members; ++r) {
      const Phase& phase = *set.members[static_cast<std::size_t>(r)];
      const Index first = std::max(pixels.box.first[2], phase.first);
      const Index end = std::min(pixels.box.first[2] + pixels.box.count[2], phase.end());
      if (first < end)
        scratch_.phases[phase_count_++] = {&pixels,
                                           members,
                                           r,
                                           first - pixels.box.first[2],
                                           first * c_.axes[2].out_stride + phase.offset,
                                           end - first};
    }
  }

  /// Where run `r` of a set's pixels starts in the source.
  Index run_start(const Pixels& pixels, Index run) const {
    if (plan_.gather) return 0;
    const Index plane_z = halo_.extents[2] * halo_.extents[1];
    return run / pixels.box.count[0] * plane_z * halo_.extents[0] +
           run % pixels.box.count[0] * plane_z;
  }

  void compute_chunk(Index line_index, Index chunk) {
    const Line& line = layout_.lines[static_cast<std::size_t>(line_index)];
    Index sums = 0;
    for (std::size_t s = 0; s < layout_.sets.size(); ++s) {
      const PhaseSet& set = layout_.sets[s];
      Pixels& pixels = scratch_.pixels[s];
      if (pixels.box.pixels() == 0) continue;
      const Index rows = layout_.padded_rows(chunk, set);
      pixels.sums = sums;
      pixels.row_step = plan_.packing.weights_in_lanes ? 1 : pixels.runs * pixels.padded;
      pixels.pixel_step = plan_.packing.weights_in_lanes ? rows : 1;
      sums += rows * pixels.runs * pixels.padded;

      const Index depth = layout_.depth(c_, line, set);
      Index rows_before = 0;
      for (Index earlier = 0; earlier < chunk; ++earlier)
        rows_before += layout_.padded_rows(earlier, set);
      const Scalar* weights =
          call_.weights + group_ * layout_.size +
          layout_.offset[static_cast<std::size_t>(line_index) * layout_.sets.size() + s] +
          depth * rows_before;
      const Split panels = layout_.panels(chunk, set);
      for (Index p = 0; p < panels.parts; ++p) {
        const Index row = panels.begin(p) * layout_.lane_multiple;
        const Index width = panels.end(p) * layout_.lane_multiple - row;
        multiply_panel(s, WeightLayout::taps(line, set), weights + depth * row, row, width);
      }
    }
    store_chunk(line, chunk);
  }

  /// Sums of one panel of `width` rows, from row `row` of the chunk.
  void multiply_panel(std::size_t s, Index taps, const Scalar* weights, Index row, Index width) {
    const Pixels& pixels = scratch_.pixels[s];
    const bool weights_in_lanes = plan_.packing.weights_in_lanes;
    for (Index c0 = 0; c0 < c_.in_channels; c0 += layout_.channel_block) {
      const Index depth = std::min(layout_.channel_block, c_.in_channels - c0);
      for (Index t = 0; t < taps; ++t) scratch_.weight_taps[t] = t * depth * width;
      const Operand<Scalar> weight_operand{weights, scratch_.weight_taps, width};
      for (Index run = 0; run < pixels.runs; ++run) {
        const Scalar* data = pixels.data + run_start(pixels, run) + c0 * pixels.channel_step;
        const auto multiply = [&](Index first, Index rows, Index vectors) {
          const Operand<Scalar> pixel_operand{data + first, pixel_taps(s), pixels.channel_step};
          Scalar* sums = scratch_.sums + pixels.sums + row * pixels.row_step +
                         (run * pixels.padded + first) * pixels.pixel_step;
          find_micro_kernel<Scalar>(rows, vectors)(
              taps, depth, weights_in_lanes ? weight_operand : pixel_operand,
              weights_in_lanes ? pixel_operand : weight_operand, sums,
              weights_in_lanes ? pixels.pixel_step : pixels.row_step, c0 > 0);
        };
        if (weights_in_lanes) {
          const Index vectors = width / lanes;
          const Split blocks =
              Split::into_at_most(pixels.length, max_rows(static_cast<int>(vectors)));
          for (Index b = 0; b < blocks.parts; ++b)
            multiply(blocks.begin(b), blocks.end(b) - blocks.begin(b), vectors);
        } else {
          Index vectors = 2;
          while (vectors < max_vectors && max_rows(static_cast<int>(2 * vectors)) >= width)
            vectors *= 2;
          for (Index first = 0; first < pixels.padded; first += vectors * lanes) {
            while (vectors * lanes > pixels.padded - first) vectors /= 2;
            multiply(first, width, vectors);
          }
        }
      }
      weights += taps * depth * width;
    }
  }

  void store_chunk(const Line& line, Index chunk) {
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
                  image * (plan_.gather ? box.count[1] * pixels.pitch : pixels.padded);
              const Index row = (m - layout_.chunks.begin(chunk)) * phase.members + phase.member;
              rows[i] = {
                  scratch_.sums + pixels.sums + row * pixels.row_step + pixel * pixels.pixel_step,
                  pixels.pixel_step, phase.first, phase.count};
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
};

/// How a schedule is shared among threads: tiles, and parts of their rows where tiles are few.
struct TaskGrid {
  std::array<Index, 3> tiles{};
  Index batches = 1;
  Split units;

  TaskGrid(const Schedule& schedule, int threads) {
    const Correlation& c = schedule.correlation();
    const Tile& tile = schedule.plan().tile;
    batches = ceil_div(c.batch, tile.batch);
    Index count = batches * c.groups;
    for (std::size_t a = 0; a < 3; ++a) {
      tiles[a] = ceil_div(q_range(c.axes[a]).size(), tile.q[a]);
      count *= tiles[a];
    }
    const WeightLayout& layout = schedule.layout();
    units.size = static_cast<Index>(layout.lines.size()) * layout.chunks.parts;
    const Index wanted = threads > 1 ? 4 * threads : 1;
    units.parts = count == 0 ? 1 : std::clamp<Index>(ceil_div(wanted, count), 1, units.size);
  }
  Index size(Index groups) const {
    return batches * groups * tiles[0] * tiles[1] * tiles[2] * units.parts;
  }
};

/// Computes a call on the threads of `workspace`.
template <class Scalar, class F>
void correlate(const Call<Scalar, F>& call, Workspace& workspace) {
  const Schedule& schedule = call.schedule;
  const Correlation& c = schedule.correlation();
  const Tile& tile = schedule.plan().tile;
  const TaskGrid grid(schedule, workspace.threads());
  const Index tasks = grid.size(c.groups);
  if (tasks == 0) return;
  const std::size_t page = 4096;
  const std::size_t bytes = (TileTask<Scalar, F>::scratch_bytes(schedule) + page - 1) / page * page;
  const int workers = static_cast<int>(std::min<Index>(workspace.threads(), tasks));
  std::byte* scratch = workspace.scratch(bytes * static_cast<std::size_t>(workers));
  workspace.parallel_for(tasks, workers, [&](Index task, int worker) {
    const auto next = [&task](Index size) {
      const Index i = task % size;
      task /= size;
      return i;
    };
    const Index part = next(grid.units.parts);
    std::array<Index, 3> q{};
    for (std::size_t a = 3; a-- > 0;)
      q[a] = q_range(c.axes[a]).first + next(grid.tiles[a]) * tile.q[a];
    const Index n = next(grid.batches) * tile.batch;
    TileTask<Scalar, F>(call, scratch + bytes * static_cast<std::size_t>(worker))
        .run(task, n, q, grid.units.begin(part), grid.units.end(part));
  });
}

}  // namespace tconv::engine
