// SPDX-License-Identifier: Apache-2.0
#include "datasets/clips/kept_source.h"

#include "datasets/augment/augmentation.h"

namespace permafrost {

KeptSource::KeptSource(std::unique_ptr<ClipSource> source, int places)
    : source_(std::move(source)),
      places_(source_->views() == 1 ? places : 0),
      entries_(static_cast<std::size_t>(source_->size())) {}

const ClipSet& KeptSource::kept(std::int64_t index) const {
  Entry& entry = entries_[static_cast<std::size_t>(index)];
  std::call_once(entry.once, [&] {
    entry.set = source_->read_all(index, places_);
    entry.set.decode_seconds = entry.set.scale_seconds = 0;  // later reads take no time
  });
  return entry.set;
}

Sample KeptSource::read(std::int64_t index, int place, int places) const {
  if (places != places_ || place < 0 || place >= places_ || index < 0 || index >= size())
    return source_->read(index, place, places);
  const ClipSet& set = kept(index);
  if (!set.failure.empty()) return {{}, set.failure};
  return {set.clips[static_cast<std::size_t>(place)], ""};
}

ClipSet KeptSource::read_all(std::int64_t index, int places) const {
  if (places != places_ || index < 0 || index >= size()) return source_->read_all(index, places);
  return kept(index);
}

Sample KeptSource::read_view(std::int64_t index, int place, int places,
                             const Augmentation& augmentation) const {
  if (!augmentation.spec.active()) return read(index, place, places);
  return source_->read_view(index, place, places, augmentation);
}

ClipSet KeptSource::read_views(std::int64_t index, int places,
                               const Augmentation& augmentation) const {
  if (!augmentation.spec.active() && views() == 1) return read_all(index, places);
  return source_->read_views(index, places, augmentation);
}

}  // namespace permafrost
