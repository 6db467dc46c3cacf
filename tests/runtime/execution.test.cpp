/// \file
/// Loops over tasks on a thread pool.

#include <atomic>
#include <chrono>
#include <future>
#include <stdexcept>
#include <tconv/workspace.hpp>
#include <thread>
#include <vector>

#include "support/catch.hpp"

using tconv::Index;
using tconv::Workspace;

TEST_CASE("each task runs once, whether the threads slept since the last call or not") {
  Eigen::ThreadPool pool(3);
  const Eigen::ThreadPoolDevice device(&pool, 4);
  Workspace workspace(device);
  for (int call = 0; call < 300; ++call) {
    const Index tasks = call % 7;
    std::vector<std::atomic<int>> runs(static_cast<std::size_t>(tasks)), inside(4);
    std::atomic<bool> shared_worker = false;
    execution_of(workspace).parallel_for(tasks, 4, [&](Index task, int worker) {
      auto& mine = inside[static_cast<std::size_t>(worker)];
      if (mine++ > 0) shared_worker = true;
      ++runs[static_cast<std::size_t>(task)];
      --mine;
    });
    for (const auto& count : runs) CHECK(count == 1);
    CHECK(!shared_worker);
    // Some threads still look out for the next call, others are asleep.
    std::this_thread::sleep_for(std::chrono::microseconds(call % 3 * 90));
  }
}

TEST_CASE("what a task throws reaches the caller, and the threads go on") {
  Eigen::ThreadPool pool(2);
  const Eigen::ThreadPoolDevice device(&pool, 2);
  Workspace workspace(device);
  for (int call = 0; call < 20; ++call) {
    CHECK_THROWS_AS(execution_of(workspace).parallel_for(8, 2,
                                                         [](Index task, int) {
                                                           if (task == 5)
                                                             throw std::runtime_error("task 5");
                                                         }),
                    std::runtime_error);
    std::atomic<int> runs = 0;
    execution_of(workspace).parallel_for(8, 2, [&](Index, int) { ++runs; });
    CHECK(runs == 8);
  }
}

TEST_CASE("a busy pool delays nothing") {
  Eigen::ThreadPool pool(1);
  const Eigen::ThreadPoolDevice device(&pool, 2);
  std::promise<void> go;
  pool.Schedule([done = go.get_future().share()] { done.wait(); });
  std::atomic<int> runs = 0;
  {
    Workspace workspace(device);
    for (int call = 0; call < 3; ++call)
      execution_of(workspace).parallel_for(8, 2, [&](Index, int) { ++runs; });
    CHECK(runs == 24);
  }
  // What was scheduled for the calls finds them over, and the workspace gone.
  go.set_value();
}
