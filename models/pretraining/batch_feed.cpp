// SPDX-License-Identifier: Apache-2.0
#include "models/pretraining/batch_feed.h"

#include <ATen/ATen.h>

#include "common/error.h"
#include "common/machine/stopwatch.h"
#include "models/network/vit.h"

namespace permafrost {

BatchFeed::BatchFeed(const PretrainConfig& config, const ClipBank* bank, int threads,
                     std::int64_t first, RealLists real, const ShardRange& wanted)
    : config_(config),
      bank_(bank),
      order_(config.distinct_clips),
      wanted_(wanted),
      place_(first * config.batch) {
  if (bank_ != nullptr) return;
  stream_ = pretraining_stream(config, std::move(real));
  const std::int64_t begin = place_;
  loader_ = std::make_unique<Loader>(
      *stream_,
      LoaderOptions{
          .shape = config.encoder.clip_shape(), .batch = wanted_.count, .threads = threads},
      (config.steps - first) * wanted_.count, [this, begin](std::int64_t i) {
        const std::int64_t step = i / wanted_.count;
        return order_.clip_at(begin + step * config_.batch + wanted_.first + i % wanted_.count);
      });
}

at::Tensor BatchFeed::next() {
  const Stopwatch watch;
  at::Tensor pixels = bank_ != nullptr ? from_bank() : from_loader();
  wait_seconds_ += watch.seconds();
  place_ += config_.batch;
  return pixels;
}

LoaderStatistics BatchFeed::statistics() const {
  return loader_ == nullptr ? LoaderStatistics{} : loader_->statistics();
}

at::Tensor BatchFeed::from_bank() const {
  std::vector<std::int64_t> indices;
  for (std::int64_t i = 0; i < wanted_.count; ++i)
    indices.push_back(order_.clip_at(place_ + wanted_.first + i));
  return bank_->clips(indices);
}

at::Tensor BatchFeed::from_loader() {
  if (!loader_->next(batch_)) throw Error("the pretraining stream ended before the run");
  require_readable(batch_, "pretraining stream");
  return pixel_tensor(batch_.pixels.data(), wanted_.count, config_.encoder.clip_shape());
}

}  // namespace permafrost
