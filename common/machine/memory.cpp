// SPDX-License-Identifier: Apache-2.0
#include "common/machine/memory.h"

#include <algorithm>
#include <fstream>
#include <string>

#include "common/machine/control_groups.h"

namespace permafrost {
namespace fs = std::filesystem;
namespace {

// The number behind `name` in lines of "name number".
std::optional<double> number_after(const fs::path& path, const std::string& name) {
  std::ifstream file(path);
  std::string key, rest;
  for (double value = 0; file >> key >> value; std::getline(file, rest))
    if (key == name) return value;
  return std::nullopt;
}

// What a group leaves; nothing where it sets no bound.
std::optional<double> left_in(const ControlGroup& group) {
  const bool second = group.version == 2;
  const auto limit = number_in(group.folder / (second ? "memory.max" : "memory.limit_in_bytes"));
  const auto used = number_in(group.folder / (second ? "memory.current" : "memory.usage_in_bytes"));
  if (!limit || !used) return std::nullopt;
  const auto cache =
      number_after(group.folder / "memory.stat", second ? "inactive_file" : "total_inactive_file");
  return std::max(0.0, *limit - *used + cache.value_or(0));
}

}  // namespace

std::optional<double> free_memory_bytes(const fs::path& root) {
  const auto kibibytes = number_after(root / "proc/meminfo", "MemAvailable:");
  if (!kibibytes) return std::nullopt;
  double free = 1024 * *kibibytes;
  for (const auto& group : control_groups("memory", root))
    if (const auto left = left_in(group)) free = std::min(free, *left);
  return free;
}

std::optional<double> peak_memory_bytes(const fs::path& root) {
  // Lines of "Name: rest" where the rest may be several words; this one is a number of kB.
  std::ifstream file(root / "proc/self/status");
  for (std::string line; std::getline(file, line);)
    if (line.rfind("VmHWM:", 0) == 0) return 1024 * std::stod(line.substr(6));
  return std::nullopt;
}

}  // namespace permafrost
