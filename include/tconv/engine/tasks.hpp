#pragma once

/// \file
/// The tasks of a call: tiles, or parts of their rows, on the threads of an execution.

#include <algorithm>
#include <array>
#include <cstddef>
#include <memory>
#include <type_traits>

#include "tconv/core/eigen.hpp"
#include "tconv/core/integer.hpp"
#include "tconv/core/isa.hpp"
#include "tconv/core/tile.hpp"
#include "tconv/engine/correlation.hpp"
#include "tconv/engine/tile.hpp"
#include "tconv/runtime/arena.hpp"
#include "tconv/runtime/execution.hpp"

namespace tconv::inline TCONV_ISA::engine {

/// How a schedule is shared among threads: tiles, and parts of their rows where tiles are few.
struct TaskGrid {
  std::array<Index, 3> tiles{};
  Index batches = 1;
  Split units;

  template <class AnySchedule>
  explicit TaskGrid(const AnySchedule& schedule) {
    const Correlation& c = schedule.correlation();
    const Tile& tile = schedule.plan().tile;
    batches = ceil_div(c.batch, tile.batch);
    for (std::size_t a = 0; a < 3; ++a) tiles[a] = ceil_div(q_range(c.axes[a]).size(), tile.q[a]);
    units = {schedule.units(), schedule.parts()};
  }
  Index size(Index groups) const {
    return batches * groups * tiles[0] * tiles[1] * tiles[2] * units.parts;
  }
};

/// Runs all tasks of a call on the threads of `execution`.
///
/// A `Task` computes the tasks of one worker, one after another, in one scratch:
///   - `Task(call, scratch)` begins with `Task::scratch_bytes(schedule)` bytes of scratch;
///   - `run(box, units)` writes the outputs of some units of one tile.
/// A schedule says how a correlation is cut:
///   - `correlation()` and `plan().tile` into tiles;
///   - `units()` are the parts in which the rows of a tile can be computed, and `parts()` the tasks
///     that share them;
///   - `threads()` that are worth their while.
template <class Task, class AnyCall>
void run_tasks(const AnyCall& call, runtime::Execution& execution) {
  const auto& schedule = call.schedule;
  const Correlation& c = schedule.correlation();
  const Tile& tile = schedule.plan().tile;
  const TaskGrid grid(schedule);
  const Index tasks = grid.size(c.groups);
  if (tasks == 0) return;
  static_assert(std::is_trivially_destructible_v<Task>);
  // A worker's object begins its scratch, and keeps what it has packed from task to task.
  const std::size_t object_bytes = runtime::whole_pages(sizeof(Task));
  const std::size_t bytes = object_bytes + runtime::whole_pages(Task::scratch_bytes(schedule));
  const auto workers =
      static_cast<int>(std::min<Index>({schedule.threads(), execution.threads(), tasks}));
  std::byte* scratch = execution.scratch(bytes * static_cast<std::size_t>(workers));
  const auto object = [&](int worker) {
    return reinterpret_cast<Task*>(scratch + bytes * static_cast<std::size_t>(worker));
  };
  for (int worker = 0; worker < workers; ++worker)
    std::construct_at(object(worker), call,
                      reinterpret_cast<std::byte*>(object(worker)) + object_bytes);
  execution.parallel_for(tasks, workers, [&](Index task, int worker) {
    const auto next = [&task](Index size) {
      const Index i = task % size;
      task /= size;
      return i;
    };
    // The fastest index, so that a worker meets parts of the tile that it has packed.
    const Index part = next(grid.units.parts);
    TileBox box;
    for (std::size_t a = 3; a-- > 0;) {
      const Range whole = q_range(c.axes[a]);
      const Index first = whole.first + next(grid.tiles[a]) * tile.q[a];
      box.q[a] = {first, std::min(first + tile.q[a], whole.end)};
    }
    box.n = next(grid.batches) * tile.batch;
    box.batch = std::min(tile.batch, c.batch - box.n);
    box.group = next(c.groups);
    object(worker)->run(box, {grid.units.begin(part), grid.units.end(part)});
  });
}

}  // namespace tconv::inline TCONV_ISA::engine
