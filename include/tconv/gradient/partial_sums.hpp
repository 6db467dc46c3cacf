#pragma once

/// \file
/// Scratch of the tasks of a gradient, and the sums that they leave to be added.

#include <algorithm>
#include <cstddef>

#include "tconv/core/eigen.hpp"
#include "tconv/core/isa.hpp"
#include "tconv/runtime/arena.hpp"
#include "tconv/runtime/execution.hpp"

namespace tconv::inline TCONV_ISA::gradient {

/// Some sums are made in `parts`, each by a task of its own, and added afterwards. Where there is
/// one part, the task that makes it stores it, and workers keep one place for sums each.
template <class Scalar>
class PartialSums {
 public:
  /// `tasks` tasks, `parts` for the same sums, with `own_bytes` of scratch and `size` sums each.
  PartialSums(Index tasks, Index parts, std::size_t own_bytes, Index size,
              runtime::Execution& execution)
      : parts_(parts),
        workers_(static_cast<int>(std::min<Index>(execution.threads(), tasks))),
        own_bytes_(runtime::whole_pages(own_bytes)),
        sums_bytes_(runtime::whole_pages(static_cast<std::size_t>(size) * sizeof(Scalar))) {
    const Index kept = parts == 1 ? workers_ : tasks;
    own_ = execution.scratch(own_bytes_ * static_cast<std::size_t>(workers_) +
                             sums_bytes_ * static_cast<std::size_t>(kept));
    sums_ = own_ + own_bytes_ * static_cast<std::size_t>(workers_);
  }

  int workers() const { return workers_; }
  /// Scratch of a worker.
  std::byte* own(int worker) const { return own_ + own_bytes_ * static_cast<std::size_t>(worker); }
  /// Where a task makes its sums.
  Scalar* of_task(Index task, int worker) const { return at(parts_ == 1 ? worker : task); }
  /// Part number `part` of sums number `number`.
  Scalar* of_part(Index number, Index part) const { return at(number * parts_ + part); }
  /// From part to part, in elements.
  Index step() const { return static_cast<Index>(sums_bytes_ / sizeof(Scalar)); }

 private:
  Scalar* at(Index place) const {
    return reinterpret_cast<Scalar*>(sums_ + sums_bytes_ * static_cast<std::size_t>(place));
  }

  Index parts_;
  int workers_;
  std::size_t own_bytes_, sums_bytes_;
  std::byte *own_ = nullptr, *sums_ = nullptr;
};

}  // namespace tconv::inline TCONV_ISA::gradient
