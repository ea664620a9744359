// SPDX-License-Identifier: Apache-2.0
#include "datasets/rendered/contact_sheet.h"

#include <algorithm>
#include <cstddef>

namespace permafrost {
namespace {

constexpr int kGap = 2;
constexpr Image::Colour kNotThere{200, 40, 40};

void draw_frame(const Clip& clip, int frame, int left, int top, Image& sheet) {
  const auto bytes = std::ptrdiff_t{3} * clip.shape.width;
  for (int y = 0; y < clip.shape.height; ++y)
    std::copy_n(clip.frame(frame) + y * bytes, bytes,
                sheet.pixels.begin() + (std::ptrdiff_t{top + y} * sheet.width + left) * 3);
}

}  // namespace

Image contact_sheet(const std::vector<const Clip*>& rows, const ClipShape& shape,
                    int most_columns) {
  const int columns = std::min(shape.frames, most_columns), count = static_cast<int>(rows.size());
  Image sheet(kGap + columns * (shape.width + kGap), kGap + count * (shape.height + kGap), 32);
  for (int row = 0; row < count; ++row) {
    const Clip* const clip = rows[static_cast<std::size_t>(row)];
    const int top = kGap + row * (shape.height + kGap);
    for (int column = 0; column < columns; ++column) {
      const int left = kGap + column * (shape.width + kGap);
      const int frame = columns == 1 ? 0 : column * (shape.frames - 1) / (columns - 1);
      if (clip == nullptr)
        sheet.fill(left, top, shape.width, shape.height, kNotThere);
      else
        draw_frame(*clip, frame, left, top, sheet);
    }
  }
  return sheet;
}

}  // namespace permafrost
