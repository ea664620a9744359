// SPDX-License-Identifier: Apache-2.0
#pragma once

// Linux's control groups, by which containers and clusters bound what a process may take.
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace permafrost {

// A group that this process belongs to, or one above it, with the files of one version of the
// interface. In a container the path may be the host's; folders that are not there are left out.
struct ControlGroup {
  int version = 2;
  std::filesystem::path folder;
};

// Those that `controller` ("memory", "cpu") may bound, from the top down. /proc and /sys are looked
// for under `root`.
std::vector<ControlGroup> control_groups(const std::string& controller,
                                         const std::filesystem::path& root = "/");

// The first number in a file; nothing where there is none ("max"), or no such file.
std::optional<double> number_in(const std::filesystem::path& path);

}  // namespace permafrost
