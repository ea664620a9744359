// SPDX-License-Identifier: Apache-2.0
// permafrost report: a folder of results as one page.
#include "bench/report/page/report.h"

#include <cstdio>
#include <nlohmann/json.hpp>

#include "bench/app/commands.h"
#include "common/files/file_writer.h"

namespace permafrost {
namespace {

struct ReportCommand {
  std::string folder, out;  // no `out`: report.html in the folder
};

int run(const CommonOptions& common, const ReportCommand& command) {
  const std::filesystem::path folder = command.folder;
  const auto out =
      command.out.empty() ? folder / "report.html" : std::filesystem::path(command.out);
  require_writable_file(out, command.out.empty() ? "report" : "--out");
  const Report report = write_report(folder, out);
  for (const auto* lines : {&report.problems, &report.left_out})
    for (const auto& line : *lines) std::fprintf(stderr, "%s\n", line.c_str());
  if (common.json) {
    const Json json{{"out", out.string()},         {"tables", report.tables},
                    {"records", report.records},   {"panels", report.panels},
                    {"problems", report.problems}, {"left_out", report.left_out}};
    std::printf("%s\n", json.dump(-1, ' ', false, Json::error_handler_t::replace).c_str());
    return 0;
  }
  std::printf("%s: %zu tables, %zu records, %zu panels of figures\n", out.c_str(), report.tables,
              report.records, report.panels);
  return 0;
}

}  // namespace

void add_report(CommandLine& line) {
  const auto command = std::make_shared<ReportCommand>();
  CLI::App* sub = line.add("report", "a folder of results as one HTML page",
                           [&line, command] { return run(line.common(), *command); });
  sub->add_option("folder", command->folder, "what tables, probe or finetune wrote (--out)")
      ->required();
  sub->add_option("--out", command->out, "the page; none: report.html in the folder");
}

}  // namespace permafrost
