// SPDX-License-Identifier: Apache-2.0
#pragma once

// One writer a folder, or several that agreed who writes what.
//
//   const FolderLock lock(out, "--out");             // alone; held until the end of the scope
//   const FolderLock lock(out, "--out", {3, 16});    // one of 16, beside the other 15
#include <filesystem>
#include <string>

namespace permafrost {

// Which of the writers of a folder one is, in 0 .. count - 1.
struct FolderPart {
  int index = 0, count = 1;
};

// Takes FOLDER/.lock, which says who holds it. The lock belongs to the process, not to the file: it
// ends with the process, however that ends, and a file that was left behind locks nothing. Throws
// InputError naming `flag` and the owner where another run holds it. On file systems without locks
// it holds nothing and says nothing.
//
// A part takes FOLDER/.lock-I-of-N in the same way, and shares FOLDER/.lock with the other parts:
// as long as one of them is there nobody gets the folder alone, and as long as somebody has it
// alone no part begins. Parts of another count are refused too: their shares would overlap.
class FolderLock {
 public:
  FolderLock(const std::filesystem::path& folder, const std::string& flag);
  FolderLock(const std::filesystem::path& folder, const std::string& flag, const FolderPart& part);
  ~FolderLock();
  FolderLock(const FolderLock&) = delete;
  FolderLock& operator=(const FolderLock&) = delete;

 private:
  int descriptor_ = -1, part_ = -1;
};

}  // namespace permafrost
