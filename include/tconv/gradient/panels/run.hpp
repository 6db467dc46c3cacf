#pragma once

/// \file
/// The entrance to gradients by panels: tasks, threads, and the sum of their parts. Start
/// reading at plan.hpp.

#include <algorithm>
#include <array>
#include <atomic>
#include <cstddef>
#include <memory>

#include "tconv/core/eigen.hpp"
#include "tconv/core/integer.hpp"
#include "tconv/core/isa.hpp"
#include "tconv/core/view.hpp"
#include "tconv/gradient/panels/plan.hpp"
#include "tconv/gradient/panels/store.hpp"
#include "tconv/gradient/panels/task.hpp"
#include "tconv/gradient/partial_sums.hpp"
#include "tconv/gradient/target.hpp"
#include "tconv/runtime/execution.hpp"
#include "tconv/simd/packet.hpp"
#include "tconv/simd/register.hpp"

namespace tconv::inline TCONV_ISA::gradient {

/// Computes the gradient on the threads of `execution`. The order of every sum depends on the shape
/// alone. Returns whether all elements are finite.
template <class Scalar>
bool panel_gradient(const GradientPlan& plan, const Image<const Scalar>& coarse,
                    const Image<const Scalar>& fine, const GradientTarget<Scalar>& target,
                    runtime::Execution& execution) {
  const ConvShape& shape = plan.shape();
  const auto& strides = target.tap_strides;
  const auto& taps = execution.plan<StoredTaps<Scalar>>(
      shape.key(std::array<Index, 6>{simd::Packet<Scalar>::size, sizeof(Scalar),
                                     execution.threads(), strides[0], strides[1], strides[2]}),
      [&] { return std::make_shared<StoredTaps<Scalar>>(plan, strides); });
  if (taps.taps().empty()) return true;
  const Index blocks = plan.coarse_blocks().parts * plan.fine_blocks().parts;
  const Index parts = plan.tile_parts().parts;
  const Index tasks = shape.groups * blocks * parts;
  const PartialSums<Scalar> partial(tasks, parts, GradientTask<Scalar>::scratch_bytes(plan),
                                    plan.sums_size(), execution);

  struct PanelBlock {
    Index group;
    Range coarse, fine;
  };
  const auto find_block = [&](Index task) {
    const Index f = task % plan.fine_blocks().parts, rest = task / plan.fine_blocks().parts;
    const Index c = rest % plan.coarse_blocks().parts;
    return PanelBlock{rest / plan.coarse_blocks().parts,
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

  execution.parallel_for(tasks, partial.workers(), [&](Index task, int worker) {
    const Index part = task % parts;
    const PanelBlock block = find_block(task / parts);
    Scalar* const sums = partial.of_task(task, worker);
    GradientTask<Scalar>(plan, coarse, fine, partial.own(worker))
        .run(block.group, block.coarse, block.fine, plan.tile_parts().begin(part),
             plan.tile_parts().end(part), sums, [&](const PanelPair<Scalar>& pair) {
               if (parts == 1) store(block.group, pair);
             });
  });
  if (parts == 1) return finite;
  execution.parallel_for(
      tasks / parts, static_cast<int>(std::min<Index>(partial.workers(), tasks / parts)),
      [&](Index task, int) {
        Scalar* const total = partial.of_part(task, 0);
        const Index size = plan.sums_size();
        for (Index part = 1; part < parts; ++part) {
          const Scalar* const more = partial.of_part(task, part);
          for (Index i = 0; i < size; ++i) total[i] += more[i];
        }
        const PanelBlock block = find_block(task);
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
