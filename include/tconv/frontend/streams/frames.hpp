#pragma once

/// \file
/// The frames that a stream keeps: a ring in which the latest ones always lie side by side.

#include <algorithm>
#include <array>
#include <cstddef>
#include <vector>

#include "tconv/core/axis.hpp"
#include "tconv/core/eigen.hpp"
#include "tconv/core/integer.hpp"
#include "tconv/core/isa.hpp"
#include "tconv/core/view.hpp"

namespace tconv::inline TCONV_ISA::frontend {

/// A tensor as time sees it: `outer` times some frames, each of `inner` elements side by side.
struct FrameShape {
  Index outer = 1, inner = 1;
};

/// Frame `t` lies at place `t mod capacity` and once more `capacity` places on, so that any
/// `capacity` frames that follow one another do so in memory, and none is ever moved:
///
///     place    0 1 2 3 4 | 5 6 7 8 9
///     frame    5 6 2 3 4 | 5 6 2 3 4      capacity 5, the latest is 6: [2, 7) begins at place 2
///
/// Frames before the first one, and those that nobody has written, are zeros.
template <class Scalar>
class Frames {
 public:
  Frames() = default;
  explicit Frames(const FrameShape& shape) : shape_(shape) {}

  Index capacity() const { return capacity_; }
  /// From one of the outer elements to the next, in frames.
  Index row() const { return row_; }
  /// Where frame `first` lies, with those behind it.
  const Scalar* at(Index first) const {
    return elements_.data() + floor_mod(first, capacity_) * shape_.inner;
  }

  /// Room for `capacity` frames. Keeps what it has of those before `end`.
  void reserve(Index capacity, Index end) {
    if (capacity <= capacity_) return;
    Frames larger(shape_);
    larger.capacity_ = capacity;
    // Rows that are a power of two apart would share a few sets of the cache.
    constexpr Index line = 64;
    const Index frame_bytes = std::max<Index>(shape_.inner, 1) * static_cast<Index>(sizeof(Scalar));
    const Index lines = ceil_div(2 * capacity * frame_bytes, line) | 1;
    larger.row_ = ceil_div(lines * line, frame_bytes);
    larger.elements_.assign(static_cast<std::size_t>(shape_.outer * larger.row_ * shape_.inner),
                            Scalar(0));
    if (capacity_ > 0)
      larger.write(end - capacity_, capacity_, at(end - capacity_), row_ * shape_.inner);
    *this = std::move(larger);
  }

  /// Frames `[first, first + count)`, at most `capacity`, from rows `step` elements apart.
  void write(Index first, Index count, const Scalar* from, Index step) {
    for_each_run(first, count, [&](Index begin, Index size, Index place) {
      for (Index i = 0; i < shape_.outer; ++i)
        std::copy_n(from + i * step + begin * shape_.inner, size * shape_.inner, row_at(i, place));
    });
  }

  void write_zeros(Index first, Index count) {
    for_each_run(first, count, [&](Index, Index size, Index place) {
      for (Index i = 0; i < shape_.outer; ++i)
        std::fill_n(row_at(i, place), size * shape_.inner, Scalar(0));
    });
  }

  void clear() { std::fill(elements_.begin(), elements_.end(), Scalar(0)); }

 private:
  Scalar* row_at(Index i, Index place) {
    return elements_.data() + (i * row_ + place) * shape_.inner;
  }

  /// Calls `visit(begin, size, place)` for the places of some frames: they lie side by side, and
  /// once more in two parts.
  template <class Visit>
  void for_each_run(Index first, Index count, const Visit& visit) {
    if (count == 0) return;
    const Index place = floor_mod(first, capacity_), front = std::min(count, capacity_ - place);
    visit(Index{0}, count, place);
    visit(Index{0}, front, place + capacity_);
    if (front < count) visit(front, count - front, Index{0});
  }

  FrameShape shape_;
  Index capacity_ = 0, row_ = 0;
  std::vector<Scalar> elements_;
};

}  // namespace tconv::inline TCONV_ISA::frontend
