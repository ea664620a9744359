// SPDX-License-Identifier: Apache-2.0
#include "datasets/augment/augmentation.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <set>

#include "common/machine/parallel.h"
#include "datasets/clips/kept_source.h"
#include "datasets/synthetic/source.h"

namespace permafrost {
namespace augmentation_test {

using synthetic::Split;
using synthetic::SyntheticTask;
using synthetic::TaskSource;

const ClipShape kShape{4, 24, 32};

Augmentation augmentation_of(const Json& spec, std::uint64_t epoch = 0, int view = 0) {
  return {read_augment_spec(spec, "test"), 7, epoch, view};
}

TEST(Augmentation, NoneIsTheClipOfEvaluation) {
  const TaskSource source(SyntheticTask::object, Split::train, 8, kShape);
  EXPECT_EQ(source.read_view(3, 0, 1, augmentation_of("none")).clip.pixels,
            source.read(3, 0, 1).clip.pixels);
}

TEST(Augmentation, SamePixelsWhateverTheThreads) {
  const TaskSource source(SyntheticTask::object, Split::train, 24, kShape);
  for (const char* protocol : {"crop", "released", "pretraining"}) {
    const Augmentation augmentation = augmentation_of(protocol, 3);
    const auto all = [&](int threads) {
      std::vector<std::vector<std::uint8_t>> pixels(24);
      parallel_for(24, threads, [&](std::int64_t i) {
        pixels[static_cast<std::size_t>(i)] = source.read_view(i, 0, 1, augmentation).clip.pixels;
      });
      return pixels;
    };
    const auto one = all(1);
    EXPECT_EQ(one, all(4)) << protocol;
    EXPECT_EQ(std::set(one.begin(), one.end()).size(), 24U) << protocol;
  }
}

TEST(Augmentation, EveryPartOfTheKeyMatters) {
  const TaskSource source(SyntheticTask::object, Split::train, 8, kShape);
  std::set<std::vector<std::uint8_t>> seen;
  for (const std::uint64_t epoch : {0, 1})
    for (const int view : {0, 1})
      for (const int place : {0, 1})
        seen.insert(
            source.read_view(2, place, 2, augmentation_of("crop", epoch, view)).clip.pixels);
  Augmentation other = augmentation_of("crop");
  other.seed = 8;
  seen.insert(source.read_view(2, 0, 2, other).clip.pixels);
  EXPECT_EQ(seen.size(), 9U);
}

TEST(Augmentation, OneBoxForAllFrames) {
  // Frames that are all alike stay alike, whatever is drawn; noise aside.
  Clip clip({3, 20, 30});
  for (int t = 0; t < 3; ++t)
    for (std::size_t k = 0; k < clip.frame_bytes(); ++k)
      clip.frame(t)[k] = static_cast<std::uint8_t>(k * 7);
  for (std::int64_t sample = 0; sample < 50; ++sample) {
    const Clip out = augmented(
        clip,
        draw_view(augmentation_of({{"protocol", "released"}, {"erasing", 0}}), sample, 0, false));
    ASSERT_EQ(out.shape, clip.shape);
    for (int t = 1; t < 3; ++t)
      ASSERT_TRUE(std::equal(out.frame(0), out.frame(0) + out.frame_bytes(), out.frame(t)));
  }
}

TEST(Augmentation, FlipMirrorsHalfOfTheClips) {
  const TaskSource source(SyntheticTask::object, Split::train, 400, {1, 5, 7});
  int mirrored = 0;
  for (std::int64_t i = 0; i < 400; ++i) {
    const Clip before = source.read(i, 0, 1).clip;
    const Clip after = source.read_view(i, 0, 1, augmentation_of({{"flip", 0.5}})).clip;
    Clip turned(before.shape);
    for (int y = 0; y < 5; ++y)
      for (int x = 0; x < 7; ++x)
        for (int c = 0; c < 3; ++c)
          turned.frame(0)[(y * 7 + x) * 3 + c] = before.frame(0)[(y * 7 + 6 - x) * 3 + c];
    const bool is_mirrored = after.pixels == turned.pixels;
    ASSERT_TRUE(is_mirrored || after.pixels == before.pixels);
    mirrored += is_mirrored;
  }
  EXPECT_NEAR(mirrored, 200, 50);  // five standard deviations
}

TEST(Augmentation, NoFlipWhereDirectionMatters) {
  auto motion = std::make_unique<TaskSource>(SyntheticTask::motion, Split::train, 16, kShape);
  ASSERT_TRUE(motion->directional());
  const KeptSource source(std::move(motion), 1);
  EXPECT_TRUE(source.directional());
  for (std::int64_t i = 0; i < 16; ++i)
    EXPECT_EQ(source.read_view(i, 0, 1, augmentation_of({{"flip", 1}})).clip.pixels,
              source.read(i, 0, 1).clip.pixels);
  EXPECT_EQ(draw_view(augmentation_of("crop"), 0, 0, true).spec.flip, 0);
  EXPECT_FALSE(TaskSource(SyntheticTask::appearance, Split::train, 1, kShape).directional());
}

TEST(Augmentation, CropShowsAPartOfTheFrame) {
  // Column numbers in red: what a crop shows is an ascending run inside of 0..199.
  Clip clip({1, 100, 200});
  for (int y = 0; y < 100; ++y)
    for (int x = 0; x < 200; ++x) clip.frame(0)[(y * 200 + x) * 3] = static_cast<std::uint8_t>(x);
  for (std::int64_t sample = 0; sample < 100; ++sample) {
    const ViewDraw draw = draw_view(augmentation_of({{"crop", true}}), sample, 0, false);
    RandomStream stream = draw.stream("crop");
    const CropBox box = draw_crop_box(stream, draw.spec.crop_rule, 100, 200);
    const Clip out = augmented(clip, draw);
    EXPECT_NEAR(out.frame(0)[0], box.left, 1);
    EXPECT_NEAR(out.frame(0)[199 * 3], box.left + box.width - 1, 1);
  }
}

}  // namespace augmentation_test
}  // namespace permafrost
