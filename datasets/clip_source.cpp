// SPDX-License-Identifier: Apache-2.0
#include "datasets/clip_source.h"

#include "datasets/augment/augmentation.h"

namespace permafrost {

Sample ClipSource::read_view(std::int64_t index, int place, int places,
                             const Augmentation& augmentation) const {
  Sample sample = read(index, place, places);
  if (sample.failure.empty() && augmentation.spec.active())
    sample.clip = augmented(sample.clip, draw_view(augmentation, index, place, directional()));
  return sample;
}

}  // namespace permafrost
