// SPDX-License-Identifier: Apache-2.0
#pragma once

// Notices that a rank is gone, hangs or has failed, and ends this process too, whatever it is
// doing.
//
// Every rank has a thread that writes a sign of life into the store: a tick, how many operations it
// has entered, whether it waits in one. Rank 0 reads the signs of all. It gives one verdict, prints
// it, leaves it in the store, and ends. The others end when they read it; when rank 0's own sign
// stops, or the store does, they say that. Times are measured by each machine's own clock.
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "models/processes/engine.h"

namespace permafrost {

// How the process ends: its exit status, and what it prints (nothing where `line` is empty: another
// rank has said it).
using EndProcess = std::function<void(int status, const std::string& line)>;

struct Ending {
  int status = 1;
  std::string message;  // "rank 2 (node7) is gone"
};

// The signs of life of all ranks as one of them sees them. A pure function of what it is told.
class SignsOfLife {
 public:
  using Time = std::chrono::steady_clock::time_point;

  SignsOfLife(int ranks, Time now);
  // The text that a rank left last: "TICK ENTERED WAITING".
  void note(int rank, const std::string& sign, Time now);
  void note_left(int rank);
  // The first rank that gave no sign for `silence`; none where all did.
  std::optional<int> silent(std::chrono::duration<double> silence, Time now) const;
  // The first rank that has not come to an operation in which another has waited for `wait`.
  std::optional<int> late(std::chrono::duration<double> wait, Time now) const;

 private:
  struct Sign {
    std::string text;
    Time heard;
    std::int64_t entered = 0;
    bool waiting = false, left = false;
    Time since;  // the count or the waiting changed last
  };
  std::vector<Sign> signs_;
};

class RankWatch {
 public:
  struct Options {
    int rank = 0, ranks = 1;
    Milliseconds timeout{60000};
    std::function<std::string(int)> name_of;  // "rank 2 (node7)"
    EndProcess end;
  };
  // Uses a connection of its own.
  RankWatch(const std::shared_ptr<SharedStore>& store, Options options);
  ~RankWatch();
  RankWatch(const RankWatch&) = delete;
  RankWatch& operator=(const RankWatch&) = delete;

  void enter();  // an operation
  void finish();
  void expect_steps_of(std::chrono::duration<double> step);
  // This rank's own end: nobody is to miss it.
  void stop();

  // For the thread whose operation failed: who is gone, by the signs and by who else lost its
  // connection, within some seconds. Ends the process.
  void end_after_loss(const std::string& reason);

 private:
  void run(const std::shared_ptr<SharedStore>& store);
  class Search;
  void search(SharedStore& store, const std::string& reason);  // who is gone; ends the process
  // Rank 0 keeps the store, or the launcher does.
  void end_without_store(const std::string& reason);
  std::string sign() const;  // "TICK ENTERED WAITING"
  void beat(SharedStore& store);
  void look_after_all(SharedStore& store);
  void look_after_first(SharedStore& store);
  std::optional<Ending> failure(SharedStore& store);
  void give(SharedStore& store, const Ending& ending);

  Options options_;
  std::shared_ptr<SharedStore> store_;
  SignsOfLife signs_;
  std::atomic<std::int64_t> entered_{0};
  std::atomic<bool> waiting_{false};
  std::atomic<double> step_{0};
  std::atomic<std::int64_t> tick_{0};
  std::mutex mutex_;
  std::condition_variable stopping_;
  bool stopped_ = false;
  std::atomic<bool> lost_{false};  // an operation failed here or elsewhere: it is looked into
  std::jthread thread_;
};

}  // namespace permafrost
