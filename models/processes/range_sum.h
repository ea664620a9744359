// SPDX-License-Identifier: Apache-2.0
#pragma once

// A range of the values of tensors that every rank has, added up over shards and ranks.
#include <ATen/core/Tensor.h>

#include <cstdint>
#include <memory>
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

// Tensors [shards of this rank][tensors], each flat [n], of any device. Values count through the
// tensors one after the other.
using FlatShards = std::vector<std::vector<at::Tensor>>;

class RangeSum {
 public:
  virtual ~RangeSum() = default;
  // The most values that add() takes at once.
  virtual std::int64_t bucket() const = 0;
  // Values first .. first+count-1 of all shards of all ranks, added into the first shard of this
  // rank; every rank calls it with the same range. The other shards are used up.
  virtual void add(const FlatShards& shards, std::int64_t first, std::int64_t count) = 0;
};

// For ranks with `shards` shards each, whose values are of that type and are exchanged on that
// device (ProcessGroup::exchange_device). `bucket`: values at once, at
// least one a rank. Exact: rank r is given the r-th part of a bucket of every shard (all-to-all),
// adds in order of shards, and the parts come together (all-gather). With m shards a rank of W, a
// rank sends (m+1)(W-1)/W times the bytes of the tensors.
std::unique_ptr<RangeSum> range_sum(ProcessGroup& group, Reduce reduce, int shards,
                                    std::int64_t bucket, const at::TensorOptions& values);

}  // namespace permafrost
