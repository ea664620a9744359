// SPDX-License-Identifier: Apache-2.0
#include "datasets/images/orientation.h"

#include <gtest/gtest.h>

#include <cstdlib>

#include "common/error.h"
#include "common/files/files.h"
#include "common/testing/test_folder.h"
#include "datasets/testing/test_picture.h"
#include "datasets/video/decoder.h"

namespace permafrost {
namespace orientation_test {

constexpr int kHeight = 16, kWidth = 32;

// Red, green, blue and white in its corners: "rgbw" from the top left to the bottom right.
TestImage four_corners() {
  TestImage image = flat_image(kHeight, kWidth, 0, 0, 0);
  for (int y = 0; y < kHeight; ++y)
    for (int x = 0; x < kWidth; ++x) {
      const int corner = (y >= kHeight / 2 ? 2 : 0) + (x >= kWidth / 2 ? 1 : 0);
      for (int c = 0; c < 3; ++c)
        image.rgb[static_cast<std::size_t>((y * kWidth + x) * 3 + c)] =
            corner == 3 || corner == c ? 255 : 0;
    }
  return image;
}

// What Exif's definition gives for the numbers 1 to 8 of that picture.
constexpr const char* kShown[] = {"rgbw", "grwb", "wbgr", "bwrg", "rbgw", "brwg", "wgbr", "gwrb"};

char colour_at(const Clip& clip, int y, int x) {
  const std::uint8_t* pixel = clip.frame(0) + std::ptrdiff_t{3} * (y * clip.shape.width + x);
  const bool red = pixel[0] > 128, green = pixel[1] > 128, blue = pixel[2] > 128;
  return red && green && blue ? 'w' : red ? 'r' : green ? 'g' : blue ? 'b' : '?';
}

class OrientationTest : public testing::Test {
 protected:
  // The corners as a probe sees them, and whether the picture stands on its short side.
  std::string shown(const std::string& name, const std::string& bytes) const {
    write_file_atomically(folder_ / name, bytes);
    const std::string path = (folder_ / name).string();
    const VideoInfo info = probe_video(path);
    const int height = info.height, width = info.width;
    const Clip clip = read_frames(path, [](std::int64_t) { return std::vector<std::int64_t>{0}; },
                                  {.height = height, .width = width});
    std::string corners;
    for (const int y : {2, height - 3})
      for (const int x : {2, width - 3}) corners += colour_at(clip, y, x);
    return corners + (height > width ? " upright" : "");
  }
  static std::string expected(int number) {
    return std::string(kShown[number - 1]) + (number > 4 ? " upright" : "");
  }

  const TestFolder folder_;
};

TEST_F(OrientationTest, JpegPngAndTiffAreShownUpright) {
  const TestImage image = four_corners();
  const std::string jpeg = encoded_picture(image, "mjpeg", AV_PIX_FMT_YUVJ444P);
  const std::string png = encoded_picture(image, "png", AV_PIX_FMT_RGB24);
  for (int number = 1; number <= 8; ++number) {
    for (const bool little : {true, false}) {
      const std::string exif = exif_block(number, little);
      EXPECT_EQ(shown("a.jpg", jpeg_with_exif(jpeg, exif)), expected(number)) << number;
      EXPECT_EQ(shown("a.png", png_with_exif(png, exif, false)), expected(number)) << number;
      EXPECT_EQ(shown("b.png", png_with_exif(png, exif, true)), expected(number)) << number;
    }
    EXPECT_EQ(shown("a.tiff", tiff_file(image, number)), expected(number)) << number;
  }
  EXPECT_EQ(shown("plain.png", png), "rgbw");
  EXPECT_EQ(shown("plain.jpg", jpeg), "rgbw");
}

TEST_F(OrientationTest, WebpIsShownUpright) {
  if (!can_write("libwebp")) GTEST_SKIP() << "this FFmpeg cannot write WebP";
  for (int number = 1; number <= 8; ++number) {
    const std::string exif = exif_block(number);
    EXPECT_EQ(shown("a.webp", webp_with_exif(four_corners(), exif)), expected(number)) << number;
    const std::string longer = std::string("Exif\0\0", 6) + exif;
    EXPECT_EQ(shown("b.webp", webp_with_exif(four_corners(), longer)), expected(number)) << number;
  }
}

TEST_F(OrientationTest, AMemberOfAnArchiveIsShownUprightToo) {
  const std::string png =
      png_with_exif(encoded_picture(four_corners(), "png", AV_PIX_FMT_RGB24), exif_block(6), false);
  write_file_atomically(folder_ / "a.bin", std::string(512, 'x') + png + std::string(100, 'y'));
  const DecodeOptions options{.range = {512, static_cast<std::int64_t>(png.size())}};
  const VideoInfo info = probe_video((folder_ / "a.bin").string(), false, options);
  EXPECT_EQ(info.rotation, 90);
  EXPECT_EQ(info.height, kWidth);
}

TEST_F(OrientationTest, DamagedBlocksLeaveThePictureAsItIs) {
  const std::string png = encoded_picture(four_corners(), "png", AV_PIX_FMT_RGB24);
  const std::string exif = exif_block(6);
  for (std::size_t size = 0; size < exif.size() - 8; ++size)
    EXPECT_TRUE(picture_orientation(png_with_exif(png, exif.substr(0, size), false)).has_value());
  for (const int number : {0, 9, 65535})
    EXPECT_EQ(shown("a.png", png_with_exif(png, exif_block(number), false)), "rgbw");
  std::string far = exif;
  far.replace(4, 4, "\xFF\xFF\xFF\xFF");
  EXPECT_EQ(picture_orientation(png_with_exif(png, far, false)), Orientation{});
}

// Grey, grey with alpha, alpha, and 16 bits a channel: the same colours.
TEST_F(OrientationTest, PicturesOfEveryDepthHaveTheSameColours) {
  for (const AVPixelFormat format : {AV_PIX_FMT_GRAY8, AV_PIX_FMT_YA8, AV_PIX_FMT_RGBA,
                                     AV_PIX_FMT_GRAY16BE, AV_PIX_FMT_RGB48BE}) {
    const std::string bytes = encoded_picture(flat_image(16, 16, 200, 200, 200), "png", format);
    write_file_atomically(folder_ / "a.png", bytes);
    const Clip clip = read_frames((folder_ / "a.png").string(),
                                  [](std::int64_t) { return std::vector<std::int64_t>{0}; },
                                  {.height = 16, .width = 16});
    for (std::size_t k = 0; k < clip.frame_bytes(); ++k)
      ASSERT_NEAR(clip.frame(0)[k], 200, 2) << av_get_pix_fmt_name(format);
  }
}

std::string box(const std::string& name, const std::string& content) {
  return big_endian(content.size() + 8, 4) + name + content;
}

// The head of an AVIF file whose picture has these properties, behind one that is none of ours.
std::string avif_head(const std::string& properties, int count) {
  std::string numbers;
  for (int k = 0; k <= count; ++k) numbers += static_cast<char>(0x80 | (k + 1));
  const std::string ipma = box("ipma", big_endian(0, 4) + big_endian(1, 4) + big_endian(7, 2) +
                                           static_cast<char>(count + 1) + numbers);
  const std::string ipco = box("ipco", box("ispe", big_endian(0, 12)) + properties);
  const std::string pitm = box("pitm", big_endian(0, 4) + big_endian(7, 2));
  return box("ftyp", "avif" + big_endian(0, 4)) +
         box("meta", big_endian(0, 4) + pitm + box("iprp", ipco + ipma));
}

TEST(PictureOrientation, TurnsAndMirrorsOfAvif) {
  const auto turn = [](int quarters) { return box("irot", std::string(1, char(quarters))); };
  const auto mirror = [](int axis) { return box("imir", std::string(1, char(axis))); };
  const auto of = [](const std::string& properties, int count) {
    return picture_orientation(avif_head(properties, count));
  };
  EXPECT_EQ(of("", 0), exif_orientation(1));
  EXPECT_EQ(of(mirror(1), 1), exif_orientation(2));
  EXPECT_EQ(of(turn(2), 1), exif_orientation(3));
  EXPECT_EQ(of(mirror(0), 1), exif_orientation(4));
  EXPECT_EQ(of(turn(1) + mirror(0), 2), exif_orientation(5));
  EXPECT_EQ(of(turn(3), 1), exif_orientation(6));
  EXPECT_EQ(of(turn(3) + mirror(0), 2), exif_orientation(7));
  EXPECT_EQ(of(turn(1), 1), exif_orientation(8));
  EXPECT_TRUE(is_picture_brand("heic"));
  EXPECT_FALSE(is_picture_brand("avis"));  // a sequence is a video
  EXPECT_FALSE(picture_orientation(box("ftyp", "isom" + big_endian(0, 4))).has_value());
}

TEST_F(OrientationTest, AnimatedWebpIsRefusedByName) {
  const TestImage image = four_corners();
  const std::string file = webp_with_chunks(
      image, 2,
      webp_chunk("ANIM", std::string(6, '\0')) + webp_chunk("ANMF", std::string(24, '\0')));
  EXPECT_TRUE(is_animated_webp(file));
  EXPECT_FALSE(is_animated_webp(webp_with_chunks(image, 8, "")));
  try {
    shown("a.webp", file);
    FAIL();
  } catch (const InputError& error) {
    EXPECT_EQ(folder_.without_path(error.what()),
              "a.webp: video stream: expected a still picture or a video, found an animated WebP, "
              "which is not supported");
  }
}

}  // namespace orientation_test
}  // namespace permafrost
