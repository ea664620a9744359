// SPDX-License-Identifier: Apache-2.0
// permafrost tables: the main job.
#include <charconv>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <sstream>

#include "bench/app/commands.h"
#include "bench/app/ranks/join_ranks.h"
#include "bench/machines/machine.h"
#include "bench/report/page/report.h"
#include "bench/run/dry_run.h"
#include "bench/run/runner.h"
#include "bench/run/verification.h"
#include "common/error.h"
#include "common/files/files.h"
#include "common/machine/progress.h"

namespace permafrost {
namespace {

struct TablesCommand {
  std::vector<int> tables;  // empty: all of the suite
  std::string suite = "pico", out = "out", data;
  std::string features = "auto", paths, from, verify, features_cache;
  std::optional<std::string> shard;  // an empty text, as of a variable that is not set, is refused
  double features_cache_size = 10;   // gigabytes
  int batch = 0;
  double memory = 0;  // gigabytes
  int seeds = 0;      // 0: the suite's
  std::string machine;
  bool dry_run = false, keep_heads = false;
  bool quick = false, fresh = false, resume = false;
};

// "5%" or "0.05", above 0 and up to all; 0 where nothing is said.
double share_of(const std::string& text) {
  if (text.empty()) return 0;
  double value = 0;
  const char* end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data(), end, value);
  if (error == std::errc{} && rest + 1 == end && *rest == '%')
    value /= 100;
  else if (error != std::errc{} || rest != end)
    value = -1;
  if (!(value > 0 && value <= 1))
    throw InputError("--verify", "", "a share such as 5% or 0.05", quoted(text));
  return value;
}

// Whether all of the cells that were computed once more hold. A line a cell on standard error.
bool told_of_verification(const TablesResult& result) {
  bool holds = true;
  for (const auto& cell : result.verified) {
    std::fprintf(stderr, "verified: %s\n", to_text(cell).c_str());
    holds = holds && cell.holds();
  }
  return holds;
}

Json to_json(const EncodingSeconds& encoding) {
  return {{"seconds", encoding.encoding},
          {"seconds_waiting_for_clips", encoding.waiting},
          {"share_waiting", encoding.share_waited()}};
}

// Of a GPU: on a CPU the threads that encode are those that read.
void tell_of_waiting(const Execution& execution, const EncodingSeconds& encoding) {
  if (execution.device == "cpu" || !(encoding.encoding > 0)) return;
  std::fprintf(
      stderr, "the GPU waited for clips in %.0f %% of the %s that clips were read and encoded%s\n",
      100 * encoding.share_waited(), clock_text(encoding.encoding + encoding.waiting).c_str(),
      encoding.share_waited() > 0.1 ? "; more --threads read more clips at a time" : "");
}

Json to_json(const std::string& out, const TablesResult& result) {
  Json tables = Json::array();
  for (const auto& table : result.tables) tables.push_back(Json(to_json(table)));
  Json json{{"out", out},
            {"computed", result.computed},
            {"reused", result.reused},
            {"failed", result.failed},
            {"seconds", result.seconds},
            {"encoding", to_json(result.encoding)},
            {"tables", tables}};
  if (!result.verified.empty()) json["verified"] = Json(to_json(result.verified));
  return json;
}

// Of a shard: counts of cells, no table.
Json to_json(const std::string& out, const WorkShard& shard, const TablesResult& result) {
  return {{"out", out},
          {"shard", shard.index},
          {"shards", shard.count},
          {"computed", result.computed},
          {"reused", result.reused},
          {"elsewhere", result.elsewhere},
          {"failed", result.failed},
          {"seconds", result.seconds},
          {"encoding", to_json(result.encoding)}};
}

void tell_of_failures(const TablesResult& result) {
  for (const auto& cell : result.failed) std::fprintf(stderr, "not computed: %s\n", cell.c_str());
}

int run_shard(const CommonOptions& common, const TablesOptions& options) {
  const WorkShard& shard = *options.shard;
  const TablesResult result = run_tables(options);
  if (common.json)
    std::printf("%s\n", json_text(to_json(options.out.string(), shard, result)).c_str());
  else
    std::fprintf(stderr, "%s: %d cells computed, %d taken from %s, %d of other shards, in %s\n",
                 to_text(shard).c_str(), result.computed, result.reused,
                 (options.out / "records").c_str(), result.elsewhere,
                 clock_text(result.seconds).c_str());
  if (!common.json) {
    tell_of_waiting(options.execution, result.encoding);
    tell_of_failures(result);
  }
  return result.failed.empty() ? 0 : 1;
}

TablesOptions options_of(const CommonOptions& common, const TablesCommand& command) {
  TablesOptions options;
  options.tables = command.tables;
  options.suite = command.suite;
  options.out = command.out;
  options.data = command.data;
  options.seeds = command.seeds;
  options.execution = execution_of(common);
  options.quick = command.quick;
  options.fresh = command.fresh;
  options.keep_heads = command.keep_heads;
  options.batch = command.batch;
  options.features_cache = features_cache_named(command.features_cache);
  options.features_cache_bytes = command.features_cache_size * 1e9;
  options.from = command.from;
  options.verify = share_of(command.verify);
  options.memory_bytes = command.memory * 1e9;
  options.features = feature_store_named(command.features, "--features");
  options.paths = command.paths;
  if (command.shard) options.shard = shard_named(*command.shard, "--shard");
  return options;
}

void add_lines(std::set<std::string>& lines, const std::string& text) {
  std::istringstream stream(text);
  for (std::string line; std::getline(stream, line);) lines.insert(line);
}

// Every rank computes a shard; the first then makes the tables, of which nothing is left to
// compute. Whether this is the first.
bool computed_in_shards(ProcessGroup& group, TablesOptions options, std::set<std::string>& told) {
  if (options.shard)
    throw InputError("--shard", "", "no ranks beside it", std::to_string(group.ranks()) + " ranks",
                     "ranks are shards of their own");
  options.shard = WorkShard{.index = group.rank(), .count = group.ranks()};
  require_agreement(options);
  require_shared_folder(group, options.out, "--out");
  // What the shards notice comes once, however many of them notice it. The run that makes the
  // tables tells of inputs again, so what is told here is told there no more.
  std::string noticed;
  options.execution.notice = [&](const std::string& line) { noticed += line + "\n"; };
  run_tables(options);
  for (const auto& lines : group.gather(noticed)) add_lines(told, lines);
  return group.is_first();
}

int run(const CommonOptions& common, const TablesCommand& command) {
  TablesOptions options = options_of(common, command);
  if (command.dry_run) {
    std::optional<Machine> machine;
    if (!command.machine.empty()) machine = read_machine(command.machine, "--machine");
    const DryRun run = dry_run(options, machine);
    std::printf("%s\n", common.json ? json_text(to_json(run)).c_str() : to_markdown(run).c_str());
    return 0;
  }
  std::set<std::string> told;
  if (common.group != nullptr) {
    if (!computed_in_shards(*common.group, options, told)) return 0;
    for (const auto& line : told) options.execution.tell(line);
    options.execution.notice = [&, tell = options.execution.notice](const std::string& line) {
      if (told.insert(line).second) tell(line);
    };
  }
  if (options.shard) return run_shard(common, options);
  if (!common.json)
    options.table_done = [](const TableModel& table) {
      std::printf("%s\n", to_markdown(table).c_str());
      std::fflush(stdout);
    };
  const TablesResult result = run_tables(options);
  const Report report = write_report(options.out, options.out / "report.html");
  for (const auto& problem : report.problems) options.execution.tell("report: " + problem);
  const bool holds = told_of_verification(result);
  if (common.json) {
    std::printf("%s\n", json_text(to_json(command.out, result)).c_str());
    return holds && result.failed.empty() ? 0 : 1;
  }
  std::fprintf(stderr, "%d cells computed, %d taken from %s, in %s; all on one page: %s\n",
               result.computed, result.reused, (options.out / "records").c_str(),
               clock_text(result.seconds).c_str(), (options.out / "report.html").c_str());
  tell_of_waiting(options.execution, result.encoding);
  tell_of_failures(result);
  return holds && result.failed.empty() ? 0 : 1;
}

}  // namespace

void add_tables(CommandLine& line) {
  const auto command = std::make_shared<TablesCommand>();
  CLI::App* sub = line.add_joint("tables", "regenerate the paper's tables",
                                 [&line, command] { return run(line.common(), *command); });
  sub->add_option("tables", command->tables, "numbers; none: all of the suite");
  sub->add_option("--suite", command->suite, "suite: pico, pico2, tiny, denoiser, gate or paper")
      ->capture_default_str();
  sub->add_option("--out", command->out, "folder of records, tables and figures")
      ->capture_default_str();
  sub->add_option("--data", command->data, "folder of real datasets; default: $PERMAFROST_DATA");
  sub->add_option("--seeds", command->seeds, "number of seeds; 0: as the suite says")
      ->check(CLI::Range(0, 1000));
  sub->add_option(
         "--batch", command->batch,
         "samples that are encoded together; 0: as a clip's tokens and a GPU's memory allow")
      ->check(CLI::Range(0, 65536))
      ->capture_default_str();
  sub->add_option("--features", command->features,
                  "kept in memory, streamed (encoded in every epoch), or auto: kept if they fit")
      ->check(CLI::IsMember({"auto", "kept", "streamed"}))
      ->capture_default_str();
  sub->add_option("--features-cache", command->features_cache,
                  "folder of features that outlive a run, or off; default: below ~/.cache");
  sub->add_option("--features-cache-size", command->features_cache_size,
                  "gigabytes; features are kept where those of the whole run fit")
      ->check(CLI::Range(0.0, 1e6))
      ->capture_default_str();
  sub->add_option("--from", command->from,
                  "records to begin with: a folder of results or its .tar.xz");
  sub->add_option("--verify", command->verify,
                  "share of the cells from records to compute once more, such as 5%");
  sub->add_option("--memory", command->memory,
                  "gigabytes for clips, features and training; 0: half of what is free")
      ->check(CLI::Range(0.0, 1e6));
  sub->add_option("--shard", command->shard,
                  "I/N: compute the cells of one of N processes alone, I from 0; a run without "
                  "--shard then makes the tables");
  sub->add_option("--paths", command->paths, "JSON file: where checkpoints and datasets lie");
  auto* dry_run =
      sub->add_flag("--dry-run", command->dry_run,
                    "cells, their inputs, what is missing, time and memory; computes nothing");
  sub->add_option("--machine", command->machine,
                  "of --dry-run: also arithmetic, clips and hours on a machine, by name or as a "
                  "JSON file")
      ->needs(dry_run);
  sub->add_flag("--quick", command->quick, "few samples and epochs: a check, not a result");
  auto* fresh = sub->add_flag("--fresh", command->fresh, "ignore the records in --out");
  sub->add_flag("--resume", command->resume, "keep the records in --out (the default)")
      ->excludes(fresh);
  sub->add_flag("--keep-heads", command->keep_heads,
                "also the trained heads, under heads/: the report draws their attention");
}

}  // namespace permafrost
