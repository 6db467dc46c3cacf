#pragma once

/// \file
/// The products of a line on a tile: which pixels each has, where those lie in the packed windows,
/// where their sums lie, and how the sums follow one another in an output row. Plain integers.

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>

#include "tconv/core/eigen.hpp"
#include "tconv/core/integer.hpp"
#include "tconv/core/isa.hpp"
#include "tconv/engine/correlation.hpp"
#include "tconv/engine/direct/schedule.hpp"
#include "tconv/engine/input/window.hpp"
#include "tconv/engine/layout.hpp"
#include "tconv/engine/multiply.hpp"
#include "tconv/engine/phases.hpp"
#include "tconv/engine/tile.hpp"
#include "tconv/runtime/arena.hpp"

namespace tconv::inline TCONV_ISA::engine {

/// The pixels of one product, and where they and their sums lie.
struct Pixels {
  std::size_t product = 0;
  std::array<Range, 3> q{};
  PixelRuns runs;
  PixelBlocks blocks;
  std::int32_t* offsets = nullptr;  // of each channel and tap in the packed pixels
  TapPixels* taps = nullptr;        // if these are multiplied one after another
  Index sums = 0;                   // begin here
  Index turned = 0;                 // turned sums begin here

  Index count() const { return runs.size() * blocks.pixels; }
  /// Whether the product has no taps, and so no sums.
  bool blank() const { return count() == 0; }
  /// Among the sums, from batch entry to batch entry, from plane to plane, from row to row.
  std::array<Index, 3> sum_steps() const {
    const auto& [n, z, y] = runs.counts;
    return {n == 1 ? runs.steps[0] : z * y * blocks.pixels,
            z == 1 ? runs.steps[1] : y * blocks.pixels, y == 1 ? runs.steps[2] : blocks.pixels};
  }
};

/// The rows of one phase of each outer axis.
struct OuterPhase {
  PhasePixels z, y;
};

/// Phases of the innermost axis that follow one another in the sums and in the output.
struct StoredPhase {
  const Pixels* pixels = nullptr;
  Index member = 0;
  PhasePixels outputs;
  Index width = 1;

  /// Whether `next` can be stored together with this one.
  bool continues_with(const StoredPhase& next) const {
    return pixels == next.pixels && next.member == member + width &&
           next.outputs.pixel == outputs.pixel && next.outputs.count == outputs.count &&
           next.outputs.first == outputs.first + width;
  }
};

/// `count` things from `first`.
template <class T>
struct Sequence {
  T* first = nullptr;
  Index count = 0;

  T* begin() const { return first; }
  T* end() const { return first + count; }
  T& operator[](Index i) const { return first[i]; }
  void push_back(const T& value) { first[count++] = value; }
};

class TileLine {
 public:
  TileLine(const DirectSchedule& schedule, runtime::Arena& arena)
      : c_(schedule.correlation()),
        layout_(schedule.layout()),
        packing_(schedule.plan().packing),
        lanes_(schedule.lane_count()) {
    for (std::size_t a = 0; a < 3; ++a) first_shift_[a] = stride_range(c_.axes[a]).first;
    const auto products = static_cast<Index>(layout_.line_size());
    Index taps = 1;
    for (const Product& product : layout_.products()) taps = std::max(taps, product.taps());
    for (const PhaseSet& set : layout_.sets(2)) max_phases_ += set.size();
    pixels_.first = arena.take<Pixels>(products);
    windows_.first = arena.take<Window>(schedule.footprint().most_windows);
    stacks_.first = arena.take<WindowStack>(schedule.footprint().most_windows);
    phases_.first = arena.take<StoredPhase>(max_phases_);
    Index most_outer = 0;
    for (const Product& product : layout_.products())
      most_outer = std::max(most_outer, product.z->size() * product.y->size());
    outer_.first = arena.take<OuterPhase>(most_outer);
    offsets_ = arena.take<std::int32_t>(products * taps * layout_.channel_blocks().largest());
    if (packing_.by_taps) taps_ = arena.take<TapPixels>(products * taps);
  }

  /// Lists the products of a line that have pixels on the tile `q` of `batch` entries, and where
  /// those lie.
  void place(Index line, Index batch, const std::array<Range, 3>& q) {
    // Tiles that differ in their group or place in the batch have the same pixels.
    if (line == line_ && batch == batch_ && q == q_) return;
    line_ = line;
    batch_ = batch;
    q_ = q;
    for (std::size_t a = 0; a < 3; ++a) {
      halo_[a] = {q[a].first + first_shift_[a], 0};
      halo_[a].end = halo_[a].first + layout_.shape().axis(a).halo_extent(q[a].size());
      if (packing_.clips) halo_[a] = clip(halo_[a], c_.axes[a].in);
    }
    pixels_.count = windows_.count = stacks_.count = phases_.count = outer_.count = 0;
    sums_ = turned_ = packed_ = 0;
    std::int32_t* offsets = offsets_;
    const std::size_t begin = static_cast<std::size_t>(line) * layout_.line_size();
    for (std::size_t p = begin; p < begin + layout_.line_size(); ++p)
      offsets = place_product(p, offsets);
    plane_ = channel_plane(packing_.channels_inside ? layout_.channel_blocks().largest() : packed_,
                           lanes_);
    for (const Pixels& pixels : pixels_)
      if (packing_.by_taps)
        list_channels(pixels);
      else
        repeat_offsets(pixels);
    join_phases();
    if (pixels_.count > 0) list_outer_phases();
  }

  const Sequence<Pixels>& pixels() const { return pixels_; }
  /// What is copied for each channel, one after another.
  const Sequence<Window>& windows() const { return windows_; }
  /// The phases of an output row in the order of their outputs.
  const Sequence<StoredPhase>& phases() const { return phases_; }
  /// The phases of the outer axes, in the order of the members of a product.
  const Sequence<OuterPhase>& outer_phases() const { return outer_; }
  /// Of any tile.
  Index max_phases() const { return max_phases_; }
  /// From channel to channel of the packed pixels, or from pixel to pixel if these have their
  /// channels side by side.
  Index plane() const { return plane_; }
  /// Elements of packed pixels.
  Index packed_size() const {
    return plane_ * (packing_.channels_inside ? packed_ : layout_.channel_blocks().largest());
  }
  /// Elements of sums.
  Index sums() const { return sums_; }
  Index turned() const { return turned_; }

 private:
  /// Says where the taps begin in all channels, from their pixels in the windows of one.
  void repeat_offsets(const Pixels& pixels) const {
    const Index taps = layout_.product(pixels.product).taps();
    const auto plane = static_cast<std::int32_t>(plane_);
    const std::int32_t pixel_step = packing_.channels_inside ? plane : 1;
    const std::int32_t channel_step = packing_.channels_inside ? 1 : plane;
    for (Index tap = 0; tap < taps; ++tap) {
      // Each from the first, not from the one before, for which a processor would wait.
      const std::int32_t first = pixels.offsets[tap] * pixel_step;
      for (Index c = 0; c < layout_.channel_blocks().largest(); ++c)
        pixels.offsets[c * taps + tap] = first + static_cast<std::int32_t>(c) * channel_step;
    }
  }

  /// Says where channels begin, from the first one on.
  void list_channels(const Pixels& pixels) const {
    const Index step = packing_.channels_inside ? 1 : plane_;
    for (Index c = 0; c < layout_.channel_blocks().largest(); ++c)
      pixels.offsets[c] = static_cast<std::int32_t>(c * step);
  }

  /// Finds for which of its pixels each tap of a product reads inside the image, `firsts` being
  /// what the taps read for the first pixel.
  void list_taps(const Pixels& pixels, const std::int32_t* firsts) const {
    const Product& product = layout_.product(pixels.product);
    const auto range = [&](std::size_t a, const Tap& tap) {
      const Range inside = inside_range(pixels.q[a], tap, c_.axes[a]);
      return Range{inside.first - pixels.q[a].first, inside.end - pixels.q[a].first};
    };
    for (std::size_t z = 0; z < product.z->taps.size(); ++z)
      for (std::size_t y = 0; y < product.y->taps.size(); ++y)
        for (std::size_t x = 0; x < product.x->taps.size(); ++x) {
          const std::array<Range, 3> rows{Range{0, batch_}, range(0, product.z->taps[z]),
                                          range(1, product.y->taps[y])};
          const auto tap = product.tap_number(z, y, x);
          TapPixels& to = pixels.taps[tap];
          to = {firsts[tap], {}, range(2, product.x->taps[x])};
          if (to.pixels.size() == 0) continue;
          for (std::size_t a = 0; a < 3; ++a) {
            const bool separate = pixels.runs.counts[a] > 1;
            to.runs[a] = separate ? rows[a] : Range{0, std::min<Index>(rows[a].size(), 1)};
            if (separate || rows[a].size() == 0) continue;
            to.pixels.first += rows[a].first * pixels.runs.steps[a];
            to.pixels.end += (rows[a].end - 1) * pixels.runs.steps[a];
          }
        }
  }

  /// Windows with the same pixels of the innermost axis, one after another.
  struct WindowStack {
    Index first, extent;
    Index at;
  };

  /// Returns where the next product's offsets may begin.
  std::int32_t* place_product(std::size_t p, std::int32_t* offsets) {
    const Product& product = layout_.product(p);
    Pixels pixels;
    pixels.product = p;
    pixels.offsets = offsets;
    std::array<Index, 3> count{};
    for (std::size_t a = 0; a < 3; ++a) {
      const PhaseSet& set = product.set(a);
      const Index first = std::max(q_[a].first, set.first);
      pixels.q[a] = {first, std::max(first, std::min(q_[a].end, set.end()))};
      count[a] = pixels.q[a].size();
    }
    if (count[0] * count[1] * count[2] == 0) return offsets;
    if (product.taps() == 0) {
      pixels_.push_back(pixels);
      list_phases(pixels_[pixels_.count - 1]);
      return offsets;
    }
    place_windows(pixels, count);
    if (packing_.by_taps) {
      pixels.taps = taps_ + (offsets - offsets_) / layout_.channel_blocks().largest();
      list_taps(pixels, pixels.offsets);
    }
    pixels.blocks =
        PixelBlocks(packing_, pixels.runs.length, layout_.panels(p, 0).largest(), lanes_);
    pixels.sums = sums_;
    pixels.turned = turned_;
    const bool one_block = layout_.channel_blocks().parts == 1;
    sums_ += (one_block ? layout_.chunk_rows(p) : layout_.total_rows(p)) * pixels.count();
    if (layout_.turns_sums()) turned_ += layout_.chunk_rows(p) * round_up(pixels.count(), lanes_);
    pixels_.push_back(pixels);
    list_phases(pixels_[pixels_.count - 1]);
    return offsets + product.taps() * layout_.channel_blocks().largest();
  }

  /// The part of a range that an axis of `extent` pixels has.
  static Range clip(const Range& range, Index extent) {
    const Index first = std::clamp<Index>(range.first, 0, extent);
    return {first, std::clamp(range.end, first, extent)};
  }

  /// The first input position of a product's window number `place` on an axis.
  Index window_first(const Pixels& pixels, const PhaseSet& set, std::size_t a, Index place) const {
    const PhasedAxis& axis = c_.axes[a];
    const auto i = static_cast<std::size_t>(place);
    if (packing_.copies(a)) return pixels.q[a].first * axis.in_stride + set.taps[i].shift;
    return halo_[a].first * axis.in_stride + set.remainders[i];
  }

  /// Which of a product's windows on an axis a tap reads.
  Index window_place(const PhaseSet& set, std::size_t a, std::size_t tap) const {
    if (packing_.copies(a)) return static_cast<Index>(tap);
    const auto& remainders = set.remainders;
    const Index remainder = floor_mod(set.taps[tap].shift, c_.axes[a].in_stride);
    return static_cast<Index>(std::lower_bound(remainders.begin(), remainders.end(), remainder) -
                              remainders.begin());
  }

  /// Where a tap begins in its window, or how far in front of one that is clipped.
  Index window_pixel(const Pixels& pixels, const PhaseSet& set, std::size_t a,
                     std::size_t tap) const {
    if (packing_.copies(a)) return 0;
    return pixels.q[a].first + floor_div(set.taps[tap].shift, c_.axes[a].in_stride) -
           halo_[a].first;
  }

  /// Adds the windows that a product reads, and says where its taps begin in those of the first
  /// channel.
  void place_windows(Pixels& pixels, const std::array<Index, 3>& count) {
    const Product& product = layout_.product(pixels.product);
    Window window;
    for (std::size_t a = 0; a < 3; ++a) {
      window.extents[a] = packing_.copies(a) ? count[a] : halo_[a].size();
      window.steps[a] = c_.axes[a].in_stride;
    }
    pixels.runs = PixelRuns(packing_, batch_, count, window.extents);
    const auto& steps = pixels.runs.steps;
    const Index size = steps[0] * batch_, y_places = window_places(packing_, product, 1);
    const auto &z_taps = product.z->taps, &y_taps = product.y->taps, &x_taps = product.x->taps;
    for (std::size_t x = 0; x < x_taps.size(); ++x) {
      window.first[2] = window_first(pixels, *product.x, 2, window_place(*product.x, 2, x));
      const Index row = find_windows(window, pixels) + window_pixel(pixels, *product.x, 2, x);
      for (std::size_t z = 0; z < z_taps.size(); ++z) {
        const Index plane = row + window_pixel(pixels, *product.z, 0, z) * steps[1] +
                            window_place(*product.z, 0, z) * y_places * size;
        for (std::size_t y = 0; y < y_taps.size(); ++y)
          pixels.offsets[product.tap_number(z, y, x)] =
              static_cast<std::int32_t>(plane + window_pixel(pixels, *product.y, 1, y) * steps[2] +
                                        window_place(*product.y, 1, y) * size);
      }
    }
  }

  /// Where the windows that differ from `window` in the first positions of the outer axes begin,
  /// which are added if they are new: the products of a line differ in the innermost axis only.
  Index find_windows(Window window, const Pixels& pixels) {
    for (const WindowStack& stack : stacks_)
      if (stack.first == window.first[2] && stack.extent == window.extents[2]) return stack.at;
    const Index at = packed_;
    stacks_.push_back({window.first[2], window.extents[2], at});
    const Product& product = layout_.product(pixels.product);
    for (Index z = 0; z < window_places(packing_, product, 0); ++z)
      for (Index y = 0; y < window_places(packing_, product, 1); ++y) {
        window.first[0] = window_first(pixels, *product.z, 0, z);
        window.first[1] = window_first(pixels, *product.y, 1, y);
        window.meet_image({c_.axes[0].in, c_.axes[1].in, c_.axes[2].in});
        windows_.push_back(window);
        packed_ += batch_ * window.extents[0] * window.extents[1] * window.extents[2];
      }
    return at;
  }

  /// Appends the phases of the innermost axis that have outputs in the tile.
  void list_phases(const Pixels& pixels) {
    const PhaseSet& set = *layout_.product(pixels.product).x;
    for (Index member = 0; member < set.size(); ++member) {
      const Phase& phase = *set.members[static_cast<std::size_t>(member)];
      const PhasePixels outputs = phase_pixels(phase, pixels.q[2], c_.axes[2].out_stride);
      if (outputs.count > 0) phases_.push_back({&pixels, member, outputs});
    }
  }

  /// The products of a line have the same sets, and so the same q, on the outer axes.
  void list_outer_phases() {
    const Product& product = layout_.product(pixels_[0].product);
    const auto& q = pixels_[0].q;
    for (const Phase* z : product.z->members)
      for (const Phase* y : product.y->members)
        outer_.push_back({phase_pixels(*z, q[0], c_.axes[0].out_stride),
                          phase_pixels(*y, q[1], c_.axes[1].out_stride)});
  }

  /// Sorts the phases by output, and joins those that are summed and stored side by side.
  void join_phases() {
    std::sort(phases_.begin(), phases_.end(), [](const StoredPhase& a, const StoredPhase& b) {
      return a.outputs.first < b.outputs.first;
    });
    if (!packing_.weights_in_lanes() || layout_.turns_sums()) return;
    Index joined = 0;
    for (Index i = 1; i < phases_.count; ++i) {
      if (phases_[joined].continues_with(phases_[i]))
        ++phases_[joined].width;
      else
        phases_[++joined] = phases_[i];
    }
    phases_.count = std::min(phases_.count, joined + 1);
  }

  const Correlation& c_;
  const WeightLayout& layout_;
  const Packing& packing_;
  Index lanes_;
  std::array<Index, 3> first_shift_{};  // of all taps, in units of the input's stride
  Index max_phases_ = 0;
  Index line_ = -1, batch_ = 1;
  std::array<Range, 3> q_{};
  std::array<Range, 3> halo_{};  // what these read, in units of the input's stride
  Sequence<Pixels> pixels_;
  Sequence<Window> windows_;
  Sequence<WindowStack> stacks_;
  Sequence<StoredPhase> phases_;
  Sequence<OuterPhase> outer_;
  std::int32_t* offsets_ = nullptr;
  TapPixels* taps_ = nullptr;
  Index sums_ = 0, turned_ = 0, packed_ = 0, plane_ = 0;
};

}  // namespace tconv::inline TCONV_ISA::engine
