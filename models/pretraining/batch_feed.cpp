// SPDX-License-Identifier: Apache-2.0
#include "models/pretraining/batch_feed.h"

#include <torch/types.h>

#include "common/error.h"
#include "common/machine/stopwatch.h"
#include "models/network/vit.h"

namespace permafrost {

BatchFeed::BatchFeed(const PretrainConfig& config, const ClipBank* bank, int threads,
                     std::int64_t first, RealLists real)
    : config_(config), bank_(bank), order_(config.distinct_clips), place_(first * config.batch) {
  if (bank_ != nullptr) return;
  stream_ = pretraining_stream(config, std::move(real));
  const std::int64_t begin = place_;
  loader_ = std::make_unique<Loader>(
      *stream_,
      LoaderOptions{
          .shape = config.encoder.clip_shape(), .batch = config.batch, .threads = threads},
      config.steps * config.batch - begin,
      [this, begin](std::int64_t i) { return order_.clip_at(begin + i); });
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
  for (std::int64_t i = place_; i < place_ + config_.batch; ++i)
    indices.push_back(order_.clip_at(i));
  return bank_->clips(indices);
}

at::Tensor BatchFeed::from_loader() {
  if (!loader_->next(batch_)) throw Error("the pretraining stream ended before the run");
  require_readable(batch_, "pretraining stream");
  return pixel_tensor(batch_.pixels.data(), config_.batch, config_.encoder.clip_shape());
}

}  // namespace permafrost
