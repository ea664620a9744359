// SPDX-License-Identifier: Apache-2.0
#include "bench/run/runner.h"

#include <algorithm>
#include <limits>
#include <mutex>
#include <set>

#include "bench/records/record_archive.h"
#include "bench/run/cell_jobs.h"
#include "bench/run/plan.h"
#include "bench/run/plan_shards.h"
#include "bench/run/record_reuse.h"
#include "bench/run/verification.h"
#include "bench/suites/suite_fit.h"
#include "common/error.h"
#include "common/files/files.h"
#include "common/files/folder_lock.h"
#include "common/files/hash.h"
#include "common/machine/memory.h"
#include "common/machine/stopwatch.h"
#include "probes/encode/feature_cache.h"

namespace permafrost {
namespace {

std::vector<std::vector<TableCell>> inputs_of(const std::vector<std::vector<TableCell>>& places,
                                              const std::vector<PlannedCell>& cells) {
  std::vector<std::vector<TableCell>> inputs;
  for (const auto& row : places) {
    auto& out = inputs.emplace_back();
    for (const auto& place : row) {
      TableCell input{.unavailable = place.unavailable};
      for (const auto i : place.planned)
        if (input.unavailable.empty()) input.unavailable = cells[i].failure;
      if (input.unavailable.empty())
        for (const auto i : place.planned) input.seeds.push_back(cells[i].record);
      out.push_back(std::move(input));
    }
  }
  return inputs;
}

bool all_done(const Plan& plan) {
  return std::all_of(plan.cells.begin(), plan.cells.end(),
                     [](const PlannedCell& cell) { return cell.done || cell.elsewhere; });
}

// Records that others computed. Nothing of the evaluation before this one has the same key.
void take_from(const TablesOptions& options, const Plan& plan) {
  std::vector<std::string> keys;
  for (const auto& cell : plan.cells)
    if (!cell.elsewhere) keys.push_back(cell.record.key);
  const auto found = import_records(options.from, keys, options.out);
  const auto all = static_cast<std::int64_t>(keys.size());
  if (found == 0 && all > 0 && !options.shard)  // other shards may find theirs
    throw InputError("--from", options.from.string(),
                     "records of evaluation version " + std::to_string(kEvaluationVersion) +
                         " (fine-tuned: " + std::to_string(kFinetuningVersion) +
                         ") of these tables",
                     "none of the " + std::to_string(all) + " cells");
  if (found < all)
    options.execution.tell(options.from.string() + " has " + std::to_string(found) + " of " +
                           std::to_string(all) + " cells; the others are computed");
}

TableSpec with_notes(TableSpec table, const Suite& suite) {
  for (auto& column : table.columns)
    column.protocol_note = note_of(protocol_of(suite, column.protocol));
  return table;
}

std::unique_ptr<FolderLock> lock_of(const TablesOptions& options) {
  if (!is_first(options.group)) return nullptr;
  require_writable_directory(options.out, "--out");
  if (!options.shard) return std::make_unique<FolderLock>(options.out, "--out");
  return std::make_unique<FolderLock>(options.out, "--out",
                                      FolderPart{options.shard->index, options.shard->count});
}

double memory_of(const TablesOptions& options) {
  double bytes = options.memory_bytes;
  if (bytes <= 0) bytes = free_memory_bytes().value_or(std::numeric_limits<double>::infinity()) / 2;
  if (options.group == nullptr) return bytes;
  if (options.memory_bytes <= 0) bytes /= options.group->ranks_on_machine();
  // All ranks keep features, or none does.
  return std::stod(options.group->from_first(std::to_string(bytes)));
}

// All ranks compute what the first has no record of.
void share_what_is_done(Plan& plan, ProcessGroup* group) {
  if (group == nullptr) return;
  std::string keys, done;
  for (const auto& cell : plan.cells) {
    keys += cell.record.key + "\n";
    done += cell.done ? '1' : '0';
  }
  group->require_same("cells to compute", sha256_of(keys),
                      "every rank has the same program, encoders and data");
  done = group->from_first(done);
  for (std::size_t i = 0; i < plan.cells.size(); ++i) plan.cells[i].done = done[i] == '1';
}

// What clips keep of the memory: of a shard those of its own tasks alone.
double clip_bytes_of(const Plan& plan) {
  std::set<const Task*> used;
  for (const auto& cell : plan.cells)
    if (!cell.elsewhere) used.insert(cell.task);
  double bytes = 0;
  for (const auto* task : used) bytes += task->kept_bytes;
  return bytes;
}

// One line for every encoder and task that is not there, however many places it leaves empty, and
// for everything that makes a task doubtful.
void tell_of_inputs(const Plan& plan, const TablesOptions& options) {
  for (const auto& [name, encoder] : plan.encoders)
    if (!encoder.unavailable.empty())
      options.execution.tell("encoder " + name + " is not available: " + encoder.unavailable);
  std::set<std::string> told;
  for (const auto& [name, task] : plan.tasks)
    if (told.insert(task.name).second) {
      if (!task.available())
        options.execution.tell("task " + task.name + " is not available: " + task.unavailable);
      for (const auto& warning : task.warnings)
        options.execution.tell("task " + task.name + ": " + warning);
    }
}

// Makes every table as soon as all of its cells have ended. Thread-safe.
class TablesInTheMaking {
 public:
  // All must outlive this; `made` is called for one table at a time.
  TablesInTheMaking(const Plan& plan, std::function<TableModel(std::size_t)> make,
                    std::function<void(const TableModel&)> made)
      : make_(std::move(make)), made_(std::move(made)), tables_(plan.places.size()) {
    cells_left_.resize(plan.places.size());
    for (std::size_t t = 0; t < plan.places.size(); ++t)
      for (const auto& row : plan.places[t])
        for (const auto& place : row)
          for (const auto cell : place.planned)
            if (!plan.cells[cell].done) cells_left_[t].insert(cell);
    for (std::size_t t = 0; t < tables_.size(); ++t)
      if (cells_left_[t].empty()) make_table(t);
  }

  void cell_ended(std::size_t cell) {
    const std::lock_guard lock(mutex_);
    for (std::size_t t = 0; t < tables_.size(); ++t)
      if (cells_left_[t].erase(cell) > 0 && cells_left_[t].empty()) make_table(t);
  }

  std::vector<TableModel> take() { return std::move(tables_); }

 private:
  void make_table(std::size_t t) {
    tables_[t] = make_(t);
    if (made_) made_(tables_[t]);
  }

  std::function<TableModel(std::size_t)> make_;
  std::function<void(const TableModel&)> made_;
  std::mutex mutex_;
  std::vector<std::set<std::size_t>> cells_left_;
  std::vector<TableModel> tables_;
};

TablesResult counted(const Plan& plan) {
  TablesResult result;
  for (const auto& cell : plan.cells) {
    if (cell.elsewhere)
      ++result.elsewhere;
    else if (cell.failure.empty())
      (cell.reused ? result.reused : result.computed) += 1;
    else
      result.failed.push_back(name_of(cell) + ": " + cell.failure);
  }
  return result;
}

}  // namespace

TablesResult run_specs(const TablesOptions& given, const Suite& suite,
                       const std::vector<TableSpec>& tables) {
  const Stopwatch watch;
  TablesOptions options = given;
  std::mutex telling;  // probes notice things on threads of their own
  options.execution.notice = [&](const std::string& line) {
    const std::lock_guard lock(telling);
    given.execution.tell(line);
  };
  require_agreement(options);
  for (const auto& table : tables) require_fit(table, suite);
  const auto lock = lock_of(options);
  const int seeds = options.seeds > 0 ? options.seeds : suite.seeds;

  options.memory_bytes = memory_of(options);
  // Features that one rank finds and another does not would part them.
  if (options.group != nullptr) options.features_cache.clear();
  // At most half of it for clips; what is left is for jobs.
  Plan plan = make_plan(suite, tables, {options.execution.seed, seeds}, data_folder(options.data),
                        options.memory_bytes / 2);
  if (options.shard) keep_shard(plan, *options.shard);
  options.memory_bytes -= clip_bytes_of(plan);
  const bool first = is_first(options.group);
  if (first) tell_of_inputs(plan, options);
  if (first && !options.from.empty()) take_from(options, plan);
  if (first && !options.fresh)
    take_records(plan, tables, options.out, options.keep_heads, options.execution.notice,
                 options.shard.has_value());
  share_what_is_done(plan, options.group);
  const TableContext context{.suite = suite.name,
                             .suite_title = suite.title,
                             .seeds = seeds,
                             .first_seed = options.execution.seed,
                             .quick = options.quick};
  std::optional<TablesInTheMaking> making;
  if (!options.shard && first)
    making.emplace(
        plan,
        [&](std::size_t t) {
          return build_table(with_notes(tables[t], suite), context,
                             inputs_of(plan.places[t], plan.cells));
        },
        options.table_done);
  EncodingSeconds encoding;
  if (!all_done(plan)) {
    CellJobs jobs = cell_jobs(options, suite, plan, [&](std::size_t cell) {
      if (making) making->cell_ended(cell);
    });
    run_jobs(std::move(jobs.groups), {.threads = options.execution.threads,
                                      .bytes = jobs.bytes,
                                      .one_at_a_time = options.group != nullptr});
    encoding = jobs.encoding();
  }
  std::vector<VerifiedCell> verified;
  if (options.verify > 0) verified = verify_cells(options, suite, plan, options.verify);
  if (!options.shard && first) release_records(plan, tables, options.out);

  TablesResult result = counted(plan);
  result.verified = std::move(verified);
  result.encoding = encoding;
  if (making) result.tables = making->take();
  result.seconds = watch.seconds();
  return result;
}

void require_agreement(const TablesOptions& options) {
  if (options.group != nullptr && options.verify > 0)
    throw InputError("--verify", "", "one process",
                     std::to_string(options.group->ranks()) + " ranks");
  if (!options.shard) return;
  if (options.fresh)
    throw InputError("--fresh", "", "no --shard beside it", to_text(*options.shard),
                     "a shard that is started again would compute all of its cells again; use "
                     "another --out");
  if (options.verify > 0)
    throw InputError("--verify", "", "no --shard beside it", to_text(*options.shard),
                     "verify in the run that makes the tables");
}

std::filesystem::path features_cache_named(const std::string& flag) {
  if (flag == "off") return {};
  return flag.empty() ? default_feature_cache() : std::filesystem::path(flag);
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
  options.table_done = [&](const TableModel& table) {
    write_table(options.out, table);
    if (given.table_done) given.table_done(table);
  };
  return run_specs(options, suite, tables_for(options, suite));
}

}  // namespace permafrost
