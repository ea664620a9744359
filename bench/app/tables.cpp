// SPDX-License-Identifier: Apache-2.0
// permafrost tables: the main job.
#include <cstdio>
#include <nlohmann/json.hpp>

#include "bench/app/device.h"
#include "bench/app/options.h"
#include "bench/report/page/report.h"
#include "bench/run/dry_run.h"
#include "bench/run/runner.h"
#include "common/files/files.h"
#include "common/machine/progress.h"

namespace permafrost {

int run(const CommonOptions& common, const TablesCommand& command) {
  TablesOptions options;
  options.tables = command.tables;
  options.suite = command.suite;
  options.out = command.out;
  options.data = command.data;
  options.device = chosen_device(common.device);
  options.seeds = command.seeds;
  options.first_seed = common.seed;
  options.threads = common.thread_count();
  options.quick = command.quick;
  options.fresh = command.fresh;
  options.keep_heads = command.keep_heads;
  options.quiet = common.quiet;
  options.batch = command.batch;
  options.features = feature_store_named(command.features, "--features");
  options.paths = command.paths;
  options.notice = [](const std::string& line) { std::fprintf(stderr, "%s\n", line.c_str()); };
  if (command.dry_run) {
    const DryRun run = dry_run(options);
    std::printf("%s\n", common.json ? to_json(run).dump().c_str() : to_markdown(run).c_str());
    return 0;
  }
  const TablesResult result = run_tables(options);
  const Report report = write_report(options.out, options.out / "report.html");
  for (const auto& problem : report.problems) options.notice("report: " + problem);
  if (common.json) {
    Json tables = Json::array();
    for (const auto& table : result.tables) tables.push_back(Json(to_json(table)));
    const Json out{{"out", command.out},
                   {"computed", result.computed},
                   {"reused", result.reused},
                   {"seconds", result.seconds},
                   {"tables", tables}};
    std::printf("%s\n", out.dump().c_str());
    return 0;
  }
  for (const auto& table : result.tables) std::printf("%s\n", to_markdown(table).c_str());
  std::fflush(stdout);
  std::fprintf(stderr, "%d cells computed, %d taken from %s, in %s; all on one page: %s\n",
               result.computed, result.reused, (options.out / "records").c_str(),
               clock_text(result.seconds).c_str(), (options.out / "report.html").c_str());
  return 0;
}

}  // namespace permafrost
