#pragma once

/// \file
/// Weights packed for all calls, in tasks that threads may share.

#include <algorithm>
#include <array>
#include <cstddef>
#include <memory>

#include "tconv/core/axis.hpp"
#include "tconv/core/eigen.hpp"
#include "tconv/core/function_ref.hpp"
#include "tconv/core/integer.hpp"
#include "tconv/core/isa.hpp"
#include "tconv/engine/direct/schedule.hpp"
#include "tconv/engine/weights/pack.hpp"
#include "tconv/engine/winograd/schedule.hpp"
#include "tconv/engine/winograd/weights.hpp"
#include "tconv/runtime/arena.hpp"
#include "tconv/runtime/execution.hpp"
#include "tconv/runtime/memory.hpp"
#include "tconv/simd/packet.hpp"

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

/// The weights of all groups in parts, of which there are enough for some workers.
struct PackParts {
  Index groups;
  Split channels;

  template <class AnySchedule>
  PackParts(const AnySchedule& schedule, int workers)
      : groups(schedule.correlation().groups),
        channels(Split::into_at_most(schedule.correlation().in_channels, 64)) {
    channels.parts = std::clamp<Index>(ceil_div(workers, groups), channels.parts,
                                       std::max(channels.parts, channels.size));
  }
  Index size() const { return groups * channels.parts; }
};

/// Packs one part, in scratch of `packer.scratch_bytes()`.
template <class Packer, class AnySchedule, class Scalar>
void pack_part(const Packer& packer, const AnySchedule& schedule, const PackParts& parts,
               Index task, const WeightSource<Scalar>& source, Scalar* to, std::byte* scratch) {
  const Index part = task % parts.channels.parts, group = task / parts.channels.parts;
  packer.pack(source.data + group * source.group_stride, source.end, parts.channels.begin(part),
              parts.channels.end(part), to + group * schedule.layout().size(), scratch);
}

/// Calls `task(i)` for `i` in `[0, tasks)`, on several threads or not.
using ParallelFor = FunctionRef<void(Index tasks, const FunctionRef<void(Index)>& task)>;

/// Packs the weights of all groups. `parallel_for(tasks, f)` calls `f(task)` for every task, of
/// which there are enough for some workers.
template <class AnySchedule, class Scalar>
void pack_all_weights(const AnySchedule& schedule, const WeightSource<Scalar>& source, Scalar* to,
                      int workers, const ParallelFor& parallel_for) {
  const auto packer = make_packer(schedule, source);
  const PackParts parts(schedule, workers);
  parallel_for(parts.size(), [&](Index task) {
    runtime::Memory scratch;
    pack_part(packer, schedule, parts, task, source, to, scratch.at_least(packer.scratch_bytes()));
  });
}

/// A packer that serves all weights of one shape and order, and the schedule that it packs for.
template <class Packer>
struct KeptPacker {
  std::shared_ptr<const void> schedule;  // what the packer refers to lives in it
  Packer packer;
};

/// Packs the weights of all groups for one call, by a packer that `execution` keeps: nothing is
/// allocated for a shape that it has seen. `schedule` lives in `owner`, the schedules of `shape`.
template <class AnySchedule, class Scalar>
void pack_all_weights_once(const ConvShape& shape, const std::shared_ptr<const void>& owner,
                           const AnySchedule& schedule, const WeightSource<Scalar>& source,
                           Scalar* to, int workers, runtime::Execution& execution) {
  using Packer = KeptPacker<decltype(make_packer(schedule, source))>;
  const auto& taps = source.tap_strides;
  const std::array<Index, 8> others{simd::Packet<Scalar>::size,
                                    execution.threads(),
                                    source.in_stride,
                                    source.out_stride,
                                    source.group_stride,
                                    taps[0],
                                    taps[1],
                                    taps[2]};
  const Packer& kept = execution.plan<Packer>(shape.key(others), [&] {
    return std::make_shared<const Packer>(Packer{owner, make_packer(schedule, source)});
  });
  const PackParts parts(schedule, workers);
  const std::size_t bytes = runtime::whole_pages(kept.packer.scratch_bytes());
  std::byte* const scratch = execution.scratch(bytes * static_cast<std::size_t>(workers));
  execution.parallel_for(parts.size(), workers, [&](Index task, int worker) {
    pack_part(kept.packer, schedule, parts, task, source, to,
              scratch + bytes * static_cast<std::size_t>(worker));
  });
}

}  // namespace tconv::inline TCONV_ISA::engine
