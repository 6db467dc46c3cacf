#pragma once

/// \file
/// The engine's entrance: correlates an image with packed weights, tile by tile, on the threads of
/// a workspace. Start reading at taps.hpp and plan.hpp; tile_products.hpp holds the loops.

#include <algorithm>
#include <array>
#include <cstddef>
#include <memory>
#include <type_traits>

#include "tconv/engine/col2im_task.hpp"
#include "tconv/engine/schedule.hpp"
#include "tconv/engine/tile_task.hpp"
#include "tconv/engine/winograd_task.hpp"
#include "tconv/workspace.hpp"

namespace tconv::engine {

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

/// Runs all tasks of a call on the threads of `workspace`.
template <class Task, class AnyCall>
void run_tasks(const AnyCall& call, Workspace& workspace) {
  const auto& schedule = call.schedule;
  const Correlation& c = schedule.correlation();
  const Tile& tile = schedule.plan().tile;
  const TaskGrid grid(schedule);
  const Index tasks = grid.size(c.groups);
  if (tasks == 0) return;
  static_assert(std::is_trivially_destructible_v<Task>);
  // A worker's object begins its scratch, and keeps what it has packed from task to task.
  const std::size_t object_bytes = whole_pages(sizeof(Task));
  const std::size_t bytes = object_bytes + whole_pages(Task::scratch_bytes(schedule));
  const auto workers =
      static_cast<int>(std::min<Index>({schedule.threads(), workspace.threads(), tasks}));
  std::byte* scratch = workspace.scratch(bytes * static_cast<std::size_t>(workers));
  const auto object = [&](int worker) {
    return reinterpret_cast<Task*>(scratch + bytes * static_cast<std::size_t>(worker));
  };
  for (int worker = 0; worker < workers; ++worker)
    std::construct_at(object(worker), call,
                      reinterpret_cast<std::byte*>(object(worker)) + object_bytes);
  workspace.parallel_for(tasks, workers, [&](Index task, int worker) {
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

/// Computes a call.
template <class Scalar, class F>
void correlate(const TileCall<Scalar, F>& call, Workspace& workspace) {
  run_tasks<TileTask<Scalar, F>>(call, workspace);
}

/// Computes a call by products with tap rows.
template <class Scalar, class F>
void correlate(const Col2imCall<Scalar, F>& call, Workspace& workspace) {
  run_tasks<Col2imTask<Scalar, F>>(call, workspace);
}

/// Computes a call by Winograd's transform. Returns false, and leaves `y` of no use, if values are
/// so large, or no numbers, that its sums could overflow where those of the definition do not.
template <class Scalar, class F>
bool correlate(const WinogradCall<Scalar, F>& call, Workspace& workspace) {
  run_tasks<WinogradTask<Scalar, F>>(call, workspace);
  return !call.exceeded;
}

}  // namespace tconv::engine
