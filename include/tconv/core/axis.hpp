#pragma once

/// \file
/// The index relation of a convolution, axis by axis.

#include <algorithm>
#include <array>
#include <cstddef>

#include "tconv/core/eigen.hpp"

namespace tconv {

/// `R` numbers, one for each axis.
template <int R>
using Extents = std::array<Index, static_cast<std::size_t>(R)>;

/// Which way an operator reads the index relation: `conv` gathers fine positions into coarse ones,
/// `conv_transpose` scatters coarse positions over fine ones.
enum class Direction { gather, scatter };

/// The index relation of one spatial axis. A convolution joins a *fine* and a *coarse* side:
/// `conv` reads the fine side and writes the coarse one, `conv_transpose` reads the coarse side and
/// writes the fine one. Coarse position `i` and tap `k` meet the fine position
///
///     o = i * stride + k * dilation - before,
///
/// a term of the sum wherever `0 <= o < fine`.
struct Axis {
  Index coarse = 1;
  Index fine = 1;
  Index kernel = 1;
  Index stride = 1;
  Index dilation = 1;
  Index before = 0;

  constexpr Index fine_position(Index i, Index k) const {
    return i * stride + k * dilation - before;
  }
  constexpr bool has_fine(Index o) const { return 0 <= o && o < fine; }

  friend constexpr bool operator==(const Axis&, const Axis&) = default;
};

namespace core {

/// The order in which the products of an output are summed.
enum class TermOrder {
  any,
  /// Any, of the products as they are: a transform would make fractions of whole numbers.
  untransformed,
  /// By input channel, then by kernel position, the first axis of a `ConvShape` the outermost.
  forward,
  /// The same with the last axis the outermost.
  backward
};

/// A convolution or transposed convolution as the floors above see it. Axes are in the order of
/// memory, the densest one last; missing ones in front have extent 1.
struct ConvShape {
  Direction direction = Direction::scatter;
  Index batch = 1, groups = 1;
  Index coarse_channels = 1, fine_channels = 1;  // of all groups
  std::array<Axis, 3> axes;
  TermOrder order = TermOrder::any;
  /// Whether weights may be multiplied with zeros around the input: not where one is infinite.
  bool zeros_around = true;
  /// Whether input, and output, are no rows of the engine's elements along the last axis: channels
  /// lie side by side, say, or elements are of another type.
  bool reads_strips = false, writes_strips = false;
  /// Whether channels of the output lie side by side.
  bool writes_channels = false;
  /// Whether channels of the output come in pairs that are written together.
  bool writes_pairs = false;
  /// Whether the last axis is the batch, which is densest in memory. Two spatial axes at most are
  /// in front of it.
  bool batch_is_axis = false;
  /// Whether the entries of the batch lie side by side in each channel of both images.
  bool entries_inside = false;
  /// Whether the channels of each pixel of both images lie side by side, as elements of the engine.
  bool channels_inside = false;
  /// Elements of memory from the first output to the last, where the output is a part of an image.
  Index output_span = 0;

  Index coarse_per_group() const { return coarse_channels / groups; }
  Index fine_per_group() const { return fine_channels / groups; }

  /// All of it as numbers, behind some others.
  template <std::size_t count>
  constexpr auto key(const std::array<Index, count>& others) const {
    const std::array own{static_cast<Index>(direction),
                         static_cast<Index>(order),
                         static_cast<Index>(zeros_around),
                         static_cast<Index>(reads_strips),
                         static_cast<Index>(writes_strips),
                         static_cast<Index>(writes_channels),
                         static_cast<Index>(writes_pairs),
                         static_cast<Index>(batch_is_axis),
                         static_cast<Index>(entries_inside),
                         static_cast<Index>(channels_inside),
                         output_span,
                         batch,
                         groups,
                         coarse_channels,
                         fine_channels};
    constexpr std::size_t of_axis = 6;
    std::array<Index, count + own.size() + 3 * of_axis> result{};
    auto next = std::copy(others.begin(), others.end(), result.begin());
    next = std::copy(own.begin(), own.end(), next);
    for (const Axis& axis : axes) {
      const std::array<Index, of_axis> numbers{axis.coarse, axis.fine,     axis.kernel,
                                               axis.stride, axis.dilation, axis.before};
      next = std::copy(numbers.begin(), numbers.end(), next);
    }
    return result;
  }
};

}  // namespace core
}  // namespace tconv
