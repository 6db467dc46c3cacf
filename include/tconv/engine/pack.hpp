#pragma once

/// \file
/// Copies pixels into the order in which the micro-kernel reads them.

#include <algorithm>
#include <array>
#include <cstddef>
#include <utility>

#include "tconv/engine/copy_row.hpp"
#include "tconv/engine/split_row.hpp"
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

  bool operator==(const Window&) const = default;

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

/// Whether the second half of some windows of equal extents has the pixels beside those of the
/// first, each after or each before its own, with one between two of them.
inline bool are_pairs(const Window* windows, Index count, const std::array<Index, 3>& strides) {
  if (count % 2 != 0 || windows[0].steps[2] != 2 || strides[2] != 1) return false;
  const Index distance = windows[count / 2].first[2] - windows[0].first[2];
  if (distance != 1 && distance != -1) return false;
  for (Index i = 0; i < count / 2; ++i) {
    Window beside = windows[i];
    beside.first[2] += distance;
    beside.inside[2] = windows[count / 2 + i].inside[2];
    if (beside != windows[count / 2 + i] || beside.extents != windows[0].extents) return false;
  }
  return true;
}

/// Zeros at `[first, end)` and no further.
template <class Scalar>
EIGEN_ALWAYS_INLINE void zero_exactly(Scalar* to, Index first, Index end) {
  using P = detail::Packet<Scalar>;
  const auto zero = P::broadcast(Scalar(0));
  for (; first + P::size <= end; first += P::size) P::store(to + first, zero);
  if (first < end) detail::PacketPart<Scalar>(0, end - first).store(to + first, zero);
}

/// Copies rows of two windows of one channel, `row_step` apart: the pixels of `odd` follow those of
/// `even`. Nothing is written behind either.
template <class Scalar>
void pack_row_pairs(const Scalar* from, Index row_step, Index rows, Index extent, const Range even,
                    const Range odd, Scalar* to_even, Scalar* to_odd) {
  const Index first = std::max(even.first, odd.first);
  const Index end = std::max(first, std::min(even.end, odd.end));
  const bool whole = end - first == extent;
  for (Index r = 0; r < rows; ++r, from += row_step, to_even += extent, to_odd += extent) {
    split_pairs(from + 2 * first, end - first, to_even + first, to_odd + first);
    if (whole) continue;
    zero_exactly(to_even, 0, even.first);
    zero_exactly(to_odd, 0, odd.first);
    for (Index i = even.first; i < std::min(first, even.end); ++i) to_even[i] = from[2 * i];
    for (Index i = odd.first; i < std::min(first, odd.end); ++i) to_odd[i] = from[2 * i + 1];
    for (Index i = end; i < even.end; ++i) to_even[i] = from[2 * i];
    for (Index i = end; i < odd.end; ++i) to_odd[i] = from[2 * i + 1];
    zero_exactly(to_even, even.end, extent);
    zero_exactly(to_odd, odd.end, extent);
  }
}

/// Copies two windows of one channel: the pixels of `odd` follow those of `even`. Nothing is
/// written behind either.
template <class Scalar>
void pack_window_pair(const Image<const Scalar>& x, Index batch, const Window& even,
                      const Window& odd, Scalar* to_even, Scalar* to_odd) {
  const auto& [first, extents, steps, inside] = even;
  const Index plane = extents[1] * extents[2];
  for (Index n = 0; n < batch; ++n)
    for (Index iz = 0; iz < extents[0]; ++iz, to_even += plane, to_odd += plane) {
      const bool outside = iz < inside[0].first || iz >= inside[0].end;
      const Range rows = outside ? Range{extents[1], extents[1]} : inside[1];
      zero_exactly(to_even, 0, rows.first * extents[2]);
      zero_exactly(to_odd, 0, rows.first * extents[2]);
      pack_row_pairs(x.data + n * x.batch_stride + (first[0] + iz * steps[0]) * x.strides[0] +
                         (first[1] + rows.first * steps[1]) * x.strides[1] + first[2],
                     steps[1] * x.strides[1], rows.size(), extents[2], inside[2], odd.inside[2],
                     to_even + rows.first * extents[2], to_odd + rows.first * extents[2]);
      zero_exactly(to_even, rows.end * extents[2], plane);
      zero_exactly(to_odd, rows.end * extents[2], plane);
    }
}

/// Copies the windows of one channel, of which the second half has the pixels beside the first.
template <class Scalar>
void pack_window_pairs(const Image<const Scalar>& x, Index batch, const Window* windows,
                       Index count, Scalar* to) {
  const Index half = count / 2;
  const auto& extents = windows[0].extents;
  const Index size = batch * extents[0] * extents[1] * extents[2];
  for (Index i = 0; i < half; ++i) {
    Index even = i, odd = half + i;
    if (windows[odd].first[2] < windows[even].first[2]) std::swap(even, odd);
    pack_window_pair(x, batch, windows[even], windows[odd], to + even * size, to + odd * size);
  }
}

}  // namespace tconv::engine
