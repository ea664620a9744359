// SPDX-License-Identifier: Apache-2.0
#pragma once

// A box of float pictures, resized: the random-resized-crop of training, once its box is drawn.
// Apart from transform.h, which must give OpenCV's pixels on uint8, while this is PyTorch's
// bilinear.
//
//   resize_crop_float({clip.data(), 3 * 16, 240, 320}, {10, 20, 200, 150}, 224, 224, out.data());
namespace permafrost {

// [planes,H,W], contiguous: the channels and frames of a clip, in whatever order.
struct FloatPlanes {
  const float* values = nullptr;
  int planes = 0;
  int height = 0;
  int width = 0;
};

struct CropBox {
  int top = 0;
  int left = 0;
  int height = 0;
  int width = 0;
};

// Writes [planes,height,width]. Bilinear with half-pixel centres and without antialiasing; nothing
// outside of the box is read, its edges are repeated. Throws InputError when a size is below 1 or
// the box is not inside of the pictures.
void resize_crop_float(const FloatPlanes& source, const CropBox& box, int height, int width,
                       float* out);

}  // namespace permafrost
