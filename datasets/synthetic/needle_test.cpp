// SPDX-License-Identifier: Apache-2.0
#include "datasets/synthetic/needle.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <set>

namespace permafrost::synthetic {
namespace needle_test {

constexpr ClipShape kShape{8, 48, 48};

NeedleSource source(NeedleKind kind, bool needles, Split split = Split::test, int version = 1) {
  return {{.kind = kind, .needles = needles, .split = split, .version = version}, 64, kShape};
}

// Mean absolute difference of neighbouring frames.
double change_of(const Clip& clip) {
  double sum = 0;
  const auto bytes = clip.frame_bytes();
  for (std::size_t i = 0; i + bytes < clip.pixels.size(); ++i)
    sum += std::abs(clip.pixels[i + bytes] - clip.pixels[i]);
  return sum / static_cast<double>(clip.pixels.size() - bytes);
}

double mean_change(const NeedleSource& clips) {
  double sum = 0;
  for (std::int64_t k = 0; k < clips.size(); ++k) sum += change_of(clips.read(k, 0, 1).clip);
  return sum / static_cast<double>(clips.size());
}

TEST(Needle, ObjectsMoveInMotionNeedlesAlone) {
  for (const int version : {1, 2}) {
    const double hay = mean_change(source(NeedleKind::motion, false, Split::test, version));
    const double needles = mean_change(source(NeedleKind::motion, true, Split::test, version));
    EXPECT_GT(needles, 1.2 * hay) << version;
    // Camera, light and noise change the hay too: it is no film that stands.
    EXPECT_GT(hay, 3) << version;
  }
}

TEST(Needle, AGlyphIsInOneFrameOfANeedleAndInNoHay) {
  const NeedleSource needles = source(NeedleKind::glyph, true),
                     hay = source(NeedleKind::glyph, false);
  const auto bright_frames = [](const Clip& clip) {
    int frames = 0;
    for (int t = 0; t < clip.shape.frames; ++t) {
      std::int64_t bright = 0;
      for (std::size_t i = 0; i < clip.frame_bytes(); i += 3)
        bright +=
            clip.frame(t)[i] == 250 && clip.frame(t)[i + 1] == 250 && clip.frame(t)[i + 2] == 250;
      frames += bright > 20;
    }
    return frames;
  };
  for (std::int64_t k = 0; k < 64; ++k) {
    EXPECT_EQ(bright_frames(needles.read(k, 0, 1).clip), 1) << k;
    EXPECT_EQ(bright_frames(hay.read(k, 0, 1).clip), 0) << k;
  }
}

TEST(Needle, GlyphsOfEightClassesAreEightPictures) {
  std::set<std::vector<std::uint8_t>> pictures;
  for (int k = 0; k < kNeedleClasses; ++k) {
    Clip clip(ClipShape{1, 48, 48});
    stamp_glyph(clip, 0, static_cast<ShapeKind>(k), 0.5F, 0.5F, 0.2F);
    const auto bright = std::count(clip.pixels.begin(), clip.pixels.end(), 250);
    EXPECT_GT(bright, 3 * 40) << k;
    EXPECT_LT(bright, 3 * 300) << k;
    pictures.insert(clip.pixels);
  }
  EXPECT_EQ(pictures.size(), 8U);
}

TEST(Needle, ClassesTakeTurnsAndSplitsAndPoolsAreApart) {
  const NeedleSource needles = source(NeedleKind::motion, true);
  for (std::int64_t k = 0; k < 16; ++k) EXPECT_EQ(needles.label(k), k % 8);
  EXPECT_EQ(source(NeedleKind::motion, false).label(3), -1);
  EXPECT_EQ(class_names(NeedleKind::motion)[4], "clockwise");
  EXPECT_EQ(class_names(NeedleKind::glyph)[0], "disc");
  std::set<std::vector<std::uint8_t>> clips;
  std::set<std::string> identities;
  for (const NeedleKind kind : {NeedleKind::glyph, NeedleKind::motion})
    for (const bool is_needle : {false, true})
      for (const Split split : {Split::train, Split::test}) {
        const NeedleSource one = source(kind, is_needle, split);
        EXPECT_EQ(one.read(5, 0, 1).clip.pixels, one.read(5, 0, 1).clip.pixels);
        clips.insert(one.read(5, 0, 1).clip.pixels);
        identities.insert(one.identity());
      }
  EXPECT_EQ(clips.size(), 8U);
  EXPECT_EQ(identities.size(), 8U);
}

}  // namespace needle_test
}  // namespace permafrost::synthetic
