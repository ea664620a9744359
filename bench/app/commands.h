// SPDX-License-Identifier: Apache-2.0
#pragma once

// The commands of the program; each is defined in the file of its name.
#include "bench/app/command_line.h"

namespace permafrost {

void add_tables(CommandLine& line);
void add_pretrain(CommandLine& line);
void add_features(CommandLine& line);
void add_haystack(CommandLine& line);  // long_video/
void add_sample(CommandLine& line);    // sample/
void add_convert(CommandLine& line);
void add_probe(CommandLine& line);
void add_finetune(CommandLine& line);  // probe.cpp
void add_evaluate(CommandLine& line);
void add_inspect(CommandLine& line);  // inspect/
void add_compare(CommandLine& line);
void add_report(CommandLine& line);
void add_masks(CommandLine& line);
void add_cache(CommandLine& line);
void add_data(CommandLine& line);  // data/, where each of its commands has a file
void add_doctor(CommandLine& line);

}  // namespace permafrost
