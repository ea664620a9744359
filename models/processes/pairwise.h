// SPDX-License-Identifier: Apache-2.0
#pragma once

// Sums of shards in an order that neither processes nor threads change.
#include <algorithm>
#include <cstdint>
#include <vector>

namespace permafrost {

enum class Addition {
  // ((s0 + s1) + s2) + ...: a rank must be given every shard of all others by itself.
  in_order,
  // (s0 + s1) + (s2 + s3), and so on upwards: a binary tree over the numbers of the shards. A rank
  // adds up the subtrees that it has all of, and gives those alone. Errors grow with the logarithm
  // of the number of shards.
  pairwise
};

// Calls add(to, from) such that item 0 of n ends as the sum of the tree.
template <typename Add>
void add_pairwise(std::int64_t n, const Add& add) {
  for (std::int64_t step = 1; step < n; step *= 2)
    for (std::int64_t k = 0; k + step < n; k += 2 * step) add(k, k + step);
}

template <typename Add>
void add_all(Addition addition, std::int64_t n, const Add& add) {
  if (addition == Addition::pairwise) return add_pairwise(n, add);
  for (std::int64_t k = 1; k < n; ++k) add(0, k);
}

// Shards begin .. begin+size-1, which are one node of the tree (in order: one shard).
struct ShardBlock {
  std::int64_t begin = 0, size = 1;
};

// The fewest such blocks that make up shards first .. first+count-1, ascending.
inline std::vector<ShardBlock> blocks_of(Addition addition, std::int64_t first,
                                         std::int64_t count) {
  std::vector<ShardBlock> blocks;
  for (std::int64_t at = first, end = first + count; at < end; at += blocks.back().size) {
    std::int64_t size = 1;
    while (addition == Addition::pairwise && at % (2 * size) == 0 && at + 2 * size <= end)
      size *= 2;
    blocks.push_back({at, size});
  }
  return blocks;
}

// The most blocks that one of `ranks` ranks has, which share `shards` shards evenly.
inline std::int64_t most_blocks(Addition addition, std::int64_t shards, std::int64_t ranks) {
  std::size_t most = 0;
  for (std::int64_t rank = 0; rank < ranks; ++rank)
    most = std::max(most, blocks_of(addition, rank * (shards / ranks), shards / ranks).size());
  return static_cast<std::int64_t>(most);
}

}  // namespace permafrost
