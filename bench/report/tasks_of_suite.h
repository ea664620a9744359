// SPDX-License-Identifier: Apache-2.0
#pragma once

// The tasks behind a table's columns, from the suite that this program knows by the table's name.
#include <optional>
#include <string>
#include <vector>

#include "bench/report/results_folder.h"
#include "bench/table_spec.h"

namespace permafrost {

// Empty where this program knows no such suite or task.
std::optional<TaskSpec> task_spec_of(const TableModel& table, const std::string& task);

// In order of the class index; "0", "1", ... where the suite does not tell, or tells of another
// version.
std::vector<std::string> class_names_of(const TableModel& table, const Record& record);

}  // namespace permafrost
