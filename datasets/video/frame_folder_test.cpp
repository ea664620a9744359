// SPDX-License-Identifier: Apache-2.0
#include "datasets/video/frame_folder.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "common/error.h"
#include "common/files/files.h"
#include "common/files/png.h"
#include "common/testing/test_folder.h"
#include "datasets/check/file_check.h"
#include "datasets/clips/source.h"
#include "datasets/frames/sampling.h"

namespace permafrost {
namespace frame_folder_test {

namespace fs = std::filesystem;

class FrameFolder : public testing::Test {
 protected:
  // Frame k is 10 * k everywhere; names without leading zeros.
  void SetUp() override {
    for (int k = 1; k <= 12; ++k)
      write_png(folder_ / "v" / ("img_" + std::to_string(k) + ".png"),
                Image(16, 16, static_cast<std::uint8_t>(10 * k)));
    write_file_atomically(folder_ / "v/notes.txt", "no frame");
    write_file_atomically(folder_ / "list.csv", "v 1\n");
  }
  const TestFolder folder_;
};

TEST_F(FrameFolder, IsAClipInTheOrderOfTheNumbers) {
  EXPECT_EQ(count_frame_files(folder_ / "v"), 12);
  const ManifestSource source(read_manifest(folder_ / "list.csv"),
                              {.shape = {4, 16, 16}, .frame_step = 3});
  const Sample sample = source.read(0, 0, 1);
  ASSERT_EQ(sample.failure, "");
  const auto indices = clip_indices({.frames = 4, .frame_step = 3}, 12, 0);
  for (int t = 0; t < 4; ++t)
    EXPECT_EQ(sample.clip.frame(t)[0], 10 * (indices[static_cast<std::size_t>(t)] + 1)) << t;
}

TEST_F(FrameFolder, HasTrainingViews) {
  const ManifestSource source(read_manifest(folder_ / "list.csv"),
                              {.shape = {4, 8, 8}, .frame_step = 3});
  const Augmentation augmentation{.spec = read_augment_spec(Json("pretraining"), "test"),
                                  .seed = 3};
  const Sample sample = source.read_view(0, 0, 1, augmentation);
  ASSERT_EQ(sample.failure, "");
  EXPECT_EQ(sample.clip.pixels, source.read_view(0, 0, 1, augmentation).clip.pixels);
  EXPECT_EQ(sample.clip.frame(0)[0] % 10, 0);  // flat frames stay flat
}

TEST_F(FrameFolder, AllClipsAndViewsEqualThoseReadOneByOne) {
  for (int k = 1; k <= 12; ++k) {
    Image wide(24, 16, 0);
    for (std::size_t i = 0; i < wide.pixels.size(); ++i)
      wide.pixels[i] = static_cast<std::uint8_t>(10 * k + static_cast<int>(i / 3 % 24));
    write_png(folder_ / "v" / ("img_" + std::to_string(k) + ".png"), wide);
  }
  const auto options = [](int view) {
    return VideoOptions{.shape = {4, 16, 16}, .frame_step = 2, .view = view, .views = 3};
  };
  const Manifest list = read_manifest(folder_ / "list.csv");
  const ClipSet set = ManifestSource(list, options(0)).read_all(0, 2);
  ASSERT_EQ(set.failure, "");
  ASSERT_EQ(set.clips.size(), 6U);
  EXPECT_GT(set.decode_seconds, 0);
  for (int view = 0; view < 3; ++view)
    for (int place = 0; place < 2; ++place)
      EXPECT_EQ(set.clips[static_cast<std::size_t>(2 * view + place)].pixels,
                ManifestSource(list, options(view)).read(0, place, 2).clip.pixels);
}

TEST_F(FrameFolder, DamageIsAFailureThatNamesTheFile) {
  write_file_atomically(folder_ / "v/img_1.png", "no picture");
  const ManifestSource source(read_manifest(folder_ / "list.csv"),
                              {.shape = {4, 16, 16}, .frame_step = 3});
  EXPECT_NE(source.read(0, 0, 1).failure.find("img_1.png"), std::string::npos);
}

TEST_F(FrameFolder, AGapIsALostFrame) {
  EXPECT_EQ(list_frame_files(folder_ / "v").gap, "");
  fs::remove(folder_ / "v/img_5.png");
  EXPECT_EQ(list_frame_files(folder_ / "v").gap, "img_4.png followed by img_6.png");
  EXPECT_EQ(list_frame_files(folder_ / "v").files.size(), 11U);
  EXPECT_THROW(frame_files(folder_ / "v"), InputError);
  const ManifestSource source(read_manifest(folder_ / "list.csv"),
                              {.shape = {4, 16, 16}, .frame_step = 3});
  EXPECT_NE(source.read(0, 0, 1).failure.find("img_4.png followed by img_6.png"),
            std::string::npos);
  const FileCheck check = check_file(folder_ / "v");
  EXPECT_EQ(check.state, FileState::damaged);
  EXPECT_EQ(check.frames, 11);
  EXPECT_NE(check.reason.find("img_4.png followed by img_6.png"), std::string::npos);
  // One in three was kept.
  for (int k = 1; k <= 12; ++k)
    if (k % 3 != 0) fs::remove(folder_ / "v" / ("img_" + std::to_string(k) + ".png"));
  EXPECT_EQ(frame_files(folder_ / "v").size(), 4U);
}

TEST_F(FrameFolder, NumbersMayBeginAtZeroAndNamesNeedNone) {
  for (const char* name : {"z/f_000.png", "z/f_001.png", "z/f_002.png", "z/cover.png"})
    write_png(folder_ / name, Image(16, 16, 1));
  EXPECT_EQ(frame_files(folder_ / "z").size(), 4U);
}

TEST_F(FrameFolder, NeedsFramesAndRightIndices) {
  fs::create_directories(folder_ / "empty");
  const auto first = [](std::int64_t) { return std::vector<std::int64_t>{0}; };
  EXPECT_THROW(read_frame_folder(folder_ / "empty", {clip_request(first, {})}), InputError);
  const auto outside = [](std::int64_t frames) { return std::vector<std::int64_t>{frames}; };
  const ViewSpec view{.height = 16, .width = 16};
  EXPECT_THROW(read_frame_folder(folder_ / "v", {clip_request(outside, view)}), InputError);
}

}  // namespace frame_folder_test
}  // namespace permafrost
