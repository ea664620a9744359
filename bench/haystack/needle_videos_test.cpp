// SPDX-License-Identifier: Apache-2.0
#include "bench/haystack/needle_videos.h"

#include <algorithm>
#include <set>

#include "models/testing/test_support.h"

namespace permafrost {
namespace needle_videos_test {

HaystackSpec small_spec(NeedleTask task = NeedleTask::needle) {
  HaystackSpec spec;
  spec.task = task;
  spec.needles = 16;
  spec.hay = 30;
  spec.train_needles = 48;
  spec.train_hay = 24;
  spec.batch = 24;
  spec.step_hay = 10;
  return spec;
}

TEST(NeedleVideos, HaveOneNeedleEachInTheirTenth) {
  const HaystackSpec spec = small_spec();
  for (const std::int64_t clips : {7, 70, 695}) {
    const TestVideos videos(spec, clips);
    for (int depth = 0; depth < spec.depths; ++depth) {
      const NeedleVideos shown = videos.at_depth(depth);
      ASSERT_EQ(shown.videos.counts.sizes().vec(), (std::vector<std::int64_t>{16, 1, 46}));
      EXPECT_TRUE(shown.videos.counts.sum({1, 2}).eq(clips).all().item<bool>());
      EXPECT_TRUE(shown.videos.counts.ge(0).all().item<bool>());
      EXPECT_TRUE(shown.videos.counts.slice(2, 30).select(1, 0).equal(at::eye(16, at::kDouble)));
      for (std::int64_t v = 0; v < 16; ++v) {
        EXPECT_EQ(shown.truth[v].item<int>(), v % 8);
        const std::int64_t place = videos.places_of(v, depth)[0];
        EXPECT_GE(place, depth * clips / 10);
        EXPECT_LE(place, (depth + 1) * clips / 10);
      }
    }
    const NeedleVideos none = videos.without_needles();
    EXPECT_EQ(none.videos.counts.slice(2, 30).sum().item<double>(), 0);
    EXPECT_TRUE(none.videos.counts.sum({1, 2}).eq(clips).all().item<bool>());
  }
}

TEST(NeedleVideos, LongerOnesGoOnWhereShorterOnesEnd) {
  const HaystackSpec spec = small_spec();
  const at::Tensor shorter = TestVideos(spec, 70).without_needles().videos.counts;
  const at::Tensor longer = TestVideos(spec, 95).without_needles().videos.counts;
  EXPECT_TRUE(longer.ge(shorter).all().item<bool>());
  // And the same hay at all depths but for the place of the needle.
  const at::Tensor first = TestVideos(spec, 70).at_depth(0).videos.counts;
  const at::Tensor last = TestVideos(spec, 70).at_depth(9).videos.counts;
  EXPECT_TRUE((first - last).abs().sum({1, 2}).le(2).all().item<bool>());
}

TEST(NeedleVideos, TellTheTenthWhereThatIsAsked) {
  const HaystackSpec spec = small_spec(NeedleTask::needle_time);
  const TestVideos videos(spec, 70);
  for (int depth = 0; depth < 10; ++depth) {
    const NeedleVideos shown = videos.at_depth(depth);
    ASSERT_EQ(shown.videos.counts.size(1), 20);
    EXPECT_TRUE(shown.truth.eq(depth).all().item<bool>());
    // The needle is in one of the two steps of its tenth.
    const at::Tensor steps = shown.videos.counts.slice(2, 30).sum(2);  // [V,S]
    EXPECT_TRUE(steps.slice(1, 2 * depth, 2 * depth + 2).sum(1).eq(1).all().item<bool>());
  }
}

TEST(NeedleVideos, HoldAsManyNeedlesAsAreCounted) {
  const HaystackSpec spec = small_spec(NeedleTask::count);
  for (const std::int64_t clips : {7, 695}) {
    const NeedleVideos shown = TestVideos(spec, clips).at_depth(3);
    const at::Tensor needles = shown.videos.counts.slice(2, 30).sum({1, 2});
    EXPECT_TRUE(needles.eq(shown.truth + 1).all().item<bool>());
    EXPECT_TRUE(shown.videos.counts.sum({1, 2}).eq(clips).all().item<bool>());
    EXPECT_TRUE(shown.videos.counts.ge(0).all().item<bool>());
  }
}

// A clip has one event, whatever number is its turn.
TEST(NeedleVideos, AreNotSaidToHoldMoreNeedlesThanClips) {
  HaystackSpec spec = small_spec(NeedleTask::count);
  const NeedleVideos two = TestVideos(spec, 2).at_depth(0);
  EXPECT_TRUE(two.videos.counts.slice(2, 30).sum({1, 2}).eq(two.truth + 1).all().item<bool>());
  EXPECT_EQ(two.truth.max().item<int>(), 1);
  const TrainClips all{.end_needle = spec.train_needles, .end_hay = spec.train_hay};
  const TrainVideos drawn = train_videos(spec, {1, 2, 7}, all, 0);
  const at::Tensor& counts = drawn.videos.videos.counts;
  EXPECT_TRUE(counts.slice(2, 10).sum({1, 2}).eq(drawn.videos.truth + 1).all().item<bool>());
  EXPECT_EQ(drawn.videos.truth.max().item<int>(), 3);
}

// What is right of hay by chance must not depend on one tenth of the video.
TEST(NeedleVideos, WithoutNeedlesAreAskedAboutAllTenths) {
  const HaystackSpec spec = small_spec(NeedleTask::needle_time);
  const at::Tensor truth = TestVideos(spec, 70).without_needles().truth;
  for (std::int64_t v = 0; v < 16; ++v) EXPECT_EQ(truth[v].item<int>(), v % 10);
}

TEST(NeedleVideos, OfTrainingKeepToTheirNeedlesAndLengths) {
  const TrainClips from{.first_needle = 8, .end_needle = 40, .first_hay = 5, .end_hay = 24};
  for (const NeedleTask task : {NeedleTask::needle, NeedleTask::needle_time, NeedleTask::count}) {
    const HaystackSpec spec = small_spec(task);
    std::set<std::int64_t> seen, truths;
    for (std::uint64_t step = 0; step < 40; ++step) {
      const TrainVideos drawn = train_videos(spec, {7, 70}, from, step);
      ASSERT_EQ(drawn.hay.size(), 10U);
      ASSERT_EQ(drawn.needles.size(), 24U);
      seen.insert(drawn.needles.begin(), drawn.needles.end());
      for (const auto hay : drawn.hay) EXPECT_TRUE(hay >= 5 && hay < 24) << hay;
      const at::Tensor& counts = drawn.videos.videos.counts;
      for (std::int64_t v = 0; v < 24; ++v) {
        EXPECT_EQ(counts[v].sum().item<double>(), v % 2 == 0 ? 7 : 70);
        const auto truth = drawn.videos.truth[v].item<std::int64_t>();
        truths.insert(truth);
        const double needles = counts[v].slice(1, 10).sum().item<double>();
        EXPECT_EQ(needles, task == NeedleTask::count ? static_cast<double>(truth + 1) : 1);
        if (task == NeedleTask::needle) {
          const auto own = counts[v].slice(1, 10).sum(0).argmax().item<std::int64_t>();
          EXPECT_EQ(truth, drawn.needles[static_cast<std::size_t>(own)] % 8);
        }
      }
      const TrainVideos again = train_videos(spec, {7, 70}, from, step);
      EXPECT_TRUE(again.videos.videos.counts.equal(counts));
    }
    EXPECT_EQ(*seen.begin(), 8);
    EXPECT_EQ(*seen.rbegin(), 39);
    EXPECT_EQ(truths.size(), static_cast<std::size_t>(classes_of(task)));
  }
}

}  // namespace needle_videos_test
}  // namespace permafrost
