// SPDX-License-Identifier: Apache-2.0
#include "common/files/png.h"

#include <gtest/gtest.h>

#include "common/files/files.h"
#include "common/testing/test_folder.h"

namespace permafrost {
namespace {

TEST(Png, WritesASmallImageByteForByte) {
  Image image(1, 1, 0);
  image.fill(-3, -3, 10, 10, {255, 0, 0});
  const TestFolder folder;
  write_png(folder / "red.png", image);
  const std::string bytes = read_file(folder / "red.png");
  // 8 signature, 25 IHDR, IDAT of 12 + 2 + 5 + 4 + 4, 12 IEND.
  ASSERT_EQ(bytes.size(), 8U + 25U + 27U + 12U);
  // The check values were computed with Python's zlib.crc32 and zlib.adler32.
  EXPECT_EQ(bytes.substr(29, 4), "\x90\x77\x53\xde");                  // CRC of IHDR
  EXPECT_EQ(bytes.substr(48, 4), std::string("\x00\xff\x00\x00", 4));  // filter, red pixel
  EXPECT_EQ(bytes.substr(52, 4), std::string("\x03\x01\x01\x00", 4));  // Adler-32
}

}  // namespace
}  // namespace permafrost
