// SPDX-License-Identifier: Apache-2.0
#pragma once

// Where the members of an uncompressed tar archive lie, for reading them in place: one pass over
// the headers (ustar with prefix, GNU long names, pax path and size). The libraries that read tar
// archives do not tell offsets.
//
// Source of the format: POSIX.1-2017, pax, "ustar Interchange Format" and "pax Interchange Format";
// GNU tar manual, "Basic Tar Format".
#include <string>
#include <string_view>
#include <vector>

#include "datasets/images/file_part.h"

namespace permafrost {

struct TarMember {
  std::string name;  // as written, without "./" in front
  FilePart range;
};

// The regular files of the archive, in its order. Throws InputError naming `where` and the offset
// for what is no tar header, and for a member that goes past the end (an archive that was cut off).
std::vector<TarMember> read_tar_index(std::string_view bytes, const std::string& where);

}  // namespace permafrost
