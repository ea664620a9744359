// SPDX-License-Identifier: Apache-2.0
#pragma once

// The tasks behind a table's columns, from the suites that this program knows: the table's own
// first, then the others, whole and quick.
#include <string>
#include <vector>

#include "bench/report/results/results_folder.h"
#include "bench/suites/table_spec.h"

namespace permafrost {

// Specifications of that name; which of them was measured, the identity of the opened task says.
std::vector<TaskSpec> task_specs_named(const TableModel& table, const std::string& task);

// In order of the class index; "0", "1", ... where no suite has the task in that
// version.
std::vector<std::string> class_names_of(const TableModel& table, const Record& record);

}  // namespace permafrost
