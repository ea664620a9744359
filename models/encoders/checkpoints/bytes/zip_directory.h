// SPDX-License-Identifier: Apache-2.0
#pragma once

// The records of a zip archive that stores them as they are, as torch.save does.
//
// LibTorch's own reader takes memory by the sizes that the archive states, before it checks them;
// this one only looks at bytes that are there.
#include <functional>
#include <map>
#include <string>

#include "models/encoders/checkpoints/bytes/byte_range.h"

namespace permafrost {

struct ZipRecord {
  ByteRange bytes;          // within the archive, nothing is copied
  std::uint32_t crc32 = 0;  // as the directory states it, not checked; 0: not computed
};

using ZipRecords = std::map<std::string, ZipRecord, std::less<>>;

// Reads the central directory (ZIP64 too). Throws InputError naming `where`, and the record, for an
// archive that is cut short, compressed or encrypted records, two records of one name, and records
// that lie outside of the file, over each other or over the directory.
ZipRecords read_zip_records(const ByteRange& file, const std::string& where);

}  // namespace permafrost
