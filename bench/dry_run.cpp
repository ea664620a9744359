// SPDX-License-Identifier: Apache-2.0
#include "bench/dry_run.h"

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>

#include "bench/markdown.h"
#include "bench/plan.h"
#include "bench/suite_fit.h"
#include "common/nearest_name.h"

namespace permafrost {
namespace {

void add_reason(DryCell& cell, const std::string& reason) {
  const bool known =
      std::find(cell.missing.begin(), cell.missing.end(), reason) != cell.missing.end();
  if (!reason.empty() && !known) cell.missing.push_back(reason);
}

// Core-hours and bytes of one seed, by the figures of plan.cpp.
void estimate(DryCell& cell, const EncoderSpec& spec, const Task& task, const TaskSpec& task_spec,
              const ProtocolChoice& protocol) {
  for (const auto& fold : task.folds) {
    cell.train += static_cast<std::int64_t>(fold.train.size());
    cell.test += static_cast<std::int64_t>(fold.test.size());
  }
  const int left = cell.seeds - cell.done;
  double milliseconds = 0;
  if (protocol.is_finetune) {
    const FinetuneProtocol& p = protocol.finetune;
    milliseconds = p.epochs * finetune_work(spec, task.kind, cell.train) +
                   encode_work(spec, task.kind, cell.test * p.clips * p.test.views);
  } else {
    const ProbeProtocol& p = protocol.probe;
    const int clips = clips_of(protocol, task_spec);
    const bool augmented = p.augmentation.active();
    const double views = !augmented ? 1 : p.training_views > 0 ? p.training_views : p.epochs;
    const double labelled = p.label_fraction * static_cast<double>(cell.train);
    milliseconds = encode_work(spec, task.kind,
                               static_cast<std::int64_t>(views * labelled) * clips +
                                   cell.test * clips * p.test.views) +
                   passes_of(p) * probe_work(spec, p, clips, static_cast<std::int64_t>(labelled));
    cell.feature_bytes = feature_bytes(spec, task, clips, augmented ? p.training_views : 0);
  }
  cell.core_hours = left * milliseconds / 3.6e6;
}

// The spec of an encoder that is not there, as far as the suite tells.
std::optional<EncoderSpec> expected_spec(const EncoderChoice& choice, const std::string& where) {
  if (choice.expected.is_null()) return std::nullopt;
  return read_encoder_spec(choice.expected, where);
}

class Estimator {
 public:
  Estimator(const Suite& suite, const Plan& plan, const SeedRange& seeds,
            const std::filesystem::path& data)
      : suite_(suite), plan_(plan), seeds_(seeds), data_(data) {}

  DryCell cell(const TableSpec& table, std::size_t r, std::size_t c, const PlannedPlace& place) {
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
    for (const auto i : place.cells) cell.done += plan_.cells[i].done ? 1 : 0;
    add_reason(cell, place.unavailable);
    const EncoderChoice& choice = encoder_of(suite_, row.encoder);
    const auto planned = plan_.encoders.find(choice.name);
    std::optional<EncoderSpec> spec;
    if (planned != plan_.encoders.end() && planned->second.unavailable.empty())
      spec = planned->second.spec;
    else
      spec = expected_spec(choice, "suite " + suite_.name + ": encoder " + choice.name);
    if (!spec) return cell;
    const TestView test = protocol.is_finetune ? protocol.finetune.test : protocol.probe.test;
    const Task& task = opened(task_spec, *spec, test);
    add_reason(cell, task.unavailable);
    if (task.available()) estimate(cell, *spec, task, task_spec, protocol);
    return cell;
  }

 private:
  const Task& opened(const TaskSpec& spec, const EncoderSpec& encoder, const TestView& test) {
    const ClipShape shape = encoder.clip_shape();
    const std::string name = spec.name + " " + std::to_string(shape.frames) + " " +
                             std::to_string(shape.height) + " " + std::to_string(shape.width) +
                             " " + std::to_string(test.short_side);
    if (const auto it = tasks_.find(name); it != tasks_.end()) return it->second;
    return tasks_
        .emplace(name,
                 open_task(spec, shape, data_, {.short_side = test.short_side, .keep = false}))
        .first->second;
  }

  const Suite& suite_;
  const Plan& plan_;
  SeedRange seeds_;
  std::filesystem::path data_;
  std::map<std::string, Task> tasks_;
};

std::string gigabytes(double bytes) { return bytes > 0 ? fixed(bytes / 1e9, 1) : ""; }

// Three digits where it is small.
std::string hours(double value) {
  return value <= 0 ? "" : value < 0.1 ? fixed(value, 3) : fixed(value, 1);
}

}  // namespace

double DryRun::core_hours() const {
  double sum = 0;
  for (const auto& cell : cells) sum += cell.core_hours;
  return sum;
}

double DryRun::largest_feature_bytes() const {
  double most = 0;
  for (const auto& cell : cells) most = std::max(most, cell.feature_bytes);
  return most;
}

DryRun dry_run(const TablesOptions& options) {
  std::string data = options.data;
  const Suite suite = suite_for(options, data);
  const auto tables = tables_for(options, suite);
  const SeedRange seeds{options.first_seed, options.seeds > 0 ? options.seeds : suite.seeds};
  const auto folder = data_folder(data);
  Plan plan = make_plan(suite, tables, seeds, folder);
  if (!options.fresh) take_records(plan, options.out, options.keep_heads, options.notice, true);
  DryRun run{.suite = suite.name};
  Estimator estimator(suite, plan, seeds, folder);
  for (std::size_t t = 0; t < tables.size(); ++t)
    for (std::size_t r = 0; r < tables[t].rows.size(); ++r)
      for (std::size_t c = 0; c < tables[t].columns.size(); ++c)
        run.cells.push_back(estimator.cell(tables[t], r, c, plan.places[t][r][c]));
  return run;
}

std::string to_markdown(const DryRun& run) {
  TextRows rows{{"table", "row", "column", "encoder", "task", "protocol", "done", "train", "test",
                 "core-hours", "features, GB"}};
  int wanted = 0, done = 0, blocked = 0;
  std::map<std::string, std::vector<std::string>> missing;
  for (const auto& cell : run.cells) {
    const auto count = [](std::int64_t n) { return n > 0 ? std::to_string(n) : std::string(); };
    rows.push_back(
        {std::to_string(cell.table), cell.row, cell.column, cell.encoder, cell.task, cell.protocol,
         cell.missing.empty() ? std::to_string(cell.done) + " of " + std::to_string(cell.seeds)
                              : "missing",
         count(cell.train), count(cell.test), hours(cell.core_hours),
         gigabytes(cell.feature_bytes)});
    wanted += cell.seeds;
    done += cell.done;
    blocked += cell.missing.empty() ? 0 : cell.seeds;
    for (const auto& reason : cell.missing) {
      auto& users = missing[reason];
      const std::string user = "table " + std::to_string(cell.table) + " " + cell.row;
      if (std::find(users.begin(), users.end(), user) == users.end()) users.push_back(user);
    }
  }
  std::string text = "## Dry run of suite " + run.suite + "\n\n" +
                     markdown_table(rows, {true, false, false, false, false, false, false, true,
                                           true, true, true}) +
                     "\n- " + std::to_string(wanted) + " records wanted, " + std::to_string(done) +
                     " there, " + std::to_string(blocked) + " cannot be computed.\n";
  for (const auto& [reason, users] : missing)
    text += "- Missing: " + reason + " (" + joined(users) + ")\n";
  text += "- Estimated: " + hours(run.core_hours()) +
          " core-hours on a CPU of about 40 Gflop/s a core, each cell by itself; cells of one "
          "encoder and task share their features, and a GPU is a hundred times faster or more. "
          "Features take at most " +
          gigabytes(run.largest_feature_bytes()) +
          " GB where they are kept; where that is too much they are encoded in every epoch "
          "(--features).\n";
  return text;
}

Json to_json(const DryRun& run) {
  Json cells = Json::array();
  for (const auto& cell : run.cells)
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
  return {{"suite", run.suite}, {"cells", cells}, {"core_hours", run.core_hours()}};
}

}  // namespace permafrost
