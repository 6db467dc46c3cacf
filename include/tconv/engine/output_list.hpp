#pragma once

/// \file
/// Outputs that are few, listed once for all channels of a chunk, and written one by one: short
/// rows take longer to find, turn and interleave.

#include <algorithm>
#include <cstddef>

#include "tconv/core/eigen.hpp"
#include "tconv/core/integer.hpp"
#include "tconv/core/isa.hpp"
#include "tconv/core/tile.hpp"
#include "tconv/core/view.hpp"
#include "tconv/engine/correlation.hpp"
#include "tconv/engine/layout.hpp"
#include "tconv/engine/operands.hpp"
#include "tconv/runtime/arena.hpp"

namespace tconv::inline TCONV_ISA::engine {

/// Outputs of a channel and batch entry in a tile that are listed, at most.
inline constexpr Index most_listed_outputs = 128;

/// Whether a tile has few outputs in short rows.
inline bool lists_outputs(const Correlation& c, const Packing& packing, const Tile& tile) {
  constexpr Index longest_row = 16;
  Index outputs = 1;
  for (std::size_t a = 0; a < 3; ++a)
    outputs *= std::min(c.axes[a].out, (tile.q[a] + 1) * c.axes[a].out_stride);
  return !c.writes_strips && !packing.channels_inside && outputs <= most_listed_outputs &&
         c.axes[2].out <= longest_row;
}

template <class Scalar>
class OutputList {
 public:
  explicit OutputList(runtime::Arena& arena)
      : outputs_(arena.take<Output>(most_listed_outputs)),
        row_(arena.take<Scalar>(most_listed_outputs)) {}

  void clear() { size_ = 0; }
  /// Adds one at `place` of an image's channel, whose sum is `channel_step` from channel to channel
  /// and `entry_step` from one batch entry to the next.
  void add(const Scalar* sum, Index channel_step, Index entry_step, Index place) {
    eigen_assert(size_ < most_listed_outputs);
    outputs_[size_++] = {sum, channel_step, entry_step, place};
  }

  /// Writes the outputs of some channels, which are numbered through all groups, of `batch` entries
  /// from `first` on.
  void write(const Operands<Scalar>& operands, const Range& channels, Index first,
             Index batch) const {
    const Image<void>& y = operands.y;
    for (Index m = channels.first; m < channels.end; ++m) {
      const Scalar bias = operands.bias ? operands.bias[m] : Scalar(0);
      const Index c = m - channels.first;
      Scalar* to = static_cast<Scalar*>(y.data) + m * y.channel_stride + first * y.batch_stride;
      for (Index n = 0; n < batch; ++n, to += y.batch_stride) {
        const auto output = [&](const Output& o) {
          return o.sum[c * o.channel_step + n * o.entry_step] + bias;
        };
        if (!operands.epilogue) {
          for (Index i = 0; i < size_; ++i) to[outputs_[i].place] = output(outputs_[i]);
          continue;
        }
        for (Index i = 0; i < size_; ++i) row_[i] = output(outputs_[i]);
        operands.epilogue(row_, size_, m);
        for (Index i = 0; i < size_; ++i) to[outputs_[i].place] = row_[i];
      }
    }
  }

 private:
  struct Output {
    const Scalar* sum;
    Index channel_step, entry_step, place;
  };

  Output* outputs_;
  Scalar* row_;
  Index size_ = 0;
};

}  // namespace tconv::inline TCONV_ISA::engine
