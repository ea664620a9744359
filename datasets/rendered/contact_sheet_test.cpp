// SPDX-License-Identifier: Apache-2.0
#include "datasets/rendered/contact_sheet.h"

#include <gtest/gtest.h>

namespace permafrost {
namespace contact_sheet_test {

// Frame t is of the value 10 * (t + 1) + `more`.
Clip stairs(int frames, int more) {
  Clip clip(ClipShape{frames, 3, 4});
  for (int t = 0; t < frames; ++t)
    std::fill_n(clip.frame(t), clip.frame_bytes(), static_cast<std::uint8_t>(10 * (t + 1) + more));
  return clip;
}

int value_at(const Image& sheet, int x, int y) {
  return sheet.pixels[static_cast<std::size_t>(y * sheet.width + x) * 3];
}

TEST(ContactSheet, HasARowAClipAndAColumnAFrame) {
  const Clip a = stairs(3, 0), b = stairs(3, 1);
  const Image sheet = contact_sheet({&a, nullptr, &b}, a.shape);
  EXPECT_EQ(sheet.width, 2 + 3 * (4 + 2));
  EXPECT_EQ(sheet.height, 2 + 3 * (3 + 2));
  for (int t = 0; t < 3; ++t) {
    EXPECT_EQ(value_at(sheet, 2 + 6 * t, 2), 10 * (t + 1));
    EXPECT_EQ(value_at(sheet, 5 + 6 * t, 4), 10 * (t + 1));
    EXPECT_EQ(value_at(sheet, 2 + 6 * t, 7), 200);  // red
    EXPECT_EQ(value_at(sheet, 2 + 6 * t, 12), 10 * (t + 1) + 1);
    EXPECT_EQ(value_at(sheet, 1 + 6 * t, 2), 32);
  }
}

TEST(ContactSheet, ShowsLongClipsFromTheFirstFrameToTheLast) {
  const Clip clip = stairs(9, 0);
  const Image sheet = contact_sheet({&clip}, clip.shape, 3);
  EXPECT_EQ(sheet.width, 2 + 3 * (4 + 2));
  EXPECT_EQ(value_at(sheet, 2, 2), 10);
  EXPECT_EQ(value_at(sheet, 8, 2), 50);
  EXPECT_EQ(value_at(sheet, 14, 2), 90);
  EXPECT_EQ(contact_sheet({&clip}, clip.shape, 1).width, 2 + 4 + 2);
}

}  // namespace contact_sheet_test
}  // namespace permafrost
