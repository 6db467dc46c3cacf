#pragma once

/// \file
/// Copies pixels into the order in which the micro-kernel reads them.

#include <algorithm>
#include <array>
#include <cstddef>
#include <type_traits>

#include "tconv/engine/copy_row.hpp"
#include "tconv/engine/tile.hpp"

namespace tconv::engine {

/// A tensor as (n, channel, three spatial axes).
template <class T>
struct Image {
  T* data = nullptr;
  Index batch_stride = 0;
  Index channel_stride = 0;
  std::array<Index, 3> strides{};
};

/// The end of a dense tensor.
template <class Scalar>
const Scalar* end_of(const Image<const Scalar>& image, Index batch, Index channels,
                     const std::array<Index, 3>& extents) {
  Index last = (batch - 1) * image.batch_stride + (channels - 1) * image.channel_stride;
  for (std::size_t a = 0; a < 3; ++a) last += (extents[a] - 1) * image.strides[a];
  return image.data + last + 1;
}

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

/// Writes rows of `pitch` elements and up to a packet more: `from[i * step]` for i in `part`, zero
/// elsewhere.
template <class Scalar>
void copy_rows(const Scalar* from, Index step, Index row_step, Index rows, const Range& part,
               Index pitch, Scalar* to) {
  using P = detail::Packet<Scalar>;
  if (step == 1 && row_step == pitch && part.first == 0 && part.end == pitch && rows > 1)
    return copy_rows(from, 1, 0, 1, {0, rows * pitch}, rows * pitch, to);
  if (step == 1) {
    for (Index r = 0; r < rows; ++r, from += row_step, to += pitch) {
      Index i = 0;
      const auto copy = [&](const auto& packet) {
        P::store(to + i, packet);
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
    copy_row(from, step, part.size(), to + part.first);
    zero_packets(to + part.end, to + pitch);
  }
}

/// The elements of a window, if they lie one after another in the image, or zero.
inline Index dense_size(const Window& window, const std::array<Index, 3>& strides) {
  Index size = 1;
  for (std::size_t a = 3; a-- > 0;) {
    const Index extent = window.extents[a];
    if (window.inside[a].size() != extent) return 0;
    if (extent > 1 && window.steps[a] * strides[a] != size) return 0;
    size *= extent;
  }
  return size;
}

/// From one of some windows to the next in memory, if all are single pixels of the image at equal
/// distances, or zero.
inline Index pixel_distance(const Window* windows, Index count,
                            const std::array<Index, 3>& strides) {
  Index distance = 0, last = 0;
  for (Index i = 0; i < count; ++i) {
    Index at = 0;
    for (std::size_t a = 0; a < 3; ++a) {
      if (windows[i].extents[a] != 1 || windows[i].inside[a].size() != 1) return 0;
      at += windows[i].first[a] * strides[a];
    }
    if (i > 1 && at - last != distance) return 0;
    distance = at - last;
    last = at;
  }
  return count > 1 ? std::max<Index>(distance, 0) : 0;
}

/// Copies a window of one channel, `[n][z][y][x]`. Whole packets are written before those that
/// follow, so `to` has one to spare at its end. Returns the end.
template <class Scalar>
Scalar* pack_window(const Image<const Scalar>& x, Index batch, const Window& window, Scalar* to) {
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
                pitch, to);
      to += inside[1].size() * pitch;
      zero_rows(extents[1] - inside[1].end);
    }
  return to;
}

}  // namespace tconv::engine
