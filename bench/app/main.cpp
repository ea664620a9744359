// SPDX-License-Identifier: Apache-2.0
// The program: which commands there are, and errors to one line and an exit status.
#include <cstdio>
#include <exception>

#include "bench/app/commands.h"
#include "bench/app/device.h"
#include "common/error.h"

int main(int argc, char** argv) {
  using namespace permafrost;
  prepare_process();
  try {
    CommandLine line;
    for (const auto add :
         {add_tables, add_pretrain, add_features, add_convert, add_probe, add_finetune,
          add_evaluate, add_inspect, add_compare, add_report, add_masks, add_data, add_doctor})
      add(line);
    return line.run(argc, argv);
  } catch (const Error& error) {
    std::fprintf(stderr, "permafrost: %s\n", error.what());
    return error.exit_status();
  } catch (const std::exception& error) {
    std::fprintf(stderr, "permafrost: internal error: %s\n", error.what());
    return 1;
  }
}
