// SPDX-License-Identifier: Apache-2.0
#include "datasets/frames/float_crop.h"

#include <gtest/gtest.h>

#include <vector>

#include "common/error.h"

namespace permafrost {
namespace float_crop_test {

using Values = std::vector<float>;

// Two pictures of 3x4; value 10 * row + column, and 100 more in the second.
Values pictures() {
  Values values;
  for (const int plane : {0, 100})
    for (int y = 0; y < 3; ++y)
      for (int x = 0; x < 4; ++x) values.push_back(static_cast<float>(plane + 10 * y + x));
  return values;
}

Values cropped(const CropBox& box, int height, int width) {
  const Values values = pictures();
  Values out(static_cast<std::size_t>(2 * height * width), -1.0F);
  resize_crop_float({values.data(), 2, 3, 4}, box, height, width, out.data());
  return out;
}

TEST(FloatCrop, SameSizeIsACopy) {
  EXPECT_EQ(cropped({0, 0, 3, 4}, 3, 4), pictures());
  EXPECT_EQ(cropped({1, 2, 2, 2}, 2, 2), (Values{12, 13, 22, 23, 112, 113, 122, 123}));
}

TEST(FloatCrop, HalvingAveragesTwo) {
  EXPECT_EQ(cropped({0, 0, 2, 4}, 1, 2), (Values{5.5F, 7.5F, 105.5F, 107.5F}));
}

TEST(FloatCrop, EnlargingRepeatsTheEdgeOfTheBox) {
  const Values row = {1, 1.25F, 1.75F, 2};  // columns 1 and 2, whatever stands beside them
  const Values out = cropped({0, 1, 1, 2}, 2, 4);
  for (std::size_t k = 0; k < 8; ++k) EXPECT_EQ(out[k], row[k % 4]) << k;
}

TEST(FloatCrop, RefusesABoxOutside) {
  try {
    cropped({1, 0, 3, 4}, 2, 2);
    FAIL();
  } catch (const InputError& error) {
    EXPECT_STREQ(error.what(),
                 "crop: box: expected a part of the 3x4 picture, found 3x4 at row 1, column 0");
  }
  EXPECT_THROW(cropped({0, -1, 1, 1}, 2, 2), InputError);
  EXPECT_THROW(cropped({0, 0, 0, 1}, 2, 2), InputError);
  EXPECT_THROW(cropped({0, 0, 1, 1}, 0, 2), InputError);
}

}  // namespace float_crop_test
}  // namespace permafrost
