// SPDX-License-Identifier: Apache-2.0
#include "common/files/png.h"

#include <gtest/gtest.h>
#include <png.h>

#include <vector>

#include "common/error.h"
#include "common/files/files.h"
#include "common/testing/test_folder.h"

namespace permafrost {
namespace png_test {

TEST(Png, WritesAnRgbImageOfItsSize) {
  Image image(3, 2, 0);
  image.fill(-3, -3, 10, 10, {255, 0, 0});
  EXPECT_EQ(image.pixels, (std::vector<std::uint8_t>{255, 0, 0, 255, 0, 0, 255, 0, 0,  //
                                                     255, 0, 0, 255, 0, 0, 255, 0, 0}));
  const TestFolder folder;
  write_png(folder / "red.png", image);
  const std::string bytes = read_file(folder / "red.png");
  EXPECT_EQ(bytes, png_bytes(image));
  // Signature and IHDR: its length, width 3, height 2, 8 bits, RGB.
  EXPECT_EQ(bytes.substr(0, 26),
            std::string("\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x03\0\0\0\x02\x08\x02", 26));
}

TEST(Png, GivesThePixelsBack) {
  Image image(5, 4, 0);
  for (std::size_t k = 0; k < image.pixels.size(); ++k)
    image.pixels[k] = static_cast<std::uint8_t>(k * 37);
  const std::string bytes = png_bytes(image);
  png_image read{};
  read.version = PNG_IMAGE_VERSION;
  ASSERT_NE(png_image_begin_read_from_memory(&read, bytes.data(), bytes.size()), 0);
  read.format = PNG_FORMAT_RGB;
  std::vector<std::uint8_t> pixels(PNG_IMAGE_SIZE(read));
  ASSERT_NE(png_image_finish_read(&read, nullptr, pixels.data(), 0, nullptr), 0);
  EXPECT_EQ(pixels, image.pixels);
}

TEST(Png, RefusesAnImageWithoutPixels) { EXPECT_THROW(png_bytes(Image(0, 4, 0)), Error); }

}  // namespace png_test
}  // namespace permafrost
