// SPDX-License-Identifier: Apache-2.0
#pragma once

// The gradients of a step whose shards lie on several ranks, added up on each of them.
#include <ATen/core/Tensor.h>

#include <string>
#include <vector>

#include "models/processes/process_group.h"

namespace permafrost {

enum class Reduce {
  // In the order of the shards: the same bits as one process gives, for any number of ranks.
  exact,
  // Each rank adds its shards, then the ranks' sums are added in the order of the algorithm.
  // Less is sent where a rank has several shards, and the last bits depend on the number of ranks.
  fast,
  // The same with what is sent in bfloat16: half the bytes, three digits.
  fast_bfloat16
};
Reduce reduce_named(const std::string& name);  // "exact", "fast", "fast-bf16"
std::string name_of(Reduce reduce);

// Which of the shards of a step a rank computes: `count` from `first` on. Throws InputError naming
// both numbers where ranks do not divide the shards.
struct ShardRange {
  int first = 0, count = 1;
};
ShardRange shards_of_rank(int shards, int rank, int ranks);
// Those of this process: all of them where it is alone (null).
ShardRange own_shards(int shards, const ProcessGroup* group);

// Tensors of every shard of this rank [count][tensors], in order of shards; the same shapes and one
// type on all ranks, on any device. The sum over all shards of all ranks, in the tensors of the
// first shard of this rank, whose values are used up like those of the others.
//
// Values go in buckets of `bucket`; 0: an eighth of them, at least 2^18 and at most 2^21, as
// measured. Exact: Rank r is given the r-th part of a bucket of every shard (all-to-all), adds in
// order of shards, and the parts come together (all-gather). With m shards a rank of W, a rank
// sends (m+1)(W-1)/W times the bytes of the tensors.
std::vector<at::Tensor> summed_over_ranks(ProcessGroup& group,
                                          const std::vector<std::vector<at::Tensor>>& of_shards,
                                          Reduce reduce, std::int64_t bucket = 0);

// One number of every shard of this rank: the numbers of all shards of all ranks, in order.
std::vector<double> of_all_shards(ProcessGroup& group, const std::vector<double>& mine);

}  // namespace permafrost
