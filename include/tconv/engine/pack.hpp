#pragma once

/// \file
/// Copies weights and pixels into the order in which the micro-kernel reads them.

#include <algorithm>
#include <cstring>

#include "tconv/engine/plan.hpp"

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

/// Packs one (line, set) of a group: `[channel block][panel][tap][channel][row]`.
template <class Scalar>
void pack_weights(const Correlation& c, const WeightLayout& layout, const Line& line,
                  const PhaseSet& set, const WeightSource<Scalar>& source, Scalar* to) {
  const auto members = static_cast<Index>(set.members.size());
  const Index taps = WeightLayout::taps(line, set);
  for (Index c0 = 0; c0 < c.in_channels; c0 += layout.channel_block) {
    const Index depth = std::min(layout.channel_block, c.in_channels - c0);
    for (Index chunk = 0; chunk < layout.chunks.parts; ++chunk) {
      const Index rows = layout.rows(chunk, set);
      const Split panels = layout.panels(chunk, set);
      for (Index p = 0; p < panels.parts; ++p) {
        const Index row_begin = panels.begin(p) * layout.lane_multiple;
        const Index row_end = panels.end(p) * layout.lane_multiple;
        for (Index row = row_begin; row < row_end; ++row, ++to) {
          if (row >= rows) {
            for (Index i = 0; i < taps * depth; ++i) to[i * (row_end - row_begin)] = Scalar(0);
            continue;
          }
          const Index m = layout.chunks.begin(chunk) + row / members;
          const auto& kx = set.members[static_cast<std::size_t>(row % members)]->taps;
          const Scalar* from = source.data + c0 * source.in_stride + m * source.out_stride;
          Scalar* out = to;
          for (const Tap& z : line.z->taps)
            for (const Tap& y : line.y->taps)
              for (const Tap& x : kx) {
                const Scalar* tap = from + z.kernel * source.tap_strides[0] +
                                    y.kernel * source.tap_strides[1] +
                                    x.kernel * source.tap_strides[2];
                for (Index ci = 0; ci < depth; ++ci, out += row_end - row_begin)
                  *out = tap[ci * source.in_stride];
              }
        }
        to += (taps * depth - 1) * (row_end - row_begin);
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

/// The pixels that a tile reads, with zeros where it reaches beyond the image: `[channel][n][z][y]
/// [x]`, dense.
struct Halo {
  Index batch = 1;
  std::array<Index, 3> first{};  // input position of the first element
  std::array<Index, 3> extents{};
  Index plane() const { return batch * extents[0] * extents[1] * extents[2]; }
};

/// Writes whole packets of zeros from `begin` until `end` is passed. Mostly one: short of a loop,
/// which the compiler would make a call.
template <class Scalar>
void zero_packets(Scalar* begin, const Scalar* end) {
  using P = detail::Packet<Scalar>;
  const auto zero = P::broadcast(Scalar(0));
  if (begin < end) P::store(begin, zero);
  for (Scalar* to = begin + P::size; to < end; to += P::size) P::store(to, zero);
}

/// Exactly `count` elements; short rows are many, and a call for each would cost more than the
/// copy.
template <class Scalar>
void copy_row(const Scalar* from, Index step, Index count, Scalar* to) {
  using P = detail::Packet<Scalar>;
  if (step == 1 && count >= P::size) {
    for (Index i = 0; i + P::size <= count; i += P::size) P::store(to + i, P::load(from + i));
    P::store(to + count - P::size, P::load(from + count - P::size));
  } else {
    for (Index i = 0; i < count; ++i) to[i] = from[i * step];
  }
}

/// Copies the pixels of a tile. Zeros are written by whole packets before what follows them, so
/// `to` has a packet to spare at its end.
template <class Scalar>
void pack_halo(const Image<const Scalar>& x, Index channels, const std::array<Index, 3>& in,
               const Halo& halo, Scalar* to) {
  const Index pitch = halo.extents[2];
  const Index left = std::clamp<Index>(-halo.first[2], 0, pitch);
  const Index right = std::clamp<Index>(in[2] - halo.first[2], left, pitch);
  for (Index c = 0; c < channels; ++c)
    for (Index n = 0; n < halo.batch; ++n)
      for (Index z = halo.first[0]; z < halo.first[0] + halo.extents[0]; ++z)
        for (Index y = halo.first[1]; y < halo.first[1] + halo.extents[1]; ++y, to += pitch) {
          if (z < 0 || z >= in[0] || y < 0 || y >= in[1]) {
            zero_packets(to, to + pitch);
            continue;
          }
          const Scalar* row = x.data + n * x.batch_stride + c * x.channel_stride +
                              z * x.strides[0] + y * x.strides[1] +
                              (halo.first[2] + left) * x.strides[2];
          zero_packets(to, to + left);
          copy_row(row, x.strides[2], right - left, to + left);
          zero_packets(to + right, to + pitch);
        }
}

/// A box of q, and the order of its pixels as lanes: rows of `pitch`.
struct Box {
  Index batch = 1;
  std::array<Index, 3> first{};
  std::array<Index, 3> count{};

  Index rows() const { return batch * count[0] * count[1]; }
  Index pixels() const { return rows() * count[2]; }
};

/// The pixels of a run in blocks, each the width of a micro-tile.
struct PixelBlocks {
  Index pixels = 0;   // a multiple of the packet where pixels are lanes
  Index width = 1;    // of all blocks but the last, or at most where pixels are broadcast
  bool even = false;  // all widths nearly equal

  Index parts() const { return ceil_div(pixels, width); }
  Index begin(Index block) const {
    return even ? Split{pixels, parts()}.begin(block) : std::min(block * width, pixels);
  }
  Index size(Index block) const { return begin(block + 1) - begin(block); }
};

/// First element of a gathered block: one packet lies between blocks, as copies write whole
/// packets.
inline Index gathered_begin(const PixelBlocks& blocks, Index block, Index depth, Index packet) {
  return blocks.begin(block) * depth + block * packet;
}

/// A part of an image row that lies in one block: up to a packet of pixels.
struct Segment {
  Index from;
  Index to;
  Index count;
};

/// The segments of one block of a box's pixels. Returns how many there are.
inline Index list_segments(const Halo& halo, const Box& box, const std::array<Index, 3>& in_strides,
                           Index begin, Index end, Index packet, Segment* segments) {
  Index count = 0;
  for (Index pixel = begin; pixel < end;) {
    const Index x = pixel % box.count[2], row = pixel / box.count[2];
    const Index y = row % box.count[1], z = row / box.count[1] % box.count[0],
                n = row / box.count[1] / box.count[0];
    const Index from =
        ((n * halo.extents[0] + z * in_strides[0]) * halo.extents[1] + y * in_strides[1]) *
            halo.extents[2] +
        x * in_strides[2];
    const Index size = std::min({packet, box.count[2] - x, end - pixel});
    segments[count++] = {from, pixel - begin, size};
    pixel += size;
  }
  return count;
}

/// Copies the pixels that each tap reads out of the halo, for `channels` channels: `[block][tap]
/// [channel][pixel]`. What a copied packet writes beyond its segment is overwritten by the next
/// one, or by the next tap or channel; `from` has a packet to spare at its end.
template <class Scalar>
void gather_pixels(const Scalar* from, const Halo& halo, Index channels, const Box& box,
                   const std::array<Index, 3>& in_strides, const Line& line, const PhaseSet& set,
                   const PixelBlocks& blocks, Scalar* to) {
  using P = detail::Packet<Scalar>;
  std::array<Segment, static_cast<std::size_t>(max_vectors * P::size)> segments;
  const Index plane_y = halo.extents[2], plane_z = plane_y * halo.extents[1];
  const Index depth = WeightLayout::taps(line, set) * channels;
  for (Index b = 0; b < blocks.parts(); ++b) {
    const Index width = blocks.size(b);
    const Index end = std::min(blocks.begin(b + 1), box.pixels());
    const Index count =
        list_segments(halo, box, in_strides, blocks.begin(b), end, P::size, segments.data());
    const Index used = end - blocks.begin(b);
    Scalar* out = to + gathered_begin(blocks, b, depth, P::size);
    for (const Tap& z : line.z->taps)
      for (const Tap& y : line.y->taps)
        for (const Tap& x : set.taps) {
          const Scalar* origin =
              from + (box.first[0] * in_strides[0] + z.shift - halo.first[0]) * plane_z +
              (box.first[1] * in_strides[1] + y.shift - halo.first[1]) * plane_y +
              (box.first[2] * in_strides[2] + x.shift - halo.first[2]);
          for (Index c = 0; c < channels; ++c, out += width, origin += halo.plane()) {
            if (in_strides[2] == 1)
              for (Index s = 0; s < count; ++s)
                P::store(out + segments[static_cast<std::size_t>(s)].to,
                         P::load(origin + segments[static_cast<std::size_t>(s)].from));
            else
              for (Index s = 0; s < count; ++s) {
                const Segment& segment = segments[static_cast<std::size_t>(s)];
                for (Index i = 0; i < segment.count; ++i)
                  out[segment.to + i] = origin[segment.from + i * in_strides[2]];
              }
            std::fill(out + used, out + std::max(used, width), Scalar(0));
          }
        }
  }
}

}  // namespace tconv::engine
