// SPDX-License-Identifier: Apache-2.0
#include "common/memory.h"

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <limits>
#include <string>

namespace permafrost {
namespace fs = std::filesystem;
namespace {

// Files of the two versions of Linux's memory controller.
struct Controller {
  fs::path folder;
  const char *limit, *used, *cache;
};

Controller version_1(const fs::path& root) {
  return {root / "sys/fs/cgroup/memory", "memory.limit_in_bytes", "memory.usage_in_bytes",
          "total_inactive_file"};
}

Controller version_2(const fs::path& root) {
  return {root / "sys/fs/cgroup", "memory.max", "memory.current", "inactive_file"};
}

// Nothing where there is no such file or no number in it ("max").
std::optional<double> number_in(const fs::path& path) {
  std::ifstream file(path);
  double value = 0;
  if (file >> value) return value;
  return std::nullopt;
}

// The number behind `name` in lines of "name number".
std::optional<double> number_after(const fs::path& path, const std::string& name) {
  std::ifstream file(path);
  std::string key, rest;
  for (double value = 0; file >> key >> value; std::getline(file, rest))
    if (key == name) return value;
  return std::nullopt;
}

// What one group leaves; no bound where it sets none.
double left_in(const Controller& controller, const fs::path& group) {
  const auto limit = number_in(group / controller.limit), used = number_in(group / controller.used);
  if (!limit || !used) return std::numeric_limits<double>::infinity();
  const double cache = number_after(group / "memory.stat", controller.cache).value_or(0);
  return std::max(0.0, *limit - *used + cache);
}

// The least that a group and those above it leave. In a container the path may be the host's: what
// is not there sets no bound.
double left_along(const Controller& controller, const std::string& path) {
  double left = left_in(controller, controller.folder);
  fs::path group = controller.folder;
  for (const fs::path& part : fs::path(path).relative_path()) {
    group /= part;
    left = std::min(left, left_in(controller, group));
  }
  return left;
}

double left_by_groups(const fs::path& root) {
  double left = std::numeric_limits<double>::infinity();
  std::ifstream groups(root / "proc/self/cgroup");
  // Lines of "4:memory:/path", and "0::/path" of version 2.
  for (std::string line; std::getline(groups, line);) {
    const std::size_t first = line.find(':'), second = line.find(':', first + 1);
    if (second == std::string::npos) continue;
    const std::string kinds = "," + line.substr(first + 1, second - first - 1) + ",";
    const std::string path = line.substr(second + 1);
    if (kinds == ",,") left = std::min(left, left_along(version_2(root), path));
    if (kinds.find(",memory,") != std::string::npos)
      left = std::min(left, left_along(version_1(root), path));
  }
  return left;
}

}  // namespace

std::optional<double> free_memory_bytes(const fs::path& root) {
  const auto kibibytes = number_after(root / "proc/meminfo", "MemAvailable:");
  if (!kibibytes) return std::nullopt;
  return std::min(1024 * *kibibytes, left_by_groups(root));
}

}  // namespace permafrost
