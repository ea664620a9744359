// SPDX-License-Identifier: Apache-2.0
#pragma once

// What --task names, for the commands that measure one task.
#include <string>

#include "bench/suites/table_spec.h"
#include "datasets/tasks/task.h"

namespace permafrost {

// `name` is a task of the suite, or a JSON file that declares one; its manifest is then relative to
// that file: `data` becomes its folder where it was empty. Throws InputError.
TaskSpec chosen_task(const Suite& suite, const std::string& name, std::string& data);

}  // namespace permafrost
