// SPDX-License-Identifier: Apache-2.0
#include "common/machine/control_groups.h"

#include <fstream>
#include <system_error>

namespace permafrost {
namespace fs = std::filesystem;

std::optional<double> number_in(const fs::path& path) {
  std::ifstream file(path);
  double value = 0;
  if (file >> value) return value;
  return std::nullopt;
}

std::vector<ControlGroup> control_groups(const std::string& controller, const fs::path& root) {
  std::vector<ControlGroup> groups;
  const auto add = [&](int version, const fs::path& folder) {
    std::error_code ignored;
    if (fs::is_directory(folder, ignored)) groups.push_back({version, folder});
  };
  const fs::path mounted = root / "sys/fs/cgroup";
  std::ifstream file(root / "proc/self/cgroup");
  // Lines of "4:memory:/path", and "0::/path" of version 2.
  for (std::string line; std::getline(file, line);) {
    const std::size_t first = line.find(':'), second = line.find(':', first + 1);
    if (second == std::string::npos) continue;
    const std::string controllers = "," + line.substr(first + 1, second - first - 1) + ",";
    const bool is_second = controllers == ",,";
    if (!is_second && controllers.find("," + controller + ",") == std::string::npos) continue;
    fs::path folder = is_second ? mounted : mounted / controller;
    add(is_second ? 2 : 1, folder);
    for (const fs::path& part : fs::path(line.substr(second + 1)).relative_path())
      add(is_second ? 2 : 1, folder /= part);
  }
  return groups;
}

}  // namespace permafrost
