#pragma once

/// \file
/// Copies weights into the order in which the micro-kernel reads them.

#include <algorithm>
#include <array>
#include <atomic>
#include <cstddef>
#include <cstring>
#include <utility>
#include <vector>

#include "tconv/core/eigen.hpp"
#include "tconv/core/function_ref.hpp"
#include "tconv/core/integer.hpp"
#include "tconv/core/isa.hpp"
#include "tconv/engine/correlation.hpp"
#include "tconv/engine/layout.hpp"
#include "tconv/engine/operands.hpp"
#include "tconv/runtime/arena.hpp"
#include "tconv/simd/packet.hpp"
#include "tconv/simd/stride.hpp"
#include "tconv/simd/transpose.hpp"

namespace tconv::inline TCONV_ISA::engine {

/// From tap to tap of turned weights.
template <class Scalar>
Index turned_pitch(Index out_channels) {
  return round_up(out_channels, simd::Packet<Scalar>::size);
}

/// Turns the weights of an input channel, of which an output channel has `reach` elements side by
/// side, to `[element][output channel]`.
template <class Scalar>
void turn_weights(const WeightSource<Scalar>& source, const Scalar* from, const Scalar* source_end,
                  Index out_channels, Index reach, Scalar* turned) {
  constexpr Index lanes = simd::Packet<Scalar>::size;
  const Index pitch = turned_pitch<Scalar>(out_channels);
  for (Index m = 0; m < out_channels; m += lanes) {
    const auto offsets =
        simd::Square<Scalar>::offsets(source.out_stride, std::min(out_channels - m, lanes));
    for (Index t = 0; t < reach; t += lanes)
      simd::transpose_square(from + m * source.out_stride + t, offsets, offsets.back(), source_end,
                             std::min(reach - t, lanes), turned + t * pitch + m, pitch);
  }
}

/// Packs weights in the order of `WeightLayout`. All products take their weights of an input
/// channel from the same cache lines, and advance together.
template <class Scalar>
class WeightPacker {
 public:
  /// The layout must outlive the packer. Of the source the strides matter.
  WeightPacker(const WeightLayout& layout, const WeightSource<Scalar>& source)
      : layout_(layout), source_(source) {
    for (Index chunk = 0; chunk < layout.chunks().parts; ++chunk)
      for (std::size_t p = 0; p < layout.products().size(); ++p)
        for (Index i = 0; i < layout.panels(p, chunk).parts && layout.product(p).taps() > 0; ++i)
          list_panel(p, chunk, i);
    Index taps = 0, members = 1;
    for (const Product& product : layout.products()) {
      taps += product.taps() * product.members();
      members = std::max(members, product.members());
    }
    // Rows of several phases would have to be interleaved after they are turned.
    turns_ = members == 1 && layout.chunks().size >= lanes / 2 && reach_ <= 2 * taps &&
             reach_ * pitch() <= most_turned;
  }

  /// What `pack` needs.
  std::size_t scratch_bytes() const {
    runtime::Arena arena(nullptr);
    arena.take<Scalar>(turns_ ? reach_ * pitch() + spare() : 0);
    return arena.used() + places_bytes();
  }

  /// Packs the input channels `[first, end)` of the group whose weights begin at `group`, and whose
  /// packed weights begin at `to`. The weights of all groups end at `source_end`.
  void pack(const Scalar* group, const Scalar* source_end, Index first, Index end, Scalar* to,
            std::byte* scratch) const {
    runtime::Arena arena(scratch);
    if (turns_) {
      const Index channels = layout_.chunks().size;
      const Index size = reach_ * pitch() + spare();
      Scalar* const turned = arena.take<Scalar>(size);
      std::fill_n(turned, size, Scalar(0));
      std::byte* const places = scratch + arena.used();
      pack_turned(first, end, to, places, [&](Index c) -> const Scalar* {
        turn_weights(source_, group + c * source_.in_stride, source_end, channels, reach_, turned);
        return turned;
      });
      return;
    }
    for_each_block(first, end, to, scratch, [&](const Range& channels, const Places& places) {
      // Chunk by chunk, whose list of offsets stays in the first-level cache.
      for (std::size_t i = 0, next = 0; i < panels_.size(); i = next) {
        while (next < panels_.size() && panels_[next].chunk == panels_[i].chunk) ++next;
        for (Index c = channels.first; c < channels.end; ++c)
          for (std::size_t k = i; k < next; ++k)
            copy_listed(panels_[k], group + c * source_.in_stride, places.next(k, panels_[k]));
      }
    });
  }

  /// Elements that `pack_turned` reads behind the weights: the last panel of a chunk may be padded.
  Index spare() const { return layout_.panel(); }

  /// What `pack_turned` needs.
  std::size_t places_bytes() const {
    runtime::Arena arena(nullptr);
    arena.take<Scalar*>(static_cast<Index>(panels_.size()));
    return arena.used();
  }

  /// The same from weights `[tap][output channel]`, `turned(c)` of an input channel, whose taps are
  /// numbered by the source's strides. No product has rows of several phases.
  void pack_turned(Index first, Index end, Scalar* to, std::byte* scratch,
                   const FunctionRef<const Scalar*(Index channel)>& turned) const {
    for_each_block(first, end, to, scratch, [&](const Range& channels, const Places& places) {
      for (Index c = channels.first; c < channels.end; ++c) {
        const Scalar* const rows = turned(c);
        for (std::size_t k = 0; k < panels_.size(); ++k)
          copy_turned(panels_[k], rows, places.next(k, panels_[k]));
      }
    });
  }

 private:
  static constexpr Index lanes = simd::Packet<Scalar>::size;
  /// Weights of an input channel that are turned at once: they should fit the second-level cache.
  static constexpr Index most_turned = 128 * 1024;

  /// Some rows of one product in one chunk, as the micro-kernel takes them at once.
  struct Panel {
    std::size_t product;
    Index chunk;
    Index first, width;  // rows of the chunk
    Index used;          // rows that are no padding
    Index taps;
    Index channel;               // of the first row
    Index run;                   // of rows whose weights lie side by side, a power of two
    std::vector<Index> offsets;  // of an input channel's weights, `[tap][row]`
  };

  /// Where the weights of an input channel belong, and how far from tap to tap.
  struct Place {
    Scalar* first;
    Index tap_step;
  };

  /// Where the panels have the next input channel of a block.
  struct Places {
    Scalar** panels;
    Index tap_distance;  // in widths, or zero if the taps of a channel lie side by side

    Place next(std::size_t k, const Panel& panel) const {
      Scalar* const first = panels[k];
      panels[k] += tap_distance > 0 ? panel.width : panel.taps * panel.width;
      return {first, std::max<Index>(tap_distance, 1) * panel.width};
    }
  };

  void list_panel(std::size_t p, Index chunk, Index part) {
    const Product& product = layout_.product(p);
    const Split split = layout_.panels(p, chunk);
    Panel panel{p, chunk, split.begin(part) * layout_.lane_multiple(), 0, 0, product.taps(), 0,
                1, {}};
    panel.width = split.end(part) * layout_.lane_multiple() - panel.first;
    panel.used = std::clamp<Index>(layout_.rows(p, chunk) - panel.first, 0, panel.width);
    panel.channel = layout_.chunks().begin(chunk) + panel.first / product.members();
    panel.offsets.resize(static_cast<std::size_t>(panel.taps * panel.used));
    // The row's channel, and the members of the three sets, count like the digits of a number.
    Index channel = panel.channel, member = panel.first % product.members();
    std::array<std::size_t, 3> digits{};
    for (std::size_t a = 3; a-- > 0; member /= product.set(a).size())
      digits[a] = static_cast<std::size_t>(member % product.set(a).size());
    for (Index r = 0; r < panel.used; ++r) {
      const auto &z_taps = product.z->members[digits[0]]->taps,
                 &y_taps = product.y->members[digits[1]]->taps,
                 &x_taps = product.x->members[digits[2]]->taps;
      const auto used = static_cast<std::size_t>(panel.used);
      for (std::size_t z = 0; z < z_taps.size(); ++z)
        for (std::size_t y = 0; y < y_taps.size(); ++y)
          for (std::size_t x = 0; x < x_taps.size(); ++x) {
            const Index tap = z_taps[z].kernel * source_.tap_strides[0] +
                              y_taps[y].kernel * source_.tap_strides[1] +
                              x_taps[x].kernel * source_.tap_strides[2];
            reach_ = std::max(reach_, tap + 1);
            panel.offsets[product.tap_number(z, y, x) * used + static_cast<std::size_t>(r)] =
                channel * source_.out_stride + tap;
          }
      std::size_t a = 3;
      while (a > 0 && ++digits[a - 1] == product.set(a - 1).members.size()) digits[--a] = 0;
      if (a == 0) ++channel;
    }
    while (panel.run < 8 && lies_in_runs(panel, 2 * panel.run)) panel.run *= 2;
    panels_.push_back(std::move(panel));
  }

  static bool lies_in_runs(const Panel& panel, Index run) {
    if (panel.used % run != 0) return false;
    for (auto first = panel.offsets.begin(); first != panel.offsets.end(); first += run)
      for (Index i = 1; i < run; ++i)
        if (first[i] != first[0] + i) return false;
    return true;
  }

  /// Where the weights of an input channel begin, in elements of a group.
  Index place(const Panel& panel, Index block, Index channel) const {
    const Split& blocks = layout_.channel_blocks();
    const Index depth = blocks.end(block) - blocks.begin(block);
    const Index taps_together = layout_.by_taps() ? 1 : panel.taps;
    return layout_.offset(panel.product, block, panel.chunk) + panel.taps * depth * panel.first +
           (channel - blocks.begin(block)) * taps_together * panel.width;
  }

  /// Calls `pack(channels, places)` for the input channels of each block, with where the panels
  /// have the first one of them.
  void for_each_block(Index first, Index end, Scalar* to, std::byte* scratch,
                      const FunctionRef<void(const Range& channels, const Places&)>& pack) const {
    const Split& blocks = layout_.channel_blocks();
    Scalar** const places =
        runtime::Arena(scratch).take<Scalar*>(static_cast<Index>(panels_.size()));
    for (Index b = 0; b < blocks.parts; ++b) {
      const Range channels{std::max(first, blocks.begin(b)), std::min(end, blocks.end(b))};
      if (channels.first >= channels.end) continue;
      for (std::size_t i = 0; i < panels_.size(); ++i)
        places[i] = to + place(panels_[i], b, channels.first);
      pack(channels, {places, layout_.by_taps() ? blocks.end(b) - blocks.begin(b) : 0});
    }
  }

  Index pitch() const { return turned_pitch<Scalar>(layout_.chunks().size); }

  void copy_turned(const Panel& panel, const Scalar* turned, const Place& place) const {
    const Index* offset = panel.offsets.data();
    Scalar* to = place.first;
    for (Index t = 0; t < panel.taps; ++t, offset += panel.used, to += place.tap_step) {
      const Index tap = *offset - panel.channel * source_.out_stride;
      simd::copy_dense(turned + tap * pitch() + panel.channel, panel.width, to);
    }
  }

  static void copy_listed(const Panel& panel, const Scalar* from, const Place& to) {
    switch (panel.run) {
      case 8:
        return copy_runs<8>(panel, from, to);
      case 4:
        return copy_runs<4>(panel, from, to);
      case 2:
        return copy_runs<2>(panel, from, to);
      default:
        return copy_runs<1>(panel, from, to);
    }
  }

  /// On its own the loop keeps all it needs in registers.
  template <Index run>
  static EIGEN_DONT_INLINE void copy_runs(const Panel& panel, const Scalar* from,
                                          const Place& place) {
    const Index* offset = panel.offsets.data();
    Scalar* to = place.first;
    for (Index t = 0; t < panel.taps; ++t, offset += panel.used, to += place.tap_step) {
      for (Index row = 0; row < panel.used; row += run)
        std::memcpy(to + row, from + offset[row], run * sizeof(Scalar));
      std::fill(to + panel.used, to + panel.width, Scalar(0));
    }
  }

  const WeightLayout& layout_;
  WeightSource<Scalar> source_;
  std::vector<Panel> panels_;
  Index reach_ = 0;  // positions of an output channel's weights up to its last tap
  bool turns_ = false;
};

}  // namespace tconv::inline TCONV_ISA::engine
