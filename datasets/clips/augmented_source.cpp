// SPDX-License-Identifier: Apache-2.0
#include "datasets/clips/augmented_source.h"

#include "common/error.h"

namespace permafrost {

AugmentedSource::AugmentedSource(const ClipSource& source, Augmentation augmentation)
    : source_(source), augmentation_(std::move(augmentation)) {
  const AugmentSpec& spec = augmentation_.spec;
  const bool moves = spec.crop || spec.flip > 0 || spec.rand_augment.operations > 0;
  if (moves && source.has_boxes())
    throw InputError("protocol", "augmentation",
                     "none that moves the picture, as the task gives boxes", quoted(spec.protocol));
}

}  // namespace permafrost
