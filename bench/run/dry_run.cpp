// SPDX-License-Identifier: Apache-2.0
#include "bench/run/dry_run.h"

#include <algorithm>
#include <map>
#include <set>

#include "bench/run/cell_estimate.h"
#include "bench/run/plan.h"
#include "bench/run/plan_shards.h"
#include "bench/run/record_reuse.h"
#include "bench/run/work_estimate.h"
#include "bench/suites/suite_fit.h"

namespace permafrost {
namespace {

void add_reason(DryCell& cell, const std::string& reason) {
  const bool known =
      std::find(cell.missing.begin(), cell.missing.end(), reason) != cell.missing.end();
  if (!reason.empty() && !known) cell.missing.push_back(reason);
}

// The spec of an encoder that is not there, as far as the suite tells.
std::optional<EncoderSpec> expected_spec(const EncoderChoice& choice, const std::string& where) {
  if (choice.expected.is_null()) return std::nullopt;
  return read_encoder_spec(choice.expected, where);
}

// One record that is wanted.
struct Wanted {
  std::string task, group;  // what shares clips, what shares features
  std::string dealt;        // what goes to one shard, see dealt_name(); empty where not known
  CellEstimate estimate;    // nothing where not known
  bool done = false, missing = false;
};

class Estimator {
 public:
  Estimator(const Suite& suite, const Plan& plan, const SeedRange& seeds,
            const std::filesystem::path& data, const EstimateSetting& setting)
      : suite_(suite), plan_(plan), seeds_(seeds), data_(data), setting_(setting) {}

  void add(const TableSpec& table, std::size_t r, std::size_t c, const TableCell& place) {
    const RowSpec& row = table.rows[r];
    const ColumnSpec& column = table.columns[c];
    const ProtocolChoice& protocol = protocol_of(suite_, column.protocol);
    const TaskSpec& task_spec = task_of(suite_, column.task);
    const SeedRange seeds = seeds_of(protocol, seeds_);
    DryCell cell{.table = table.number,
                 .row = row.name,
                 .column = column.name,
                 .encoder = row.encoder,
                 .task = column.task,
                 .protocol = column.protocol,
                 .seeds = seeds.count};
    for (const auto i : place.planned) cell.done += plan_.cells[i].done ? 1 : 0;
    add_reason(cell, place.unavailable);
    const EncoderChoice& choice = encoder_of(suite_, row.encoder);
    std::string task_name;
    CellEstimate estimate;
    if (const auto spec = spec_of(choice)) {
      const TestView test = protocol.is_finetune ? protocol.finetune.test : protocol.probe.test;
      const Task& task = opened(task_spec, *spec, test);
      add_reason(cell, task.unavailable);
      task_name = task_key(task_spec, spec->clip_shape(), test);
      const TaskSizes sizes = sizes_of(task, task_spec, data_);
      cell.train = sizes.train;
      cell.test = sizes.test;
      estimate = estimate_of(*spec, sizes, task_spec, protocol, setting_);
      cell.feature_bytes = estimate.feature_bytes;
      cell.streamed = estimate.streamed;
      cell.device_bytes = estimate.device_bytes;
    }
    cell.work = (cell.seeds - cell.done) * (estimate.task + estimate.group + estimate.cell);
    cells_.push_back(cell);
    for (const auto i : place.planned) want_planned(plan_.cells[i], estimate);
    if (!place.planned.empty()) return;
    for (std::uint64_t seed = seeds.first; seed <= seeds.last(); ++seed)
      want_missing(cell, task_name, clips_of(protocol, task_spec), protocol, seed, estimate);
  }

  DryRun run(const std::optional<Machine>& machine, const std::optional<WorkShard>& shard) {
    DryRun run{.suite = suite_.name, .cells = std::move(cells_), .machine = machine};
    std::set<std::string> shared;
    for (const auto& wanted : wanted_) count(wanted, shared, run.total);
    if (!shard) return run;
    deal(shard->count, run);
    return run;
  }

 private:
  // Totals of the shards, and which of them compute a cell.
  void deal(int shards, DryRun& run) const {
    const auto shard_of = shard_by_name(shards);
    run.shards.resize(static_cast<std::size_t>(shards));
    std::vector<std::set<std::string>> shared(run.shards.size());
    for (const auto& wanted : wanted_)
      if (const auto it = shard_of.find(wanted.dealt); it != shard_of.end()) {
        const auto s = static_cast<std::size_t>(it->second);
        count(wanted, shared[s], run.shards[s]);
      }
    std::map<std::size_t, std::set<int>> of_cell;
    for (const auto& [cell, wanted] : shown_)
      if (const auto it = shard_of.find(wanted_[wanted].dealt); it != shard_of.end())
        of_cell[cell].insert(it->second);
    for (const auto& [cell, numbers] : of_cell)
      run.cells[cell].shards.assign(numbers.begin(), numbers.end());
  }

  std::optional<EncoderSpec> spec_of(const EncoderChoice& choice) const {
    const auto planned = plan_.encoders.find(choice.name);
    if (planned != plan_.encoders.end() && planned->second.unavailable.empty())
      return planned->second.spec;
    return expected_spec(choice, "suite " + suite_.name + ": encoder " + choice.name);
  }

  void want(const std::string& key, Wanted wanted) {
    const auto [it, added] = by_key_.try_emplace(key, wanted_.size());
    shown_.emplace_back(cells_.size() - 1, it->second);
    if (added) wanted_.push_back(std::move(wanted));
  }

  void want_planned(const PlannedCell& planned, const CellEstimate& estimate) {
    const std::string group = group_of(plan_, planned);
    std::string task;
    for (const auto& [name, opened] : plan_.tasks)
      if (&opened == planned.task) task = name;
    want(planned.record.key, {.task = task,
                              .group = group,
                              .dealt = dealt_name(group, planned.protocol, planned.record.seed),
                              .estimate = estimate,
                              .done = planned.done});
  }

  // A record that cannot be computed now.
  void want_missing(const DryCell& cell, const std::string& task, int clips,
                    const ProtocolChoice& protocol, std::uint64_t seed,
                    const CellEstimate& estimate) {
    const std::string& encoder = encoder_for_seed(suite_, cell.encoder, seed).name;
    const std::string group = group_name(encoder, task, clips, protocol);
    const bool known = estimate.cell.flops() + estimate.group.flops() > 0;
    want(encoder + "\n" + cell.task + "\n" + cell.protocol + "\n" + std::to_string(seed),
         {.task = task,
          .group = group,
          .dealt = known ? dealt_name(group, protocol, seed) : "",
          .estimate = estimate,
          .missing = true});
  }

  // Adds what `shared` does not name yet.
  static void count(const Wanted& wanted, std::set<std::string>& shared, DryTotal& sum) {
    ++sum.records;
    sum.done += wanted.done ? 1 : 0;
    sum.missing += wanted.missing ? 1 : 0;
    if (wanted.done) return;
    sum.work += wanted.estimate.cell;
    if (wanted.dealt.empty()) return;
    if (shared.insert("task " + wanted.task).second) sum.work += wanted.estimate.task;
    if (shared.insert("group " + wanted.group).second) sum.work += wanted.estimate.group;
  }

  // By name: the cells of the plan as the run deals them, and what is missing beside them.
  std::map<std::string, int> shard_by_name(int shards) const {
    std::vector<ShardWork> works;
    std::set<std::string> names;
    for (auto& dealt : deal_cells(plan_, shards)) {
      names.insert(dealt.work.name);
      works.push_back(std::move(dealt.work));
    }
    std::map<std::string, DryTotal> missing;
    for (const auto& wanted : wanted_)
      if (wanted.missing && !wanted.dealt.empty() && names.count(wanted.dealt) == 0) {
        std::set<std::string> shared;
        DryTotal& sum = missing[wanted.dealt];
        if (sum.records > 0) shared = {"task " + wanted.task, "group " + wanted.group};
        count(wanted, shared, sum);
      }
    for (const auto& [name, sum] : missing)
      works.push_back({name, static_cast<std::int64_t>(core_milliseconds(sum.work)) + 1});
    const auto shard_of = dealt(works, shards);
    std::map<std::string, int> by_name;
    for (std::size_t g = 0; g < works.size(); ++g) by_name[works[g].name] = shard_of[g];
    return by_name;
  }

  const Task& opened(const TaskSpec& spec, const EncoderSpec& encoder, const TestView& test) {
    const ClipShape shape = encoder.clip_shape();
    const std::string name = task_key(spec, shape, test);
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
  EstimateSetting setting_;
  std::map<std::string, Task> tasks_;
  std::vector<DryCell> cells_;
  std::vector<Wanted> wanted_;
  std::map<std::string, std::size_t> by_key_;
  std::vector<std::pair<std::size_t, std::size_t>> shown_;  // cell, wanted
};

}  // namespace

double DryCell::core_hours() const { return core_milliseconds(work) / 3.6e6; }
double DryTotal::core_hours() const { return core_milliseconds(work) / 3.6e6; }

double DryRun::largest_feature_bytes() const {
  double most = 0;
  for (const auto& cell : cells) most = std::max(most, cell.feature_bytes);
  return most;
}

DryRun dry_run(const TablesOptions& options, const std::optional<Machine>& machine) {
  require_agreement(options);
  std::string data = options.data;
  const Suite suite = suite_for(options, data);
  const auto tables = tables_for(options, suite);
  const SeedRange seeds{options.execution.seed, options.seeds > 0 ? options.seeds : suite.seeds};
  const auto folder = data_folder(data);
  Plan plan = make_plan(suite, tables, seeds, folder, 0);
  if (!options.fresh)
    take_records(plan, tables, options.out, options.keep_heads, options.execution.notice, true);
  const bool on_gpu = machine && machine->gpu;
  Estimator estimator(
      suite, plan, seeds, folder,
      {.features = options.features,
       .batch = options.batch,
       .device_memory = on_gpu ? std::optional(machine->device_bytes) : std::nullopt,
       .threads = !machine ? options.execution.threads
                  : on_gpu ? std::max(1, machine->cores / machine->devices)
                           : machine->cores,
       .memory_bytes = memory_of_process(machine, options.memory_bytes),
       .shards_at_once = machine && !machine->gpu ? machine->cores : 1});
  for (std::size_t t = 0; t < tables.size(); ++t)
    for (std::size_t r = 0; r < tables[t].rows.size(); ++r)
      for (std::size_t c = 0; c < tables[t].columns.size(); ++c)
        estimator.add(tables[t], r, c, plan.places[t][r][c]);
  return estimator.run(machine, options.shard);
}

}  // namespace permafrost
