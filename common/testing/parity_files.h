// SPDX-License-Identifier: Apache-2.0
#pragma once

// Where parity fixtures lie, for tests: inputs and outputs of the reference implementations. Files
// are found by the start of their name; $PERMAFROST_PARITY_DIR names another folder in the layout
// of models/parity.
#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <vector>

namespace permafrost {

inline std::filesystem::path parity_folder() {
  const char* set = std::getenv("PERMAFROST_PARITY_DIR");
  return set != nullptr ? std::filesystem::path(set)
                        : std::filesystem::path(PERMAFROST_SOURCE_DIR) / "models/parity";
}

// Files and folders whose name begins with `start` and has this extension ("" for folders), sorted.
inline std::vector<std::filesystem::path> parity_files(const std::string& start,
                                                       const std::string& extension) {
  std::vector<std::filesystem::path> found;
  std::error_code ignored;
  for (const auto& entry : std::filesystem::directory_iterator(parity_folder(), ignored))
    if (entry.path().filename().string().rfind(start, 0) == 0 &&
        entry.path().extension() == extension)
      found.push_back(entry.path());
  std::sort(found.begin(), found.end());
  return found;
}

}  // namespace permafrost
