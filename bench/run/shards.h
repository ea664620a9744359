// SPDX-License-Identifier: Apache-2.0
#pragma once

// How work is dealt to processes that do not talk to each other: every one of them comes to the
// same split by itself.
//
//   const WorkShard mine = shard_named("3/16", "--shard");
//   const std::vector<int> shard_of = dealt(works, mine.count);   // mine where it is mine.index
#include <cstdint>
#include <string>
#include <vector>

namespace permafrost {

// One of `count` processes, counted from 0.
struct WorkShard {
  int index = 0, count = 1;
};

// "I/N" with 0 <= I < N <= 65536. Throws InputError naming `flag` for anything else.
WorkShard shard_named(const std::string& text, const std::string& flag);

// "shard 3/16"
std::string to_text(const WorkShard& shard);

// A piece that one process does as a whole.
struct ShardWork {
  std::string name;               // of its own
  std::int64_t milliseconds = 0;  // estimated; whole numbers, so that sums are the same everywhere
};

// The shard of each work, in 0 .. shards - 1. The largest work goes first (of equal ones by name),
// each to the shard that has least so far (of equal ones the lowest). No shard has more than 4/3 of
// the least possible longest time. The order of `works` does not matter. Throws Error for two works
// of one name.
std::vector<int> dealt(const std::vector<ShardWork>& works, int shards);

}  // namespace permafrost
