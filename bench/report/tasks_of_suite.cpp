// SPDX-License-Identifier: Apache-2.0
#include "bench/report/tasks_of_suite.h"

#include "common/error.h"
#include "datasets/synthetic/source.h"

namespace permafrost {

std::optional<TaskSpec> task_spec_of(const TableModel& table, const std::string& task) {
  try {
    Suite suite = read_suite(table.context.suite);
    if (table.context.quick) suite = quick_suite(std::move(suite));
    for (const auto& spec : suite.tasks)
      if (spec.name == task) return spec;
  } catch (const InputError&) {
  }
  return std::nullopt;
}

std::vector<std::string> class_names_of(const TableModel& table, const Record& record) {
  std::vector<std::string> names;
  const auto spec = task_spec_of(table, record.task.name);
  if (spec && spec->version == record.task.version)
    names = spec->kind == TaskKind::synthetic
                ? synthetic::class_names(synthetic::task_named(spec->world, "world"))
                : spec->class_names;
  if (static_cast<int>(names.size()) == record.task.classes) return names;
  names.clear();
  for (int c = 0; c < record.task.classes; ++c) names.push_back(std::to_string(c));
  return names;
}

}  // namespace permafrost
