// SPDX-License-Identifier: Apache-2.0
// Features of an encoder that sees its clips with noise (EncoderSpec::input_noise).
#include <ATen/ATen.h>

#include "models/encoders/input_noise.h"
#include "models/testing/test_support.h"
#include "probes/encode/features.h"
#include "probes/testing/test_clips.h"
#include "probes/train/finetune.h"

namespace permafrost {
namespace noised_features_test {

// Noise level 0.2 in 5 components of the patches of the tests' clips.
Encoder noised_encoder(SpaceKind kind = SpaceKind::pca) {
  Encoder encoder = random_encoder(tiny_spec(), 1);
  encoder.spec.input_noise = 0.2;
  encoder.spec.noise_components = kind == SpaceKind::pca ? 5 : 0;
  RandomStream stream({.seed = 3, .purpose = "test"});
  const at::Tensor patches = normal_tensor({400, encoder.spec.patch_values()}, 1.5, stream) + 0.2;
  encoder.weights.noise_space = measured_space(kind, 5, patches, "test");
  encoder.weights.noise_space.variances = at::Tensor();
  encoder.sha256 = hash_of(encoder);
  return encoder;
}

at::Tensor some_patches(const Encoder& encoder, std::int64_t clips) {
  RandomStream stream({.seed = 5, .purpose = "test"});
  return normal_tensor({clips, encoder.spec.tokens(), encoder.spec.patch_values()}, 1, stream);
}

TEST(InputNoise, IsMixedIntoTheCoordinatesOfItsSpace) {
  for (const SpaceKind kind : {SpaceKind::pca, SpaceKind::pixel}) {
    const Encoder encoder = noised_encoder(kind);
    const PatchSpace& space = encoder.weights.noise_space;
    const at::Tensor patches = some_patches(encoder, 64);
    const at::Tensor seen =
        with_input_noise(encoder.weights, encoder.spec, patches, "task", counted_origins(64));
    const at::Tensor noise =
        (to_coordinates(space, seen) - 0.8 * to_coordinates(space, patches)) / 0.2;
    EXPECT_NEAR(noise.mean().item<double>(), 0, 0.03);
    EXPECT_NEAR(noise.square().mean().item<double>(), 1, 0.04);
    // What is outside of the space is gone.
    EXPECT_LT(largest_difference(to_patches(space, to_coordinates(space, seen)), seen), 1e-4);
  }
  const Encoder plain = random_encoder(tiny_spec(), 1);
  const at::Tensor patches = some_patches(plain, 2);
  EXPECT_TRUE(with_input_noise(plain.weights, plain.spec, patches, "", {}).is_same(patches));
}

TEST(InputNoise, IsThatOfTaskAndClipWhateverTheBatch) {
  const Encoder encoder = noised_encoder();
  const at::Tensor patches = some_patches(encoder, 1).expand({4, -1, -1});
  const auto seen = [&](const std::string& task, const std::vector<ClipOrigin>& origins) {
    return with_input_noise(encoder.weights, encoder.spec,
                            patches.slice(0, 0, static_cast<std::int64_t>(origins.size())), task,
                            origins);
  };
  const at::Tensor four = seen("a", {{1, 0}, {1, 1}, {2, 0}, {1, 0}});
  EXPECT_TRUE(four[0].equal(four[3]));
  EXPECT_FALSE(four[0].equal(four[1]));
  EXPECT_FALSE(four[0].equal(four[2]));
  EXPECT_LT(largest_difference(seen("a", {{2, 0}})[0], four[2]), 1e-6);
  EXPECT_FALSE(seen("b", {{1, 0}})[0].equal(four[0]));
  EXPECT_THROW(seen("a", {{1, 0}, {1, 1}, {1, 2}, {1, 3}, {1, 4}}), Error);
}

TEST(InputNoise, OfFeaturesDoesNotDependOnBatchesAndThreads) {
  const Encoder encoder = noised_encoder();
  const ColouredClips source(9, encoder.spec.clip_shape());
  const LabelledFeatures whole = encode_source(encoder, source, {.clips = 2, .batch = 16});
  const LabelledFeatures parts =
      encode_source(encoder, source, {.clips = 2, .threads = 3, .batch = 2});
  EXPECT_LT(largest_difference(whole.tokens, parts.tokens), 1e-4);
  std::vector<std::string> failures;
  const at::Tensor some = encode_samples(encoder, source, {7, 3}, {.clips = 2}, failures);
  EXPECT_LT(largest_difference(some[0], whole.tokens[7]), 1e-4);
  EXPECT_LT(largest_difference(some[1], whole.tokens[3]), 1e-4);
  Encoder clean = encoder;
  clean.spec.input_noise = 0;
  EXPECT_GT(largest_difference(encode_source(clean, source, {.clips = 2}).tokens, whole.tokens),
            0.01);
}

FinetuneOutcome fine_tuned(const Encoder& encoder, int threads) {
  const ColouredClips source(9, encoder.spec.clip_shape());
  const Fold fold{.train = {0, 1, 2, 3, 4, 5}, .test = {6, 7, 8}};
  FinetuneProtocol protocol{.heads = 2, .epochs = 2, .batch = 3, .learning_rate = 1e-3};
  protocol.clips = 2;
  protocol.gradient_shards = 2;
  return finetune(encoder, {source, fold, 3}, protocol, {.threads = threads});
}

TEST(InputNoise, IsSeenInFineTuningAndItsSpaceIsNotTrained) {
  const Encoder encoder = noised_encoder();
  const FinetuneOutcome noised = fine_tuned(encoder, 1);
  EXPECT_EQ(fine_tuned(encoder, 2).scores, noised.scores);
  EXPECT_TRUE(noised.encoder.noise_space.mean.equal(encoder.weights.noise_space.mean));
  EXPECT_TRUE(noised.encoder.noise_space.components.equal(encoder.weights.noise_space.components));
  EXPECT_FALSE(noised.encoder.patch_embed.weight.equal(encoder.weights.patch_embed.weight));

  Encoder clean = encoder;
  clean.spec.input_noise = 0;
  const FinetuneOutcome other = fine_tuned(clean, 1);
  EXPECT_NE(noised.epoch_losses, other.epoch_losses);
  EXPECT_NE(noised.scores, other.scores);
}

}  // namespace noised_features_test
}  // namespace permafrost
