// SPDX-License-Identifier: Apache-2.0
#include "probes/train/epoch_batches.h"

#include <algorithm>
#include <utility>

#include "common/error.h"

namespace permafrost {

EpochBatches::EpochBatches(const ClipSource& shown, const ClipShape& shape,
                           const FinetuneProtocol& protocol, const TrainingRun& run,
                           std::vector<std::int64_t> samples)
    : samples_(std::move(samples)), batch_(protocol.batch), shards_(protocol.gradient_shards) {
  const bool cuts = !protocol.mixing.on() && batch_ % shards_ == 0;
  mine_ = own_shards(shards_, cuts ? run.group : nullptr);
  std::int64_t wanted = 0;
  for (std::int64_t begin = 0; begin < count(); begin += batch_)
    wanted += end(begin) - first(begin);
  loader_.emplace(shown,
                  LoaderOptions{.shape = shape,
                                .batch = batch_ * mine_.count / shards_,
                                .threads = std::max(1, run.threads / 2)},
                  wanted, [this](std::int64_t i) { return sample(i); });
}

bool EpochBatches::next(SharedBatch& batch) {
  if (begin_ >= count()) return false;
  batch.size = std::min<std::int64_t>(batch_, count() - begin_);
  batch.first = first(begin_);
  batch.read.indices.clear();
  if (end(begin_) > batch.first && !loader_->next(batch.read))
    throw Error("the training samples ended before the epoch");
  begin_ += batch_;
  return true;
}

std::int64_t EpochBatches::cut(std::int64_t begin, std::int64_t shard) const {
  return std::min<std::int64_t>(batch_, count() - begin) * shard / shards_;
}

// Number i of those that this process reads: every whole batch has as many of them.
std::int64_t EpochBatches::sample(std::int64_t i) const {
  const std::int64_t each = static_cast<std::int64_t>(batch_) * mine_.count / shards_,
                     begin = i / each * batch_;
  return samples_[static_cast<std::size_t>(begin + first(begin) + i % each)];
}

}  // namespace permafrost
