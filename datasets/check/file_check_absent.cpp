// SPDX-License-Identifier: Apache-2.0
// check_file() of a build with PERMAFROST_FFMPEG=OFF.
#include "common/error.h"
#include "datasets/check/file_check.h"

namespace permafrost {

FileCheck check_file(const std::filesystem::path& path, const FilePart&) {
  throw Error(path.string() +
              ": cannot be checked: this program was built without FFmpeg (PERMAFROST_FFMPEG=OFF)");
}

}  // namespace permafrost
