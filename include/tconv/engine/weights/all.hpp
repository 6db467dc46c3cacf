#pragma once

/// \file
/// Weights packed for all calls, in tasks that threads may share.

#include <algorithm>
#include <concepts>
#include <cstddef>
#include <list>
#include <mutex>
#include <vector>

#include "tconv/core/eigen.hpp"
#include "tconv/core/function_ref.hpp"
#include "tconv/core/integer.hpp"
#include "tconv/core/isa.hpp"
#include "tconv/engine/direct/schedule.hpp"
#include "tconv/engine/weights/pack.hpp"
#include "tconv/engine/winograd/schedule.hpp"
#include "tconv/engine/winograd/weights.hpp"

namespace tconv::inline TCONV_ISA::engine {

template <class Scalar>
WeightPacker<Scalar> make_packer(const DirectSchedule& schedule,
                                 const WeightSource<Scalar>& source) {
  return {schedule.layout(), source};
}
template <class Scalar>
WinogradPacker<Scalar> make_packer(const WinogradSchedule& schedule,
                                   const WeightSource<Scalar>& source) {
  return {schedule, source};
}

/// Calls `task(i)` for `i` in `[0, tasks)`, on several threads or not.
using ParallelFor = FunctionRef<void(Index tasks, const FunctionRef<void(Index)>& task)>;

/// Packs the weights of all groups. `parallel_for(tasks, f)` calls `f(task)` for every task, of
/// which there are enough for some workers.
template <class AnySchedule, class Scalar>
void pack_all_weights(const AnySchedule& schedule, const WeightSource<Scalar>& source, Scalar* to,
                      int workers, const ParallelFor& parallel_for) {
  const auto packer = make_packer(schedule, source);
  const Index groups = schedule.correlation().groups;
  Split channels = Split::into_at_most(schedule.correlation().in_channels, 64);
  channels.parts = std::clamp<Index>(ceil_div(workers, groups), channels.parts,
                                     std::max(channels.parts, channels.size));
  parallel_for(groups * channels.parts, [&](Index task) {
    const Index part = task % channels.parts, group = task / channels.parts;
    packer.pack(source.data + group * source.group_stride, channels.begin(part), channels.end(part),
                to + group * schedule.layout().size());
  });
}

}  // namespace tconv::inline TCONV_ISA::engine
