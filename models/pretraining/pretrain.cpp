// SPDX-License-Identifier: Apache-2.0
#include "models/pretraining/pretrain.h"

#include <ATen/ATen.h>

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

// Before the first step: ranks that compute something else would never notice.
void require_same_run(const PretrainOptions& options, const Json& config_json,
                      const Json& missing) {
  if (options.group == nullptr) return;
  options.group->require_same("configuration", config_json.dump(),
                              "every rank is given the same configuration and flags");
  options.group->require_same("files of its lists", missing.dump(),
                              "every rank sees the same files");
  options.group->require_same("--reduce", name_of(options.reduce));
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
                          .device = at::Device(options.execution.device),
                          .group = options.group,
                          .reduce = options.reduce}) {
    if (writes()) folder_.resume(trainer_.state());
  }

  PretrainResult all_steps(RealLists real) {
    result_.missing_files = count_of(missing_);
    if (writes() && done() == 0) measure(real);
    trainer_.share_state();
    if (options_.group != nullptr && !options_.group->exchange().empty() && writes())
      options_.execution.tell("ranks exchange gradients by " + options_.group->exchange());
    first_ = group_first_ = done();
    BatchFeed feed(config_, options_.bank, std::max(1, options_.execution.threads / 2), first_,
                   std::move(real), trainer_.clips());
    Progress progress("pretrain " + config_.name, (config_.steps - first_) * config_.batch, "clips",
                      options_.execution.quiet);
    const Stopwatch watch;
    while (done() < config_.steps) {
      const Stopwatch step;
      const at::Tensor clips = feed.next();
      if (done() == first_ && writes()) begin();
      if (const auto report = trainer_.step(clips)) note(*report, progress);
      progress.advance(config_.batch);
      if (options_.stop_after > 0 && done() - first_ >= options_.stop_after) break;
      if (is_asked_to_stop()) {
        if (!is_kept(config_, done())) keep_unwatched();
        break;
      }
      expect_steps_like(step.seconds());
    }
    result_.seconds = watch.seconds();
    result_.wait_seconds = feed.wait_seconds();
    result_.loader = feed.statistics();
    result_.clips_per_second =
        static_cast<double>((done() - first_) * config_.batch) / std::max(1e-9, result_.seconds);
    result_.steps = done();
    result_.finished = done() == config_.steps;
    if (result_.finished && writes()) folder_.write_encoder(trainer_.state(), options_.bfloat16);
    return result_;
  }

 private:
  std::int64_t done() { return trainer_.state().step; }
  void begin() {
    folder_.begin();
    if (options_.group == nullptr || options_.reduce == Reduce::exact) return;
    const Json how{{"ranks", options_.group->ranks()}, {"reduce", name_of(options_.reduce)}};
    folder_.add_to_log(OrderedJson{{"event", "ranks"}, {"from_step", first_}, {"how", how}}.dump() +
                       "\n");
    folder_.add_to_provenance("ranks", how);
  }

  bool writes() const { return is_first(options_.group); }

  bool is_asked_to_stop() {
    const bool here = options_.stop();
    return options_.group == nullptr ? here : options_.group->any(here);
  }

  // Ranks wait for one that is slow, for the longest step so far and a time-out more.
  void expect_steps_like(double seconds) {
    longest_step_ = std::max(longest_step_, seconds);
    if (options_.group != nullptr)
      options_.group->expect_steps_of(std::chrono::duration<double>(longest_step_));
  }

  // The run's own first clips, in their order. A run that goes on has in its checkpoint what they
  // said.
  void measure(const RealLists& real) {
    const std::int64_t clips =
        std::min(config_.objective->clips_to_measure(), config_.steps * config_.batch);
    if (clips == 0) return;
    BatchFeed feed(config_, options_.bank, std::max(1, options_.execution.threads / 2), 0, real,
                   {.first = 0, .count = static_cast<int>(config_.batch)});
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
      if (writes()) folder_.add_to_log(entry.dump() + "\n");
      if (writes()) add_to_curves(entry);
      progress.note("loss " + std::to_string(report.loss));
      group_watch_ = Stopwatch();
      group_first_ = done();
    }
    if (is_kept(config_, done())) keep();
  }

  // However long rank 0 writes, it is no slow step.
  void keep() {
    if (options_.group != nullptr) options_.group->expect_steps_of({});
    trainer_.require_same_weights();
    if (writes()) folder_.write_checkpoint(trainer_.state());
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
    keep();
  }

  const PretrainConfig& config_;
  const PretrainOptions& options_;
  const Json& missing_;
  RunFolder folder_;
  Trainer trainer_;
  std::int64_t first_ = 0, group_first_ = 0;  // steps done before this call, before a logged group
  Stopwatch group_watch_;
  double longest_step_ = 0;          // seconds
  std::optional<EventFile> curves_;  // from the first line on
  PretrainResult result_;
};

}  // namespace

PretrainResult pretrain(const PretrainConfig& config, const Json& config_json,
                        const PretrainOptions& options) {
  // Before anything is written. With a bank they were read; what is missing is still to be told.
  RealLists real;
  if (options.bank == nullptr || config.real_missing_counted) real = read_real_lists(config);
  std::optional<FolderLock> lock;
  if (is_first(options.group)) {
    require_writable_directory(options.out, "--out");
    lock.emplace(options.out, "--out");
  }
  const Json missing = real.missing;
  require_same_run(options, config_json, missing);
  Run run(config, config_json, options, missing);
  return run.all_steps(std::move(real));
}

}  // namespace permafrost
