// SPDX-License-Identifier: Apache-2.0
// Every operation against the pixels of Pillow (make_pillow_operations.py), and where their meaning
// can be said without it.
#include "datasets/augment/image_operation.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>
#include <string>

#include "common/files/hash.h"
#include "common/json/json_object.h"

namespace permafrost {
namespace image_operation_test {

RgbImage picture(int height, int width, int low, int span) {
  RgbImage image{height, width, {}};
  for (int y = 0; y < height; ++y)
    for (int x = 0; x < width; ++x)
      for (int c = 0; c < 3; ++c)
        image.pixels.push_back(static_cast<std::uint8_t>(
            low + (x * 37 + y * 101 + c * 53 + x * y * (c + 1) % 97) % span));
  return image;
}

OperationKind kind_named(const std::string& name) {
  for (int k = 0; k < kOperationKinds; ++k)
    if (name == name_of(static_cast<OperationKind>(k))) return static_cast<OperationKind>(k);
  throw std::runtime_error("no operation " + name);
}

TEST(ImageOperation, PixelsAreThoseOfPillow) {
  const Json file =
      read_json(std::string(PERMAFROST_SOURCE_DIR) + "/datasets/augment/pillow_operations.json");
  std::set<std::string> seen;
  for (const Json& test : file.at("cases")) {
    RgbImage image = picture(test.at("height"), test.at("width"), test.at("low"), test.at("span"));
    seen.insert(test.at("operation").get<std::string>());
    apply({kind_named(test.at("operation")), test.at("argument")}, image);
    const std::string pixels(image.pixels.begin(), image.pixels.end());
    EXPECT_EQ(sha256_of(pixels), test.at("sha256")) << test.dump();
  }
  EXPECT_EQ(seen.size(), static_cast<std::size_t>(kOperationKinds));
}

TEST(ImageOperation, FlatPicturesStayFlat) {
  for (int k = 0; k < kOperationKinds; ++k) {
    RgbImage image{8, 9, std::vector<std::uint8_t>(8 * 9 * 3, 128)};  // the colour of the outside
    apply({static_cast<OperationKind>(k), 0.2}, image);
    EXPECT_EQ(image.height, 8);
    EXPECT_EQ(image.width, 9);
    EXPECT_EQ(std::set<int>(image.pixels.begin(), image.pixels.end()).size(), 1U)
        << name_of(static_cast<OperationKind>(k));
  }
}

TEST(ImageOperation, OnePixelIsAPicture) {
  for (int k = 0; k < kOperationKinds; ++k) {
    RgbImage image{1, 1, {10, 20, 30}};
    apply({static_cast<OperationKind>(k), 0.3}, image);
    EXPECT_EQ(image.pixels.size(), 3U);
  }
}

TEST(ImageOperation, TranslationMovesTheContentLeftAndUp) {
  RgbImage image{4, 8, std::vector<std::uint8_t>(4 * 8 * 3, 0)};
  image.pixels[(2 * 8 + 6) * 3] = 255;
  apply({OperationKind::translate_x, 0.25}, image);
  EXPECT_EQ(image.pixels[(2 * 8 + 4) * 3], 255);
  EXPECT_EQ(image.pixels[(2 * 8 + 7) * 3], 128);
  apply({OperationKind::translate_y, 0.5}, image);
  EXPECT_EQ(image.pixels[4 * 3], 255);
}

}  // namespace image_operation_test
}  // namespace permafrost
