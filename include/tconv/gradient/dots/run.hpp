#pragma once

/// \file
/// The entrance to gradients by dot products: tasks, threads, and the sum of their parts.

#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstddef>

#include "tconv/core/eigen.hpp"
#include "tconv/core/isa.hpp"
#include "tconv/core/view.hpp"
#include "tconv/gradient/dots/plan.hpp"
#include "tconv/gradient/dots/task.hpp"
#include "tconv/gradient/partial_sums.hpp"
#include "tconv/gradient/tap_spans.hpp"
#include "tconv/gradient/target.hpp"
#include "tconv/runtime/execution.hpp"
#include "tconv/simd/packet.hpp"

namespace tconv::inline TCONV_ISA::gradient {

/// Computes the gradient on the threads of `execution`. Returns whether all elements are finite.
template <class Scalar>
bool dot_gradient(const DotPlan& plan, const Image<const Scalar>& coarse,
                  const Image<const Scalar>& fine, const GradientTarget<Scalar>& target,
                  runtime::Execution& execution) {
  constexpr Index lanes = simd::Packet<Scalar>::size;
  const ConvShape& shape = plan.shape();
  const Index parts = plan.parts().parts, tasks = shape.groups * parts;
  const PartialSums<Scalar> partial(tasks, parts, DotTask<Scalar>::scratch_bytes(plan),
                                    plan.sums_size(), execution);
  std::atomic<bool> finite = true;
  const auto store = [&](Index group, const Scalar* sums, Index step) {
    for (Index c = 0; c < shape.coarse_per_group(); ++c)
      for (Index m = 0; m < shape.fine_per_group(); ++m) {
        Scalar* const to = target.data + group * target.group_stride + c * target.coarse_stride +
                           m * target.fine_stride;
        for (const TapSpan& wz : plan.spans(0))
          for (const TapSpan& wy : plan.spans(1))
            for (const TapSpan& wx : plan.spans(2))
              for (const SpanTap& z : wz.taps)
                for (const SpanTap& y : wy.taps)
                  for (const SpanTap& x : wx.taps) {
                    Scalar sum(0);
                    for (Index part = 0; part < parts; ++part)
                      for (Index i = 0; i < lanes; ++i) sum += sums[part * step + i];
                    to[z.kernel * target.tap_strides[0] + y.kernel * target.tap_strides[1] +
                       x.kernel * target.tap_strides[2]] = sum;
                    if (!std::isfinite(sum)) finite = false;
                    sums += lanes;
                  }
      }
  };
  execution.parallel_for(tasks, partial.workers(), [&](Index task, int worker) {
    const Index part = task % parts;
    Scalar* const sums = partial.of_task(task, worker);
    DotTask<Scalar>(plan, coarse, fine, partial.own(worker))
        .run(task / parts, plan.parts().begin(part), plan.parts().end(part), sums);
    if (parts == 1) store(task, sums, 0);
  });
  if (parts == 1) return finite;
  for (Index group = 0; group < shape.groups; ++group)
    store(group, partial.of_part(group, 0), partial.step());
  return finite;
}

}  // namespace tconv::inline TCONV_ISA::gradient
