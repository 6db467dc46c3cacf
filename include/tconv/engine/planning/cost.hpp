#pragma once

/// \file
/// The cost model: estimated cycles of a way to compute a correlation.

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>

#include "tconv/core/eigen.hpp"
#include "tconv/core/integer.hpp"
#include "tconv/core/isa.hpp"
#include "tconv/core/tile.hpp"
#include "tconv/engine/correlation.hpp"
#include "tconv/engine/input/pixel_list.hpp"
#include "tconv/engine/input/window.hpp"
#include "tconv/engine/layout.hpp"
#include "tconv/engine/output_list.hpp"
#include "tconv/engine/planning/machine.hpp"
#include "tconv/engine/planning/resources.hpp"
#include "tconv/engine/tile.hpp"
#include "tconv/simd/tile_shape.hpp"

namespace tconv::inline TCONV_ISA::engine {

/// Estimated cycles of one core.
class CostModel {
 public:
  /// A tile takes `scratch` elements.
  CostModel(const Correlation& c, const WeightShape& shape, const Packing& packing,
            const Tile& image, const Tile& tile, const Resources& resources, Index scratch)
      : c_(c),
        shape_(shape),
        packing_(packing),
        image_(image),
        tile_(tile),
        resources_(resources),
        machine_(*resources.machine),
        lanes_(resources.lane_count) {
    const Index budget = resources.budget;
    const double share = static_cast<double>(scratch) / static_cast<double>(budget);
    crowding_ = std::min(share, 1.0);
    lost_ = std::clamp(share - 0.5, 0.0, 1.0);
    input_in_cache_ = input_size(c) < cached_budgets * budget;
    output_in_cache_ = output_size(c) < cached_budgets * budget;
    weights_in_cache_ = c.groups * shape.size() < streamed_budgets * budget;
    weights_stream_ = shape.size() > budget;
    for (std::size_t a = 0; packing.by_taps && a < 3; ++a) inside_[a] = inside_share(c.axes[a]);
  }

  /// Of all tiles.
  double cycles() const {
    return (tile_sums() + stores()) * static_cast<double>(c_.groups * count_tiles(image_, tile_));
  }

  /// Whether `cycles()` are fewer than `limit`. First without what it takes to bring the operands,
  /// which takes longer to say.
  bool takes_less(double limit) const {
    const auto tiles = static_cast<double>(c_.groups * count_tiles(image_, tile_));
    return (products() + stores()) * tiles < limit && cycles() < limit;
  }

  /// Whether the calls for a panel find its weights in the first-level cache, or none stream.
  bool keeps_weights() const {
    if (!packing_.weights_in_lanes() || !weights_stream_) return true;
    const Index rows = simd::max_rows(packing_.lanes, packing_.vectors);
    bool keeps = true;
    shape_.for_each_kind([&](const ProductKind& p) {
      const Index taps = packing_.by_taps ? 1 : p.taps();
      keeps = keeps &&
              (taps == 0 || !micro_tile(p, taps, true, 1).loses_weights(rows, packing_.vectors));
    });
    return keeps;
  }

  /// Until the sums of a tile are complete.
  double tile_sums() const {
    double sum = products();
    if (c_.reads_strips && !packing_.channels_inside) sum += machine_.strip_pixel * inputs();
    // A line finds the pixels that the one before it has left.
    const bool same = packing_.copied_axes < 2 && shape_.channel_blocks().parts == 1;
    bool packed = false;
    for (const SetKind& z : shape_.axis(0).kinds)
      for (const SetKind& y : shape_.axis(1).kinds) {
        if (packed && same) break;
        const ProductKind first{&z, &y, &shape_.axis(2).kinds[0]};
        const double cost = pack(first);
        packed = packed || cost > 0;
        sum += cost * static_cast<double>(same ? 1 : first.lines());
      }
    shape_.for_each_kind([&](const ProductKind& p) {
      sum += number_of(p) * (place(p) + bring_weights(p) + return_pixels(p));
    });
    return sum;
  }

  /// Of the products of a tile, their operands being at hand.
  double products() const {
    double sum = 0;
    shape_.for_each_kind(
        [&](const ProductKind& p) { sum += number_of(p) * multiply(p, box_of(p)); });
    return sum;
  }

 private:
  double stores() const {
    double sum = 0;
    shape_.for_each_kind([&](const ProductKind& p) { sum += number_of(p) * store(p, box_of(p)); });
    return sum;
  }

  /// Pixels that a tile reads, of all channels.
  double inputs() const {
    Index pixels = c_.in_channels * tile_.batch;
    for (std::size_t a = 0; a < 3; ++a)
      pixels *=
          std::min(c_.axes[a].in, shape_.axis(a).halo_extent(tile_.q[a]) * c_.axes[a].in_stride);
    return static_cast<double>(pixels);
  }

  struct Box {
    std::array<Index, 3> count;
    std::array<Index, 3> extents;
    double rows, pixels;
  };

  static double number_of(const ProductKind& p) {
    return static_cast<double>(p.lines() * p.products());
  }

  Box box_of(const ProductKind& p) const {
    const auto count = pixel_counts(p, tile_);
    const auto rows = static_cast<double>(tile_.batch * count[0] * count[1]);
    return {count, window_extents(c_, shape_, packing_, count, tile_), rows,
            rows * static_cast<double>(count[2])};
  }

  double packets(Index elements) const { return static_cast<double>(ceil_div(elements, lanes_)); }

  /// Its pixels found, and a list of where each step begins.
  double place(const ProductKind& p) const {
    return machine_.product +
           machine_.offset * static_cast<double>(p.taps() * shape_.channel_blocks().largest());
  }

  /// One copy of each window of a line, plane by plane.
  double pack(const ProductKind& first) const {
    const Machine& m = machine_;
    const auto extents = box_of(first).extents;
    const auto planes =
        static_cast<double>(WindowCount(shape_, packing_, *first.z, *first.y).usual *
                            c_.in_channels * tile_.batch * extents[0]);
    // The taps of one output lie in a row, and are transposed with the batch.
    if (packing_.channels_inside) {
      const double pixels = planes / static_cast<double>(c_.in_channels) *
                            static_cast<double>(extents[1] * extents[2]);
      return pixels * (m.whole_pixel + packets(c_.in_channels) * packet_of_pixels());
    }
    const bool row_of_pixels = c_.axes[0].in == 1 && c_.axes[1].in == 1 && extents[2] == 1;
    if (row_of_pixels && planes > static_cast<double>(c_.in_channels * tile_.batch))
      return m.turned_row * static_cast<double>(c_.in_channels) + m.turned_pixel * planes;
    const double packet = packet_of_pixels();
    // Elements apart are loaded in packets up to a stride of four, then one by one.
    const Index stride = c_.axes[2].in_stride;
    const double element = stride == 1 ? 0 : stride <= 4 ? m.strided_pixel : m.lonely_pixel;
    const double row = packet * packets(extents[2]) + element * static_cast<double>(extents[2]);
    const double rows = planes * (m.plane + static_cast<double>(extents[1]) * (m.row + row));
    // Few pixels in short rows are listed and copied one by one.
    const auto channels = static_cast<double>(c_.in_channels);
    const double pixels = planes / channels * static_cast<double>(extents[1] * extents[2]);
    if (extents[2] > PixelList::longest_row || c_.in_channels < PixelList::fewest_channels ||
        pixels > PixelList::most_pixels)
      return rows;
    return std::min(rows, channels * (m.packet + m.lonely_pixel * pixels));
  }

  /// Of a packet of pixels, or of their channels.
  double packet_of_pixels() const {
    const Machine& m = machine_;
    const double packet = m.packet + m.crowded_packet * crowding_;
    if (input_in_cache_) return packet;
    return packet + (whole_planes() ? m.expected_packet : m.distant_packet);
  }

  /// Whether the input is read in the order of memory, as the hardware expects it.
  bool whole_planes() const {
    return tile_.q == image_.q && (tile_.batch == 1 || c_.in_channels == 1);
  }

  /// Of a micro-tile: as many sums a step as the arithmetic, the loads or their latency allow.
  class MicroTile {
   public:
    /// `places` steps of a channel read cache lines that no other step does. A panel is multiplied
    /// with `blocks` of pixels.
    MicroTile(const CostModel& of, Index steps, Index places, Index taps, bool aligned,
              Index blocks)
        : of_(of),
          returns_(1 - 1 / static_cast<double>(blocks)),
          places_(static_cast<double>(places) / static_cast<double>(taps)),
          steps_(static_cast<double>(steps)),
          aligned_(aligned) {
      calls_ = static_cast<double>(of.shape_.channel_blocks().parts);
      call_steps_ = static_cast<double>(of.shape_.channel_blocks().largest() * taps);
    }

    double operator()(Index rows, Index vectors) const {
      const Machine& m = of_.machine_;
      const auto r = static_cast<double>(rows), v = static_cast<double>(vectors);
      const double loads = r + (aligned_ ? v : m.unaligned_load * v) + m.step_loads;
      const double step = std::max({r * v / 2, loads / 2, m.latency});
      const double sum = calls_ > 1 ? m.old_sum : m.new_sum;
      double lost = m.line * pixel_lines(r, v);
      if (loses_weights(rows, vectors))
        lost += (turned() && of_.weights_stream_ ? m.weight_line * returns_ : m.line) *
                weight_lines(r, v);
      return steps_ * (step + lost) + calls_ * (m.call + sum * r * v);
    }

    /// Whether weights leave the first-level cache before the next micro-tile needs them.
    bool loses_weights(Index rows, Index vectors) const {
      const auto r = static_cast<double>(rows), v = static_cast<double>(vectors);
      const double kept = call_steps_ * (weight_lines(r, v) + pixel_lines(r, v)) * line_elements;
      // Results and tables take their part, and other programs theirs.
      return kept > 0.65 * static_cast<double>(of_.resources_.first_level);
    }

   private:
    double lanes(double vectors) const { return vectors * static_cast<double>(of_.lanes_); }
    bool turned() const { return of_.packing_.weights_in_lanes(); }

    /// Cache lines of weights that a step reads.
    double weight_lines(double rows, double vectors) const {
      return (turned() ? lanes(vectors) : rows) / line_elements;
    }
    /// Those of pixels, a run of which begins anywhere in a line.
    double pixel_lines(double rows, double vectors) const {
      const double run = (turned() ? rows : lanes(vectors)) / line_elements;
      return places_ * (aligned_ && !turned() ? run : run + 0.5);
    }

    const CostModel& of_;
    double returns_;  // share of the blocks for which weights come back
    double places_, steps_, calls_, call_steps_;
    bool aligned_;
  };

  /// Pixels of a run from the first for which a tap reads inside the image to the last.
  Index tap_pixels(const PixelRuns& runs, const std::array<Index, 3>& count) const {
    double pixels = inside_[2] * static_cast<double>(count[2]);
    for (std::size_t a = 0; a < 2; ++a)
      if (runs.counts[a + 1] == 1)
        pixels += (inside_[a] * static_cast<double>(count[a]) - 1) *
                  static_cast<double>(runs.steps[a + 1]);
    return std::max<Index>(static_cast<Index>(std::lround(pixels)), 1);
  }

  /// Of a product, or of one tap of it.
  MicroTile micro_tile(const ProductKind& p, Index taps, bool aligned, Index blocks) const {
    const Index places = packing_.copied_axes > 0 || taps == 1 ? taps : taps / p.x->taps;
    return {*this, c_.in_channels * taps, places, taps, aligned, blocks};
  }

  double multiply(const ProductKind& p, const Box& box) const {
    if (p.taps() == 0) return 0;
    const PixelRuns runs(packing_, tile_.batch, box.count, box.extents);
    const bool aligned =
        packing_.weights_in_lanes() || (packing_.copied_axes > 0 && box.extents[2] % lanes_ == 0);
    const Split panels = shape_.panels(p.members(), 0);
    const PixelBlocks blocks(packing_, runs.length, panels.largest(), lanes_);
    const Index all_blocks = std::max<Index>(runs.size() * blocks.parts(), 1);
    const MicroTile of_taps = micro_tile(p, p.taps(), aligned, all_blocks);
    double panel = 0;
    if (packing_.by_taps) {
      // As many parts as the tap that meets all pixels has.
      const Index pixels = tap_pixels(runs, box.count), parts = blocks.parts();
      const MicroTile of_tap = micro_tile(p, 1, true, all_blocks);
      for (Index done = 0, v = packing_.vectors; done < panels.largest(); done += v) {
        while (v > panels.largest() - done) v /= 2;
        panel += of_tap(ceil_div(pixels, parts), v);
      }
      panel *= static_cast<double>(parts * p.taps());
      // Runs that a tap does not meet at all.
      for (std::size_t a = 0; a < 2; ++a)
        if (runs.counts[a + 1] > 1) panel *= inside_[a];
    } else if (packing_.weights_in_lanes()) {
      const Index block = ceil_div(runs.length, blocks.parts());
      for (Index done = 0, v = packing_.vectors; done < panels.largest(); done += v) {
        while (v > panels.largest() - done) v /= 2;
        panel += of_taps(block, v);
      }
      // A wide panel that leaves the first-level cache comes back for each block.
      if (blocks.parts() > 1 && of_taps.loses_weights(block, panels.largest()))
        panel = std::max(panel, machine_.panel_packet * static_cast<double>(panels.largest()) *
                                    static_cast<double>(c_.in_channels * p.taps()));
      panel *= static_cast<double>(blocks.parts());
    } else {
      Index vectors = blocks.pixels / lanes_;
      const Index widest = blocks.width / lanes_;
      const Index whole = vectors / widest;
      panel = static_cast<double>(whole) * of_taps(panels.largest(), widest);
      vectors %= widest;
      for (Index v = widest; vectors > 0; v /= 2)
        for (; vectors >= v; vectors -= v) panel += of_taps(panels.largest(), v);
    }
    // What lies far apart, or left the cache for weights and results, comes late.
    panel *= 1 + machine_.crowding * crowding_;
    // Panels are nearly equal.
    const double average = static_cast<double>(shape_.total_rows(p.members())) /
                           static_cast<double>(shape_.chunks().parts * panels.parts *
                                               panels.largest() * shape_.lane_multiple());
    return panel * average * static_cast<double>(runs.size()) *
           static_cast<double>(shape_.chunks().parts * panels.parts);
  }

  /// Each panel reads all pixels again, from the third-level cache if the second one does not hold
  /// them beside weights and sums.
  double return_pixels(const ProductKind& p) const {
    const Index panels = shape_.chunks().parts * shape_.panels(p.members(), 0).parts;
    double elements = static_cast<double>(panels * c_.in_channels) * box_of(p).pixels;
    for (std::size_t a = 0; a < 3; ++a)
      if (packing_.copies(a)) elements *= static_cast<double>(p.set(a).taps);
    return machine_.third_level / 2 * lost_ * elements / static_cast<double>(lanes_);
  }

  /// Weights come from the third-level cache or beyond for each tile. Those that are packed with
  /// their chunk cost no more then but for a leap from channel to channel if their rows lie side by
  /// side, and half as much again if they are turned. Tensors in row-major order are assumed, where
  /// it depends on the taps.
  double bring_weights(const ProductKind& p) const {
    const Machine& m = machine_;
    const auto steps = static_cast<double>(c_.in_channels * p.taps());
    const double packets =
        steps * static_cast<double>(shape_.total_rows(p.members())) / static_cast<double>(lanes_);
    if (!packing_.packs_chunks) return m.weights * packets;
    if (p.taps() > 1) return (weights_in_cache_ ? m.chunk_taps : m.distant_taps) * packets;
    const double leaps = steps * static_cast<double>(shape_.chunks().parts);
    return weights_in_cache_ ? m.weights * packets + m.chunk_leap * leaps
                             : m.distant_weights * packets + m.distant_leap * leaps;
  }

  double store(const ProductKind& p, const Box& box) const {
    const Machine& m = machine_;
    const auto lanes = static_cast<double>(lanes_);
    const double channels = static_cast<double>(c_.out_channels);
    const double outputs = channels * box.pixels * static_cast<double>(p.members());
    const double rows = channels * box.rows * static_cast<double>(p.rows());
    // A result that comes from memory lies on pages, of some 1024 elements, that take their time.
    if (packing_.channels_inside)
      return box.pixels * (m.store_whole_pixel + m.store_whole_packet * packets(c_.out_channels)) +
             (output_in_cache_ ? 0 : outputs / 1024 * m.store_page);
    if (lists_outputs(c_, packing_, tile_)) return 1.5 * m.lonely_pixel * outputs;
    const double strips = c_.writes_strips ? m.store_strip * outputs : 0;
    double element = m.store_single;
    if (p.taps() == 0)
      element = m.store_blank / lanes;
    else if (packing_.weights_in_lanes())
      element = shape_.turns_sums()             ? m.store_turned
                : p.x->members >= joined_phases ? m.store_joined
                                                : m.store_scattered;
    else if (c_.axes[2].out_stride <= max_interleaved)
      element = m.store_packet / lanes;
    const double planes = channels * static_cast<double>(tile_.batch * box.count[0]);
    const auto plane = static_cast<double>(c_.axes[1].out * c_.axes[2].out);
    const double pages = output_in_cache_ ? 0 : planes * std::min(1.0, plane / 1024);
    return pages * m.store_page + rows * m.store_row + outputs * element + strips;
  }

  /// Elements of a cache line, of 64 bytes.
  static constexpr double line_elements = 16;

  const Correlation& c_;
  const WeightShape& shape_;
  const Packing& packing_;
  const Tile& image_;
  const Tile& tile_;
  const Resources& resources_;
  const Machine& machine_;
  Index lanes_;
  double crowding_ = 0;                    // share of the cache that the tile's scratch takes
  double lost_ = 0;                        // share of the pixels that have left it
  std::array<double, 3> inside_{1, 1, 1};  // shares of the pixels of a tap
  bool input_in_cache_ = true, output_in_cache_ = true, weights_in_cache_ = true;
  bool weights_stream_ = false;  // from the third-level cache
};

}  // namespace tconv::inline TCONV_ISA::engine
