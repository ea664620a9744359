// SPDX-License-Identifier: Apache-2.0
#include "models/training/stream_order.h"

#include "datasets/clips/loader.h"

namespace permafrost {

std::int64_t StreamOrder::clip_at(std::int64_t place) const {
  if (distinct_ == 0 || place < distinct_) return place;
  constexpr std::uint64_t kEveryRun = 0;  // no seed: all runs see the same
  const std::int64_t epoch = place / distinct_;
  const std::scoped_lock lock(mutex_);
  if (epoch != epoch_) {
    order_ = epoch_order("pretrain.order", distinct_, kEveryRun, static_cast<int>(epoch));
    epoch_ = epoch;
  }
  return order_[static_cast<std::size_t>(place % distinct_)];
}

}  // namespace permafrost
