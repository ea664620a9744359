// SPDX-License-Identifier: Apache-2.0
#pragma once

// Decodes a list once and writes it as a pack.
//
//   write_pack(manifest, "k400/train.csv", "packs/k400-train", {.spec = {.short_side = 256}});
#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>

#include "common/machine/execution.h"
#include "datasets/lists/manifest.h"
#include "datasets/pack/pack.h"

namespace permafrost {

struct PackOptions {
  PackSpec spec;
  std::int64_t shard_samples = 64;  // part of what a pack is: shards are cut by number
  std::function<void()> done;       // called once a sample, from any thread
  // Its notice is told what was found broken and is written anew; from any thread, never two at
  // once.
  Execution execution;
};

// In the folder of a pack: "NAME: REASON" of every sample that has no frames; no file where all
// have.
inline constexpr const char* kPackFailures = "failures.txt";

// Shards that are there and whole are kept, so that a run that was ended goes on; a shard and
// pack.json appear whole, broken ones are written anew. A sample that cannot be decoded becomes one
// that says why, and is tried again when the pack is written again.
// The pack does not depend on the number of threads. What killed runs left is removed: only one may
// write to a folder at a time. Throws InputError where the folder holds another pack, and Error,
// leaving no pack, where not one sample could be read.
PackInfo write_pack(const Manifest& list, const std::string& list_name,
                    const std::filesystem::path& folder, const PackOptions& options);

// One of `count` processes that write one pack.
struct PackPart {
  int index = 0, count = 1;
};

// Of the pack every count-th shard from shard number `index` on, and nothing else. When the shards
// of all parts are there, write_pack() finds them and writes the rest. Parts may run at once;
// nobody else may write to the folder then. Throws as write_pack(), but not where nothing could be
// read.
void write_pack_shards(const Manifest& list, const std::string& list_name,
                       const std::filesystem::path& folder, const PackOptions& options,
                       const PackPart& part);

}  // namespace permafrost
