// SPDX-License-Identifier: Apache-2.0
#pragma once

// One writer a folder.
//
//   const FolderLock lock(out, "--out");   // held until the end of the scope
#include <filesystem>
#include <string>

namespace permafrost {

// Takes FOLDER/.lock, which says who holds it. The lock belongs to the process, not to the file: it
// ends with the process, however that ends, and a file that was left behind locks nothing. Throws
// InputError naming `flag` and the owner where another run holds it. On file systems without locks
// it holds nothing and says nothing.
class FolderLock {
 public:
  FolderLock(const std::filesystem::path& folder, const std::string& flag);
  ~FolderLock();
  FolderLock(const FolderLock&) = delete;
  FolderLock& operator=(const FolderLock&) = delete;

 private:
  int descriptor_ = -1;
};

}  // namespace permafrost
