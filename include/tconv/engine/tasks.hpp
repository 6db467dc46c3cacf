#pragma once

/// \file
/// The tasks of a call: tiles, or parts of their rows, on the threads of an execution.

#include <algorithm>
#include <array>
#include <concepts>
#include <cstddef>
#include <new>
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

/// What `run_tasks` asks of a task: it computes the tasks of one worker, one after another, in one
/// scratch.
///   - `Task(call, scratch)` begins, with `Task::scratch_bytes(schedule)` bytes of scratch.
///   - `run(box, units)` writes the outputs of some units of one tile.
/// And of its schedule:
///   - `correlation()` and `plan().tile` cut the outputs into tiles.
///   - `units()` are the parts in which the rows of a tile can be computed.
///   - `parts()` are the tasks that share them.
///   - `threads()` are worth their while.
template <class Task, class Call>
concept TaskOf = std::is_trivially_destructible_v<Task> &&
    requires(Task task, const Call& call, std::byte* scratch, TileBox box, Range units) {
  Task(call, scratch);
  { Task::scratch_bytes(call.schedule) } -> std::same_as<std::size_t>;
  task.run(box, units);
  { call.schedule.correlation() } -> std::same_as<const Correlation&>;
  { call.schedule.plan().tile } -> std::convertible_to<Tile>;
  { call.schedule.units() } -> std::same_as<Index>;
  { call.schedule.parts() } -> std::same_as<Index>;
  { call.schedule.threads() } -> std::same_as<int>;
};

/// A kind of task without its type, so that the code that runs tasks exists once.
struct TaskKind {
  std::size_t object_bytes, scratch_bytes;
  void (*begin)(void* object, const void* call, std::byte* scratch);
  void (*run)(void* object, const TileBox& box, const Range& units);

  /// A worker's object, and its scratch behind it. The object keeps what it has packed from task to
  /// task.
  std::size_t first_bytes() const { return runtime::whole_pages(object_bytes); }
  std::size_t worker_bytes() const { return first_bytes() + runtime::whole_pages(scratch_bytes); }
};

/// How the outputs of a correlation are shared: tiles, and parts of their rows where tiles are few.
class TaskGrid {
 public:
  TaskGrid(const Correlation& c, const Tile& tile, const Split& units)
      : c_(c), tile_(tile), units_(units) {
    batches_ = ceil_div(c.batch, tile.batch);
    for (std::size_t a = 0; a < 3; ++a) tiles_[a] = ceil_div(q_range(c.axes[a]).size(), tile.q[a]);
  }

  Index size() const {
    return batches_ * c_.groups * tiles_[0] * tiles_[1] * tiles_[2] * units_.parts;
  }

  /// Calls `visit(box, units)` with what task number `task` computes. The parts of a tile follow
  /// one another, so that a worker meets those whose pixels it has packed.
  template <class Visit>
  void find(Index task, const Visit& visit) const {
    const auto next = [&task](Index size) {
      const Index i = task % size;
      task /= size;
      return i;
    };
    const Index part = next(units_.parts);
    TileBox box;
    for (std::size_t a = 3; a-- > 0;) {
      const Range whole = q_range(c_.axes[a]);
      const Index first = whole.first + next(tiles_[a]) * tile_.q[a];
      box.q[a] = {first, std::min(first + tile_.q[a], whole.end)};
    }
    box.n = next(batches_) * tile_.batch;
    box.batch = std::min(tile_.batch, c_.batch - box.n);
    box.group = next(c_.groups);
    visit(box, Range{units_.begin(part), units_.end(part)});
  }

 private:
  const Correlation& c_;
  Tile tile_;
  Split units_;
  std::array<Index, 3> tiles_{};
  Index batches_ = 1;
};

/// Runs all tasks of a grid, of which `threads` are worth their while.
inline void run_tasks(const TaskKind& kind, const void* call, const TaskGrid& grid, int threads,
                      runtime::Execution& execution) {
  const Index tasks = grid.size();
  if (tasks == 0) return;
  const std::size_t bytes = kind.worker_bytes();
  const auto workers = static_cast<int>(std::min<Index>({threads, execution.threads(), tasks}));
  std::byte* const scratch = execution.scratch(bytes * static_cast<std::size_t>(workers));
  const auto object = [&](int worker) {
    return scratch + bytes * static_cast<std::size_t>(worker);
  };
  for (int worker = 0; worker < workers; ++worker)
    kind.begin(object(worker), call, object(worker) + kind.first_bytes());
  execution.parallel_for(tasks, workers, [&](Index task, int worker) {
    grid.find(task, [&](const TileBox& box, const Range& units) {
      kind.run(object(worker), box, units);
    });
  });
}

/// What one worker takes of the scratch.
template <class Task, class AnySchedule>
std::size_t worker_bytes(const AnySchedule& schedule) {
  return TaskKind{sizeof(Task), Task::scratch_bytes(schedule), nullptr, nullptr}.worker_bytes();
}

/// Runs all tasks of a call on the threads of `execution`.
template <class Task, class Call>
requires TaskOf<Task, Call>
void run_tasks(const Call& call, runtime::Execution& execution) {
  const auto& schedule = call.schedule;
  const TaskKind kind{sizeof(Task), Task::scratch_bytes(schedule),
                      [](void* object, const void* any_call, std::byte* scratch) {
                        new (object) Task(*static_cast<const Call*>(any_call), scratch);
                      },
                      [](void* object, const TileBox& box, const Range& units) {
                        static_cast<Task*>(object)->run(box, units);
                      }};
  run_tasks(kind, &call,
            TaskGrid(schedule.correlation(), schedule.plan().tile,
                     Split{schedule.units(), schedule.parts()}),
            schedule.threads(), execution);
}

}  // namespace tconv::inline TCONV_ISA::engine
