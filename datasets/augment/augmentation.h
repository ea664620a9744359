// SPDX-License-Identifier: Apache-2.0
#pragma once

// A training view of one clip: operations on the picture, random resized crop, flip, erasing, in
// this order. Everything random is drawn from streams keyed by (seed, epoch, sample, clip, view),
// so a view is the same whichever thread asks for it, and when.
//
//   const Augmentation augmentation{read_augment_spec("crop", "--augment"), seed, epoch};
//   const Sample sample = source.read_view(index, place, places, augmentation);
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "common/random.h"
#include "datasets/augment/augment_spec.h"
#include "datasets/clip.h"
#include "datasets/frames/transform.h"

namespace permafrost {

struct Augmentation {
  AugmentSpec spec;
  std::uint64_t seed = 0;
  std::uint64_t epoch = 0;
  int view = 0;  // several views of one sample in one epoch
};

// What was drawn for one clip.
struct ViewDraw {
  AugmentSpec spec;  // its flip is 0 where direction matters
  std::uint64_t seed = 0, epoch = 0, sample = 0;
  std::string which;  // "/clip 0/view 0", behind the purpose of every stream
  std::vector<ImageOperation> operations;
  bool mirrored = false;

  // Purposes: "clip" (place in time), "crop", "flip", "operations", "erasing".
  RandomStream stream(std::string_view purpose) const;
};

// `sample` is the index in its source, `place` the clip of the sample.
ViewDraw draw_view(const Augmentation& augmentation, std::int64_t sample, int place,
                   bool directional);

// One frame at its full size to its part of the view: operations, then the crop; where the
// specification has no crop, `view` is shown. Writes [view.height,view.width,3]. The box is the
// same for all frames of a size. Throws as plan_view.
void augment_frame(const ImageView& frame, const ViewDraw& draw, const ViewSpec& view,
                   std::uint8_t* out);

// What is done once all frames are there: flip and erasing.
void augment_clip(Clip& clip, const ViewDraw& draw);

// Both, for a clip whose full frames are itself: cropped and brought back to its shape.
Clip augmented(const Clip& clip, const ViewDraw& draw);

}  // namespace permafrost
