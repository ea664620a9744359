// SPDX-License-Identifier: Apache-2.0
#include "bench/report/results/tasks_of_suite.h"

#include <algorithm>
#include <array>

#include "common/error.h"
#include "datasets/synthetic/source.h"

namespace permafrost {

std::vector<TaskSpec> task_specs_named(const TableModel& table, const std::string& task) {
  // The name comes from a file: it chooses among those that are known.
  std::vector<std::string> names = suite_names();
  std::stable_partition(names.begin(), names.end(),
                        [&](const std::string& name) { return name == table.context.suite; });
  std::vector<TaskSpec> specs;
  for (const auto& name : names) {
    try {
      const Suite whole = read_suite(name);
      const Suite quick = quick_suite(whole);
      for (const Suite* suite :
           table.context.quick ? std::array{&quick, &whole} : std::array{&whole, &quick})
        for (const auto& spec : suite->tasks)
          if (spec.name == task) specs.push_back(spec);
    } catch (const InputError&) {
    }
  }
  return specs;
}

std::vector<std::string> class_names_of(const TableModel& table, const Record& record) {
  std::vector<std::string> names;
  for (const auto& spec : task_specs_named(table, record.task.name)) {
    if (spec.version != record.task.version) continue;
    names = spec.kind == TaskKind::synthetic
                ? synthetic::class_names(synthetic::task_named(spec.world, "world"))
                : spec.class_names;
    if (static_cast<int>(names.size()) == record.task.classes) return names;
  }
  names.clear();
  for (int c = 0; c < record.task.classes; ++c) names.push_back(std::to_string(c));
  return names;
}

}  // namespace permafrost
