// SPDX-License-Identifier: Apache-2.0
#include "datasets/video/frame_index.h"

#include <gtest/gtest.h>

namespace permafrost {
namespace frame_index_test {

PacketNote note(std::int64_t time, bool key = false) {
  PacketNote made;
  made.time = time;
  made.bytes = 10;
  made.key = key;
  return made;
}

// Two groups with B-frames: I P B B  I P B B (closed).
std::vector<PacketNote> two_groups() {
  return {note(0, true),  note(30), note(10), note(20),
          note(40, true), note(70), note(50), note(60)};
}

TEST(FrameIndex, NumbersAreTheOrderOfTime) {
  const auto index = index_frames(two_groups());
  ASSERT_TRUE(index);
  EXPECT_EQ(index->frames(), 8);
  EXPECT_EQ(index->frame_of, (std::vector<std::int64_t>{0, 3, 1, 2, 4, 7, 5, 6}));
  EXPECT_EQ(index->packet_of, (std::vector<std::size_t>{0, 2, 3, 1, 4, 6, 7, 5}));
  EXPECT_EQ(index->frame_at(50), 5);
  EXPECT_EQ(index->frame_at(51), -1);
  EXPECT_EQ(index->frame_at(80), -1);
  ASSERT_EQ(index->entries.size(), 2U);
  EXPECT_EQ(index->entry_before(3).frame, 0);
  EXPECT_EQ(index->entry_before(4).packet, 4U);
  EXPECT_EQ(index->entry_before(7).frame, 4);
}

TEST(FrameIndex, OpenGroups) {
  // I P B I B P: the B behind the second I is shown before it.
  const auto index = index_frames(
      {note(0, true), note(20), note(10), note(40, true), note(30), note(60), note(50)});
  ASSERT_TRUE(index);
  ASSERT_EQ(index->entries.size(), 2U);
  EXPECT_EQ(index->entries[1].frame, 4);
  EXPECT_EQ(index->entry_before(3).frame, 0);
}

TEST(FrameIndex, AKeyAmongFramesThatAreShownLaterIsNoEntry) {
  auto packets = two_groups();
  packets[2].key = true;  // shown before its predecessor in the file
  const auto index = index_frames(packets);
  ASSERT_TRUE(index);
  EXPECT_EQ(index->entries.size(), 2U);
}

TEST(FrameIndex, FramesOutsideOfTheEditList) {
  auto packets = two_groups();
  for (const std::size_t k : {0, 1, 2}) packets[k].shown = false;
  const auto index = index_frames(packets);
  ASSERT_TRUE(index);
  EXPECT_EQ(index->frames(), 5);
  EXPECT_EQ(index->frame_of[0], -1);
  EXPECT_EQ(index->entries[0].frame, 0);
  EXPECT_EQ(index->entries[0].packet, 0U);  // decoded from there, whatever is shown
  EXPECT_EQ(index->entries[1].frame, 1);
}

TEST(FrameIndex, NothingWhereThereIsDoubt) {
  EXPECT_FALSE(index_frames({}));
  const auto with = [](auto change) {
    auto packets = two_groups();
    change(packets);
    return index_frames(packets).has_value();
  };
  EXPECT_FALSE(with([](auto& p) { p[3].time = PacketNote::kNoTime; }));
  EXPECT_FALSE(with([](auto& p) { p[3].time = p[2].time; }));
  EXPECT_FALSE(with([](auto& p) { p[5].damaged = true; }));
  EXPECT_FALSE(with([](auto& p) { p[5].changes_codec = true; }));
  EXPECT_FALSE(with([](auto& p) { p[0].key = false; }));
  EXPECT_FALSE(with([](auto& p) { p[2].time = -5; }));  // shown before the first key frame
  EXPECT_FALSE(with([](auto& p) { p[5].parameter_sets = true; }));
  EXPECT_FALSE(with([](auto& p) { p[0].parameter_sets = true; }));  // and not with the second key
  EXPECT_TRUE(with([](auto& p) { p[0].parameter_sets = p[4].parameter_sets = true; }));
  EXPECT_FALSE(with([](auto& p) {
    for (auto& packet : p) packet.shown = false;
  }));
  std::vector<PacketNote> far;
  for (int k = 0; k < 100; ++k) far.push_back(note(k == 50 ? 1000 : k, k == 0));
  EXPECT_FALSE(index_frames(far));
}

}  // namespace frame_index_test
}  // namespace permafrost
