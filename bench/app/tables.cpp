// SPDX-License-Identifier: Apache-2.0
// permafrost tables: the main job.
#include <cstdio>
#include <nlohmann/json.hpp>

#include "bench/app/commands.h"
#include "bench/report/page/report.h"
#include "bench/run/dry_run.h"
#include "bench/run/runner.h"
#include "common/files/files.h"
#include "common/machine/progress.h"

namespace permafrost {
namespace {

struct TablesCommand {
  std::vector<int> tables;  // empty: all of the suite
  std::string suite = "pico", out = "out", data;
  std::string features = "auto", paths;
  int batch = 16;
  double memory = 0;  // gigabytes
  int seeds = 0;      // 0: the suite's
  bool dry_run = false, keep_heads = false;
  bool quick = false, fresh = false, resume = false;
};

int run(const CommonOptions& common, const TablesCommand& command) {
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
  options.memory_bytes = command.memory * 1e9;
  options.features = feature_store_named(command.features, "--features");
  options.paths = command.paths;
  if (command.dry_run) {
    const DryRun run = dry_run(options);
    std::printf("%s\n", common.json ? to_json(run).dump().c_str() : to_markdown(run).c_str());
    return 0;
  }
  const TablesResult result = run_tables(options);
  const Report report = write_report(options.out, options.out / "report.html");
  for (const auto& problem : report.problems) options.execution.tell("report: " + problem);
  if (common.json) {
    Json tables = Json::array();
    for (const auto& table : result.tables) tables.push_back(Json(to_json(table)));
    const Json out{{"out", command.out},        {"computed", result.computed},
                   {"reused", result.reused},   {"failed", result.failed},
                   {"seconds", result.seconds}, {"tables", tables}};
    std::printf("%s\n", out.dump().c_str());
    return result.failed.empty() ? 0 : 1;
  }
  for (const auto& table : result.tables) std::printf("%s\n", to_markdown(table).c_str());
  std::fflush(stdout);
  std::fprintf(stderr, "%d cells computed, %d taken from %s, in %s; all on one page: %s\n",
               result.computed, result.reused, (options.out / "records").c_str(),
               clock_text(result.seconds).c_str(), (options.out / "report.html").c_str());
  for (const auto& cell : result.failed) std::fprintf(stderr, "not computed: %s\n", cell.c_str());
  return result.failed.empty() ? 0 : 1;
}

}  // namespace

void add_tables(CommandLine& line) {
  const auto command = std::make_shared<TablesCommand>();
  CLI::App* sub = line.add("tables", "regenerate the paper's tables",
                           [&line, command] { return run(line.common(), *command); });
  sub->add_option("tables", command->tables, "numbers; none: all of the suite");
  sub->add_option("--suite", command->suite, "suite: pico, tiny, gate or paper")
      ->capture_default_str();
  sub->add_option("--out", command->out, "folder of records, tables and figures")
      ->capture_default_str();
  sub->add_option("--data", command->data, "folder of real datasets; default: $PERMAFROST_DATA");
  sub->add_option("--seeds", command->seeds, "number of seeds; 0: as the suite says")
      ->check(CLI::Range(0, 1000));
  sub->add_option("--batch", command->batch, "samples that are encoded together")
      ->check(CLI::Range(1, 65536))
      ->capture_default_str();
  sub->add_option("--features", command->features,
                  "kept in memory, streamed (encoded in every epoch), or auto: kept if they fit")
      ->check(CLI::IsMember({"auto", "kept", "streamed"}))
      ->capture_default_str();
  sub->add_option("--memory", command->memory,
                  "gigabytes for clips, features and training; 0: half of what is free")
      ->check(CLI::Range(0.0, 1e6));
  sub->add_option("--paths", command->paths, "JSON file: where checkpoints and datasets lie");
  sub->add_flag("--dry-run", command->dry_run,
                "cells, their inputs, what is missing, time and memory; computes nothing");
  sub->add_flag("--quick", command->quick, "few samples and epochs: a check, not a result");
  auto* fresh = sub->add_flag("--fresh", command->fresh, "ignore the records in --out");
  sub->add_flag("--resume", command->resume, "keep the records in --out (the default)")
      ->excludes(fresh);
  sub->add_flag("--keep-heads", command->keep_heads,
                "also the trained heads, under heads/: the report draws their attention");
}

}  // namespace permafrost
