// SPDX-License-Identifier: Apache-2.0
#include "models/pretrain_queue.h"

#include <ATen/core/Tensor.h>
#include <c10/core/AutogradState.h>
#include <c10/core/impl/VirtualGuardImpl.h>

#include <atomic>
#include <map>
#include <memory>
#include <mutex>
#include <thread>
#include <utility>

#include "common/parallel.h"
#include "common/stopwatch.h"

namespace permafrost {
namespace {

// A thread that drives a device by itself: a stream of its own, so that runs overlap, and backward
// passes on this thread instead of the one that autograd keeps for each device.
class DeviceLane {
 public:
  explicit DeviceLane(const at::Device& device) {
    c10::AutogradState::get_tls_state().set_multithreading_enabled(false);
    if (device.is_cpu()) return;
    const c10::impl::VirtualGuardImpl guard(device.type());
    guard.exchangeStream(guard.getStreamFromGlobalPool(guard.getDevice()));
  }
};

// The clips that several runs share, by what they are.
class Banks {
 public:
  Banks(const std::vector<QueuedRun>& runs, const at::Device& device) {
    for (const auto& run : runs) {
      if (run.config.distinct_clips == 0) continue;
      auto stream = pretraining_stream(run.config);
      auto& entry = entries_[key_of(run.config, *stream)];
      if (entry.bank != nullptr) continue;
      entry.stream = std::move(stream);
      entry.bank = std::make_unique<ClipBank>(*entry.stream, run.config.encoder.clip_shape(),
                                              run.config.distinct_clips, device);
      order_.push_back(entry.bank.get());
    }
  }

  // One after the other, in the order in which runs need them.
  void fill(int threads) {
    for (ClipBank* bank : order_) bank->fill(threads);
  }
  void stop() {
    for (ClipBank* bank : order_) bank->stop();
  }
  const ClipBank* of(const PretrainConfig& config) const {
    if (config.distinct_clips == 0) return nullptr;
    return entries_.at(key_of(config, *pretraining_stream(config))).bank.get();
  }

 private:
  struct Entry {
    std::unique_ptr<ClipSource> stream;
    std::unique_ptr<ClipBank> bank;
  };
  static std::string key_of(const PretrainConfig& config, const ClipSource& stream) {
    return stream.identity() + " " + std::to_string(config.distinct_clips);
  }
  std::map<std::string, Entry> entries_;
  std::vector<ClipBank*> order_;
};

class Queue {
 public:
  Queue(const std::vector<QueuedRun>& runs, const QueueOptions& options,
        const std::function<void(const QueuedRun&, const PretrainResult&)>& finished)
      : runs_(runs),
        options_(options),
        finished_(finished),
        device_(options.device),
        banks_(device_.is_cpu() ? std::vector<QueuedRun>{} : runs, device_),
        results_(runs.size()) {}

  std::vector<QueueResult> run_all() {
    std::thread filler([&] { banks_.fill(options_.threads); });
    try {
      parallel_for(std::min<std::int64_t>(options_.jobs, static_cast<std::int64_t>(runs_.size())),
                   options_.jobs, [&](std::int64_t) { take_turns(); });
    } catch (...) {
      banks_.stop();
      filler.join();
      throw;
    }
    banks_.stop();
    filler.join();
    return std::move(results_);
  }

 private:
  bool over() const {
    return failed_ || (options_.minutes > 0 && watch_.seconds() > 60 * options_.minutes);
  }

  void take_turns() {
    // Its own thread, so that what a lane changes ends with it.
    std::exception_ptr failure;
    std::thread worker([&] {
      try {
        const DeviceLane lane(device_);
        for (std::size_t i = next_++; i < runs_.size() && !over(); i = next_++) run_one(i);
      } catch (...) {
        failed_ = true;
        failure = std::current_exception();
      }
    });
    worker.join();
    if (failure != nullptr) std::rethrow_exception(failure);
  }

  void run_one(std::size_t i) {
    const QueuedRun& run = runs_[i];
    PretrainOptions options;
    options.out = run.out;
    options.threads = std::max(1, options_.threads / options_.jobs);
    options.device = options_.device;
    options.quiet = options_.quiet;
    options.bank = device_.is_cpu() ? nullptr : banks_.of(run.config);
    options.stop = [&] { return over(); };
    const PretrainResult result = pretrain(run.config, run.json, options);
    const std::scoped_lock lock(mutex_);
    results_[i] = {.started = true, .run = result};
    finished_(run, result);
  }

  const std::vector<QueuedRun>& runs_;
  const QueueOptions& options_;
  const std::function<void(const QueuedRun&, const PretrainResult&)>& finished_;
  at::Device device_;
  Banks banks_;
  Stopwatch watch_;
  std::atomic<std::size_t> next_ = 0;
  std::atomic<bool> failed_ = false;
  std::mutex mutex_;
  std::vector<QueueResult> results_;
};

}  // namespace

std::vector<QueueResult> pretrain_all(
    const std::vector<QueuedRun>& runs, const QueueOptions& options,
    const std::function<void(const QueuedRun&, const PretrainResult&)>& finished) {
  Queue queue(runs, options, finished);
  return queue.run_all();
}

}  // namespace permafrost
