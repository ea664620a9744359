// SPDX-License-Identifier: Apache-2.0
#pragma once

// The readers of lists and packs as fuzzers call them.
#include <vector>

#include "common/testing/fuzz_reader.h"

namespace permafrost {

// manifest (text); json_list; class_names (JSON where it begins with a bracket); tar (members and
// what stands in them); shard (the JSON of an index, put into a shard with its right hash); pack
// (pack.json).
const std::vector<FuzzReader>& list_readers();

}  // namespace permafrost
