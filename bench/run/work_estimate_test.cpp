// SPDX-License-Identifier: Apache-2.0
#include "bench/run/work_estimate.h"

#include <gtest/gtest.h>

#include "bench/run/cell_estimate.h"
#include "models/network/vit.h"

namespace permafrost {
namespace work_estimate_test {

// 4 x 2 x 2 tokens of 32 values, two blocks.
EncoderSpec small() {
  EncoderSpec spec;
  spec.width = 32;
  spec.depth = 2;
  spec.heads = 2;
  spec.frames = 8;
  spec.patch = 8;
  spec.height = spec.image_width = 16;
  return spec;
}

constexpr double kTokens = 16, kForward = kTokens * 2 * 2 * 8 * 8 * 3 * 32 +  // patches
                                          2 * (kTokens * 2 * 12 * 32 * 32 +   // products of a block
                                               4 * kTokens * kTokens * 32);   // its attention

TEST(WorkEstimate, CountsTheProductsOfAForwardPass) {
  EXPECT_DOUBLE_EQ(encoding_work(small(), 1).frozen_flops, kForward);
  EXPECT_DOUBLE_EQ(encoding_work(small(), 10).frozen_flops, 10 * kForward);
  EXPECT_EQ(encoding_work(small(), 1).clips, 0);
}

TEST(WorkEstimate, ABackwardPassIsTwoForwardPassesButForPixels) {
  const double patches = embedding_flops(small(), kTokens);
  EXPECT_DOUBLE_EQ(finetune_work(small(), 1).tuned_flops, 3 * kForward - patches);
}

TEST(WorkEstimate, FilesAreDecodedAndWorldsAreDrawn) {
  const double bytes = 8 * 16 * 16 * 3;
  EXPECT_EQ(reading_work(small(), TaskKind::manifest, 5).clips, 5);
  EXPECT_EQ(reading_work(small(), TaskKind::manifest, 5).decoded_bytes, 5 * bytes);
  EXPECT_EQ(reading_work(small(), TaskKind::manifest, 5).pixels, 0);
  EXPECT_EQ(reading_work(small(), TaskKind::synthetic, 5).pixels, 5 * bytes / 3);
}

TEST(WorkEstimate, CandidatesAndTokensCost) {
  ProbeProtocol one{.heads = 2, .learning_rates = {1e-3}}, four = one;
  four.learning_rates = {1e-3, 2e-3, 3e-3, 4e-3};
  const double a = probe_work(small(), one, kTokens, 100).head_flops;
  const double b = probe_work(small(), four, kTokens, 100).head_flops;
  EXPECT_GT(b, 3 * a);
  EXPECT_LT(b, 4 * a) << "tokens are picked once";
  ProbeProtocol deep = one;
  deep.depth = 4;
  EXPECT_GT(probe_work(small(), deep, kTokens, 100).head_flops,
            100 * 9 * blocks_flops(small(), kTokens) / 2);
  ProbeProtocol mean = one;
  mean.head = HeadKind::mean_pool;
  EXPECT_LT(probe_work(small(), mean, kTokens, 100).head_flops, a / 10);
}

struct Asked {
  TaskSizes sizes{.kind = TaskKind::manifest, .samples = 120, .train = 100, .test = 20};
  TaskSpec task{.name = "t", .kind = TaskKind::manifest, .clips = 1};
  ProtocolChoice protocol;
  EstimateSetting setting{.memory_bytes = 1e12};
  Asked() { protocol.probe = {.heads = 2, .epochs = 5, .learning_rates = {1e-3}}; }
  CellEstimate estimate() const { return estimate_of(small(), sizes, task, protocol, setting); }
};

TEST(CellEstimates, KeptFeaturesAreEncodedOnceAndClipsReadOnce) {
  const Asked asked;
  const CellEstimate kept = asked.estimate();
  EXPECT_FALSE(kept.streamed);
  EXPECT_DOUBLE_EQ(kept.group.frozen_flops, 120 * kForward);
  EXPECT_EQ(kept.group.clips, 0);
  EXPECT_EQ(kept.task.clips, 120) << "shared by all encoders";
  EXPECT_EQ(kept.cell.frozen_flops, 0);
  EXPECT_DOUBLE_EQ(kept.feature_bytes, 120 * kTokens * 32 * 4);
}

TEST(CellEstimates, StreamedFeaturesAreEncodedInEveryEpoch) {
  Asked asked;
  asked.setting.memory_bytes = 1000;
  const CellEstimate streamed = asked.estimate();
  EXPECT_TRUE(streamed.streamed);
  EXPECT_DOUBLE_EQ(streamed.cell.frozen_flops, (5 * 100 + 20) * kForward);
  EXPECT_EQ(streamed.cell.clips, 5 * 100 + 20);
  EXPECT_EQ(streamed.group.flops() + streamed.task.clips, 0);
  asked.setting.features = FeatureStore::kept;
  EXPECT_FALSE(asked.estimate().streamed);
}

TEST(CellEstimates, ViewsAreEncodedEachAndReadTogether) {
  Asked asked;
  asked.protocol.probe.test.views = 3;
  const CellEstimate estimate = asked.estimate();
  EXPECT_DOUBLE_EQ(estimate.group.frozen_flops, (120 + 2 * 20) * kForward);
  EXPECT_EQ(estimate.group.clips, 120);
}

TEST(CellEstimates, FewLabelsAreLessTraining) {
  Asked asked;
  const double all = asked.estimate().cell.head_flops;
  asked.protocol.probe.label_fraction = 0.1;
  EXPECT_NEAR(asked.estimate().cell.head_flops, all / 10, all / 1e6);
}

TEST(CellEstimates, FineTuningTrainsTheEncoderAndTestsIt) {
  Asked asked;
  asked.protocol.is_finetune = true;
  asked.protocol.finetune = {.epochs = 2, .batch = 32, .gradient_shards = 4};
  const CellEstimate estimate = asked.estimate();
  EXPECT_DOUBLE_EQ(estimate.cell.tuned_flops, finetune_work(small(), 200).tuned_flops);
  EXPECT_DOUBLE_EQ(estimate.cell.frozen_flops, 20 * kForward);
  EXPECT_EQ(estimate.group.flops(), 0);
  asked.setting.shards_at_once = 4;
  EXPECT_GT(asked.estimate().device_bytes, estimate.device_bytes) << "activations of all shards";
}

TEST(CellEstimates, EncodersInBfloat16TakeTheRateOfTheirPrecision) {
  Asked asked;
  const CellEstimate whole = asked.estimate();
  asked.protocol.probe.precision = Precision::bfloat16;
  const CellEstimate half = asked.estimate();
  EXPECT_EQ(half.group.frozen_flops, 0);
  EXPECT_EQ(half.group.frozen_bfloat16, whole.group.frozen_flops);
  EXPECT_EQ(half.group.flops(), whole.group.flops());
  EXPECT_EQ(half.cell.head_flops, whole.cell.head_flops) << "heads are float32";
  Machine machine{
      .name = "gpu", .gpu = true, .cores = 1, .frozen = 1e6, .tuned = 1e6, .heads = 1e6};
  machine.decoded_clips = machine.drawn_pixels = 1e12;
  EXPECT_DOUBLE_EQ(seconds(machine, half.group), seconds(machine, whole.group)) << "no rate given";
  machine.frozen_bfloat16 = 1e7;
  EXPECT_NEAR(seconds(machine, half.group), seconds(machine, whole.group) / 10, 1e-9);
  asked.protocol.is_finetune = true;
  asked.protocol.finetune = {.epochs = 2, .precision = Precision::tf32};
  EXPECT_EQ(asked.estimate().cell.tuned_tf32, finetune_work(small(), 200).tuned_flops);
  EXPECT_EQ((2 * half.group).frozen_bfloat16, 2 * half.group.frozen_bfloat16);
}

TEST(CellEstimates, BatchesOfAllThreadsFitIntoHalfOfAGpu) {
  Asked asked;
  asked.setting.device_memory = 1e7;
  asked.setting.threads = 4;
  const double weights = weight_bytes(small()), all = asked.estimate().device_bytes;
  EXPECT_GT(all, weights);
  EXPECT_LE(all, weights + 1e7 / 2);
  asked.setting.device_memory = 1e12;
  EXPECT_GT(asked.estimate().device_bytes, all) << "more samples at a time";
}

TEST(CellEstimates, OfAnUnknownTaskThereIsNone) {
  Asked asked;
  asked.sizes = {};
  EXPECT_EQ(asked.estimate().cell.flops(), 0);
  EXPECT_EQ(asked.estimate().device_bytes, 0);
}

TEST(CellEstimates, ADatasetThatIsNotThereHasItsReleasedSize) {
  Task gone;
  gone.unavailable = "no data";
  const TaskSizes k400 = sizes_of(gone, {.kind = TaskKind::manifest, .dataset = "k400"}, "");
  EXPECT_EQ(k400.train, 246245);
  EXPECT_EQ(k400.test, 20000);
  EXPECT_EQ(sizes_of(gone, {.kind = TaskKind::manifest}, "").samples, 0);
}

}  // namespace work_estimate_test
}  // namespace permafrost
