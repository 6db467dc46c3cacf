#pragma once

/// \file
/// The parts of an image that the threads of a call enlarge.

#include <algorithm>
#include <cstddef>

#include "tconv/core/eigen.hpp"
#include "tconv/core/integer.hpp"
#include "tconv/core/isa.hpp"
#include "tconv/runtime/arena.hpp"
#include "tconv/runtime/execution.hpp"
#include "tconv/upsampling/grid.hpp"

namespace tconv::inline TCONV_ISA::upsampling {

/// Pixels of an image: `planes` are positions on axis 0 of all its outer images, one after another.
struct Part {
  Range planes, rows, columns;
};

/// An image cut into parts. Where that could change how an element is rounded, the cut depends on
/// the image alone, so that bits never depend on the number of threads.
class Parts {
 public:
  /// Parts of nearly equal size. `pixel_bytes` are those of the result that one pixel makes.
  static Parts by_size(const Grid& grid, Index pixel_bytes, int threads) {
    Parts parts(grid, pixel_bytes, threads);
    parts.cut(ceil_div(parts.bytes_, part_bytes));
    return parts;
  }

  /// As few parts as serve the threads.
  static Parts by_threads(const Grid& grid, Index pixel_bytes, int threads) {
    Parts parts(grid, pixel_bytes, threads);
    // Several for each thread, so that one that is late delays the others less.
    if (parts.workers_ > 1) parts.cut(4 * parts.workers_);
    return parts;
  }

  /// Threads that are worth their while.
  int workers() const { return workers_; }
  Index size() const { return planes_.parts * rows_.parts * pieces(); }

  Part operator[](Index part) const {
    const Index column = part % pieces() * piece_;
    part /= pieces();
    const Index row = part % rows_.parts, plane = part / rows_.parts;
    return {{planes_.begin(plane), planes_.end(plane)},
            {rows_.begin(row), rows_.end(row)},
            {column, std::min(column + piece_, width_)}};
  }

 private:
  static constexpr Index part_bytes = Index{1} << 17;
  /// Rows longer than this are cut into pieces of a multiple of this many pixels: pieces begin at
  /// aligned addresses if rows do.
  static constexpr Index piece_bytes = Index{1} << 18, pixels_of_piece = 64;
  /// To wake a thread takes as long as to write so many bytes.
  static constexpr Index bytes_of_a_thread = Index{1} << 18;

  Parts(const Grid& grid, Index pixel_bytes, int threads)
      : planes_{grid.outer * grid.extents[0], 1},
        rows_{grid.extents[1], 1},
        width_(grid.extents[2]),
        piece_(std::min(
            std::max<Index>(piece_bytes / pixel_bytes / pixels_of_piece, 1) * pixels_of_piece,
            width_)),
        bytes_(planes_.size * rows_.size * width_ * pixel_bytes),
        workers_(static_cast<int>(std::min<Index>(threads, 1 + bytes_ / bytes_of_a_thread))) {}

  void cut(Index wanted) {
    wanted = ceil_div(wanted, pieces());
    planes_.parts = std::min(wanted, planes_.size);
    rows_.parts = std::min(ceil_div(wanted, planes_.parts), rows_.size);
  }
  Index pieces() const { return ceil_div(width_, piece_); }

  Split planes_, rows_;
  Index width_, piece_, bytes_;
  int workers_;
};

/// Calls `f(part, scratch)` for each part, on the threads of `execution`. `scratch_bytes` are what
/// each of them needs.
template <class F>
void for_each_part(const Parts& parts, std::size_t scratch_bytes, runtime::Execution& execution,
                   const F& f) {
  const std::size_t bytes = runtime::whole_pages(scratch_bytes);
  std::byte* const scratch = execution.scratch(bytes * static_cast<std::size_t>(parts.workers()));
  execution.parallel_for(parts.size(), parts.workers(), [&](Index part, int worker) {
    f(parts[part], scratch + bytes * static_cast<std::size_t>(worker));
  });
}

}  // namespace tconv::inline TCONV_ISA::upsampling
