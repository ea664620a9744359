// SPDX-License-Identifier: Apache-2.0
#pragma once

// A part of a file that is read as if it were a file: a member of a tar archive.
#include <cstdint>

namespace permafrost {

struct FilePart {
  std::int64_t offset = 0;
  std::int64_t bytes = -1;  // -1: the whole file

  bool is_part() const { return bytes >= 0; }
  bool operator==(const FilePart&) const = default;
};

}  // namespace permafrost
