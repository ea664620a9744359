// SPDX-License-Identifier: Apache-2.0
#include "models/network/denoiser/sampler.h"

#include <ATen/core/grad_mode.h>

#include <atomic>

#include "models/network/vit.h"
#include "models/testing/shadow_device.h"
#include "models/testing/toy_denoiser.h"

namespace permafrost {
namespace sampler_test {

Denoiser toy_sampler(Parametrisation parametrisation = Parametrisation::flow) {
  Denoiser denoiser;
  denoiser.spec = toy::denoiser_spec(parametrisation);
  denoiser.weights = toy::denoiser(denoiser.spec);
  denoiser.space =
      measured_space(SpaceKind::pca, 5, toy::denoiser_patches(denoiser.spec).flatten(0, 1), "test");
  return denoiser;
}

Sampling sampling(std::uint64_t seed, int threads) {
  return {.seed = seed, .solver = {.steps = 4}, .threads = threads};
}

std::vector<std::vector<std::uint8_t>> pixels(const std::vector<Clip>& clips) {
  std::vector<std::vector<std::uint8_t>> out;
  for (const auto& clip : clips) out.push_back(clip.pixels);
  return out;
}

// Network, noise and steps as they are written, one clip at a time.
TEST(Sampler, StepsFromNoiseToPixels) {
  const Denoiser denoiser = toy_sampler();
  const auto clips = sampled_clips(denoiser, sampling(3, 1), 2);
  ASSERT_EQ(clips.size(), 2U);
  const at::NoGradGuard no_grad;
  for (std::int64_t k = 0; k < 2; ++k) {
    at::Tensor x = noise_of_clip(denoiser.spec, 3, k);
    EXPECT_EQ(x.sizes(), at::IntArrayRef({1, 8, 5}));
    for (const double tau : {1.0, 0.75, 0.5, 0.25}) {
      const at::Tensor times = at::full({1}, 1000 * tau, at::kFloat);
      x = x - 0.25 * denoise(denoiser.weights, denoiser.spec, denoiser.space, x, times);
    }
    Clip clip = clips[static_cast<std::size_t>(k)];
    ASSERT_EQ(clip.shape, (ClipShape{4, 8, 8}));
    const at::Tensor expected = pixels_of(to_patches(denoiser.space, x), denoiser.spec.network);
    EXPECT_LE(largest_difference(pixel_tensor(clip.pixels.data(), 1, clip.shape), expected), 1);
  }
}

TEST(Sampler, AClipDependsOnSeedAndIndexAlone) {
  for (const Parametrisation parametrisation : {Parametrisation::flow, Parametrisation::eps}) {
    const Denoiser denoiser = toy_sampler(parametrisation);
    const auto many = pixels(sampled_clips(denoiser, sampling(3, 1), 19));
    for (const int threads : {2, 3})
      EXPECT_EQ(pixels(sampled_clips(denoiser, sampling(3, threads), 19)), many) << threads;
    for (const std::int64_t count : {1, 8, 11}) {
      const auto few = pixels(sampled_clips(denoiser, sampling(3, 2), count));
      EXPECT_EQ(few, decltype(few)(many.begin(), many.begin() + count)) << count;
    }
    EXPECT_NE(many[0], many[1]);
    EXPECT_NE(pixels(sampled_clips(denoiser, sampling(4, 1), 1))[0], many[0]);
  }
}

TEST(Sampler, SamplesAnyGridOfPatches) {
  for (const Positions positions : {Positions::sincos_3d, Positions::rope_3d}) {
    Denoiser denoiser = toy_sampler();
    denoiser.spec.network.positions = positions;
    if (positions == Positions::rope_3d) denoiser.weights.pos_embed = at::Tensor();
    for (const ClipShape& shape : {ClipShape{2, 8, 8}, ClipShape{8, 12, 20}, ClipShape{4, 4, 4}}) {
      const Denoiser other = at_size(denoiser, shape, "test");
      const auto clips = sampled_clips(other, sampling(3, 1), 1);
      ASSERT_EQ(clips.size(), 1U);
      EXPECT_EQ(clips[0].shape, shape);
      EXPECT_EQ(clips[0].pixels.size(), shape.bytes());
    }
    // There and back is the same denoiser.
    const Denoiser back = at_size(at_size(denoiser, {8, 12, 20}, "test"), {4, 8, 8}, "test");
    EXPECT_EQ(pixels(sampled_clips(back, sampling(3, 1), 2)),
              pixels(sampled_clips(denoiser, sampling(3, 1), 2)));
  }
}

TEST(Sampler, RefusesShapesThatAreNoGridOfPatches) {
  const auto refusal = [](const ClipShape& shape) {
    return input_error_of([&] { at_size(toy_sampler(), shape, "--size"); });
  };
  EXPECT_EQ(refusal({3, 8, 8}),
            "--size: frames: expected a multiple of 2, the frames of a token of this denoiser, "
            "found 3");
  EXPECT_TRUE(contains(refusal({4, 10, 8}), "height: expected a multiple of 4, the patches"));
  EXPECT_TRUE(contains(refusal({4, 8, 7}), "width: expected a multiple of 4"));
  EXPECT_TRUE(contains(refusal({4, 0, 8}), "found 0"));
}

TEST(Sampler, StopsAndKeepsWholeClips) {
  std::atomic<int> asked = 0;
  Sampling some = sampling(3, 1);
  some.solver.stop = [&] { return ++asked > 6; };
  const auto clips = sampled_clips(toy_sampler(), some, 19);
  ASSERT_EQ(clips.size(), 8U);  // of the first group, whose four steps are done
  EXPECT_EQ(pixels(clips), pixels(sampled_clips(toy_sampler(), sampling(3, 1), 8)));
}

TEST(Sampler, TellsOfEveryClipOnce) {
  std::atomic<std::int64_t> told = 0;
  Sampling some = sampling(3, 2);
  some.done = [&](std::int64_t clips) { told += clips; };
  sampled_clips(toy_sampler(), some, 19);
  EXPECT_EQ(told, 19);
}

TEST(Sampler, TheSpaceKeepsItsComponentsAlone) {
  Denoiser denoiser = toy_sampler();
  at::Tensor pixels = at::empty({20, 4, 8, 8, 3}, at::kByte);
  RandomStream stream({.seed = 2, .purpose = "test"});
  for (std::int64_t i = 0; i < pixels.numel(); ++i)
    pixels.data_ptr<std::uint8_t>()[i] = static_cast<std::uint8_t>(64 + stream.integer(128));
  const at::Tensor kept = through_space(denoiser, pixels);
  EXPECT_GT(largest_difference(kept, pixels), 5);
  EXPECT_LE(largest_difference(through_space(denoiser, kept), kept), 1);  // rounding
  denoiser.space = unmeasured_space(SpaceKind::pixel, 0, 96);
  EXPECT_TRUE(through_space(denoiser, pixels).equal(pixels));
}

TEST(Sampler, ADeviceGivesTheSameClips) {
  const auto expected = sampled_clips(toy_sampler(), sampling(3, 1), 2);
  const auto found = sampled_clips(to_device(toy_sampler(), shadow_device()), sampling(3, 1), 2);
  EXPECT_EQ(pixels(found), pixels(expected));
}

}  // namespace sampler_test
}  // namespace permafrost
