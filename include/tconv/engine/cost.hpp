#pragma once

/// \file
/// The cost model: estimated cycles of a way to compute a correlation.

#include <algorithm>
#include <array>
#include <cstddef>

#include "tconv/core/eigen.hpp"
#include "tconv/core/integer.hpp"
#include "tconv/core/isa.hpp"
#include "tconv/core/tile.hpp"
#include "tconv/engine/correlation.hpp"
#include "tconv/engine/input/window.hpp"
#include "tconv/engine/layout.hpp"
#include "tconv/engine/tile.hpp"

namespace tconv::inline TCONV_ISA::engine {

/// Tensors of so many scratch budgets, some 6 MiB, come from memory.
inline constexpr Index cached_budgets = 10;

/// Larger ones, of some 16 MiB, pass even the third-level cache by: results are streamed.
inline constexpr Index streamed_budgets = 25;

/// Estimated cycles of one core. The unit is a cycle of two fused multiply-adds of a packet, or two
/// loads. Constants are fitted to measurements on AVX-512; what matters is their ratio.
class CostModel {
 public:
  /// `budget` as in `Resources`, of which a tile takes `scratch`.
  CostModel(const Correlation& c, const WeightShape& shape, const Packing& packing,
            const Tile& image, const Tile& tile, Index lane_count, Index budget, Index scratch)
      : c_(c), shape_(shape), packing_(packing), image_(image), tile_(tile), lanes_(lane_count) {
    crowding_ = std::min(static_cast<double>(scratch) / static_cast<double>(budget), 1.0);
    input_in_cache_ = input_size(c) < cached_budgets * budget;
    output_in_cache_ = output_size(c) < cached_budgets * budget;
    weights_in_cache_ = c.groups * shape.size() < streamed_budgets * budget;
  }

  /// Of all tiles.
  double cycles() const {
    return (tile_sums() + stores()) * static_cast<double>(c_.groups * count_tiles(image_, tile_));
  }

  /// Without what it takes to bring the operands, which depends most on the tile.
  double least_cycles() const {
    return (products() + stores()) * static_cast<double>(c_.groups * count_tiles(image_, tile_));
  }

  /// Until the sums of a tile are complete.
  double tile_sums() const {
    double sum = products();
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
    shape_.for_each_kind(
        [&](const ProductKind& p) { sum += number_of(p) * (place(p) + bring_weights(p)); });
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
    return {count, window_extents(shape_, packing_, count, tile_), rows,
            rows * static_cast<double>(count[2])};
  }

  double packets(Index elements) const { return static_cast<double>(ceil_div(elements, lanes_)); }

  /// Its pixels found, and a list of where each step begins.
  double place(const ProductKind& p) const {
    return 100 + static_cast<double>(p.taps() * shape_.channel_blocks().largest());
  }

  /// One copy of each window of a line, plane by plane.
  double pack(const ProductKind& first) const {
    const auto extents = box_of(first).extents;
    const auto planes =
        static_cast<double>(WindowCount(shape_, packing_, *first.z, *first.y).usual *
                            c_.in_channels * tile_.batch * extents[0]);
    // The taps of one output lie in a row, and are transposed with the batch.
    const bool row_of_pixels = c_.axes[0].in == 1 && c_.axes[1].in == 1 && extents[2] == 1;
    if (row_of_pixels && planes > static_cast<double>(c_.in_channels * tile_.batch))
      return 30 * static_cast<double>(c_.in_channels) + 0.5 * planes;
    const double packet = 3 + 3 * crowding_ + (input_in_cache_ ? 0 : whole_planes() ? 6 : 15);
    // Elements apart are loaded in packets up to a stride of four, then one by one.
    const Index stride = c_.axes[2].in_stride;
    const double element = stride == 1 ? 0 : stride <= 4 ? 0.6 : 2.5;
    const double row = packet * packets(extents[2]) + element * static_cast<double>(extents[2]);
    return planes * (30 + static_cast<double>(extents[1]) * (2 + row));
  }

  /// Whether the input is read in the order of memory, as the hardware expects it.
  bool whole_planes() const {
    return tile_.q == image_.q && (tile_.batch == 1 || c_.in_channels == 1);
  }

  /// Steps of a micro-tile: as many sums as the arithmetic, the loads or their latency allow.
  double step(Index rows, Index vectors, bool aligned) const {
    const auto r = static_cast<double>(rows), v = static_cast<double>(vectors);
    // Loads across cache lines count twice; two are for the step's offset and what is as slow.
    const double loads = r + (aligned ? v : 1.8 * v) + 2;
    return std::max({r * v / 2, loads / 2, 4.0});
  }

  double tile_overhead(Index rows, Index vectors) const {
    const double reload = shape_.channel_blocks().parts > 1 ? 4 : 2;
    return 25 + reload * static_cast<double>(rows * vectors);
  }

  double multiply(const ProductKind& p, const Box& box) const {
    const PixelRuns runs(tile_.batch, box.count, box.extents);
    const double steps = static_cast<double>(c_.in_channels * p.taps());
    const double calls = static_cast<double>(shape_.channel_blocks().parts);
    const bool aligned =
        packing_.weights_in_lanes() || (packing_.copied_axes > 0 && box.extents[2] % lanes_ == 0);
    const auto micro_tile = [&](Index rows, Index vectors) {
      return steps * step(rows, vectors, aligned) + calls * tile_overhead(rows, vectors);
    };
    const Split panels = shape_.panels(p.members(), 0);
    const PixelBlocks blocks(packing_, runs.length, panels.largest(), lanes_);
    double panel = 0;
    if (packing_.weights_in_lanes()) {
      const Index block = ceil_div(runs.length, blocks.parts());
      // A wide panel leaves the first-level cache, and comes back for each block.
      const double reload = blocks.parts() > 1 ? 2 * static_cast<double>(panels.largest()) : 0;
      double width = 0;
      for (Index done = 0, v = packing_.vectors; done < panels.largest(); done += v) {
        while (v > panels.largest() - done) v /= 2;
        width += micro_tile(block, v);
      }
      panel = static_cast<double>(blocks.parts()) * std::max(width, steps * reload);
    } else {
      Index vectors = blocks.pixels / lanes_;
      const Index widest = blocks.width / lanes_;
      const Index whole = vectors / widest;
      panel = static_cast<double>(whole) * micro_tile(panels.largest(), widest);
      vectors %= widest;
      for (Index v = widest; vectors > 0; v /= 2)
        for (; vectors >= v; vectors -= v) panel += micro_tile(panels.largest(), v);
    }
    // What lies far apart, or left the cache for weights and results, comes late.
    panel *= 1 + 0.1 * crowding_;
    // Panels are nearly equal.
    const double average = static_cast<double>(shape_.total_rows(p.members())) /
                           static_cast<double>(shape_.chunks().parts * panels.parts *
                                               panels.largest() * shape_.lane_multiple());
    return panel * average * static_cast<double>(runs.size()) *
           static_cast<double>(shape_.chunks().parts * panels.parts);
  }

  /// Weights come from the third-level cache or beyond for each tile, some five cycles a packet.
  /// Those that are packed with their chunk cost no more then but for a leap from channel to
  /// channel if their rows lie side by side, and half as much again if they are turned. Tensors in
  /// row-major order are assumed, where it depends on the taps.
  double bring_weights(const ProductKind& p) const {
    const auto steps = static_cast<double>(c_.in_channels * p.taps());
    const double packets =
        steps * static_cast<double>(shape_.total_rows(p.members())) / static_cast<double>(lanes_);
    if (!packing_.packs_chunks) return 5 * packets;
    if (p.taps() > 1) return (weights_in_cache_ ? 8 : 18) * packets;
    const double leaps = steps * static_cast<double>(shape_.chunks().parts);
    return weights_in_cache_ ? 5 * packets + 6 * leaps : 15 * packets + 13 * leaps;
  }

  double store(const ProductKind& p, const Box& box) const {
    const double channels = static_cast<double>(c_.out_channels);
    const double outputs = channels * box.pixels * static_cast<double>(p.members());
    const double rows = channels * box.rows * static_cast<double>(p.rows());
    double element = 1.2;  // one by one
    if (p.taps() == 0)
      element = 1 / static_cast<double>(lanes_);
    else if (packing_.weights_in_lanes())
      element = shape_.turns_sums() ? 0.5 : p.x->members >= joined_phases ? 0.4 : 3;
    else if (c_.axes[2].out_stride <= max_interleaved)
      element = 3 / static_cast<double>(lanes_);
    // A result that comes from memory lies on pages, of some 1024 elements, that take their time.
    const double planes = channels * static_cast<double>(tile_.batch * box.count[0]);
    const auto plane = static_cast<double>(c_.axes[1].out * c_.axes[2].out);
    const double pages = output_in_cache_ ? 0 : planes * std::min(1.0, plane / 1024);
    return pages * 300 + rows * 10 + outputs * element;
  }

  const Correlation& c_;
  const WeightShape& shape_;
  const Packing& packing_;
  const Tile& image_;
  const Tile& tile_;
  Index lanes_;
  double crowding_ = 0;  // share of the cache that the tile's scratch takes
  bool input_in_cache_ = true, output_in_cache_ = true, weights_in_cache_ = true;
};

}  // namespace tconv::inline TCONV_ISA::engine
