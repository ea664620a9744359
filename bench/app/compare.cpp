// SPDX-License-Identifier: Apache-2.0
// permafrost compare: a gate for continuous integration.
#include <cstdio>
#include <nlohmann/json.hpp>

#include "bench/app/commands.h"
#include "bench/records/comparison.h"
#include "common/files/files.h"

namespace permafrost {
namespace {

struct CompareCommand {
  std::string baseline, candidate, junit, markdown;
  double tolerance = 1;  // points
  bool allow_missing = false;
};

int run(const CommonOptions& common, const CompareCommand& command) {
  const Comparison found =
      compare_results(command.baseline, command.candidate,
                      {.tolerance = command.tolerance, .allow_missing = command.allow_missing});
  if (!command.junit.empty()) write_file_atomically(command.junit, to_junit(found));
  if (!command.markdown.empty()) write_file_atomically(command.markdown, to_markdown(found));
  const std::string text =
      common.json
          ? to_json(found).dump(-1, ' ', false, OrderedJson::error_handler_t::replace) + "\n"
          : to_markdown(found);
  std::fputs(text.c_str(), stdout);
  return found.regression() ? 1 : 0;
}

}  // namespace

void add_compare(CommandLine& line) {
  const auto command = std::make_shared<CompareCommand>();
  CLI::App* sub = line.add("compare", "two folders of results: has anything fallen?",
                           [&line, command] { return run(line.common(), *command); });
  sub->add_option("baseline", command->baseline, "folder with records/ to compare with")
      ->required();
  sub->add_option("candidate", command->candidate, "folder with records/ to judge")->required();
  sub->add_option("--tolerance", command->tolerance, "points that may be lost")
      ->check(CLI::Range(0.0, 100.0))
      ->capture_default_str();
  sub->add_flag("--allow-missing", command->allow_missing,
                "a cell that the candidate lacks does not count as a regression");
  sub->add_option("--junit", command->junit, "test report, JUnit XML");
  sub->add_option("--markdown", command->markdown, "the table, also as a file");
}

}  // namespace permafrost
