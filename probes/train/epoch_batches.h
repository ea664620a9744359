// SPDX-License-Identifier: Apache-2.0
#pragma once

// The batches of an epoch of fine-tuning as far as a process needs them: of ranks the samples of
// its gradient shards, or all of them where clips are mixed with those of other shards.
#include <cstdint>
#include <optional>
#include <vector>

#include "datasets/clips/loader.h"
#include "models/processes/gradient_exchange.h"
#include "probes/train/protocol.h"
#include "probes/train/training_run.h"

namespace permafrost {

// A batch of all ranks, and which of it a process has read.
struct SharedBatch {
  Batch read;  // samples number `first` and on of the batch
  std::int64_t first = 0;
  std::int64_t size = 0;  // of the batch of all ranks
};

class EpochBatches {
 public:
  // `samples` of `shown` in the order of training. `shown` must outlive this.
  EpochBatches(const ClipSource& shown, const ClipShape& shape, const FinetuneProtocol& protocol,
               const TrainingRun& run, std::vector<std::int64_t> samples);

  bool next(SharedBatch& batch);  // false after the last

 private:
  std::int64_t count() const { return static_cast<std::int64_t>(samples_.size()); }
  // Of the batch that begins at `begin`, the part of this process, counted within it.
  std::int64_t first(std::int64_t begin) const { return cut(begin, mine_.first); }
  std::int64_t end(std::int64_t begin) const { return cut(begin, mine_.first + mine_.count); }
  std::int64_t cut(std::int64_t begin, std::int64_t shard) const;
  std::int64_t sample(std::int64_t i) const;

  std::vector<std::int64_t> samples_;
  int batch_;
  std::int64_t begin_ = 0;
  int shards_;
  ShardRange mine_;
  std::optional<Loader> loader_;
};

}  // namespace permafrost
