// SPDX-License-Identifier: Apache-2.0
// permafrost compare: a gate for continuous integration.
#include <cstdio>
#include <nlohmann/json.hpp>

#include "bench/app/options.h"
#include "bench/records/comparison.h"
#include "common/files/files.h"

namespace permafrost {

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

}  // namespace permafrost
