// SPDX-License-Identifier: Apache-2.0
#include "datasets/kept_source.h"

#include "datasets/augment/augmentation.h"

namespace permafrost {

KeptSource::KeptSource(std::unique_ptr<ClipSource> source, int places)
    : source_(std::move(source)),
      places_(places),
      entries_(static_cast<std::size_t>(source_->size()) * static_cast<std::size_t>(places)) {}

Sample KeptSource::read(std::int64_t index, int place, int places) const {
  if (places != places_ || place < 0 || place >= places_ || index < 0 || index >= size())
    return source_->read(index, place, places);
  Entry& entry = entries_[static_cast<std::size_t>(index) * static_cast<std::size_t>(places_) +
                          static_cast<std::size_t>(place)];
  std::call_once(entry.once, [&] { entry.sample = source_->read(index, place, places); });
  return entry.sample;
}

Sample KeptSource::read_view(std::int64_t index, int place, int places,
                             const Augmentation& augmentation) const {
  if (!augmentation.spec.active()) return read(index, place, places);
  return source_->read_view(index, place, places, augmentation);
}

}  // namespace permafrost
