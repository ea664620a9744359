// SPDX-License-Identifier: Apache-2.0
#include "common/files/shared_folder.h"

#include <dlfcn.h>

#include <cstdlib>
#include <vector>

namespace permafrost {
namespace fs = std::filesystem;
namespace {

// Folders that may hold share/permafrost.
std::vector<fs::path> places() {
  std::vector<fs::path> found;
  std::error_code error;
  Dl_info holder{};
  const fs::path program = fs::read_symlink("/proc/self/exe", error);
  if (::dladdr(reinterpret_cast<const void*>(&shared_folder), &holder) != 0) {
    const fs::path file = fs::canonical(holder.dli_fname, error);
    if (!error && file != program) found.push_back(file.parent_path());
  }
  found.push_back(program.parent_path().parent_path());
  return found;
}

}  // namespace

fs::path shared_folder(const char* variable, const std::string& name, const fs::path& in_source) {
  if (const char* set = std::getenv(variable)) return set;
  std::error_code ignored;
  for (const auto& place : places())
    if (const auto installed = place / "share/permafrost" / name;
        fs::is_directory(installed, ignored))
      return installed;
  return in_source;
}

}  // namespace permafrost
