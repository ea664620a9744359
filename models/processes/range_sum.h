// SPDX-License-Identifier: Apache-2.0
#pragma once

// A range of the values of tensors that every rank has, added up over shards and ranks.
#include <ATen/core/Tensor.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "models/processes/pairwise.h"
#include "models/processes/process_group.h"

namespace permafrost {

enum class Reduce {
  // The same bits as one process gives, for any number of ranks: see Addition.
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

struct RangeSumOptions {
  Reduce reduce = Reduce::exact;
  Addition addition = Addition::pairwise;  // of an exact sum
  int shards = 1;                          // of this rank
  std::int64_t bucket = 1;                 // values at once, at least one a rank
};

// For values of that type, exchanged on that device (ProcessGroup::exchange_device). Exact: rank r
// is given the r-th part of a bucket of every block of shards (all-to-all), adds them as one
// process would, and the parts come together (all-gather). With b blocks a rank of W at most, a
// rank sends (b+1)(W-1)/W times the bytes of the tensors; b is 1 where a rank has a power of two of
// shards. Two ranks of a block each add two numbers, which has one result in any order: as the fast
// sum.
std::unique_ptr<RangeSum> range_sum(ProcessGroup& group, const RangeSumOptions& options,
                                    const at::TensorOptions& values);

}  // namespace permafrost
