// SPDX-License-Identifier: Apache-2.0
#include "bench/suites/task_option.h"

#include <filesystem>
#include <nlohmann/json.hpp>

#include "common/error.h"

namespace permafrost {

TaskSpec chosen_task(const Suite& suite, const std::string& name, std::string& data) {
  const std::filesystem::path file = name;
  std::error_code ignored;
  if (file.extension() != ".json") return task_of(suite, name);
  if (!std::filesystem::is_regular_file(file, ignored))
    throw InputError(name, "", "a file that declares a task", "no such file");
  if (data.empty()) data = file.has_parent_path() ? file.parent_path().string() : ".";
  return read_task_spec(read_json(name), name);
}

}  // namespace permafrost
