/// \file
/// Loops over tasks on a thread pool.

#include <array>
#include <atomic>
#include <chrono>
#include <functional>
#include <future>
#include <memory>
#include <new>
#include <stdexcept>
#include <tconv/workspace.hpp>
#include <thread>
#include <type_traits>
#include <utility>
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

TEST_CASE("a call returns when all tasks are done, however much longer one takes than the others") {
  Eigen::ThreadPool pool(1);
  const Eigen::ThreadPoolDevice device(&pool, 2);
  Workspace workspace(device);
  for (int call = 0; call < 5; ++call) {
    std::atomic<bool> begun = false, done = false;
    execution_of(workspace).parallel_for(2, 2, [&](Index, int worker) {
      if (worker == 0) {  // the caller, which goes on when the other thread has a task
        while (!begun && !done) std::this_thread::yield();
      } else {
        begun = true;
        std::this_thread::sleep_for(std::chrono::milliseconds(20));
        done = true;
      }
    });
    CHECK(done);
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

TEST_CASE("a workspace without threads runs all tasks, however many workers are asked for") {
  Workspace workspace;
  std::vector<int> workers;
  execution_of(workspace).parallel_for(3, 4, [&](Index, int worker) { workers.push_back(worker); });
  CHECK(workers == std::vector<int>{0, 0, 0});
}

TEST_CASE("a moved-from workspace is as a new one") {
  Eigen::ThreadPool pool(2);
  const Eigen::ThreadPoolDevice device(&pool, 2);
  Workspace a(device);
  execution_of(a).scratch(1000);
  Workspace b(std::move(a));
  CHECK(b.threads() == 2);
  CHECK(a.threads() == 1);
  std::atomic<int> runs = 0;
  for (Workspace* workspace : {&a, &b}) {
    std::byte* const scratch = execution_of(*workspace).scratch(500);
    REQUIRE(scratch);
    scratch[499] = std::byte{1};
    execution_of(*workspace).parallel_for(8, 2, [&](Index, int) { ++runs; });
  }
  CHECK(runs == 16);
  a = std::move(b);
  CHECK(a.threads() == 2);
  CHECK(b.threads() == 1);
  execution_of(b).scratch(500)[499] = std::byte{1};
}

TEST_CASE("a workspace of a temporary device does not compile") {
  STATIC_REQUIRE(std::is_constructible_v<Workspace, Eigen::ThreadPoolDevice&>);
  STATIC_REQUIRE(std::is_constructible_v<Workspace, const Eigen::ThreadPoolDevice&>);
  STATIC_REQUIRE_FALSE(std::is_constructible_v<Workspace, Eigen::ThreadPoolDevice>);
  STATIC_REQUIRE_FALSE(std::is_constructible_v<Workspace, const Eigen::ThreadPoolDevice>);
}

namespace {

/// A device whose threads cannot be started.
struct BrokenDevice {
  struct Pool {
    void Schedule(const std::function<void()>&) const { throw std::bad_alloc(); }
  } pool;
  const Pool* getPool() const { return &pool; }
  static int numThreads() { return 4; }
};

}  // namespace

TEST_CASE("threads that cannot be started leave their tasks to the others") {
  const BrokenDevice device;
  Workspace workspace(device);
  std::vector<int> runs(9);
  execution_of(workspace).parallel_for(
      9, 4, [&](Index task, int) { ++runs[static_cast<std::size_t>(task)]; });
  CHECK(runs == std::vector<int>(9, 1));
}

TEST_CASE("two workspaces on one device share its threads") {
  Eigen::ThreadPool pool(1);
  const Eigen::ThreadPoolDevice device(&pool, 2);
  Workspace one(device), two(device);
  // Each call waits until both workers have come, which takes the pool's only thread.
  for (int call = 0; call < 200; ++call) {
    std::atomic<int> inside = 0;
    execution_of(call % 2 ? one : two).parallel_for(2, 2, [&](Index, int) {
      ++inside;
      while (inside < 2) std::this_thread::yield();
    });
  }
}

TEST_CASE("a device's other work has its turn while calls go on") {
  Eigen::ThreadPool pool(1);
  const Eigen::ThreadPoolDevice device(&pool, 2);
  Workspace workspace(device);
  std::atomic<bool> done = false;
  const auto call = [&] {
    execution_of(workspace).parallel_for(
        2, 2, [&](Index, int) { std::this_thread::sleep_for(std::chrono::microseconds(200)); });
  };
  for (int i = 0; i < 5; ++i) call();
  pool.Schedule([&] { done = true; });
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  while (!done && std::chrono::steady_clock::now() < end) call();
  CHECK(done);
}

TEST_CASE("plans are remembered, the most recent ones") {
  Workspace workspace;
  int made = 0;
  const auto ask = [&](Index key) {
    return execution_of(workspace).plan<Index>(std::array<Index, 2>{key, 7}, [&] {
      ++made;
      return std::make_shared<const Index>(key);
    });
  };
  constexpr Index most = tconv::runtime::PlanCache::max_plans;
  for (int round = 0; round < 2; ++round)
    for (Index key = 0; key < most; ++key) CHECK(ask(key) == key);
  CHECK(made == most);
  ask(0);
  ask(most);  // in place of 1
  CHECK(made == most + 1);
  ask(0);
  CHECK(made == most + 1);
  ask(1);
  CHECK(made == most + 2);
  workspace.release_memory();
  ask(0);
  CHECK(made == most + 3);
}
