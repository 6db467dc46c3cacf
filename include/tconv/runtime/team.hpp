#pragma once

/// \file
/// Threads that have finished a job and wait for the next one.

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <map>
#include <memory>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

#include "tconv/runtime/job.hpp"

namespace tconv::runtime {

/// Where the threads of a device that have finished a job wait for the next one: a seat for each
/// worker. All workspaces on the device share it. A thread waits no longer than its last job took,
/// 100 us at most, and goes back to the device after 5 ms even while jobs follow one another, so
/// that the device's other work has its turn.
class Team {
 public:
  explicit Team(int threads) : seats_(static_cast<std::size_t>(threads)) {}

  /// The team of a device, of which `device` is the address.
  static std::shared_ptr<Team> of(const void* device, int threads) {
    static std::mutex mutex;
    static std::map<const void*, std::weak_ptr<Team>> teams;
    const std::lock_guard lock(mutex);
    std::erase_if(teams, [](const auto& entry) { return entry.second.expired(); });
    std::weak_ptr<Team>& known = teams[device];
    std::shared_ptr<Team> team = known.lock();
    if (!team || team->seats_.size() < static_cast<std::size_t>(threads)) {
      team = std::make_shared<Team>(threads);
      known = team;
    }
    return team;
  }

  /// Hands a job to the thread on a worker's seat. False if nobody waits there.
  bool call(int worker, const std::shared_ptr<Job>& job) {
    Seat& seat = seats_[static_cast<std::size_t>(worker)];
    // The caller's job before this one is done, and its thread about to sit down.
    for (int i = 0; i < 100 && seat.state == State::busy && seat.caller == job->caller(); ++i)
      std::this_thread::yield();
    State expected = State::waiting;
    if (!seat.state.compare_exchange_strong(expected, State::reserved)) return false;
    seat.job = job;
    seat.state = State::busy;
    return true;
  }

  /// Works on a job, and on those that follow soon.
  void stay(int worker, std::shared_ptr<Job> job) {
    Seat& seat = seats_[static_cast<std::size_t>(worker)];
    State expected = State::empty;
    if (!seat.state.compare_exchange_strong(expected, State::busy)) {
      job->join(worker);
      return;
    }
    const Clock::time_point leave = Clock::now() + stint;
    for (;;) {
      const Clock::time_point begun = Clock::now();
      seat.caller = job->caller();
      job->join(worker);
      job.reset();
      seat.state = State::waiting;
      const Clock::time_point now = Clock::now();
      if (!look_out([&seat] { return seat.state == State::busy; },
                    std::min({now - begun, patience, leave - now}))) {
        expected = State::waiting;
        if (seat.state.compare_exchange_strong(expected, State::empty)) return;
        // A caller came at the last moment.
        while (seat.state != State::busy) std::this_thread::yield();
      }
      job = std::move(seat.job);
    }
  }

 private:
  static constexpr Clock::duration stint = std::chrono::milliseconds(5);

  enum class State { empty, waiting, reserved, busy };

  struct Seat {
    std::atomic<State> state{State::empty};
    std::atomic<const void*> caller{nullptr};  // whose job the thread has worked on last
    std::shared_ptr<Job> job;
  };

  std::vector<Seat> seats_;
};

}  // namespace tconv::runtime
