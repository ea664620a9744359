// SPDX-License-Identifier: Apache-2.0
#include "datasets/augment/augmentation.h"

#include <algorithm>
#include <cstring>

namespace permafrost {
namespace {

RgbImage copy_of(const ImageView& view) {
  const std::size_t row = static_cast<std::size_t>(view.width) * 3;
  RgbImage image{view.height, view.width, {}};
  image.pixels.resize(row * static_cast<std::size_t>(view.height));
  for (int y = 0; y < view.height; ++y)
    std::memcpy(image.pixels.data() + static_cast<std::size_t>(y) * row,
                view.pixels + y * view.stride, row);
  return image;
}

void crop_frame(const ImageView& frame, const ViewDraw& draw, const ViewSpec& view,
                std::uint8_t* out) {
  if (!draw.spec.crop) {
    resize_crop(frame, plan_view(frame.height, frame.width, view), view.antialias, out);
    return;
  }
  RandomStream stream = draw.stream("crop");
  const CropBox box = draw_crop_box(stream, draw.spec.crop_rule, frame.height, frame.width);
  const ImageView inside{frame.pixels + box.top * frame.stride + std::ptrdiff_t{box.left} * 3,
                         box.height, box.width, frame.stride};
  resize_crop(inside, {view.height, view.width, 0, 0, view.height, view.width}, view.antialias,
              out);
}

void mirror(Clip& clip) {
  const std::size_t row = static_cast<std::size_t>(clip.shape.width) * 3;
  for (std::size_t begin = 0; begin < clip.pixels.size(); begin += row) {
    std::uint8_t *left = &clip.pixels[begin], *right = left + row - 3;
    for (; left < right; left += 3, right -= 3) std::swap_ranges(left, left + 3, right);
  }
}

}  // namespace

RandomStream ViewDraw::stream(std::string_view purpose) const {
  const std::string name = "augment." + std::string(purpose) + which;
  return RandomStream({.seed = seed, .purpose = name, .epoch = epoch, .sample = sample});
}

ViewDraw draw_view(const Augmentation& augmentation, std::int64_t sample, int place,
                   bool directional) {
  ViewDraw draw{.spec = augmentation.spec,
                .seed = augmentation.seed,
                .epoch = augmentation.epoch,
                .sample = static_cast<std::uint64_t>(sample)};
  draw.which = "/clip " + std::to_string(place) + "/view " + std::to_string(augmentation.view);
  if (directional) draw.spec.flip = 0;
  RandomStream operations = draw.stream("operations");
  draw.operations = draw_operations(operations, draw.spec.rand_augment);
  draw.mirrored = double{draw.stream("flip").uniform()} < draw.spec.flip;
  return draw;
}

void augment_frame(const ImageView& frame, const ViewDraw& draw, const ViewSpec& view,
                   std::uint8_t* out) {
  if (draw.operations.empty()) {
    crop_frame(frame, draw, view, out);
    return;
  }
  RgbImage image = copy_of(frame);
  for (const auto& operation : draw.operations) apply(operation, image);
  crop_frame({image.pixels.data(), image.height, image.width, std::ptrdiff_t{image.width} * 3},
             draw, view, out);
}

void augment_clip(Clip& clip, const ViewDraw& draw) {
  if (draw.mirrored) mirror(clip);
  RandomStream stream = draw.stream("erasing");
  erase_box(stream, draw.spec.erasing, clip);
}

Clip augmented(const Clip& clip, const ViewDraw& draw) {
  const ClipShape& shape = clip.shape;
  Clip out(shape);
  for (int t = 0; t < shape.frames; ++t)
    augment_frame({clip.frame(t), shape.height, shape.width, std::ptrdiff_t{shape.width} * 3}, draw,
                  {.height = shape.height, .width = shape.width}, out.frame(t));
  augment_clip(out, draw);
  return out;
}

}  // namespace permafrost
