// SPDX-License-Identifier: Apache-2.0
#include "bench/run/cell_jobs.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <atomic>
#include <memory>
#include <mutex>
#include <nlohmann/json.hpp>
#include <optional>

#include "bench/records/record_folder.h"
#include "bench/run/fold_training.h"
#include "bench/run/group_work.h"
#include "bench/run/probe_features.h"
#include "bench/run/work_estimate.h"
#include "common/error.h"
#include "common/events/event_file.h"
#include "common/files/hash.h"
#include "common/machine/progress.h"
#include "common/machine/stopwatch.h"
#include "models/network/tensor_float.h"
#include "probes/encode/feature_cache.h"
#include "probes/encode/features.h"
#include "probes/heads/classifier_file.h"
#include "probes/train/finetune.h"
#include "probes/train/probe_training.h"

namespace permafrost {
namespace {

Classifier classifier_of(const ProbeOutcome& outcome, const PlannedCell& cell) {
  const Record& record = cell.record;
  Classifier head;
  head.name = record.key;
  head.spec = classifier_spec_of(outcome.spec);
  head.weights = classifier_weights_of(outcome.head, outcome.spec);
  head.class_names = cell.task->class_names;
  head.provenance = {
      {"record", record.key},
      {"encoder", {{"name", record.encoder.name}, {"sha256", record.encoder.sha256}}},
      {"task", {{"name", record.task.name}, {"identity", record.task.identity}}},
      {"protocol", record.protocol},
      {"seed", record.seed}};
  return head;
}

// "pico-vjepa on motion, attentive, seed 1": no slashes of names of the zoo.
std::filesystem::path curves_folder(const std::filesystem::path& root, const PlannedCell& cell,
                                    std::size_t fold) {
  std::string name = name_of(cell);
  std::replace(name.begin(), name.end(), '/', '-');
  if (cell.task->folds.size() > 1) name += ", fold " + std::to_string(fold + 1);
  return root / name;
}

// Of the candidates, at the last epoch.
void add_held_out(EventFile& curves, const ProbeProtocol& protocol, const Selection& selection) {
  Scalars scalars;
  for (std::size_t c = 0; c < selection.held_out_accuracy.size(); ++c)
    scalars.emplace_back("held_out/candidate " + std::to_string(c), selection.held_out_accuracy[c]);
  curves.add(passes_of(protocol), scalars);
}

// An encoder as its file has it, and where it computes.
struct LoadedEncoder {
  Encoder on_host, on_device;
};

// What all jobs of a run share. Thread-safe.
class Run {
 public:
  Run(const TablesOptions& options, const Suite& suite, Plan& plan, std::int64_t units,
      const std::function<void(std::size_t)>& ended)
      : options_(options),
        suite_(suite),
        plan_(plan),
        ended_(ended),
        progress_("tables", units, "units", options.execution.quiet) {}

  const TablesOptions& options() const { return options_; }
  const Execution& execution() const { return options_.execution; }
  at::Device device() const { return at::Device(execution().device); }
  // Of ranks that compute the same cells together, the first.
  bool writes() const { return is_first(options_.group); }
  PlannedCell& cell(std::size_t index) { return plan_.cells[index]; }
  Progress& progress() { return progress_; }
  EncodingClock& clock() { return clock_; }

  // Groups come encoder by encoder, so the last one is kept beside those that groups hold.
  std::shared_ptr<const LoadedEncoder> encoder(const std::string& name,
                                               Precision precision = Precision::float32) {
    const std::lock_guard lock(loading_);
    const bool rounded = precision == Precision::bfloat16;
    std::weak_ptr<const LoadedEncoder>& in_use = in_use_[name + (rounded ? " in bfloat16" : "")];
    if (auto held = in_use.lock()) return last_ = held;
    last_.reset();
    auto loaded = std::make_shared<LoadedEncoder>();
    std::string gone;
    loaded->on_host = open_encoder(suite_, encoder_of(suite_, name), gone);
    if (!gone.empty() || loaded->on_host.sha256 != plan_.encoders.at(name).identity.sha256)
      throw Error("encoder " + permafrost::quoted(name) + ": its file changed during the run");
    loaded->on_device = rounded ? in_bfloat16(loaded->on_host) : loaded->on_host;
    if (execution().device != "cpu")
      loaded->on_device.weights = to_device(loaded->on_device.weights, device());
    in_use = loaded;
    return last_ = loaded;
  }

  // Of what a group's features depend on; empty without a cache.
  std::string cache_key(const PlannedGroup& group) const {
    if (options_.features_cache.empty()) return "";
    const BuildInfo build = build_info(execution().device);
    if (build.commit.ends_with("-dirty")) return "";
    const EncoderIdentity& encoder = plan_.encoders.at(group.encoder).identity;
    Json inputs{{"encoder", encoder.sha256},
                {"spec", encoder.spec},
                {"task", group.task->identity},
                {"clips", group.clips},
                {"views", group.task->source->views()},
                {"batch", options_.batch},
                {"evaluation_version", kEvaluationVersion},
                {"version", build.version},
                {"commit", build.commit},
                {"libtorch", build.libtorch},
                {"device", build.device},
                {"processor", build.processor}};
    if (group.precision != Precision::float32) inputs["precision"] = name_of(group.precision);
    return sha256_of(inputs.dump());
  }
  std::optional<LabelledFeatures> cached(const std::string& key) const {
    if (key.empty()) return std::nullopt;
    return cache().find(key);
  }
  // Whether the features of all groups fit: else they would push each other out.
  void set_cached_bytes(double bytes) { cached_bytes_ = bytes; }
  bool fills_cache() const { return cached_bytes_ <= options_.features_cache_bytes; }
  void keep(const std::string& key, const PlannedGroup& group,
            const LabelledFeatures& features) const {
    cache().keep(key,
                 group.encoder + " on " + group.task->name + ", " + std::to_string(group.clips) +
                     (group.clips == 1 ? " clip" : " clips"),
                 features);
  }

  // The cell is given up, which is told and leaves no record; other cells go on.
  void give_up(PlannedCell& cell, const TrainingDiverged& why) {
    {
      const std::lock_guard lock(failing_);
      if (!cell.failure.empty()) return;
      cell.failure = why.what();
      execution().tell(name_of(cell) + ": " + cell.failure);
    }
    tell_of_end(cell);
  }
  bool given_up(const PlannedCell& cell) const {
    const std::lock_guard lock(failing_);
    return !cell.failure.empty();
  }

  // Writes the record of a cell from all of its folds.
  void finish(PlannedCell& cell, const std::vector<FoldResult>& results) {
    finish_record(results, *cell.task, execution(), cell.record);
    if (writes()) write_record(options_.out, cell.record);
    cell.done = true;
    tell_of_end(cell);
  }

 private:
  FeatureCache cache() const { return {options_.features_cache, options_.features_cache_bytes}; }
  void tell_of_end(const PlannedCell& cell) const {
    if (ended_) ended_(static_cast<std::size_t>(&cell - plan_.cells.data()));
  }

  const TablesOptions& options_;
  const Suite& suite_;
  Plan& plan_;
  std::function<void(std::size_t)> ended_;
  double cached_bytes_ = 0;
  Progress progress_;
  EncodingClock clock_;
  mutable std::mutex failing_;
  std::mutex loading_;
  std::map<std::string, std::weak_ptr<const LoadedEncoder>> in_use_;
  std::shared_ptr<const LoadedEncoder> last_;
};

// Results of the cells of a group by fold, and how many folds of each are still to come.
class FoldResults {
 public:
  FoldResults(std::size_t cells, std::size_t folds)
      : folds_(folds), results_(cells, std::vector<FoldResult>(folds)), left_(cells) {
    for (auto& count : left_) count = folds;
  }

  std::int64_t jobs() const { return static_cast<std::int64_t>(results_.size() * folds_); }
  std::size_t cell_of(std::int64_t job) const { return static_cast<std::size_t>(job) / folds_; }
  std::size_t fold_of(std::int64_t job) const { return static_cast<std::size_t>(job) % folds_; }
  // Whether it was the last fold of its cell.
  bool add(std::int64_t job, FoldResult result) {
    results_[cell_of(job)][fold_of(job)] = std::move(result);
    return --left_[cell_of(job)] == 0;
  }
  const std::vector<FoldResult>& of_cell(std::size_t cell) const { return results_[cell]; }

 private:
  std::size_t folds_;
  std::vector<std::vector<FoldResult>> results_;
  std::vector<std::atomic<std::size_t>> left_;
};

// Frozen probes of one encoder on one task: batches to encode, then folds to train.
class ProbeGroup {
 public:
  ProbeGroup(std::shared_ptr<Run> run, PlannedGroup group, GroupUnits work, bool kept)
      : run_(std::move(run)),
        group_(std::move(group)),
        work_(std::move(work)),
        key_(kept ? run_->cache_key(group_) : ""),
        encoder_(run_->encoder(group_.encoder, group_.precision)),
        kept_(kept),
        encoding_(run_->progress(), work_.encode, group_.task->source->size()),
        store_({.encoder = encoder_->on_device,
                .task = *group_.task,
                .clips = group_.clips,
                .kept = kept,
                .found = run_->cached(key_),
                .threads = run_->execution().threads,
                .batch = run_->options().batch,
                .precision = group_.precision,
                .group = run_->options().group,
                .notice = run_->execution().notice,
                .progress = &encoding_,
                .clock = &run_->clock()}),
        results_(group_.cells.size(), group_.task->folds.size()) {
    run_->progress().note(group_.encoder + ", " + group_.task->name + ", frozen");
    if (store_.batches() == 0) encoding_.advance(group_.task->source->size());
  }

  // Cells of a table that is wanted later are a stage of their own.
  static std::vector<JobStage> stages(const std::shared_ptr<ProbeGroup>& group) {
    const std::vector<int>& ranks = group->group_.ranks;
    std::vector<JobStage> stages{group->encode_stage(group),
                                 {.jobs = 1,
                                  .run = [group](std::int64_t, int) { group->finish_encoding(); },
                                  .rank = ranks.front()}};
    const auto folds = static_cast<std::int64_t>(group->group_.task->folds.size());
    for (JobStage& stage : stages_by_rank(
             ranks, folds, [group](std::int64_t job, int threads) { group->train(job, threads); }))
      stages.push_back(std::move(stage));
    if (group->is_to_be_cached())
      stages.push_back({.jobs = 1,
                        .run = [group](std::int64_t, int) { group->keep_features(); },
                        .rank = ranks.back()});
    return stages;
  }

 private:
  bool is_to_be_cached() const {
    return !key_.empty() && store_.batches() > 0 && run_->fills_cache();
  }
  void keep_features() const { run_->keep(key_, group_, store_.features()); }

  // A job a batch; of ranks one job for all batches of this one.
  static JobStage encode_stage(const std::shared_ptr<ProbeGroup>& group) {
    if (group->run_->options().group == nullptr)
      return {.jobs = group->store_.batches(),
              .run =
                  [group](std::int64_t job, int threads) {
                    group->encode([&] { group->store_.encode(job, threads); });
                  },
              .rank = group->group_.ranks.front()};
    return {
        .jobs = 1,
        .run = [group](std::int64_t,
                       int threads) { group->encode([&] { group->store_.encode_mine(threads); }); },
        .rank = group->group_.ranks.front()};
  }

  // What a job of this group computes on a GPU.
  DeviceProducts products() const { return {group_.precision, run_->device()}; }

  void encode(const std::function<void()>& batches) {
    const DeviceProducts scope = products();
    const Stopwatch watch;
    batches();
    const std::lock_guard lock(mutex_);
    encode_seconds_ += watch.seconds();
  }

  void finish_encoding() {
    store_.finish();
    doubt_ = doubt_about(store_.features());
    if (doubt_.empty()) return;
    run_->execution().tell(group_.encoder + " on " + group_.task->name + ": " + doubt_);
  }

  // The weights behind kept features were compared once, when all were encoded.
  bool encodes_on_its_way(const ProbeProtocol& protocol) const {
    return !kept_ || protocol.augmentation.active();
  }

  void train(std::int64_t job, int threads) {
    const std::size_t c = results_.cell_of(job), f = results_.fold_of(job);
    PlannedCell& cell = run_->cell(group_.cells[c]);
    if (run_->given_up(cell)) return;
    const DeviceProducts scope = products();
    try {
      if (!results_.add(job, probe_fold(cell, f, work_.folds[c][f], threads))) return;
    } catch (const TrainingDiverged& why) {
      return run_->give_up(cell, why);
    }
    // Before the record says that the encoder was frozen.
    if (encodes_on_its_way(cell.protocol.probe)) require_frozen(encoder_->on_device);
    cell.record.encode_seconds = encode_seconds_;
    if (!doubt_.empty()) cell.record.warnings.push_back(doubt_);
    run_->finish(cell, results_.of_cell(c));
  }

  FoldResult probe_fold(const PlannedCell& cell, std::size_t f, std::int64_t work, int threads) {
    const Task& task = *cell.task;
    const ProbeProtocol& protocol = cell.protocol.probe;
    Progress part(run_->progress(), work, passes_of(protocol));
    LabelledFeatures features = store_.features();  // what is kept is shared
    const ProbeViews views = store_.views(protocol, cell.record.seed, threads, features);
    TrainingRun training{.seed = cell.record.seed,
                         .device = run_->device(),
                         .tick = [&](std::int64_t passes) { part.advance(passes); }};
    std::optional<EventFile> curves;
    if (!run_->options().tensorboard.empty() && run_->writes()) {
      curves.emplace(curves_folder(run_->options().tensorboard, cell, f));
      training.epoch_ended = [&](const ProbeEpoch& end) {
        curves->add(end.epoch + 1, {{"loss", end.loss}, {"learning_rate", end.learning_rate}});
      };
    }
    TrainedFold trained = train_fold(task, f, protocol, features, training, views);
    if (curves) add_held_out(*curves, protocol, *trained.result.selection);
    if (run_->options().keep_heads && run_->writes() && writes_heads(cell.protocol))
      save_classifier(head_path(run_->options().out, cell, f),
                      classifier_of(trained.outcome, cell));
    for (const auto& warning : trained.result.warnings)
      run_->execution().tell(name_of(cell) + ": " + warning);
    return std::move(trained.result);
  }

  std::shared_ptr<Run> run_;
  PlannedGroup group_;
  GroupUnits work_;
  std::string key_;  // of the features in the cache; empty where there is none
  std::shared_ptr<const LoadedEncoder> encoder_;
  bool kept_;
  Progress encoding_;
  ProbeFeatures store_;
  FoldResults results_;
  std::mutex mutex_;
  double encode_seconds_ = 0;  // summed over batches
  std::string doubt_;          // about the features
};

// Fine-tuning of one encoder on one task, a job a fold.
class FinetuneGroup {
 public:
  FinetuneGroup(std::shared_ptr<Run> run, PlannedGroup group, GroupUnits work)
      : run_(std::move(run)),
        group_(std::move(group)),
        work_(std::move(work)),
        encoder_(run_->encoder(group_.encoder)),
        results_(group_.cells.size(), group_.task->folds.size()) {
    run_->progress().note(group_.encoder + ", " + group_.task->name + ", fine-tuned");
  }

  static std::vector<JobStage> stages(const std::shared_ptr<FinetuneGroup>& group) {
    return {{.jobs = group->results_.jobs(),
             .run = [group](std::int64_t job, int threads) { group->train(job, threads); },
             .rank = group->group_.ranks.front()}};
  }

 private:
  void train(std::int64_t job, int threads) {
    const std::size_t c = results_.cell_of(job), f = results_.fold_of(job);
    PlannedCell& cell = run_->cell(group_.cells[c]);
    const Task& task = *group_.task;
    const Fold& fold = task.folds[f];
    const FinetuneProtocol& protocol = cell.protocol.finetune;
    if (run_->given_up(cell)) return;
    const DeviceProducts products(protocol.precision, run_->device());
    Progress part(run_->progress(), work_.folds[c][f],
                  static_cast<std::int64_t>(fold.train.size()) * protocol.epochs);
    FinetuneOutcome outcome;
    try {
      outcome =
          finetune(encoder_->on_host, {*task.source, fold, task.classes, task.loss()}, protocol,
                   {.seed = cell.record.seed,
                    .threads = threads,
                    .device = run_->device(),
                    .group = run_->options().group,
                    .tick = [&](std::int64_t clips) { part.advance(clips); }});
    } catch (const TrainingDiverged& why) {
      return run_->give_up(cell, why);
    }
    const bool last = results_.add(job, {.predictions = std::move(outcome.predictions),
                                         .scores = std::move(outcome.scores),
                                         .failures = std::move(outcome.failures),
                                         .training_failures = std::move(outcome.training_failures),
                                         .train_seconds = outcome.train_seconds,
                                         .evaluate_seconds = outcome.evaluate_seconds});
    if (last) run_->finish(cell, results_.of_cell(c));
  }

  std::shared_ptr<Run> run_;
  PlannedGroup group_;
  GroupUnits work_;
  std::shared_ptr<const LoadedEncoder> encoder_;
  FoldResults results_;
};

// Bytes of the features that a group would keep.
double kept_bytes(const Plan& plan, const PlannedGroup& group) {
  int training_views = 0;
  for (const auto i : group.cells) {
    const ProbeProtocol& protocol = plan.cells[i].protocol.probe;
    if (protocol.augmentation.active()) training_views += protocol.training_views;
  }
  return feature_bytes(plan.encoders.at(group.encoder).spec, *group.task, group.clips,
                       training_views);
}

bool keeps_features(const TablesOptions& options, const PlannedGroup& group, double needed,
                    double budget) {
  if (options.features != FeatureStore::automatic) return options.features == FeatureStore::kept;
  if (needed < budget) return true;
  options.execution.tell("features of " + group.encoder + " on " + group.task->name +
                         " would take " + std::to_string(std::llround(needed / 1e9)) +
                         " GB: they are encoded anew in every epoch (--features kept keeps them)");
  return false;
}

// The largest of the fine-tunings of a group, times those that run at once.
double finetuning_bytes(const Plan& plan, const PlannedGroup& group, int threads) {
  double largest = 0;
  for (const auto i : group.cells) {
    const FinetuneProtocol& protocol = plan.cells[i].protocol.finetune;
    largest = std::max(largest, finetune_bytes(plan.encoders.at(group.encoder).spec, protocol,
                                               protocol.gradient_shards));
  }
  const auto jobs = static_cast<double>(group.cells.size() * group.task->folds.size());
  return largest * std::min<double>(threads, jobs);
}

}  // namespace

CellJobs cell_jobs(const TablesOptions& options, const Suite& suite, Plan& plan,
                   const std::function<void(std::size_t)>& ended) {
  const auto groups = groups_to_compute(plan);
  std::vector<GroupUnits> work;
  std::int64_t total = 0;
  for (const auto& group : groups) total += work.emplace_back(units_of(plan, group)).total();
  const auto run = std::make_shared<Run>(options, suite, plan, total, ended);
  CellJobs jobs;
  jobs.bytes = options.memory_bytes;
  double features = 0;
  for (std::size_t g = 0; g < groups.size(); ++g) {
    JobGroup& job = jobs.groups.emplace_back();
    job.rank = groups[g].ranks.front();
    if (groups[g].is_finetune) {
      job.bytes = finetuning_bytes(plan, groups[g], options.execution.threads);
      job.begin = [run, group = groups[g], units = work[g]] {
        return FinetuneGroup::stages(std::make_shared<FinetuneGroup>(run, group, units));
      };
      continue;
    }
    const double needed = kept_bytes(plan, groups[g]);
    job.bytes = needed;
    const bool kept = keeps_features(options, groups[g], needed, jobs.bytes);
    if (kept) features += needed;
    if (!kept) job.bytes = 0;  // a batch at a time
    job.begin = [run, group = groups[g], units = work[g], kept] {
      return ProbeGroup::stages(std::make_shared<ProbeGroup>(run, group, units, kept));
    };
  }
  run->set_cached_bytes(features);
  jobs.encoding = [run] { return run->clock().seconds(); };
  return jobs;
}

}  // namespace permafrost
