#pragma once

/// \file
/// Threads that have finished a job and wait for the next one.

#include <atomic>
#include <cstddef>
#include <memory>
#include <thread>
#include <utility>
#include <vector>

#include "tconv/runtime/job.hpp"

namespace tconv::runtime {

/// Where threads that have finished a job wait for the next one: a seat for each worker.
class Team {
 public:
  explicit Team(int threads) : seats_(static_cast<std::size_t>(threads)) {}

  /// Hands a job to the thread on a worker's seat. False if nobody waits there.
  bool call(int worker, const std::shared_ptr<Job>& job) {
    Seat& seat = seats_[static_cast<std::size_t>(worker)];
    // The job before this one is done, and its thread about to sit down.
    for (int i = 0; i < 100 && seat.state == State::busy; ++i) std::this_thread::yield();
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
    const bool seated = seat.state.compare_exchange_strong(expected, State::busy);
    job->join(worker);
    job.reset();
    if (!seated) return;
    seat.state = State::waiting;
    for (;;) {
      if (!look_out([&seat] { return seat.state == State::busy; })) {
        expected = State::waiting;
        if (seat.state.compare_exchange_strong(expected, State::empty)) return;
        continue;
      }
      job = std::move(seat.job);
      job->join(worker);
      job.reset();
      seat.state = State::waiting;
    }
  }

 private:
  enum class State { empty, waiting, reserved, busy };

  struct Seat {
    std::atomic<State> state{State::empty};
    std::shared_ptr<Job> job;
  };

  std::vector<Seat> seats_;
};

}  // namespace tconv::runtime
