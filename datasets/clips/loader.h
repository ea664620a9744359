// SPDX-License-Identifier: Apache-2.0
#pragma once

// Batches of clips, read ahead by threads, in an order that no thread can change; training views
// come from an AugmentedSource (clips/augmented_source.h). One thread reads and decodes one sample
// at a time, so `threads` is the total of all threads at work here. Where the system gives fewer,
// these read all, and where it gives none, next() reads; the batches are the same.
//
//   Loader loader(source, {.shape = {8, 48, 48}, .batch = 64, .threads = 2},
//                 order.size(), [&](std::int64_t i) { return order[i]; });
//   for (Batch batch; loader.next(batch);) ...
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <exception>
#include <functional>
#include <mutex>
#include <stop_token>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "datasets/clips/clip_source.h"

namespace permafrost {

struct LoaderOptions {
  ClipShape shape;
  int batch = 32;   // samples a batch; the last one may be smaller, nothing is dropped
  int clips = 1;    // clips a sample (temporal segments)
  int threads = 1;  // reading threads
  int ahead = 3;    // batches that may be in flight: bounds the memory
};

// Where the time went, so far.
struct LoaderStatistics {
  std::int64_t samples = 0;  // read, failures among them
  std::int64_t failures = 0;
  // Summed over the reading threads: all of it, and the parts that the source tells of.
  double read_seconds = 0, decode_seconds = 0, scale_seconds = 0;
  double wait_seconds = 0;  // that next() waited: 0 where reading keeps up
};

// The order of `count` samples in an epoch: all of them once, by stream (seed, purpose, epoch),
// whatever the threads. Every training has a purpose of its own ("probe.order").
std::vector<std::int64_t> epoch_order(std::string_view purpose, std::int64_t count,
                                      std::uint64_t seed, int epoch);

struct Batch {
  std::vector<std::int64_t> indices;  // into the source, [B]
  std::vector<Target> targets;        // [B]
  std::vector<std::uint8_t> pixels;   // [B*clips,T,H,W,3], sample-major; zeros where a read failed
  std::vector<std::string> failures;  // [B], empty text where the sample was read
};

// For work that can leave nothing out: throws InputError for `what` ("pretraining stream") with the
// first failure of the batch.
void require_readable(const Batch& batch, const std::string& what);

class Loader {
 public:
  // Reads source items index_at(0) .. index_at(count-1). The source must outlive the loader.
  Loader(const ClipSource& source, const LoaderOptions& options, std::int64_t count,
         std::function<std::int64_t(std::int64_t)> index_at);
  ~Loader() { stop_.request_stop(); }
  Loader(const Loader&) = delete;
  Loader& operator=(const Loader&) = delete;

  // Fills the next batch; false at the end. Throws what a reading thread threw, with the sample's
  // name in front.
  bool next(Batch& batch);
  LoaderStatistics statistics() const;

 private:
  struct Slot {
    Batch batch;
    int missing = 0;  // samples still to be read
  };
  void work();
  void make_room(Slot& slot, std::int64_t number) const;  // for batch `number`
  // Claims and reads one sample, without the lock while it reads; claimed_ < count_.
  void read_next(std::unique_lock<std::mutex>& lock);
  void add_times(const ClipSet& set, double seconds);
  void read_sample(Slot& slot, std::int64_t position, std::int64_t in_batch);
  std::int64_t batch_begin(std::int64_t number) const { return number * options_.batch; }

  const ClipSource& source_;
  LoaderOptions options_;
  std::int64_t count_;
  std::function<std::int64_t(std::int64_t)> index_at_;
  std::vector<Slot> slots_;
  std::int64_t claimed_ = 0;    // next position to be read
  std::int64_t consumed_ = 0;   // batches handed out
  std::stop_source stop_;       // asked by a failure, and at the end
  std::exception_ptr failure_;  // the first one
  LoaderStatistics statistics_;
  mutable std::mutex mutex_;
  std::condition_variable_any room_;
  std::condition_variable ready_;
  const std::function<void()> work_ = [this] { work(); };
  std::vector<std::jthread> threads_;  // the last member: joined before the others go
};

}  // namespace permafrost
