// SPDX-License-Identifier: Apache-2.0
#include "probes/train/pool_training.h"

#include "models/testing/test_support.h"

namespace permafrost {
namespace pool_training_test {

constexpr std::int64_t kHay = 20, kClasses = 3, kTokens = 6, kWidth = 16;

// Hay clips 0 to 19, then three clips of each of three classes, one token of which says it.
at::Tensor pool_with_needles() {
  RandomStream stream({.seed = 6, .purpose = "test"});
  const at::Tensor tokens =
      standardised(normal_tensor({kHay + 3 * kClasses, kTokens, kWidth}, 1, stream));
  for (std::int64_t k = 0; k < 3 * kClasses; ++k) {
    tokens[kHay + k][2].zero_();
    tokens[kHay + k][2][k % kClasses] = 4;
  }
  return tokens;
}

// Videos of 12 clips, one of which is a needle.
PoolBatch videos_of_step(const at::Tensor& pool, std::int64_t step, bool needles = true) {
  RandomStream stream({.seed = 9, .purpose = "test", .epoch = static_cast<std::uint64_t>(step)});
  PoolBatch batch{.tokens = pool};
  batch.videos.counts = at::zeros({24, 1, pool.size(0)}, at::kDouble);
  batch.truth = at::zeros({24}, at::kLong);
  for (std::int64_t v = 0; v < 24; ++v) {
    for (int k = 0; k < 11; ++k) batch.videos.counts[v][0][stream.integer(kHay)] += 1;
    batch.videos.counts[v][0][needles ? kHay + v % (3 * kClasses) : 0] += 1;
    batch.truth[v] = v % kClasses;
  }
  return batch;
}

double accuracy(const HeadWeights& head, const HeadSpec& spec, const PoolBatch& batch) {
  const at::Tensor said = pool_logits(head, spec, batch).argmax(2);  // [L,V]
  return said.eq(batch.truth).to(at::kDouble).mean().item<double>();
}

TEST(PoolTraining, FindsANeedleAndNothingWithoutOne) {
  const at::Tensor pool = pool_with_needles();
  const HeadSpec spec{.width = kWidth, .heads = 2, .classes = kClasses};
  int steps = 0;
  const HeadWeights head = train_pool_head(
      spec, {.steps = 400, .learning_rates = {3e-3}},
      [&](std::int64_t step) { return videos_of_step(pool, step); }, [&] { ++steps; });
  EXPECT_EQ(steps, 400);
  EXPECT_GT(accuracy(head, spec, videos_of_step(pool, 1000)), 0.9);
  EXPECT_LT(accuracy(head, spec, videos_of_step(pool, 1000, false)), 0.7);
}

TEST(PoolTraining, ThreadsChangeNoNumber) {
  const at::Tensor pool = pool_with_needles();
  for (const HeadKind kind : {HeadKind::attentive, HeadKind::mean_pool}) {
    const HeadSpec spec{.kind = kind, .width = kWidth, .heads = 2, .classes = kClasses};
    std::vector<at::Tensor> logits;
    for (const int threads : {1, 3}) {
      const HeadWeights head =
          train_pool_head(spec, {.steps = 5, .threads = threads},
                          [&](std::int64_t step) { return videos_of_step(pool, step); });
      logits.push_back(pool_logits(head, spec, videos_of_step(pool, 7), threads));
    }
    EXPECT_EQ(logits[0].size(0), 2);  // learning rates
    EXPECT_TRUE(logits[0].equal(logits[1]));
  }
}

TEST(PoolTraining, MeansOfVideosAreThoseOfTheirTokens) {
  const at::Tensor pool = pool_with_needles();
  const PoolBatch batch = videos_of_step(pool, 3);
  const at::Tensor means = mean_tokens(pool.mean(1), batch.videos);
  const at::Tensor counts = batch.videos.counts[5][0];
  at::Tensor sum = at::zeros({kWidth}, at::kDouble);
  for (std::int64_t p = 0; p < pool.size(0); ++p) sum += counts[p] * pool[p].to(at::kDouble).sum(0);
  EXPECT_LT(largest_difference(means[5], sum / (12 * kTokens)), 1e-6);
}

TEST(PoolTraining, RefusesOtherHeads) {
  const HeadSpec spec{.kind = HeadKind::linear, .width = kWidth, .classes = kClasses};
  const std::string refusal = input_error_of([&] { train_pool_head(spec, {}, {}); });
  EXPECT_TRUE(contains(refusal, "attentive without blocks, or mean_pool")) << refusal;
}

}  // namespace pool_training_test
}  // namespace permafrost
