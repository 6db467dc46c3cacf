#pragma once

/// \file
/// The entrance to gradients by panels: tasks, threads, and the sum of their parts. Start
/// reading at plan.hpp.

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <vector>

#include "tconv/core/eigen.hpp"
#include "tconv/core/integer.hpp"
#include "tconv/core/isa.hpp"
#include "tconv/core/view.hpp"
#include "tconv/gradient/panels/plan.hpp"
#include "tconv/gradient/panels/store.hpp"
#include "tconv/gradient/panels/task.hpp"
#include "tconv/gradient/target.hpp"
#include "tconv/runtime/arena.hpp"
#include "tconv/runtime/execution.hpp"
#include "tconv/simd/block.hpp"

namespace tconv::inline TCONV_ISA::gradient {

/// Computes the gradient on the threads of `execution`. The order of every sum depends on the shape
/// alone. Returns whether all elements are finite.
template <class Scalar>
bool panel_gradient(const GradientPlan& plan, const Image<const Scalar>& coarse,
                    const Image<const Scalar>& fine, const GradientTarget<Scalar>& target,
                    runtime::Execution& execution) {
  const ConvShape& shape = plan.shape();
  const std::vector<StoredTap> taps = list_stored_taps(plan, target.tap_strides);
  if (taps.empty()) return true;
  const Index blocks = plan.coarse_blocks().parts * plan.fine_blocks().parts;
  const Index parts = plan.tile_parts().parts;
  const Index tasks = shape.groups * blocks * parts;
  const int workers = static_cast<int>(std::min<Index>(execution.threads(), tasks));
  const std::size_t own_bytes = runtime::whole_pages(GradientTask<Scalar>::scratch_bytes(plan));
  const std::size_t sums_bytes =
      runtime::whole_pages(static_cast<std::size_t>(plan.sums_size()) * sizeof(Scalar));
  // Sums of one part are stored by the task that has made them, and need no place of their own.
  const std::size_t kept = static_cast<std::size_t>(parts == 1 ? workers : tasks);
  std::byte* const scratch =
      execution.scratch(own_bytes * static_cast<std::size_t>(workers) + sums_bytes * kept);
  std::byte* const sums_scratch = scratch + own_bytes * static_cast<std::size_t>(workers);
  const auto sums_of = [&](Index place) {
    return reinterpret_cast<Scalar*>(sums_scratch + sums_bytes * static_cast<std::size_t>(place));
  };

  struct Block {
    Index group;
    Range coarse, fine;
  };
  const auto find_block = [&](Index task) {
    const Index f = task % plan.fine_blocks().parts, rest = task / plan.fine_blocks().parts;
    const Index c = rest % plan.coarse_blocks().parts;
    return Block{rest / plan.coarse_blocks().parts,
                 {plan.coarse_blocks().begin(c), plan.coarse_blocks().end(c)},
                 {plan.fine_blocks().begin(f), plan.fine_blocks().end(f)}};
  };
  const GradientStore<Scalar> stored(plan, taps, target);
  std::atomic<bool> finite = true;
  const auto store = [&](Index group, const PanelPair<Scalar>& pair) {
    const Index channel = plan.coarse_panels().begin(pair.coarse);
    const Index item = plan.fine_panels().begin(pair.fine);
    if (!stored.store(plan.coarse_panels().end(pair.coarse) - channel,
                      plan.fine_panels().end(pair.fine) - item, pair.sums,
                      target.data + group * target.group_stride + channel * target.coarse_stride +
                          item * target.fine_stride))
      finite = false;
  };

  execution.parallel_for(tasks, workers, [&](Index task, int worker) {
    const Index part = task % parts;
    const Block block = find_block(task / parts);
    Scalar* const sums = sums_of(parts == 1 ? worker : task);
    GradientTask<Scalar>(plan, coarse, fine, scratch + own_bytes * static_cast<std::size_t>(worker))
        .run(block.group, block.coarse, block.fine, plan.tile_parts().begin(part),
             plan.tile_parts().end(part), sums, [&](const PanelPair<Scalar>& pair) {
               if (parts == 1) store(block.group, pair);
             });
  });
  if (parts == 1) return finite;
  execution.parallel_for(
      tasks / parts, static_cast<int>(std::min<Index>(workers, tasks / parts)),
      [&](Index task, int) {
        Scalar* const total = sums_of(task * parts);
        const Index size = plan.sums_size();
        for (Index part = 1; part < parts; ++part) {
          const Scalar* const more = sums_of(task * parts + part);
          for (Index i = 0; i < size; ++i) total[i] += more[i];
        }
        const Block block = find_block(task);
        PanelPair<Scalar> pair{0, 0, total};
        for (pair.coarse = block.coarse.first; pair.coarse < block.coarse.end; ++pair.coarse)
          for (pair.fine = block.fine.first; pair.fine < block.fine.end; ++pair.fine) {
            store(block.group, pair);
            pair.sums += plan.slots() * plan.slot_size();
          }
      });
  return finite;
}

}  // namespace tconv::inline TCONV_ISA::gradient
