// SPDX-License-Identifier: Apache-2.0
#pragma once

// The box of a random resized crop: a share of the picture's area at a random aspect ratio.
//
//   RandomStream stream({.seed = 7, .purpose = "augment.crop", .epoch = 3, .sample = 12});
//   const CropBox box = draw_crop_box(stream, {}, 240, 320);
#include "common/random.h"
#include "datasets/frames/float_crop.h"

namespace permafrost {

struct CropRule {
  double least_area = 0.08, most_area = 1.0;           // share of the picture
  double least_ratio = 3.0 / 4, most_ratio = 4.0 / 3;  // width / height
  bool operator==(const CropRule&) const = default;
};

// Area uniform, ratio log-uniform, place uniform among those inside the picture. After ten boxes
// that do not fit, the largest centred box of a permitted ratio. Always inside the picture, at
// least 1x1. Source: facebookresearch/jepa, src/datasets/utils/video/transforms.py.
CropBox draw_crop_box(RandomStream& stream, const CropRule& rule, int height, int width);

}  // namespace permafrost
