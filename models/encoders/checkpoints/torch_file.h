// SPDX-License-Identifier: Apache-2.0
#pragma once

// What torch.save writes, from either container: a tree of values, and the storages of its tensors.
#include <c10/core/Storage.h>

#include <string>
#include <vector>

#include "models/encoders/checkpoints/bytes/byte_range.h"
#include "models/encoders/checkpoints/checkpoint.h"
#include "models/encoders/checkpoints/pickle/pickle.h"

namespace permafrost {

struct TorchFile {
  Pickle pickle;
  std::vector<c10::Storage> storages;  // of pickle.storages, over the file where it is aligned
  // Of an archive: the pickle, then each storage; not stated where crc32 is 0.
  std::vector<Checksummed> records;
};

// The zip archive of torch 1.6 and later. Throws InputError for archives that are not torch.save's
// (TorchScript), for big-endian values and storages that are missing or too short.
TorchFile read_torch_archive(const ByteRange& file, const std::string& where);

// The older container: five pickles, then count and values of each storage.
TorchFile read_torch_legacy(const ByteRange& file, const std::string& where);

// A storage's values. Throws InputError when `bytes` has fewer than it counts.
c10::Storage make_storage(const StorageRef& storage, const ByteRange& bytes,
                          const std::string& where);

// State dictionaries and other lines of the file, as checkpoint.h says. Throws InputError when
// there is no tensor in the place of one.
void add_entries(const TorchFile& file, Checkpoint& checkpoint);

}  // namespace permafrost
