// SPDX-License-Identifier: Apache-2.0
#pragma once

// The batches of a run, one after the other, out of a bank or as they are read.
#include <ATen/core/Tensor.h>

#include <memory>

#include "datasets/clips/loader.h"
#include "models/pretraining/clip_bank.h"
#include "models/pretraining/pretraining_stream.h"
#include "models/processes/gradient_exchange.h"
#include "models/training/stream_order.h"

namespace permafrost {

class BatchFeed {
 public:
  // From step `first` on, counted from 0; of every batch the clips `wanted`. `config` must outlive
  // this; without a bank, `threads` threads read the configuration's stream.
  BatchFeed(const PretrainConfig& config, const ClipBank* bank, int threads, std::int64_t first,
            RealLists real, const ShardRange& wanted);

  // Pixels uint8 [wanted.count,T,H,W,3]; the tensor is good until the next call. Throws InputError
  // for a clip that cannot be read.
  at::Tensor next();

  double wait_seconds() const { return wait_seconds_; }
  LoaderStatistics statistics() const;  // empty with a bank

 private:
  at::Tensor from_bank() const;
  at::Tensor from_loader();

  const PretrainConfig& config_;
  const ClipBank* bank_;
  StreamOrder order_;
  ShardRange wanted_;
  std::int64_t place_;  // of the first clip of the batch that comes next
  double wait_seconds_ = 0;
  Batch batch_;
  std::unique_ptr<ClipSource> stream_;
  std::unique_ptr<Loader> loader_;
};

}  // namespace permafrost
