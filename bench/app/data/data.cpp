// SPDX-License-Identifier: Apache-2.0
// permafrost data: the commands on data sets.
#include "bench/app/commands.h"
#include "bench/app/data/data_commands.h"

namespace permafrost {

void add_data(CommandLine& line) {
  CLI::App* data = line.app().add_subcommand("data", "real data: render, check, pack, show");
  data->require_subcommand(1);
  for (const auto add : {add_data_check, add_data_pack, add_data_show, add_data_synth})
    add(*data, line);
}

}  // namespace permafrost
