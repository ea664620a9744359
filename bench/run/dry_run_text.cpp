// SPDX-License-Identifier: Apache-2.0
// A dry run as Markdown and as JSON.
#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>

#include "bench/run/dry_run.h"
#include "bench/text/markdown.h"
#include "common/nearest_name.h"

namespace permafrost {
namespace {

std::string gigabytes(double bytes) { return bytes > 0 ? fixed(bytes / 1e9, 1) : ""; }

// Three digits where it is small.
std::string hours(double value) {
  return value <= 0 ? "" : value < 0.1 ? fixed(value, 3) : fixed(value, 1);
}

double hours_on(const Machine& machine, const Work& work) { return seconds(machine, work) / 3600; }

std::string count(std::int64_t n) { return n > 0 ? std::to_string(n) : ""; }

// Three digits where it is small.
std::string short_number(double value) {
  return value <= 0 ? "" : value < 0.001 ? "< 0.001" : fixed(value, value < 1 ? 3 : 1);
}

std::string petaflop(const Work& work) { return short_number(work.flops() / 1e15); }

std::string numbers_text(const std::vector<int>& numbers) {
  std::vector<std::string> texts;
  for (const int number : numbers) texts.push_back(std::to_string(number));
  return joined(texts);
}

std::string estimate_text(const DryRun& run) {
  const DryTotal& total = run.total;
  if (total.done == total.records) return "- Nothing is left to compute.\n";
  if (total.done + total.missing >= total.records && !run.machine)
    return "- Nothing can be computed before what is missing is there.\n";
  const double left = total.core_hours();
  std::string text = "- Estimated time: " + (left < 0.001 ? "less than 0.001" : hours(left)) +
                     " core-hours on a CPU of the kind on which it was measured (docs/scaling.md). "
                     "What cells share "
                     "is counted once; the table above counts each cell by itself.\n";
  const double bytes = run.largest_feature_bytes();
  if (bytes <= 0) return text;  // fine-tuning alone
  return text + "- Features take " +
         (bytes < 5e7 ? "less than 0.1" : "at most " + gigabytes(bytes)) +
         " GB where they are kept. Where that is too much they are encoded in every epoch "
         "(--features).\n";
}

// The whole run on the machine that was described.
std::string machine_text(const DryRun& run) {
  if (!run.machine) return "";
  const Machine& machine = *run.machine;
  const Work& work = run.total.work;
  std::string text =
      "- " + machine.title + ": " + std::to_string(machine.processes()) +
      (machine.processes() == 1 ? " process. " : " processes. ") +
      (run.total.missing > 0 ? "What is missing is counted as if it were there. " : "") +
      "All that is left: " + short_number(work.flops() / 1e15) + " Pflop, " +
      fixed(work.clips / 1e6, 3) + " million clips decoded (" +
      fixed(work.decoded_bytes / 1e12, 2) + " TB of pixels), " + fixed(work.pixels / 1e9, 2) +
      " billion pixels drawn.\n- Estimated time there: " + hours(hours_on(machine, work)) +
      " hours by one process, " + hours(hours_on(machine, work) / machine.processes()) +
      " if it could be divided evenly.\n";
  double most = 0;
  for (const auto& cell : run.cells) most = std::max(most, cell.device_bytes);
  if (most > machine.device_bytes)
    text += "- Too little memory: a cell needs " + gigabytes(most) + " GB of the " +
            gigabytes(machine.device_bytes) + " GB of a device.\n";
  return text;
}

// A line a shard.
std::string shards_text(const DryRun& run) {
  if (run.shards.empty()) return "";
  TextRows rows{{"shard", "records", "done", "core-hours"}};
  std::vector<bool> right{false, true, true, true};
  double longest = 0;
  if (run.machine) {
    rows[0].emplace_back("hours");
    right.push_back(true);
  }
  for (std::size_t s = 0; s < run.shards.size(); ++s) {
    const DryTotal& shard = run.shards[s];
    rows.push_back({std::to_string(s) + "/" + std::to_string(run.shards.size()),
                    std::to_string(shard.records), std::to_string(shard.done),
                    hours(shard.core_hours())});
    if (!run.machine) continue;
    const double here = hours_on(*run.machine, shard.work);
    longest = std::max(longest, here);
    rows.back().push_back(hours(here));
  }
  std::string text = "\n" + markdown_table(rows, right);
  if (run.total.missing > 0)
    text += "\nThe shards are those of a run in which nothing is missing.\n";
  if (run.machine)
    text += "\nThe longest shard takes " + hours(longest) + " hours, one process each.\n";
  return text;
}

TextRows heading(const DryRun& run, std::vector<bool>& right) {
  TextRows rows{{"table", "row", "column", "encoder", "task", "protocol", "done", "train", "test",
                 "core-hours", "features, GB"}};
  right = {true, false, false, false, false, false, false, true, true, true, true};
  const auto add = [&](const std::string& name) {
    rows[0].push_back(name);
    right.push_back(true);
  };
  if (run.machine)
    for (const auto* name : {"Pflop", "clips decoded", "hours", "device, GB"}) add(name);
  if (!run.shards.empty()) add("shard");
  return rows;
}

}  // namespace

std::string to_markdown(const DryRun& run) {
  std::vector<bool> right;
  TextRows rows = heading(run, right);
  std::map<std::string, std::vector<std::string>> missing;
  for (const auto& cell : run.cells) {
    rows.push_back(
        {std::to_string(cell.table), cell.row, cell.column, cell.encoder, cell.task, cell.protocol,
         cell.missing.empty() ? std::to_string(cell.done) + " of " + std::to_string(cell.seeds)
                              : "missing",
         count(cell.train), count(cell.test), hours(cell.core_hours()),
         gigabytes(cell.feature_bytes) + (run.machine && cell.streamed ? " (streamed)" : "")});
    auto& row = rows.back();
    if (run.machine) {
      row.push_back(petaflop(cell.work));
      row.push_back(count(static_cast<std::int64_t>(cell.work.clips)));
      row.push_back(hours(hours_on(*run.machine, cell.work)));
      row.push_back(gigabytes(cell.device_bytes));
    }
    if (!run.shards.empty()) row.push_back(numbers_text(cell.shards));
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
  return text + estimate_text(run) + machine_text(run) + shards_text(run);
}

namespace {

// What --machine adds.
void add_work(Json& json, const Work& work, const std::optional<Machine>& machine) {
  if (!machine) return;
  json["flops"] = work.flops();
  json["decoded_clips"] = work.clips;
  json["decoded_bytes"] = work.decoded_bytes;
  json["drawn_pixels"] = work.pixels;
  json["hours"] = hours_on(*machine, work);
}

Json json_of(const DryCell& cell, const DryRun& run) {
  Json json{{"table", cell.table},
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
            {"core_hours", cell.core_hours()},
            {"feature_bytes", cell.feature_bytes}};
  add_work(json, cell.work, run.machine);
  if (run.machine) {
    json["streamed"] = cell.streamed;
    json["device_bytes"] = cell.device_bytes;
  }
  if (!run.shards.empty()) json["shards"] = cell.shards;
  return json;
}

Json json_of(const DryTotal& total, const DryRun& run) {
  Json json{{"records", total.records},
            {"done", total.done},
            {"missing", total.missing},
            {"core_hours", total.core_hours()}};
  add_work(json, total.work, run.machine);
  return json;
}

}  // namespace

Json to_json(const DryRun& run) {
  Json json = json_of(run.total, run);
  json["suite"] = run.suite;
  json["cells"] = Json::array();
  for (const auto& cell : run.cells) json["cells"].push_back(json_of(cell, run));
  if (run.machine) {
    json["machine"] = run.machine->name;
    json["processes"] = run.machine->processes();
  }
  for (const auto& shard : run.shards) json["shards"].push_back(json_of(shard, run));
  return json;
}

}  // namespace permafrost
