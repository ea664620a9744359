// SPDX-License-Identifier: Apache-2.0
#include "datasets/rendered/rendered_dataset.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "common/error.h"
#include "common/files/files.h"
#include "common/testing/test_folder.h"
#include "datasets/synthetic/source.h"
#include "datasets/tasks/task.h"

namespace permafrost {
namespace rendered_dataset_test {

namespace fs = std::filesystem;

class Rendered : public testing::Test {
 protected:
  const TestFolder parent_;
  const fs::path folder_ = parent_ / "set";  // not there before it is rendered
  RenderedDataset set_{.world = "motion", .train = 10, .test = 9, .shape = {4, 24, 24}};
};

TEST_F(Rendered, IsTheSyntheticTaskThroughTheDecoder) {
  int files = 0;
  render_dataset(set_, folder_, 1, [&] { ++files; });
  EXPECT_EQ(files, 19);
  const TaskSpec spec = read_task_spec(read_json((folder_ / "task.json").string()), "task.json");
  const Task real = open_task(spec, set_.shape, folder_);
  ASSERT_TRUE(real.available()) << real.unavailable;
  const Task drawn =
      open_task({.name = "m", .world = "motion", .train = 10, .test = 9}, set_.shape, {});
  EXPECT_EQ(real.class_names, drawn.class_names);
  EXPECT_EQ(real.folds[0].train, drawn.folds[0].train);
  EXPECT_EQ(real.folds[0].test, drawn.folds[0].test);
  for (const std::int64_t i : {0, 9, 10, 18}) {
    EXPECT_EQ(real.source->label(i), drawn.source->label(i));
    const Sample sample = real.source->read(i, 0, 1);
    EXPECT_EQ(sample.failure, "");
    EXPECT_EQ(sample.clip.pixels, drawn.source->read(i, 0, 1).clip.pixels) << i;
  }
}

TEST_F(Rendered, WhatCannotBeRenderedLeavesNothing) {
  const auto refusal = [&](const RenderedDataset& set) {
    try {
      render_dataset(set, folder_, 1);
    } catch (const InputError& error) {
      return std::string(error.what());
    }
    return std::string("no error");
  };
  RenderedDataset odd = set_, boxes = set_, unknown = set_, seed = set_;
  odd.shape = {4, 33, 33};
  odd.writing.coding = VideoCoding::h264;
  boxes.world = "localised_action";
  unknown.world = "localised";
  seed.seed = 0;
  EXPECT_NE(refusal(odd).find("--size: expected an even number"), std::string::npos);
  EXPECT_NE(refusal(boxes).find("no place for its boxes"), std::string::npos);
  EXPECT_EQ(refusal(unknown).find("localised_action"), std::string::npos) << refusal(unknown);
  EXPECT_NE(refusal(seed).find("--seed"), std::string::npos);
  EXPECT_FALSE(fs::exists(folder_));
}

TEST_F(Rendered, EverySeedHasItsOwnClips) {
  RenderedDataset other = set_;
  other.train = other.test = 2;
  other.seed = 2;
  render_dataset(other, folder_ / "b", 1);
  EXPECT_EQ(rendered_frames(folder_ / "b"), 4);
  EXPECT_EQ(rendered_frames(folder_), 0);
  other.seed = 1;
  render_dataset(other, folder_ / "a", 1);
  for (const char* name : {"train/000000.mp4", "test/000001.mp4"})
    EXPECT_NE(read_file(folder_ / "a" / name), read_file(folder_ / "b" / name)) << name;
  EXPECT_EQ(read_file(folder_ / "a/train.csv"), read_file(folder_ / "b/train.csv"));  // labels
  EXPECT_THROW(render_dataset(other, folder_ / "b", 1), InputError);
}

TEST_F(Rendered, TakesAVersionOfTheWorld) {
  set_.world_version = 2;
  render_dataset(set_, folder_, 1);
  EXPECT_EQ(read_json((folder_ / "rendered.json").string()).at("world_version"), 2);
  const TaskSpec spec = read_task_spec(read_json((folder_ / "task.json").string()), "task.json");
  const Task real = open_task(spec, set_.shape, folder_);
  ASSERT_TRUE(real.available()) << real.unavailable;
  const Task drawn = open_task(
      {.name = "m", .world = "motion", .train = 10, .test = 9, .world_version = 2}, set_.shape, {});
  EXPECT_EQ(real.source->read(12, 0, 1).clip.pixels, drawn.source->read(12, 0, 1).clip.pixels);
  set_.world_version = 1;
  EXPECT_THROW(render_dataset(set_, folder_, 1), InputError) << "another set lies there";
  set_.world_version = 3;
  EXPECT_THROW(render_dataset(set_, folder_ / "new", 1), InputError);
}

TEST_F(Rendered, GoesOnWhereItWasEnded) {
  render_dataset(set_, folder_, 1);
  const std::string kept = read_file(folder_ / "train/000003.mp4");
  const std::string other = read_file(folder_ / "train/000004.mp4");
  fs::remove(folder_ / "train/000003.mp4");
  write_file_atomically(folder_ / "train/000004.mp4", "kept as it is");
  render_dataset(set_, folder_, 2);
  EXPECT_EQ(read_file(folder_ / "train/000003.mp4"), kept);
  EXPECT_NE(read_file(folder_ / "train/000004.mp4"), other);
  set_.shape.frames = 8;
  EXPECT_THROW(render_dataset(set_, folder_, 1), InputError);
  set_.world = "moton";
  EXPECT_THROW(render_dataset(set_, folder_ / "new", 1), InputError);
  EXPECT_FALSE(fs::exists(folder_ / "new"));
}

}  // namespace rendered_dataset_test
}  // namespace permafrost
