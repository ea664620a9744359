// SPDX-License-Identifier: Apache-2.0
#pragma once

// Files and folders that are being made beside their place, and those that killed programs left.
//
// Their names are .partial-NAME.HOST-RANDOM. Whoever makes one holds a lock on it, which ends with
// the process. One is a leaving, and may be removed by anybody, where
//   - nobody holds its lock and it was made on this host, or
//   - nobody holds its lock and it is a day older than what is written there now: on some shared
//     file systems a lock is not seen by other hosts.
#include <filesystem>
#include <string>

namespace permafrost {

struct Temporary {
  std::filesystem::path path;
  int descriptor = -1;  // holds the lock; of a file also open to write
};

// An empty file in `folder` for what will be named `name`; permissions as the umask has them. The
// first call of a process for a folder removes the leavings that are there. Throws
// std::system_error.
Temporary make_temporary_file(const std::filesystem::path& folder, const std::string& name);
// The same, a folder.
Temporary make_temporary_folder(const std::filesystem::path& folder, const std::string& name);

// Removes the leavings in a folder, by the rule above; what cannot be removed stays. Does not
// follow links, and leaves alone whatever has another kind of name.
void remove_leavings(const std::filesystem::path& folder);

}  // namespace permafrost
