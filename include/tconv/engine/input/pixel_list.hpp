#pragma once

/// \file
/// Windows of few pixels, listed once for all channels: rows of a few pixels take longer to find
/// than to copy.

#include <array>
#include <cstdint>

#include "tconv/core/eigen.hpp"
#include "tconv/core/isa.hpp"
#include "tconv/core/view.hpp"
#include "tconv/engine/input/pack.hpp"
#include "tconv/engine/input/window.hpp"
#include "tconv/runtime/arena.hpp"

namespace tconv::inline TCONV_ISA::engine {

class PixelList {
 public:
  /// Pixels of all windows of a channel and tile.
  static constexpr Index most_pixels = 128;
  /// Longer rows are copied faster as packets.
  static constexpr Index longest_row = 8;
  /// Channels that a list must serve.
  static constexpr Index fewest_channels = 4;

  explicit PixelList(runtime::Arena& arena)
      : inputs_(arena.take<Index>(most_pixels)), places_(arena.take<std::int32_t>(most_pixels)) {}

  /// Lists the pixels of windows that the image has. Returns whether they are few, in short rows.
  bool place(const Window* windows, Index count, Index batch, Index batch_stride,
             const std::array<Index, 3>& strides) {
    size_ = extent_ = 0;
    for (Index i = 0; i < count; ++i) {
      const Window& window = windows[i];
      const Index pixels = window.extents[0] * window.extents[1] * window.extents[2];
      const auto& inside = window.inside;
      if (inside[2].size() > longest_row ||
          size_ + batch * inside[0].size() * inside[1].size() * inside[2].size() > most_pixels)
        return false;
      for (Index n = 0; n < batch; ++n, extent_ += pixels)
        for (Index z = inside[0].first; z < inside[0].end; ++z)
          for (Index y = inside[1].first; y < inside[1].end; ++y) {
            const Index row = (z * window.extents[1] + y) * window.extents[2];
            const Index from = n * batch_stride +
                               (window.first[0] + z * window.steps[0]) * strides[0] +
                               (window.first[1] + y * window.steps[1]) * strides[1];
            for (Index x = inside[2].first; x < inside[2].end; ++x, ++size_) {
              inputs_[size_] = from + (window.first[2] + x * window.steps[2]) * strides[2];
              places_[size_] = static_cast<std::int32_t>(extent_ + row + x);
            }
          }
    }
    return true;
  }

  /// Copies the windows of a channel, one after another, with zeros where the image has no pixel.
  /// Whole packets are written.
  template <class Scalar>
  void copy(const Scalar* from, Scalar* to) const {
    zero_packets(to, to + extent_);
    for (Index i = 0; i < size_; ++i) to[places_[i]] = from[inputs_[i]];
  }

 private:
  Index* inputs_;         // of the pixels, in the image
  std::int32_t* places_;  // and in the windows
  Index size_ = 0, extent_ = 0;
};

}  // namespace tconv::inline TCONV_ISA::engine
