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

/// Packs one (line, set) of a group: panels, each `[channel block][tap][channel][row]`.
template <class Scalar>
void pack_weights(const Correlation& c, const WeightLayout& layout, const Line& line,
                  const PhaseSet& set, const WeightSource<Scalar>& source, Scalar* to) {
  const auto members = static_cast<Index>(set.members.size());
  const auto tap_count = static_cast<Index>(set.taps.size());
  for (Index chunk = 0; chunk < layout.chunks.parts; ++chunk) {
    const Index rows = layout.rows(chunk, set);
    const Split panels = layout.panels(chunk, set);
    for (Index p = 0; p < panels.parts; ++p) {
      const Index row_begin = panels.begin(p) * layout.lane_multiple;
      const Index row_end = panels.end(p) * layout.lane_multiple;
      for (Index c0 = 0; c0 < c.in_channels; c0 += layout.channel_block) {
        const Index c1 = std::min(c0 + layout.channel_block, c.in_channels);
        for (const Tap& tz : line.z->taps)
          for (const Tap& ty : line.y->taps)
            for (Index t = 0; t < tap_count; ++t)
              for (Index ci = c0; ci < c1; ++ci)
                for (Index row = row_begin; row < row_end; ++row, ++to) {
                  if (row >= rows) {
                    *to = Scalar(0);
                    continue;
                  }
                  const Index m = layout.chunks.begin(chunk) + row / members;
                  const auto& phase = *set.members[static_cast<std::size_t>(row % members)];
                  *to = source.data[ci * source.in_stride + m * source.out_stride +
                                    tz.kernel * source.tap_strides[0] +
                                    ty.kernel * source.tap_strides[1] +
                                    phase.taps[static_cast<std::size_t>(t)].kernel *
                                        source.tap_strides[2]];
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

/// The pixels that a tile reads, with zeros where it reaches beyond the image: `[channel][n][z][y]
/// [x]`, dense.
struct Halo {
  Index batch = 1;
  std::array<Index, 3> first{};  // input position of the first element
  std::array<Index, 3> extents{};
  Index plane() const { return batch * extents[0] * extents[1] * extents[2]; }
};

template <class Scalar>
void pack_halo(const Image<const Scalar>& x, Index channels, const std::array<Index, 3>& in,
               const Halo& halo, Scalar* to) {
  const Index left = std::clamp<Index>(-halo.first[2], 0, halo.extents[2]);
  const Index right = std::clamp<Index>(in[2] - halo.first[2], left, halo.extents[2]);
  const Index step = x.strides[2];
  for (Index c = 0; c < channels; ++c)
    for (Index n = 0; n < halo.batch; ++n)
      for (Index z = halo.first[0]; z < halo.first[0] + halo.extents[0]; ++z)
        for (Index y = halo.first[1]; y < halo.first[1] + halo.extents[1];
             ++y, to += halo.extents[2]) {
          if (z < 0 || z >= in[0] || y < 0 || y >= in[1]) {
            std::fill(to, to + halo.extents[2], Scalar(0));
            continue;
          }
          const Scalar* row = x.data + n * x.batch_stride + c * x.channel_stride +
                              z * x.strides[0] + y * x.strides[1] + (halo.first[2] + left) * step;
          std::fill(to, to + left, Scalar(0));
          if (step == 1)
            std::copy(row, row + (right - left), to + left);
          else
            for (Index i = 0; i < right - left; ++i) to[left + i] = row[i * step];
          std::fill(to + right, to + halo.extents[2], Scalar(0));
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

/// Copies the pixels that each tap reads out of the halo: `[tap][channel][pixel]`, `padded` pixels
/// each. Whole packets are copied: what a row writes beyond its end, the next row overwrites.
/// `from` and `to` have a packet to spare at their ends.
template <class Scalar>
void gather_pixels(const Scalar* from, const Halo& halo, Index channels, const Box& box,
                   const std::array<Index, 3>& in_strides, const Line& line, const PhaseSet& set,
                   Index padded, Scalar* to) {
  using P = detail::Packet<Scalar>;
  const Index plane_y = halo.extents[2], plane_z = plane_y * halo.extents[1],
              plane_n = plane_z * halo.extents[0];
  for (const Tap& tz : line.z->taps)
    for (const Tap& ty : line.y->taps)
      for (const Tap& tx : set.taps) {
        const Scalar* origin = from +
                               (box.first[0] * in_strides[0] + tz.shift - halo.first[0]) * plane_z +
                               (box.first[1] * in_strides[1] + ty.shift - halo.first[1]) * plane_y +
                               (box.first[2] * in_strides[2] + tx.shift - halo.first[2]);
        for (Index c = 0; c < channels; ++c, origin += halo.plane()) {
          Scalar* out = to;
          for (Index n = 0; n < box.batch; ++n)
            for (Index z = 0; z < box.count[0]; ++z)
              for (Index y = 0; y < box.count[1]; ++y, out += box.count[2]) {
                const Scalar* row = origin + n * plane_n + z * in_strides[0] * plane_z +
                                    y * in_strides[1] * plane_y;
                if (in_strides[2] == 1)
                  for (Index i = 0; i < box.count[2]; i += P::size)
                    P::store(out + i, P::load(row + i));
                else
                  for (Index i = 0; i < box.count[2]; ++i) out[i] = row[i * in_strides[2]];
              }
          to += padded;
          std::fill(out, std::max(out, to), Scalar(0));
        }
      }
}

}  // namespace tconv::engine
