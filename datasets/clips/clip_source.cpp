// SPDX-License-Identifier: Apache-2.0
#include "datasets/clips/clip_source.h"

#include <utility>

#include "datasets/augment/augmentation.h"

namespace permafrost {
namespace {

template <typename Read>
ClipSet one_by_one(int places, const Read& read) {
  ClipSet set;
  for (int place = 0; place < places; ++place) {
    Sample sample = read(place);
    if (!sample.failure.empty()) return {{}, std::move(sample.failure)};
    set.clips.push_back(std::move(sample.clip));
  }
  return set;
}

}  // namespace

ClipSet ClipSource::read_all(std::int64_t index, int places) const {
  return one_by_one(places, [&](int place) { return read(index, place, places); });
}

ClipSet ClipSource::read_views(std::int64_t index, int places,
                               const Augmentation& augmentation) const {
  return one_by_one(places,
                    [&](int place) { return read_view(index, place, places, augmentation); });
}

Sample ClipSource::read_view(std::int64_t index, int place, int places,
                             const Augmentation& augmentation) const {
  Sample sample = read(index, place, places);
  if (sample.failure.empty() && augmentation.spec.active())
    sample.clip = augmented(sample.clip, draw_view(augmentation, index, place, directional()));
  return sample;
}

}  // namespace permafrost
