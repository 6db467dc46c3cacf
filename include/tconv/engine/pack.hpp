#pragma once

/// \file
/// Copies weights and pixels into the order in which the micro-kernel reads them.

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstring>
#include <type_traits>
#include <vector>

#include "tconv/detail/stride.hpp"
#include "tconv/engine/tile.hpp"

namespace tconv::engine {

/// The weight of one group as (input channel, output channel, taps of three axes).
template <class Scalar>
struct WeightSource {
  const Scalar* data = nullptr;
  Index in_stride = 0;
  Index out_stride = 0;
  std::array<Index, 3> tap_strides{};
  Index group_stride = 0;
};

/// Where the weights of `count` rows of a product lie in the source, from row `first` of the chunk
/// that begins with channel `channel`: `[tap][row]`.
template <class Scalar>
void list_weights(const Product& product, Index channel, Index first, Index count,
                  const WeightSource<Scalar>& source, Index* offsets) {
  for (Index row = first; row < first + count; ++row) {
    const auto member = [row](const PhaseSet& set, Index inner) -> const std::vector<Tap>& {
      return set.members[static_cast<std::size_t>(row / inner % set.size())]->taps;
    };
    Index* offset = offsets++;
    for (const Tap& z : member(*product.z, product.y->size() * product.x->size()))
      for (const Tap& y : member(*product.y, product.x->size()))
        for (const Tap& x : member(*product.x, 1)) {
          *offset = (channel + row / product.members()) * source.out_stride +
                    z.kernel * source.tap_strides[0] + y.kernel * source.tap_strides[1] +
                    x.kernel * source.tap_strides[2];
          offset += count;
        }
  }
}

/// Packs one chunk of all products, of one group: `[channel block][panel][channel][tap][row]`, the
/// blocks at their places in `to`, which begins with the group. Reads the source once, as all
/// products take their weights of a channel from the same cache lines.
template <class Scalar>
void pack_weights(const WeightLayout& layout, Index chunk, const WeightSource<Scalar>& source,
                  Scalar* to) {
  struct Panel {
    std::size_t product;
    Index first, width, used;  // rows, and how many of them are no padding
    Index taps;
    std::vector<Index> offsets;  // of channel 0, [tap][row]
    Scalar* to = nullptr;
  };
  std::vector<Panel> panels;
  for (std::size_t p = 0; p < layout.products().size(); ++p) {
    const Product& product = layout.product(p);
    const Index taps = product.taps();
    if (taps == 0) continue;
    const Split split = layout.panels(p, chunk);
    for (Index i = 0; i < split.parts; ++i) {
      const Index first = split.begin(i) * layout.lane_multiple();
      const Index width = split.end(i) * layout.lane_multiple() - first;
      const Index used = std::clamp<Index>(layout.rows(p, chunk) - first, 0, width);
      Panel& panel = panels.emplace_back(Panel{p, first, width, used, taps, {}});
      panel.offsets.resize(static_cast<std::size_t>(taps * used));
      if (used > 0)
        list_weights(product, layout.chunks().begin(chunk), first, used, source,
                     panel.offsets.data());
    }
  }
  const Split& blocks = layout.channel_blocks();
  for (Index b = 0; b < blocks.parts; ++b) {
    const Index depth = blocks.end(b) - blocks.begin(b);
    for (Panel& panel : panels)
      panel.to = to + layout.offset(panel.product, b, chunk) + panel.taps * depth * panel.first;
    for (Index c = blocks.begin(b); c < blocks.end(b); ++c) {
      const Scalar* from = source.data + c * source.in_stride;
      for (Panel& panel : panels) {
        const Index* offset = panel.offsets.data();
        for (Index t = 0; t < panel.taps; ++t, offset += panel.used, panel.to += panel.width) {
          for (Index row = 0; row < panel.used; ++row) panel.to[row] = from[offset[row]];
          std::fill(panel.to + panel.used, panel.to + panel.width, Scalar(0));
        }
      }
    }
  }
}

/// A tensor as (n, channel, three spatial axes).
template <class T>
struct Image {
  T* data = nullptr;
  Index batch_stride = 0;
  Index channel_stride = 0;
  std::array<Index, 3> strides{};
};

/// A box of input pixels, of all batch entries of a tile. It may reach beyond the image, where
/// pixels are zero.
struct Window {
  std::array<Index, 3> first{};    // input position of the first pixel
  std::array<Index, 3> extents{};  // pixels
  std::array<Index, 3> steps{};    // input positions from pixel to pixel
  std::array<Range, 3> inside{};   // its pixels that an image has

  /// Finds which pixels an image of extents `in` has.
  void meet_image(const std::array<Index, 3>& in) {
    for (std::size_t a = 0; a < 3; ++a) {
      Range& range = inside[a];
      range.first = std::clamp<Index>(ceil_div(-first[a], steps[a]), 0, extents[a]);
      range.end = std::clamp<Index>(ceil_div(in[a] - first[a], steps[a]), range.first, extents[a]);
    }
  }
};

/// Writes whole packets of zeros from `begin` until `end` is passed. Mostly one: short of a loop,
/// which the compiler would make a call.
template <class Scalar>
EIGEN_ALWAYS_INLINE void zero_packets(Scalar* begin, const Scalar* end) {
  using P = detail::Packet<Scalar>;
  const auto zero = P::broadcast(Scalar(0));
  if (begin < end) P::store(begin, zero);
  for (Scalar* to = begin + P::size; to < end; to += P::size) P::store(to, zero);
}

/// Every element number `step` of a row, `count` of them. Reads no further than the last one.
template <int step, class Scalar>
void copy_strided(const Scalar* from, Index count, Scalar* to) {
  Index i = 0;
  const auto copy = [&](auto size) {
    for (; i + size < count; i += size)
      detail::load_strided<Scalar, static_cast<std::size_t>(size), step>(from + i * step, to + i);
  };
  constexpr int lanes = detail::Packet<Scalar>::size;
  copy(std::integral_constant<int, lanes>{});
  if constexpr (lanes >= 8) copy(std::integral_constant<int, lanes / 2>{});
  for (; i < count; ++i) to[i] = from[i * step];
}

/// Writes rows of `pitch` elements and up to a packet more: `from[i * step]` for i in `part`, zero
/// elsewhere. Asks for what lies `ahead` of the source.
template <class Scalar>
void copy_rows(const Scalar* from, Index step, Index row_step, Index rows, const Range& part,
               Index ahead, Index pitch, Scalar* to) {
  using P = detail::Packet<Scalar>;
  if (step == 1) {
    for (Index r = 0; r < rows; ++r, from += row_step, to += pitch) {
      Index i = 0;
      const auto copy = [&](const auto& packet) {
        P::store(to + i, packet);
        detail::prefetch(from + ahead + i);
        i += P::size;
      };
      while (i < part.first) copy(detail::load_part(from + i, part.first - i, part.end - i));
      while (i + P::size <= part.end) copy(P::load(from + i));
      while (i < pitch) copy(detail::load_part(from + i, 0, part.end - i));
    }
    return;
  }
  from += part.first * step;
  for (Index r = 0; r < rows; ++r, from += row_step, to += pitch) {
    zero_packets(to, to + part.first);
    if (step == 2)
      copy_strided<2>(from, part.size(), to + part.first);
    else
      for (Index i = 0; i < part.size(); ++i) to[part.first + i] = from[i * step];
    zero_packets(to + part.end, to + pitch);
  }
}

/// Copies a window of one channel, `[n][z][y][x]`, and asks for what lies `ahead` in memory: the
/// hardware does not foresee the leap to the next channel. Whole packets are written before those
/// that follow, so `to` has one to spare at its end. Returns the end.
template <class Scalar>
Scalar* pack_window(const Image<const Scalar>& x, Index batch, const Window& window, Index ahead,
                    Scalar* to) {
  const auto& [first, extents, steps, inside] = window;
  const Index pitch = extents[2];
  const auto zero_rows = [&](Index rows) {
    zero_packets(to, to + rows * pitch);
    to += rows * pitch;
  };
  for (Index n = 0; n < batch; ++n)
    for (Index iz = 0; iz < extents[0]; ++iz) {
      if (iz < inside[0].first || iz >= inside[0].end || inside[1].size() == 0 ||
          inside[2].size() == 0) {
        zero_rows(extents[1]);
        continue;
      }
      zero_rows(inside[1].first);
      const Scalar* from = x.data + n * x.batch_stride + (first[0] + iz * steps[0]) * x.strides[0] +
                           (first[1] + inside[1].first * steps[1]) * x.strides[1] +
                           first[2] * x.strides[2];
      copy_rows(from, steps[2] * x.strides[2], steps[1] * x.strides[1], inside[1].size(), inside[2],
                ahead, pitch, to);
      to += inside[1].size() * pitch;
      zero_rows(extents[1] - inside[1].end);
    }
  return to;
}

}  // namespace tconv::engine
