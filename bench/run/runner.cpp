// SPDX-License-Identifier: Apache-2.0
#include "bench/run/runner.h"

#include <torch/types.h>

#include <algorithm>
#include <atomic>
#include <ctime>
#include <memory>
#include <mutex>
#include <nlohmann/json.hpp>
#include <set>

#include "bench/run/fold_result.h"
#include "bench/run/plan.h"
#include "bench/run/probe_features.h"
#include "bench/run/record_reuse.h"
#include "bench/run/work_estimate.h"
#include "bench/suites/suite_fit.h"
#include "common/error.h"
#include "common/files/files.h"
#include "common/files/folder_lock.h"
#include "common/machine/memory.h"
#include "common/machine/parallel.h"
#include "common/machine/progress.h"
#include "common/machine/stopwatch.h"
#include "datasets/tasks/label_subset.h"
#include "probes/encode/features.h"
#include "probes/heads/classifier_file.h"
#include "probes/train/finetune.h"
#include "probes/train/probe_training.h"

namespace permafrost {
namespace fs = std::filesystem;
namespace {

Selection selection_of(const ProbeOutcome& outcome, const ProbeProtocol& protocol) {
  const ProbeCandidate chosen = candidates_of(protocol)[static_cast<std::size_t>(outcome.chosen)];
  Selection selection{.learning_rate = chosen.learning_rate,
                      .neighbours = chosen.neighbours,
                      .held_out_accuracy = outcome.held_out_accuracy};
  if (!protocol.weight_decays.empty()) selection.weight_decay = chosen.weight_decay;
  return selection;
}

Fold labelled_fold(const Fold& fold, const LabelledFeatures& features, const Task& task,
                   const ProbeProtocol& protocol, std::uint64_t seed) {
  if (!(protocol.label_fraction < 1)) return fold;
  return {label_subset(features.labels, task.groups, fold.train, protocol.label_fraction, seed),
          fold.test};
}

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

std::string utc_now() {
  const std::time_t now = std::time(nullptr);
  std::tm parts{};
  char text[32];
  std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&now, &parts));
  return text;
}

std::int64_t units(double work) { return std::max<std::int64_t>(1, std::llround(work)); }

// Computes groups of cells one after the other and writes each record as soon as it is whole.
class Runner {
 public:
  Runner(const TablesOptions& options, const Suite& suite, Plan& plan)
      : options_(options), suite_(suite), plan_(plan) {}

  void run() {
    const auto groups = groups_to_compute(plan_);
    std::int64_t total = 0;
    for (const auto& group : groups) total += group_units(group);
    Progress progress("tables", total, "units", options_.quiet);
    for (const auto& group : groups) {
      load(group.encoder);
      progress.note(group.encoder + ", " + group.task->name +
                    (group.is_finetune ? ", fine-tuned" : ", frozen"));
      if (group.is_finetune)
        run_finetuning(group, progress);
      else
        run_probes(group, progress);
    }
  }

 private:
  const EncoderSpec& spec_of(const std::string& encoder) const {
    return plan_.encoders.at(encoder).spec;
  }

  std::int64_t encode_units(const PlannedGroup& group) const {
    return units(encode_work(spec_of(group.encoder), group.task->kind,
                             samples_in_views(*group.task) * group.clips));
  }

  std::int64_t fold_units(const PlannedGroup& group, const PlannedCell& cell,
                          const Fold& fold) const {
    const EncoderSpec& spec = spec_of(group.encoder);
    const auto n = static_cast<std::int64_t>(fold.train.size());
    if (!group.is_finetune)
      return units(passes_of(cell.protocol.probe) * cell.protocol.probe.label_fraction *
                   probe_work(spec, cell.protocol.probe, group.clips, n));
    return units(cell.protocol.finetune.epochs * finetune_work(spec, group.task->kind, n));
  }

  std::int64_t group_units(const PlannedGroup& group) const {
    std::int64_t sum = group.is_finetune ? 0 : encode_units(group);
    for (const auto i : group.cells)
      for (const auto& fold : group.task->folds) sum += fold_units(group, plan_.cells[i], fold);
    return sum;
  }

  void load(const std::string& name) {
    if (loaded_ == name) return;
    std::string gone;
    encoder_ = open_encoder(suite_, encoder_of(suite_, name), gone);
    if (!gone.empty() || encoder_.sha256 != plan_.encoders.at(name).identity.sha256)
      throw Error("encoder " + permafrost::quoted(name) + ": its file changed during the run");
    loaded_ = name;
  }

  // Whether the features of a group are to be kept.
  bool kept(const PlannedGroup& group) const {
    if (options_.features != FeatureStore::automatic)
      return options_.features == FeatureStore::kept;
    const Task& task = *group.task;
    int training_views = 0;
    for (const auto i : group.cells)
      if (plan_.cells[i].protocol.probe.augmentation.active())
        training_views += plan_.cells[i].protocol.probe.training_views;
    const double needed = feature_bytes(spec_of(group.encoder), task, group.clips, training_views);
    const auto free = free_memory_bytes();
    const bool fits = !free || needed < *free / 2;
    if (!fits && options_.notice)
      options_.notice("features of " + group.encoder + " on " + task.name + " would take " +
                      std::to_string(std::llround(needed / 1e9)) +
                      " GB: they are encoded anew in every epoch (--features kept keeps them)");
    return fits;
  }

  void run_probes(const PlannedGroup& group, Progress& progress) {
    const Task& task = *group.task;
    const Stopwatch watch;
    Encoder on_device = encoder_;
    if (options_.device != "cpu")
      on_device.weights = to_device(encoder_.weights, at::Device(options_.device));
    Progress encoding(progress, encode_units(group), task.source->size());
    const std::size_t folds = task.folds.size();
    const auto jobs = static_cast<std::int64_t>(group.cells.size() * folds);
    const auto at_once = std::clamp<std::int64_t>(options_.threads, 1, jobs);
    const ProbeFeatures store({.encoder = on_device,
                               .task = task,
                               .clips = group.clips,
                               .kept = kept(group),
                               .threads = options_.threads,
                               .streaming = static_cast<int>(options_.threads / at_once),
                               .batch = options_.batch,
                               .notice = options_.notice,
                               .progress = &encoding});
    const double encode_seconds = watch.seconds();

    std::vector<std::vector<FoldResult>> results(group.cells.size(),
                                                 std::vector<FoldResult>(folds));
    std::vector<std::atomic<std::size_t>> left(group.cells.size());
    for (auto& count : left) count = folds;
    parallel_for(jobs, options_.threads, [&](std::int64_t job) {
      const std::size_t c = static_cast<std::size_t>(job) / folds,
                        f = static_cast<std::size_t>(job) % folds;
      PlannedCell& cell = plan_.cells[group.cells[c]];
      results[c][f] = probe_fold(store, cell, f, fold_units(group, cell, task.folds[f]), progress);
      if (--left[c] > 0) return;
      // Probes may encode on their way: before the record says that the encoder was frozen.
      require_frozen(on_device);
      cell.record.encode_seconds = encode_seconds;
      finish(cell, results[c]);
    });
  }

  FoldResult probe_fold(const ProbeFeatures& store, const PlannedCell& cell, std::size_t f,
                        std::int64_t work, Progress& progress) const {
    const Task& task = *cell.task;
    const ProbeProtocol& protocol = cell.protocol.probe;
    Progress part(progress, work, passes_of(protocol));
    LabelledFeatures features = store.features();  // what is kept is shared
    const Fold fold = labelled_fold(task.folds[f], features, task, protocol, cell.record.seed);
    ProbeOutcome outcome = train_probe(
        features, task.groups, fold, task.classes, protocol, cell.record.seed,
        [&] { part.advance(); }, store.views(protocol, cell.record.seed, features),
        at::Device(options_.device));
    if (options_.keep_heads && writes_heads(cell.protocol))
      save_classifier(head_path(options_.out, cell, f), classifier_of(outcome, cell));
    FoldResult result{.predictions = std::move(outcome.predictions),
                      .scores = std::move(outcome.scores),
                      .selection = selection_of(outcome, protocol),
                      .train_seconds = outcome.train_seconds,
                      .evaluate_seconds = outcome.evaluate_seconds};
    for (const auto sample : fold.test)
      result.failures.push_back(features.failures[static_cast<std::size_t>(sample)]);
    for (const auto sample : fold.train)
      if (const auto& why = features.failures[static_cast<std::size_t>(sample)]; !why.empty())
        result.training_failures.emplace(sample, why);
    if (protocol.label_fraction < 1) result.training = fold.train;
    return result;
  }

  void run_finetuning(const PlannedGroup& group, Progress& progress) {
    const Task& task = *group.task;
    for (const auto i : group.cells) {
      PlannedCell& cell = plan_.cells[i];
      std::vector<FoldResult> results;
      for (const auto& fold : task.folds) {
        const FinetuneProtocol& protocol = cell.protocol.finetune;
        const auto clips = static_cast<std::int64_t>(fold.train.size()) * protocol.epochs;
        Progress part(progress, fold_units(group, cell, fold), clips);
        FinetuneOutcome outcome =
            finetune(encoder_, *task.source, fold, task.classes, protocol, cell.record.seed,
                     options_.threads, &part, at::Device(options_.device));
        results.push_back({.predictions = std::move(outcome.predictions),
                           .scores = std::move(outcome.scores),
                           .failures = std::move(outcome.failures),
                           .training_failures = std::move(outcome.training_failures),
                           .train_seconds = outcome.train_seconds,
                           .evaluate_seconds = outcome.evaluate_seconds});
      }
      finish(cell, results);
    }
  }

  void finish(PlannedCell& cell, const std::vector<FoldResult>& results) const {
    pool_folds(results, *cell.task, cell.record);
    cell.record.threads = options_.threads;
    cell.record.build = build_info(options_.device);
    cell.record.finished = utc_now();
    complete(cell.record);
    write_record(options_.out, cell.record);
    cell.done = true;
  }

  const TablesOptions& options_;
  const Suite& suite_;
  Plan& plan_;
  Encoder encoder_;
  std::string loaded_;
};

std::vector<std::vector<CellInput>> inputs_of(const std::vector<std::vector<PlannedPlace>>& places,
                                              const std::vector<PlannedCell>& cells) {
  std::vector<std::vector<CellInput>> inputs;
  for (const auto& row : places) {
    auto& out = inputs.emplace_back();
    for (const auto& place : row) {
      CellInput input{.unavailable = place.unavailable};
      for (const auto i : place.cells) input.seeds.push_back(cells[i].record);
      out.push_back(std::move(input));
    }
  }
  return inputs;
}

TableSpec with_notes(TableSpec table, const Suite& suite) {
  for (auto& column : table.columns)
    column.protocol_note = note_of(protocol_of(suite, column.protocol));
  return table;
}

// One line for every encoder and task that is not there, however many places it leaves empty.
void tell_unavailable(const Plan& plan, const TablesOptions& options) {
  if (!options.notice) return;
  for (const auto& [name, encoder] : plan.encoders)
    if (!encoder.unavailable.empty())
      options.notice("encoder " + name + " is not available: " + encoder.unavailable);
  std::set<std::string> told;
  for (const auto& [name, task] : plan.tasks)
    if (!task.available() && told.insert(task.name).second)
      options.notice("task " + task.name + " is not available: " + task.unavailable);
}

}  // namespace

TablesResult run_specs(const TablesOptions& given, const Suite& suite,
                       const std::vector<TableSpec>& tables) {
  const Stopwatch watch;
  TablesOptions options = given;
  std::mutex telling;  // probes notice things on threads of their own
  if (given.notice)
    options.notice = [&](const std::string& line) {
      const std::lock_guard lock(telling);
      given.notice(line);
    };
  for (const auto& table : tables) require_fit(table, suite);
  require_writable_directory(options.out, "--out");
  const FolderLock lock(options.out, "--out");
  const int seeds = options.seeds > 0 ? options.seeds : suite.seeds;

  Plan plan = make_plan(suite, tables, {options.first_seed, seeds}, data_folder(options.data));
  tell_unavailable(plan, options);
  if (!options.fresh) take_records(plan, tables, options.out, options.keep_heads, options.notice);
  Runner(options, suite, plan).run();
  release_records(plan, tables, options.out);

  TablesResult result;
  for (const auto& cell : plan.cells) (cell.reused ? result.reused : result.computed) += 1;
  const TableContext context{.suite = suite.name,
                             .suite_title = suite.title,
                             .seeds = seeds,
                             .first_seed = options.first_seed,
                             .quick = options.quick};
  for (std::size_t t = 0; t < tables.size(); ++t)
    result.tables.push_back(
        build_table(with_notes(tables[t], suite), context, inputs_of(plan.places[t], plan.cells)));
  result.seconds = watch.seconds();
  return result;
}

Suite suite_for(const TablesOptions& options, std::string& data) {
  Suite suite = read_suite(options.suite);
  if (!options.paths.empty()) suite = with_paths(std::move(suite), options.paths, data);
  return options.quick ? quick_suite(std::move(suite)) : suite;
}

std::vector<TableSpec> tables_for(const TablesOptions& options, const Suite& suite) {
  std::vector<TableSpec> tables;
  for (const int number : options.tables.empty() ? table_numbers(suite) : options.tables) {
    const bool twice = std::any_of(tables.begin(), tables.end(),
                                   [&](const TableSpec& t) { return t.number == number; });
    if (!twice) tables.push_back(fitted_to(read_table(number), suite));
  }
  for (const auto& table : tables) require_fit(table, suite);
  return tables;
}

TablesResult run_tables(const TablesOptions& given) {
  TablesOptions options = given;
  const Suite suite = suite_for(given, options.data);
  TablesResult result = run_specs(options, suite, tables_for(options, suite));
  for (const auto& table : result.tables) write_table(options.out, table);
  return result;
}

}  // namespace permafrost
