// SPDX-License-Identifier: Apache-2.0
#pragma once

// From a frame of any size to the pixels of a view: resize by the short side, then crop. Geometry
// (plan_view) is apart from pixels (resize_crop), and only what the crop keeps is computed.
//
//   const ResizeCrop plan = plan_view(240, 320, {.height = 224, .width = 224, .short_side = 256});
//   // plan.resized_height 256, resized_width 341, top 16, left 58
//   resize_crop({pixels, 240, 320, 960}, plan, true, out);   // out: [224,224,3]
#include <cstddef>
#include <cstdint>

namespace permafrost {

// Changes with every change of the pixels that resize_crop or the decoder's colour conversion give;
// part of the identity of what was measured.
inline constexpr char kTransformVersion[] = "resize-crop 1";

// What a view shows. Source: facebookresearch/jepa, evals/video_classification_frozen/utils.py.
struct ViewSpec {
  int height = 224;
  int width = 224;
  // The short side after resizing; 0: as small as the crop allows (for a square crop its side).
  int short_side = 0;
  // Crop `view` of `views` evenly placed along the long side; a single view is the centre crop.
  int view = 0;
  int views = 1;
  // Shrinking by more than 2: average the covered pixels instead of sampling two by two of them.
  // False is the reference at any scale, which aliases there.
  bool antialias = true;
};

struct ResizeCrop {
  int resized_height = 0;
  int resized_width = 0;
  int top = 0;
  int left = 0;
  int height = 0;
  int width = 0;
  bool operator==(const ResizeCrop&) const = default;
};

// The short side that V-JEPA's single-view evaluation uses for a crop: int(crop * 256 / 224).
int evaluation_short_side(int crop);

// The long side is int(short_side * long / short); crop offsets are rounded half to even. Throws
// InputError when a size is below 1 or the crop is larger than the resized frame.
ResizeCrop plan_view(int height, int width, const ViewSpec& spec);

// RGB rows, `stride` bytes apart.
struct ImageView {
  const std::uint8_t* pixels = nullptr;
  int height = 0;
  int width = 0;
  std::ptrdiff_t stride = 0;
};

// Writes plan.height * plan.width * 3 values. Bilinear as OpenCV's INTER_LINEAR on uint8 (11-bit
// weights, the same rounding), so that a released probe sees the pixels that it was trained on;
// with `antialias` and a scale above 2 along either side, area averages.
void resize_crop(const ImageView& source, const ResizeCrop& plan, bool antialias,
                 std::uint8_t* out);

}  // namespace permafrost
