// SPDX-License-Identifier: Apache-2.0
#include "models/pretraining/pretrain_queue.h"

#include <ATen/core/Tensor.h>
#include <c10/core/impl/VirtualGuardImpl.h>

#include <atomic>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <utility>

#include "common/machine/parallel.h"
#include "common/machine/stopwatch.h"
#include "common/machine/threads.h"
#include "models/pretraining/pretraining_stream.h"

namespace permafrost {
namespace {

// While it lives, this thread drives a device on a stream of its own, so that runs overlap.
class DeviceLane {
 public:
  explicit DeviceLane(const at::Device& device) {
    if (device.is_cpu()) return;
    const c10::impl::VirtualGuardImpl guard(device.type());
    stream_before_ = guard.exchangeStream(guard.getStreamFromGlobalPool(guard.getDevice()));
  }
  ~DeviceLane() {
    if (stream_before_)
      c10::impl::VirtualGuardImpl(stream_before_->device_type()).exchangeStream(*stream_before_);
  }
  DeviceLane(const DeviceLane&) = delete;
  DeviceLane& operator=(const DeviceLane&) = delete;

 private:
  std::optional<c10::Stream> stream_before_;
};

// The clips that runs share on a device, by what they are. On a CPU there are none: runs read.
class Banks {
 public:
  Banks(const std::vector<QueuedRun>& runs, const at::Device& device) : of_run_(runs.size()) {
    if (device.is_cpu()) return;
    std::map<std::string, ClipBank*> by_key;
    for (std::size_t i = 0; i < runs.size(); ++i) {
      const PretrainConfig& config = runs[i].config;
      if (config.distinct_clips == 0) continue;
      auto stream = pretraining_stream(config);
      ClipBank*& bank = by_key[stream->identity() + " " + std::to_string(config.distinct_clips)];
      if (bank == nullptr) bank = add(std::move(stream), config, device);
      of_run_[i] = bank;
    }
  }

  bool empty() const { return banks_.empty(); }
  // One after the other, in the order in which runs need them.
  void fill(int threads) {
    for (const auto& bank : banks_) bank->fill(threads);
  }
  void stop() {
    for (const auto& bank : banks_) bank->stop();
  }
  // Null where the run reads its clips itself.
  const ClipBank* of(std::size_t run) const { return of_run_[run]; }

 private:
  ClipBank* add(std::unique_ptr<ClipSource> stream, const PretrainConfig& config,
                const at::Device& device) {
    streams_.push_back(std::move(stream));
    banks_.push_back(std::make_unique<ClipBank>(*streams_.back(), config.encoder.clip_shape(),
                                                config.distinct_clips, device));
    return banks_.back().get();
  }

  std::vector<std::unique_ptr<ClipSource>> streams_;
  std::vector<std::unique_ptr<ClipBank>> banks_;
  std::vector<const ClipBank*> of_run_;
};

class Queue {
 public:
  Queue(const std::vector<QueuedRun>& runs, const QueueOptions& options,
        const std::function<void(const QueuedRun&, const PretrainResult&)>& finished)
      : runs_(runs),
        options_(options),
        finished_(finished),
        device_(options.execution.device),
        banks_(runs, device_),
        results_(runs.size()) {}

  std::vector<QueueResult> run_all() {
    const std::function<void()> fill = [&] { banks_.fill(options_.execution.threads); };
    auto filler = start_threads(banks_.empty() ? 0 : 1, fill);
    if (filler.empty()) fill();  // no thread for it: before the runs, then
    try {
      parallel_for(std::min<std::int64_t>(options_.jobs, static_cast<std::int64_t>(runs_.size())),
                   options_.jobs, [&](std::int64_t) { take_turns(); });
    } catch (...) {
      banks_.stop();
      throw;
    }
    banks_.stop();
    filler.clear();  // joins
    return std::move(results_);
  }

 private:
  bool over() const {
    return failed_ || options_.stop() ||
           (options_.minutes > 0 && watch_.seconds() > 60 * options_.minutes);
  }

  // Ranks begin the same runs.
  bool all_over() const { return options_.group == nullptr ? over() : options_.group->any(over()); }

  void take_turns() {
    try {
      const DeviceLane lane(device_);
      for (std::size_t i = next_++; i < runs_.size() && !all_over(); i = next_++) run_one(i);
    } catch (...) {
      failed_ = true;
      throw;
    }
  }

  void run_one(std::size_t i) {
    const QueuedRun& run = runs_[i];
    PretrainOptions options;
    options.out = run.out;
    options.tensorboard = run.tensorboard;
    options.execution = options_.execution;
    options.execution.threads = std::max(1, options_.execution.threads / options_.jobs);
    options.bank = banks_.of(i);
    options.group = options_.group;
    options.reduce = options_.reduce;
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
