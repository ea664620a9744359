// SPDX-License-Identifier: Apache-2.0
#include "bench/run/verification.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "bench/run/cell_jobs.h"
#include "bench/run/job_queue.h"
#include "bench/text/markdown.h"
#include "common/random.h"

namespace permafrost {
namespace {

namespace fs = std::filesystem;

// In the order of the plan.
std::vector<std::size_t> drawn_cells(const Plan& plan, double share, std::uint64_t seed) {
  std::vector<std::size_t> reused;
  for (std::size_t i = 0; i < plan.cells.size(); ++i)
    if (plan.cells[i].reused) reused.push_back(i);
  const auto count =
      static_cast<std::size_t>(std::clamp(std::ceil(share * static_cast<double>(reused.size())),
                                          1.0, std::max(1.0, static_cast<double>(reused.size()))));
  std::vector<std::size_t> drawn;
  const auto order = RandomStream({.seed = seed, .purpose = "tables.verify"})
                         .permutation(static_cast<std::int64_t>(reused.size()));
  for (const auto k : order)
    if (drawn.size() < count) drawn.push_back(reused[static_cast<std::size_t>(k)]);
  std::sort(drawn.begin(), drawn.end());
  return drawn;
}

// What a cell is before anything of it was computed.
Record unmeasured(const Record& record) {
  Record plain;
  plain.used_by = record.used_by;
  plain.encoder = record.encoder;
  plain.task = record.task;
  plain.protocol = record.protocol;
  plain.evaluation_version = record.evaluation_version;
  plain.seed = record.seed;
  plain.measure = record.measure;
  plain.target = record.target;
  plain.key = record.key;
  return plain;
}

VerifiedCell compared(const PlannedCell& cell, const Record& recorded) {
  VerifiedCell out{.name = name_of(cell),
                   .recorded = recorded.value,
                   .computed = cell.record.value,
                   .ci95 = recorded.ci95,
                   .n = recorded.n()};
  const auto &before = recorded.predictions, &after = cell.record.predictions;
  if (!cell.failure.empty() || before.size() != after.size()) {
    out.computed = std::nan("");
    out.other_answers = out.n;
    return out;
  }
  for (std::size_t i = 0; i < before.size(); ++i)
    out.other_answers += before[i].predicted != after[i].predicted ? 1 : 0;
  return out;
}

}  // namespace

std::vector<VerifiedCell> verify_cells(const TablesOptions& options, const Suite& suite, Plan& plan,
                                       double share) {
  TablesOptions apart = options;
  apart.out = options.out / "verification";
  apart.keep_heads = false;
  apart.features_cache.clear();  // what is verified is the encoding too
  const auto drawn = drawn_cells(plan, share, options.execution.seed);
  std::vector<std::size_t> failed;  // are left alone
  for (std::size_t i = 0; i < plan.cells.size(); ++i)
    if (!std::exchange(plan.cells[i].done, true)) failed.push_back(i);
  std::vector<Record> recorded;
  for (const auto i : drawn) {
    PlannedCell& cell = plan.cells[i];
    recorded.push_back(cell.record);
    cell.record = unmeasured(cell.record);
    cell.done = false;
  }
  CellJobs jobs = cell_jobs(apart, suite, plan);
  run_jobs(std::move(jobs.groups), {.threads = options.execution.threads, .bytes = jobs.bytes});
  std::vector<VerifiedCell> out;
  for (std::size_t k = 0; k < drawn.size(); ++k) {
    PlannedCell& cell = plan.cells[drawn[k]];
    out.push_back(compared(cell, recorded[k]));
    cell.record = std::move(recorded[k]);
    cell.failure.clear();
    cell.done = true;
  }
  for (const auto i : failed) plan.cells[i].done = false;
  std::error_code ignored;
  fs::remove_all(apart.out, ignored);
  return out;
}

OrderedJson to_json(const std::vector<VerifiedCell>& cells) {
  OrderedJson json = OrderedJson::array();
  for (const auto& cell : cells)
    json.push_back({{"cell", cell.name},
                    {"recorded", cell.recorded},
                    {"ci95", {cell.ci95.low, cell.ci95.high}},
                    {"computed", cell.computed},
                    {"n", cell.n},
                    {"other_answers", cell.other_answers},
                    {"holds", cell.holds()}});
  return json;
}

std::string to_text(const VerifiedCell& cell) {
  const std::string answers = cell.other_answers == 0
                                  ? "the same " + std::to_string(cell.n) + " answers"
                                  : std::to_string(cell.other_answers) + " of " +
                                        std::to_string(cell.n) + " answers are others";
  return cell.name + ": recorded " + fixed(cell.recorded) + " [" + fixed(cell.ci95.low) + ", " +
         fixed(cell.ci95.high) + "], computed " + fixed(cell.computed) + ": " + answers +
         (cell.holds() ? "" : "; OUTSIDE of the recorded interval");
}

}  // namespace permafrost
