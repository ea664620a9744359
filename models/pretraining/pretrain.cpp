// SPDX-License-Identifier: Apache-2.0
#include "models/pretraining/pretrain.h"

#include <torch/types.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <optional>

#include "common/error.h"
#include "common/events/event_file.h"
#include "common/files/files.h"
#include "common/files/folder_lock.h"
#include "common/machine/progress.h"
#include "common/machine/stopwatch.h"
#include "models/pretraining/batch_feed.h"
#include "models/pretraining/run_folder.h"

namespace permafrost {
namespace {

void require_finite(const StepReport& report, std::int64_t step) {
  if (!std::isfinite(report.loss))
    throw Error("pretraining diverged: the loss at step " + std::to_string(step) +
                " is not finite; lower learning_rate.peak");
}

std::int64_t count_of(const Json& missing) {
  std::int64_t count = 0;
  for (const auto& list : missing) count += list.at("missing").get<std::int64_t>();
  return count;
}

// The steps of one call, with what is written on the way.
class Run {
 public:
  Run(const PretrainConfig& config, const Json& config_json, const PretrainOptions& options,
      const Json& missing)
      : config_(config),
        options_(options),
        missing_(missing),
        folder_(options.out, config, config_json, missing),
        trainer_(config, {.threads = options.execution.threads,
                          .device = at::Device(options.execution.device)}),
        first_((folder_.resume(trainer_.state()), trainer_.state().step)),
        group_first_(first_) {}

  PretrainResult all_steps(RealLists real) {
    result_.missing_files = count_of(missing_);
    measure(real);
    BatchFeed feed(config_, options_.bank, std::max(1, options_.execution.threads / 2), first_,
                   std::move(real));
    Progress progress("pretrain " + config_.name, (config_.steps - first_) * config_.batch, "clips",
                      options_.execution.quiet);
    const Stopwatch watch;
    while (done() < config_.steps) {
      const at::Tensor clips = feed.next();
      if (done() == first_) folder_.begin();
      if (const auto report = trainer_.step(clips)) note(*report, progress);
      progress.advance(config_.batch);
      if (options_.stop_after > 0 && done() - first_ >= options_.stop_after) break;
      if (options_.stop()) {
        if (!is_kept(config_, done())) keep_unwatched();
        break;
      }
    }
    result_.seconds = watch.seconds();
    result_.wait_seconds = feed.wait_seconds();
    result_.loader = feed.statistics();
    result_.clips_per_second =
        static_cast<double>((done() - first_) * config_.batch) / std::max(1e-9, result_.seconds);
    result_.steps = done();
    result_.finished = done() == config_.steps;
    if (result_.finished) folder_.write_encoder(trainer_.state(), options_.bfloat16);
    return result_;
  }

 private:
  std::int64_t done() { return trainer_.state().step; }

  // The run's own first clips, in their order. A run that goes on has in its checkpoint what they
  // said.
  void measure(const RealLists& real) {
    const std::int64_t clips =
        std::min(config_.objective->clips_to_measure(), config_.steps * config_.batch);
    if (clips == 0 || first_ > 0) return;
    BatchFeed feed(config_, options_.bank, std::max(1, options_.execution.threads / 2), 0, real);
    std::vector<at::Tensor> batches;
    for (std::int64_t read = 0; read < clips; read += config_.batch)
      batches.push_back(feed.next().clone());
    trainer_.measure(at::cat(batches).slice(0, 0, clips));
  }

  void note(const StepReport& report, Progress& progress) {
    require_finite(report, done());
    result_.last = report;
    if (is_logged(config_, done())) {
      const double rate =
          static_cast<double>((done() - group_first_) * config_.batch) / group_watch_.seconds();
      const OrderedJson entry = log_entry(config_, done(), report, rate);
      folder_.add_to_log(entry.dump() + "\n");
      add_to_curves(entry);
      progress.note("loss " + std::to_string(report.loss));
      group_watch_ = Stopwatch();
      group_first_ = done();
    }
    if (is_kept(config_, done())) folder_.write_checkpoint(trainer_.state());
  }

  // The numbers of a line of the log.
  void add_to_curves(const OrderedJson& entry) {
    if (options_.tensorboard.empty()) return;
    if (!curves_) curves_.emplace(options_.tensorboard);
    Scalars scalars;
    for (const auto& [name, value] : entry.items())
      if (value.is_number() && name != "step") scalars.emplace_back(name, value.get<double>());
    curves_->add(done(), scalars);
  }

  // A checkpoint after a step whose loss nobody saw: it must not take the place of a good one.
  void keep_unwatched() {
    for (const auto& [name, tensor] : tensors_of(*trainer_.state().learner))
      if (!tensor.isfinite().all().item<bool>())
        throw Error("pretraining diverged: " + name + " at step " + std::to_string(done()) +
                    " is not finite; lower learning_rate.peak");
    folder_.write_checkpoint(trainer_.state());
  }

  const PretrainConfig& config_;
  const PretrainOptions& options_;
  const Json& missing_;
  RunFolder folder_;
  Trainer trainer_;
  std::int64_t first_, group_first_;
  Stopwatch group_watch_;
  std::optional<EventFile> curves_;  // from the first line on
  PretrainResult result_;
};

}  // namespace

PretrainResult pretrain(const PretrainConfig& config, const Json& config_json,
                        const PretrainOptions& options) {
  // Before anything is written. With a bank they were read; what is missing is still to be told.
  RealLists real;
  if (options.bank == nullptr || config.real_missing_counted) real = read_real_lists(config);
  require_writable_directory(options.out, "--out");
  const FolderLock lock(options.out, "--out");
  const Json missing = real.missing;
  Run run(config, config_json, options, missing);
  return run.all_steps(std::move(real));
}

}  // namespace permafrost
