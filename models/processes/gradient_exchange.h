// SPDX-License-Identifier: Apache-2.0
#pragma once

// The gradients of a step whose shards lie on several ranks, added up on each of them.
#include <ATen/core/Tensor.h>
#include <c10/core/Stream.h>

#include <condition_variable>
#include <exception>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

#include "models/processes/process_group.h"
#include "models/processes/range_sum.h"

namespace permafrost {

// Which of the shards of a step a rank computes: `count` from `first` on. Throws InputError naming
// both numbers where ranks do not divide the shards.
struct ShardRange {
  int first = 0, count = 1;
};
ShardRange shards_of_rank(int shards, int rank, int ranks);
// Those of this process: all of them where it is alone (null).
ShardRange own_shards(int shards, const ProcessGroup* group);

// The sum over all shards of all ranks, of gradients that come one after the other:
//
//   GradientSum sum(group, {.shards = 2}, leaves);
//   ... backward passes of the two shards of this rank call sum.give(shard, number, gradient)
//   const auto gradients = sum.finish();
//
// Values are sent in buckets, from the last tensor to the first, as backward passes give them. What
// is added to what depends neither on when they come nor on threads.
struct GradientSumOptions {
  int shards = 1;  // of this rank
  Reduce reduce = Reduce::exact;
  Addition addition = Addition::pairwise;
  // Whether a thread of its own sends a bucket as soon as every shard has given what is in it, so
  // that most of the sending falls beside computing; else all are sent at the end. Where a GPU
  // computes, a core is free for it, and NCCL has a stream of its own. Two ranks that computed on
  // two cores lost 2 to 6 % by it.
  bool beside_computing = false;
  std::int64_t bucket = 0;  // values; 0: an eighth, at least 2^18 and at most 2^21, as measured
};

class GradientSum {
 public:
  // `like`: tensors of the shapes, the one type and the device of the gradients, on all ranks in
  // the same order.
  GradientSum(ProcessGroup& group, const GradientSumOptions& options, std::vector<at::Tensor> like);
  ~GradientSum();  // of a step that failed: what is being sent is sent, and nothing more
  GradientSum(const GradientSum&) = delete;
  GradientSum& operator=(const GradientSum&) = delete;

  // The gradient of tensor `number` from `shard` (0: the first of this rank), once for each, from
  // any thread. Its values are used up.
  void give(int shard, std::size_t number, const at::Tensor& gradient);

  // Waits for the sums; a gradient that nobody gave is zero. Throws what the exchange threw.
  std::vector<at::Tensor> finish();

 private:
  void exchange(const std::stop_token& stop);
  void exchange_on_a_stream(const std::stop_token& stop);
  // Tensors begin..end-1 of every shard, once all of them are given; nothing when asked to stop.
  std::optional<FlatShards> await(std::ptrdiff_t begin, std::ptrdiff_t end,
                                  const std::stop_token& stop);

  const std::vector<at::Tensor> like_;
  // Of a device that exchanges by itself: where gradients are computed, and where they are sent.
  std::optional<c10::Stream> computing_, sending_;
  std::unique_ptr<RangeSum> sum_;
  std::vector<std::int64_t> ends_;  // where each tensor ends among all values
  std::mutex mutex_;
  std::condition_variable_any given_;
  std::vector<std::vector<at::Tensor>> gradients_;  // [shards][tensors], not there until given
  std::exception_ptr failure_;
  std::jthread thread_;  // not there where all is sent at the end; last: it uses all of the above
};

// One number of every shard of this rank: the numbers of all shards of all ranks, in order.
std::vector<double> of_all_shards(ProcessGroup& group, const std::vector<double>& mine);

}  // namespace permafrost
