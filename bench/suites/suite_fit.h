// SPDX-License-Identifier: Apache-2.0
#pragma once

// How one table serves several suites: what a suite calls a column and measures it with, and where
// a user's checkpoints and datasets lie.
//
//   Suite suite = with_paths(read_suite("paper"), "paths.json");
//   const TableSpec table = fitted_to(read_table(5), suite);
#include <filesystem>

#include "bench/suites/table_spec.h"

namespace permafrost {

// The table with the suite's own columns: renamed, with another task and protocol, or left out, in
// its claims too. A claim that has no place left is left out. Rows take the suite's encoder
// "TABLE/NAME" where there is one.
TableSpec fitted_to(TableSpec table, const Suite& suite);

// {"data": DIR, "encoders": {"NAME": FILE | {"file", "spec", "key"}}, "datasets": {"NAME": DIR |
// FILE.json}} over the suite; paths are relative to the file. A dataset's folder takes the place of
// the one below the data folder, a .json file that of its declaration. `data` is set where it was
// empty. Throws InputError for names that the suite does not have.
Suite with_paths(Suite suite, const std::filesystem::path& file, std::string& data);

}  // namespace permafrost
