// SPDX-License-Identifier: Apache-2.0
#pragma once

// The records of a zip archive that stores them as they are, as torch.save does.
//
// LibTorch's own reader takes memory by the sizes that the archive states, before it checks them;
// this one only looks at bytes that are there.
#include <functional>
#include <map>
#include <string>

#include "models/checkpoints/byte_range.h"

namespace permafrost {

// By name: the bytes within the archive, nothing is copied.
using ZipRecords = std::map<std::string, ByteRange, std::less<>>;

// Reads the central directory (ZIP64 too). Throws InputError naming `where`, and the record, for an
// archive that is cut short, compressed or encrypted records, two records of one name, and records
// that lie outside of the file, over each other or over the directory.
ZipRecords read_zip_records(const ByteRange& file, const std::string& where);

}  // namespace permafrost
