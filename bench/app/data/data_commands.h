// SPDX-License-Identifier: Apache-2.0
#pragma once

// The commands below `permafrost data`; each is defined in the file of its name.
#include "bench/app/command_line.h"

namespace permafrost {

void add_data_check(CLI::App& data, CommandLine& line);
void add_data_pack(CLI::App& data, CommandLine& line);
void add_data_show(CLI::App& data, CommandLine& line);
void add_data_synth(CLI::App& data, CommandLine& line);

}  // namespace permafrost
