// SPDX-License-Identifier: Apache-2.0
#include "models/pretraining/clip_bank.h"

#include <ATen/ATen.h>

#include <algorithm>

#include "common/error.h"
#include "datasets/clips/loader.h"
#include "models/network/device_copy.h"
#include "models/network/vit.h"

namespace permafrost {

ClipBank::ClipBank(const ClipSource& source, const ClipShape& shape, std::int64_t count,
                   const at::Device& device)
    : source_(source),
      shape_(shape),
      count_(count),
      pixels_(at::empty({count, shape.frames, shape.height, shape.width, 3},
                        at::TensorOptions(at::kByte).device(device))) {}

void ClipBank::fill(int threads) {
  try {
    Loader loader(source_, {.shape = shape_, .batch = 256, .threads = threads}, count_,
                  [](std::int64_t i) { return i; });
    std::int64_t first = 0;
    for (Batch batch; loader.next(batch);) {
      require_readable(batch, "pretraining stream");
      const auto size = static_cast<std::int64_t>(batch.indices.size());
      // A plain copy returns when the pixels are there, whatever stream a reader is on.
      pixels_.narrow(0, first, size).copy_(pixel_tensor(batch.pixels.data(), size, shape_));
      first += size;
      const std::scoped_lock lock(mutex_);
      if (stopped_) return;
      filled_ = first;
      grown_.notify_all();
    }
  } catch (...) {
    const std::scoped_lock lock(mutex_);
    failure_ = std::current_exception();
    grown_.notify_all();
  }
}

void ClipBank::stop() {
  const std::scoped_lock lock(mutex_);
  stopped_ = true;
  grown_.notify_all();
}

at::Tensor ClipBank::clips(const std::vector<std::int64_t>& indices) const {
  const std::int64_t last = *std::max_element(indices.begin(), indices.end());
  {
    std::unique_lock lock(mutex_);
    grown_.wait(lock, [&] { return filled_ > last || stopped_ || failure_ != nullptr; });
    if (failure_ != nullptr) std::rethrow_exception(failure_);
    if (filled_ <= last) throw Error("the clips were stopped being read");
  }
  return pixels_.index_select(0, queued_copy(at::tensor(indices), pixels_.device()));
}

}  // namespace permafrost
