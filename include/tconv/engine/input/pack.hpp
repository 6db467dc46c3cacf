#pragma once

/// \file
/// Copies pixels into the order in which the micro-kernel reads them.

#include <algorithm>
#include <array>
#include <utility>

#include "tconv/core/eigen.hpp"
#include "tconv/core/integer.hpp"
#include "tconv/core/isa.hpp"
#include "tconv/core/view.hpp"
#include "tconv/engine/input/window.hpp"
#include "tconv/engine/winograd/transform.hpp"
#include "tconv/simd/packet.hpp"
#include "tconv/simd/stride.hpp"

namespace tconv::inline TCONV_ISA::engine {

/// Writes whole packets of zeros from `begin` until `end` is passed. Mostly one: short of a loop,
/// which the compiler would make a call.
template <class Scalar>
EIGEN_ALWAYS_INLINE void zero_packets(Scalar* begin, const Scalar* end) {
  using P = simd::Packet<Scalar>;
  const auto zero = P::broadcast(Scalar(0));
  if (begin < end) P::store(begin, zero);
  for (Scalar* to = begin + P::size; to < end; to += P::size) P::store(to, zero);
}

/// Writes rows of `pitch` elements and up to a packet more: `from[i * step]` for i in `part`, zero
/// elsewhere.
template <class Scalar>
void copy_rows(const Scalar* from, Index step, Index row_step, Index rows, const Range& part,
               Index pitch, Scalar* to) {
  using P = simd::Packet<Scalar>;
  if (step == 1 && row_step == pitch && part.first == 0 && part.end == pitch && rows > 1)
    return copy_rows(from, 1, 0, 1, {0, rows * pitch}, rows * pitch, to);
  if (step == 1) {
    for (Index r = 0; r < rows; ++r, from += row_step, to += pitch) {
      Index i = 0;
      for (; i < part.first; i += P::size)
        P::store(to + i, simd::load_part(from + i, part.first - i, part.end - i));
      for (; i + P::size <= part.end; i += P::size) P::store(to + i, P::load(from + i));
      for (; i < pitch; i += P::size) P::store(to + i, simd::load_part(from + i, 0, part.end - i));
    }
    return;
  }
  from += part.first * step;
  for (Index r = 0; r < rows; ++r, from += row_step, to += pitch) {
    zero_packets(to, to + part.first);
    simd::copy_row(from, step, part.size(), to + part.first);
    zero_packets(to + part.end, to + pitch);
  }
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
                           (first[1] + inside[1].first * steps[1]) * x.strides[1] + first[2];
      copy_rows(from, steps[2], steps[1] * x.strides[1], inside[1].size(), inside[2], pitch, to);
      to += inside[1].size() * pitch;
      zero_rows(extents[1] - inside[1].end);
    }
  return to;
}

/// Copies a window of pixels, `[n][z][y][x]` and `pitch` apart, with their `channels`, which lie
/// side by side in `x` too. Whole packets are written. Returns the end.
template <class Scalar>
Scalar* pack_pixels(const Image<const Scalar>& x, Index batch, const Window& window, Index channels,
                    Index pitch, Scalar* to) {
  using P = simd::Packet<Scalar>;
  const auto& [first, extents, steps, inside] = window;
  const auto zero_pixels = [&](Index count) {
    for (Index i = 0; i < count; ++i, to += pitch) zero_packets(to, to + channels);
  };
  const Index plane = extents[1] * extents[2], rest = channels % P::size;
  for (Index n = 0; n < batch; ++n)
    for (Index iz = 0; iz < extents[0]; ++iz) {
      if (iz < inside[0].first || iz >= inside[0].end) {
        zero_pixels(plane);
        continue;
      }
      for (Index iy = 0; iy < extents[1]; ++iy) {
        if (iy < inside[1].first || iy >= inside[1].end) {
          zero_pixels(extents[2]);
          continue;
        }
        zero_pixels(inside[2].first);
        const Scalar* from = x.data + n * x.batch_stride +
                             (first[0] + iz * steps[0]) * x.strides[0] +
                             (first[1] + iy * steps[1]) * x.strides[1] +
                             (first[2] + inside[2].first * steps[2]) * x.strides[2];
        for (Index i = 0; i < inside[2].size(); ++i, from += steps[2] * x.strides[2], to += pitch) {
          Index c = 0;
          for (; c + P::size <= channels; c += P::size) P::store(to + c, P::load(from + c));
          if (rest > 0) P::store(to + c, simd::load_part(from + c, 0, rest));
        }
        zero_pixels(extents[2] - inside[2].end);
      }
    }
  return to;
}

}  // namespace tconv::inline TCONV_ISA::engine
