// SPDX-License-Identifier: Apache-2.0
#include "bench/haystack/clip_counter.h"

#include "bench/haystack/needle_videos.h"
#include "models/testing/test_support.h"

namespace permafrost {
namespace clip_counter_test {

at::Tensor doubles(const std::vector<double>& values) { return at::tensor(values, at::kDouble); }
at::Tensor floats(const std::vector<float>& values) { return at::tensor(values, at::kFloat); }

TEST(ClipCounter, CountsAClipAsOftenAsItIsThere) {
  // Two videos of two steps over three clips.
  const at::Tensor counts = doubles({1, 0, 2, 0, 1, 0,  //
                                     0, 3, 0, 0, 0, 1})
                                .view({2, 2, 3});
  const at::Tensor scores = floats({-1, 0, 2});
  EXPECT_TRUE(clips_above(counts, scores, 1).equal(at::tensor({2, 1}, at::kLong)));
  EXPECT_TRUE(clips_above(counts, scores, -0.5).equal(at::tensor({3, 4}, at::kLong)));
  // A score that is the threshold is not above it.
  EXPECT_TRUE(clips_above(counts, scores, 2).equal(at::tensor({0, 0}, at::kLong)));
}

TEST(ClipCounter, PutsTheThresholdWhereMostVideosAreRight) {
  // Clips 0 and 1 are hay, of which one looks like a needle; 2 and 3 are needles.
  const at::Tensor scores = floats({-3, 4, 2, 6});
  const at::Tensor of_each = at::ones({1, 4}, at::kDouble);
  EXPECT_DOUBLE_EQ(best_threshold(of_each, scores, at::tensor({3}, at::kLong), 4), -0.5);
  EXPECT_DOUBLE_EQ(best_threshold(of_each, scores, at::tensor({2}, at::kLong), 4), 3);
  // None above it is one, as the least that is answered: as few clips as possible.
  EXPECT_DOUBLE_EQ(best_threshold(of_each, scores, at::tensor({1}, at::kLong), 4), 5);
  // All of five clips are four, as the most that is answered.
  EXPECT_DOUBLE_EQ(best_threshold(at::full({1, 4}, 2.0), scores, at::tensor({4}, at::kLong), 4), 3);
  // Clips that are in no video do not matter: the threshold is below all that are.
  EXPECT_DOUBLE_EQ(
      best_threshold(doubles({0, 0, 1, 1}).view({1, 4}), scores, at::tensor({2}, at::kLong), 4), 1);
}

// Pools whose needles stand out in every token.
ClipPools separable_pools(const HaystackSpec& spec, float by) {
  at::manual_seed(3);
  const auto noise = [](std::int64_t clips) { return at::randn({clips, 6, 8}); };
  ClipPools pools;
  pools.train_hay = noise(spec.train_hay);
  pools.train_needles = noise(spec.train_needles);
  at::Tensor needles = noise(spec.needles);
  for (at::Tensor& some : {std::ref(pools.train_needles), std::ref(needles)})
    some.select(2, 0).add_(by);
  pools.test = at::cat({noise(spec.hay), needles});
  return pools;
}

TEST(ClipCounter, CountsNeedlesThatStandOutInVideosOfAnyLength) {
  HaystackSpec spec;
  spec.task = NeedleTask::count;
  spec.needles = 40;
  spec.hay = 64;
  spec.train_needles = 80;
  spec.train_hay = 64;
  spec.batch = 32;
  spec.step_hay = 24;
  spec.training.steps = 120;
  spec.training.learning_rates = {3e-3, 1e-2};
  const ClipCounter counter(spec, separable_pools(spec, 6), 2);
  ASSERT_EQ(counter.held_out_accuracy().size(), 2U);
  EXPECT_GT(std::max(counter.held_out_accuracy()[0], counter.held_out_accuracy()[1]), 0.99);
  const at::Tensor scores = counter.scores(separable_pools(spec, 6).test);
  for (const std::int64_t clips : {4, 70, 7000}) {
    const NeedleVideos shown = TestVideos(spec, clips).at_depth(3);
    const at::Tensor said = clips_above(shown.videos.counts, scores, counter.threshold(clips));
    EXPECT_GT(said.eq(shown.truth + 1).to(at::kDouble).mean().item<double>(), 0.95) << clips;
    // Hay alone has none.
    EXPECT_LT(clips_above(TestVideos(spec, clips).without_needles().videos.counts, scores,
                          counter.threshold(clips))
                  .to(at::kDouble)
                  .mean()
                  .item<double>(),
              0.1 * static_cast<double>(clips));
  }
}

// Longer videos have more hay that may look like a needle.
TEST(ClipCounter, DemandsMoreOfClipsOfLongerVideos) {
  HaystackSpec spec;
  spec.task = NeedleTask::count;
  spec.train_needles = 80;
  spec.train_hay = 400;
  spec.needles = 16;
  spec.hay = 16;
  spec.training.steps = 60;
  const ClipCounter counter(spec, separable_pools(spec, 1.5F), 1);
  EXPECT_GT(counter.threshold(70), counter.threshold(7));
}

}  // namespace clip_counter_test
}  // namespace permafrost
