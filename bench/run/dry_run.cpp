// SPDX-License-Identifier: Apache-2.0
#include "bench/run/dry_run.h"

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <tuple>

#include "bench/run/plan.h"
#include "bench/run/plan_shards.h"
#include "bench/run/probe_features.h"
#include "bench/run/record_reuse.h"
#include "bench/run/work_estimate.h"
#include "bench/suites/suite_fit.h"
#include "bench/text/markdown.h"
#include "common/nearest_name.h"

namespace permafrost {
namespace {

void add_reason(DryCell& cell, const std::string& reason) {
  const bool known =
      std::find(cell.missing.begin(), cell.missing.end(), reason) != cell.missing.end();
  if (!reason.empty() && !known) cell.missing.push_back(reason);
}

// Milliseconds of one core for one seed, by the figures of plan.cpp.
struct Work {
  double encoding = 0;  // features that other cells may share
  double training = 0;  // the rest
};

Work work_of(const DryCell& cell, const EncoderSpec& spec, const Task& task,
             const TaskSpec& task_spec, const ProtocolChoice& protocol) {
  if (protocol.is_finetune) {
    const FinetuneProtocol& p = protocol.finetune;
    return {.training = p.epochs * finetune_work(spec, task.kind, cell.train) +
                        encode_work(spec, task.kind, cell.test * p.clips * p.test.views)};
  }
  const ProbeProtocol& p = protocol.probe;
  const int clips = clips_of(protocol, task_spec);
  const auto labelled = p.label_fraction * static_cast<double>(cell.train);
  Work work{.encoding = encode_work(spec, task.kind, samples_in_views(task) * clips)};
  work.training = passes_of(p) * probe_work(spec, p, clips, static_cast<std::int64_t>(labelled));
  if (p.augmentation.active()) {
    const double views = p.training_views > 0 ? p.training_views : p.epochs;
    work.training +=
        encode_work(spec, task.kind, static_cast<std::int64_t>(views * labelled) * clips);
  }
  return work;
}

void add_sizes(DryCell& cell, const EncoderSpec& spec, const Task& task, const TaskSpec& task_spec,
               const ProtocolChoice& protocol) {
  for (const auto& fold : task.folds) {
    cell.train += static_cast<std::int64_t>(fold.train.size());
    cell.test += static_cast<std::int64_t>(fold.test.size());
  }
  if (protocol.is_finetune) return;
  const ProbeProtocol& p = protocol.probe;
  cell.feature_bytes = feature_bytes(spec, task, clips_of(protocol, task_spec),
                                     p.augmentation.active() ? p.training_views : 0);
}

double hours_of(double milliseconds) { return milliseconds / 3.6e6; }

// The spec of an encoder that is not there, as far as the suite tells.
std::optional<EncoderSpec> expected_spec(const EncoderChoice& choice, const std::string& where) {
  if (choice.expected.is_null()) return std::nullopt;
  return read_encoder_spec(choice.expected, where);
}

// Of every cell of the plan; empty where it is not dealt.
std::vector<int> shards_of_cells(const Plan& plan, const std::optional<WorkShard>& shard) {
  if (!shard) return {};
  std::vector<int> shards(plan.cells.size(), 0);
  for (const auto& dealt : deal_groups(plan, shard->count))
    for (const auto cell : dealt.group.cells) shards[cell] = dealt.shard;
  return shards;
}

class Estimator {
 public:
  Estimator(const Suite& suite, const Plan& plan, const SeedRange& seeds,
            const std::filesystem::path& data, const std::optional<WorkShard>& shard)
      : suite_(suite),
        plan_(plan),
        seeds_(seeds),
        data_(data),
        shard_of_(shards_of_cells(plan, shard)),
        shards_(static_cast<std::size_t>(shard ? shard->count : 0)) {}

  DryCell cell(const TableSpec& table, std::size_t r, std::size_t c, const TableCell& place) {
    const RowSpec& row = table.rows[r];
    const ColumnSpec& column = table.columns[c];
    const ProtocolChoice& protocol = protocol_of(suite_, column.protocol);
    const TaskSpec& task_spec = task_of(suite_, column.task);
    DryCell cell{.table = table.number,
                 .row = row.name,
                 .column = column.name,
                 .encoder = row.encoder,
                 .task = column.task,
                 .protocol = column.protocol,
                 .seeds = seeds_of(protocol, seeds_).count};
    for (const auto i : place.planned) cell.done += plan_.cells[i].done ? 1 : 0;
    if (!shard_of_.empty()) cell.shards = shards_of(place);
    add_reason(cell, place.unavailable);
    const EncoderChoice& choice = encoder_of(suite_, row.encoder);
    const auto planned = plan_.encoders.find(choice.name);
    std::optional<EncoderSpec> spec;
    if (planned != plan_.encoders.end() && planned->second.unavailable.empty())
      spec = planned->second.spec;
    else
      spec = expected_spec(choice, "suite " + suite_.name + ": encoder " + choice.name);
    Work work;
    if (spec) {
      const TestView test = protocol.is_finetune ? protocol.finetune.test : protocol.probe.test;
      const Task& task = opened(task_spec, *spec, test);
      add_reason(cell, task.unavailable);
      if (task.available()) {
        add_sizes(cell, *spec, task, task_spec, protocol);
        work = work_of(cell, *spec, task, task_spec, protocol);
      }
    }
    cell.core_hours = (cell.seeds - cell.done) * hours_of(work.encoding + work.training);
    count(cell, place, work);
    return cell;
  }

  const DryTotal& total() const { return total_; }
  const std::vector<DryTotal>& shards() const { return shards_; }

 private:
  std::vector<int> shards_of(const TableCell& place) const {
    std::set<int> shards;
    for (const auto i : place.planned) shards.insert(shard_of_[i]);
    return {shards.begin(), shards.end()};
  }

  // Adds what no earlier cell has counted.
  void count(const DryCell& cell, const TableCell& place, const Work& work) {
    for (const auto i : place.planned) {
      const PlannedCell& planned = plan_.cells[i];
      if (!counted_.insert(planned.record.key).second) continue;
      DryTotal one{.records = 1, .done = planned.done ? 1 : 0};
      if (!planned.done) {
        one.core_hours = hours_of(work.training);
        const bool first = features_.insert({planned.encoder, planned.task, planned.clips}).second;
        if (first) one.core_hours += hours_of(work.encoding);
      }
      add(one, total_);
      if (!shard_of_.empty()) add(one, shards_[static_cast<std::size_t>(shard_of_[i])]);
    }
    if (!place.planned.empty()) return;
    if (!counted_.insert(cell.encoder + "\n" + cell.task + "\n" + cell.protocol).second) return;
    total_.records += cell.seeds;
    total_.missing += cell.seeds;
    total_.core_hours += cell.core_hours;
  }

  static void add(const DryTotal& cell, DryTotal& sum) {
    sum.records += cell.records;
    sum.done += cell.done;
    sum.core_hours += cell.core_hours;
  }

  const Task& opened(const TaskSpec& spec, const EncoderSpec& encoder, const TestView& test) {
    const ClipShape shape = encoder.clip_shape();
    const std::string name = spec.name + " " + std::to_string(shape.frames) + " " +
                             std::to_string(shape.height) + " " + std::to_string(shape.width) +
                             " " + std::to_string(test.short_side) + " " +
                             std::to_string(test.views);
    if (const auto it = tasks_.find(name); it != tasks_.end()) return it->second;
    return tasks_
        .emplace(name,
                 open_task(spec, shape, data_,
                           {.short_side = test.short_side, .views = test.views, .keep_bytes = 0}))
        .first->second;
  }

  const Suite& suite_;
  const Plan& plan_;
  SeedRange seeds_;
  std::filesystem::path data_;
  std::map<std::string, Task> tasks_;
  std::vector<int> shard_of_;  // [cells of the plan]
  std::vector<DryTotal> shards_;
  DryTotal total_;
  std::set<std::string> counted_;
  std::set<std::tuple<std::string, const Task*, int>> features_;
};

std::string gigabytes(double bytes) { return bytes > 0 ? fixed(bytes / 1e9, 1) : ""; }

// Three digits where it is small.
std::string hours(double value) {
  return value <= 0 ? "" : value < 0.1 ? fixed(value, 3) : fixed(value, 1);
}

}  // namespace

double DryRun::largest_feature_bytes() const {
  double most = 0;
  for (const auto& cell : cells) most = std::max(most, cell.feature_bytes);
  return most;
}

DryRun dry_run(const TablesOptions& options) {
  require_agreement(options);
  std::string data = options.data;
  const Suite suite = suite_for(options, data);
  const auto tables = tables_for(options, suite);
  const SeedRange seeds{options.execution.seed, options.seeds > 0 ? options.seeds : suite.seeds};
  const auto folder = data_folder(data);
  Plan plan = make_plan(suite, tables, seeds, folder, 0);
  if (!options.fresh)
    take_records(plan, tables, options.out, options.keep_heads, options.execution.notice, true);
  DryRun run{.suite = suite.name};
  Estimator estimator(suite, plan, seeds, folder, options.shard);
  for (std::size_t t = 0; t < tables.size(); ++t)
    for (std::size_t r = 0; r < tables[t].rows.size(); ++r)
      for (std::size_t c = 0; c < tables[t].columns.size(); ++c)
        run.cells.push_back(estimator.cell(tables[t], r, c, plan.places[t][r][c]));
  run.total = estimator.total();
  run.shards = estimator.shards();
  return run;
}

namespace {

std::string estimate_text(const DryRun& run) {
  const DryTotal& total = run.total;
  if (total.done == total.records) return "- Nothing is left to compute.\n";
  if (total.done + total.missing >= total.records)
    return "- Nothing can be computed before what is missing is there.\n";
  const std::string hours_left =
      total.core_hours < 0.001 ? "less than 0.001" : hours(total.core_hours);
  const std::string text =
      "- Estimated time: " + hours_left +
      " core-hours on a CPU of about 40 Gflop/s a core. What cells share is counted once; the "
      "table above counts each cell by itself.\n";
  const double bytes = run.largest_feature_bytes();
  if (bytes <= 0) return text;  // fine-tuning alone
  return text + "- Features take " +
         (bytes < 5e7 ? "less than 0.1" : "at most " + gigabytes(bytes)) +
         " GB where they are kept. Where that is too much they are encoded in every epoch "
         "(--features).\n";
}

std::string numbers_text(const std::vector<int>& numbers) {
  std::vector<std::string> texts;
  for (const int number : numbers) texts.push_back(std::to_string(number));
  return joined(texts);
}

// A line a shard; what is missing is dealt to none.
std::string shards_text(const DryRun& run) {
  if (run.shards.empty()) return "";
  TextRows rows{{"shard", "records", "done", "core-hours"}};
  for (std::size_t s = 0; s < run.shards.size(); ++s) {
    const DryTotal& shard = run.shards[s];
    rows.push_back({std::to_string(s) + "/" + std::to_string(run.shards.size()),
                    std::to_string(shard.records), std::to_string(shard.done),
                    hours(shard.core_hours)});
  }
  return "\n" + markdown_table(rows, {false, true, true, true});
}

}  // namespace

std::string to_markdown(const DryRun& run) {
  TextRows rows{{"table", "row", "column", "encoder", "task", "protocol", "done", "train", "test",
                 "core-hours", "features, GB"}};
  std::vector<bool> right{true, false, false, false, false, false, false, true, true, true, true};
  if (!run.shards.empty()) {
    rows[0].emplace_back("shard");
    right.push_back(true);
  }
  std::map<std::string, std::vector<std::string>> missing;
  for (const auto& cell : run.cells) {
    const auto count = [](std::int64_t n) { return n > 0 ? std::to_string(n) : std::string(); };
    rows.push_back(
        {std::to_string(cell.table), cell.row, cell.column, cell.encoder, cell.task, cell.protocol,
         cell.missing.empty() ? std::to_string(cell.done) + " of " + std::to_string(cell.seeds)
                              : "missing",
         count(cell.train), count(cell.test), hours(cell.core_hours),
         gigabytes(cell.feature_bytes)});
    if (!run.shards.empty()) rows.back().push_back(numbers_text(cell.shards));
    for (const auto& reason : cell.missing) {
      auto& users = missing[reason];
      const std::string user = "table " + std::to_string(cell.table) + " " + cell.row;
      if (std::find(users.begin(), users.end(), user) == users.end()) users.push_back(user);
    }
  }
  std::string text = "## Dry run of suite " + run.suite + "\n\n" + markdown_table(rows, right) +
                     "\n- " + std::to_string(run.total.records) + " records wanted, " +
                     std::to_string(run.total.done) + " there, " +
                     std::to_string(run.total.missing) + " cannot be computed.\n";
  for (const auto& [reason, users] : missing)
    text += "- Missing: " + reason + " (" + joined(users) + ")\n";
  return text + estimate_text(run) + shards_text(run);
}

Json to_json(const DryRun& run) {
  Json cells = Json::array(), shards = Json::array();
  for (const auto& shard : run.shards)
    shards.push_back(
        {{"records", shard.records}, {"done", shard.done}, {"core_hours", shard.core_hours}});
  for (const auto& cell : run.cells) {
    cells.push_back({{"table", cell.table},
                     {"row", cell.row},
                     {"column", cell.column},
                     {"encoder", cell.encoder},
                     {"task", cell.task},
                     {"protocol", cell.protocol},
                     {"seeds", cell.seeds},
                     {"done", cell.done},
                     {"missing", cell.missing},
                     {"train", cell.train},
                     {"test", cell.test},
                     {"core_hours", cell.core_hours},
                     {"feature_bytes", cell.feature_bytes}});
    if (!run.shards.empty()) cells.back()["shards"] = cell.shards;
  }
  Json json{{"suite", run.suite},           {"cells", cells},
            {"records", run.total.records}, {"done", run.total.done},
            {"missing", run.total.missing}, {"core_hours", run.total.core_hours}};
  if (!run.shards.empty()) json["shards"] = shards;
  return json;
}

}  // namespace permafrost
