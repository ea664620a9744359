// SPDX-License-Identifier: Apache-2.0
// How long the tables of a suite take on a machine of more cores, from records that were computed
// on another:
//
//   mkdir out/recorded && tar -xJf results/pico/records.tar.xz -C out/recorded
//   schedule_bench pico out/recorded 16
//
// The plan, its groups and the queue are those of `permafrost tables`; each job waits for a
// hundredth of the time that the record says it took, in place of computing. So the answer has all
// of the waiting of one job for another, and nothing of memory and caches that more cores share. A
// job has one thread here; in the run one may have several when nothing else is left. Prints a line
// of JSON.
#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <mutex>
#include <nlohmann/json.hpp>
#include <thread>

#include "bench/records/record_folder.h"
#include "bench/run/job_queue.h"
#include "bench/run/plan.h"
#include "bench/suites/suite_fit.h"
#include "bench/suites/table_spec.h"
#include "common/error.h"
#include "common/machine/stopwatch.h"

namespace permafrost {
namespace {

constexpr double kScale = 0.01;      // seconds of waiting for a second of work
constexpr std::int64_t kBatch = 16;  // samples that are encoded together

void wait_for(double seconds) {
  std::this_thread::sleep_for(std::chrono::duration<double>(seconds * kScale));
}

// Seconds of one core.
struct Times {
  double encode = 0;               // of the whole group
  std::vector<double> folds;       // of every cell, one fold each
  std::vector<std::size_t> cells;  // of the plan, in the order of `folds`
};

Times times_of(const Plan& plan, const PlannedGroup& group) {
  Times times;
  for (const auto i : group.cells) {
    const Record& record = plan.cells[i].record;
    const auto folds = group.task->folds.size();
    double seconds = record.train_seconds;
    if (group.is_finetune)
      seconds += record.evaluate_seconds;
    else
      times.encode = std::max(times.encode, record.encode_seconds);
    for (std::size_t f = 0; f < folds; ++f) {
      times.folds.push_back(seconds / static_cast<double>(folds));
      times.cells.push_back(i);
    }
  }
  return times;
}

JobGroup waiting_group(const PlannedGroup& group, const Times& times,
                       const std::function<void(std::size_t)>& ended) {
  const std::int64_t batches =
      times.encode > 0 ? (group.task->source->size() + kBatch - 1) / kBatch : 0;
  const auto folds = static_cast<std::int64_t>(group.task->folds.size());
  const auto begin = [=] {
    std::vector<JobStage> stages{
        {.jobs = batches,
         .run = [=](std::int64_t, int) { wait_for(times.encode / static_cast<double>(batches)); },
         .rank = group.ranks.front()}};
    for (JobStage& stage : stages_by_rank(group.ranks, folds, [=](std::int64_t job, int) {
           const auto k = static_cast<std::size_t>(job);
           wait_for(times.folds[k]);
           ended(times.cells[k]);
         }))
      stages.push_back(std::move(stage));
    return stages;
  };
  return {.rank = group.ranks.front(), .begin = begin};
}

Plan plan_with_records(const Suite& suite, const std::vector<TableSpec>& tables,
                       const std::filesystem::path& recorded) {
  Plan plan = make_plan(suite, tables, {1, suite.seeds}, data_folder(""), 0);
  bool any = false;
  for (auto& cell : plan.cells) {
    // What nobody has computed is left out.
    cell.elsewhere = !std::filesystem::exists(record_path(recorded, cell.record.key));
    if (cell.elsewhere) continue;
    cell.record = read_record(recorded, cell.record.key);
    any = true;
  }
  if (!any) throw InputError(recorded.string(), "records", "some of suite " + suite.name, "none");
  return plan;
}

Json schedule(const std::string& suite_name, const std::filesystem::path& recorded, int threads) {
  const Suite suite = read_suite(suite_name, "SUITE");
  std::vector<TableSpec> tables;
  for (const int number : suite.tables) tables.push_back(fitted_to(read_table(number), suite));
  const Plan plan = plan_with_records(suite, tables, recorded);
  std::mutex mutex;
  std::vector<double> ends(plan.cells.size());
  double core_seconds = 0, longest = 0;
  std::vector<JobGroup> groups;
  Stopwatch watch;
  for (const auto& group : groups_to_compute(plan)) {
    const Times times = times_of(plan, group);
    core_seconds += times.encode;
    for (const double fold : times.folds) {
      core_seconds += fold;
      longest = std::max(longest, fold);
    }
    groups.push_back(waiting_group(group, times, [&](std::size_t cell) {
      const std::lock_guard lock(mutex);
      ends[cell] = watch.seconds() / kScale;
    }));
  }
  watch = Stopwatch();
  run_jobs(std::move(groups), {.threads = threads, .bytes = 1e12});
  const double seconds = watch.seconds() / kScale;
  const auto left_out = std::count_if(plan.cells.begin(), plan.cells.end(),
                                      [](const PlannedCell& cell) { return cell.elsewhere; });
  Json line{{"suite", suite.name},
            {"cells", plan.cells.size() - static_cast<std::size_t>(left_out)},
            {"without_record", left_out},
            {"threads", threads},
            {"core_seconds", std::round(core_seconds)},
            {"longest_job_seconds", longest},
            {"seconds", std::round(seconds)},
            {"tables", Json::object()}};
  for (std::size_t t = 0; t < tables.size(); ++t) {
    double end = 0;
    for (const auto& row : plan.places[t])
      for (const auto& place : row)
        for (const auto cell : place.planned) end = std::max(end, ends[cell]);
    line["tables"][std::to_string(tables[t].number)] = std::round(end);
  }
  return line;
}

}  // namespace
}  // namespace permafrost

int main(int argc, char** argv) {
  using namespace permafrost;
  try {
    if (argc != 4)
      throw InputError("schedule_bench", "", "SUITE FOLDER THREADS", "other arguments");
    const int threads = std::atoi(argv[3]);
    if (threads < 1) throw InputError("THREADS", "", "a number of at least 1", argv[3]);
    std::printf("%s\n", schedule(argv[1], argv[2], threads).dump().c_str());
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return dynamic_cast<const InputError*>(&error) != nullptr ? 2 : 1;
  }
  return 0;
}
