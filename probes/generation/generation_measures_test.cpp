// SPDX-License-Identifier: Apache-2.0
#include "probes/generation/generation_measures.h"

#include "datasets/synthetic/source.h"
#include "models/testing/test_support.h"
#include "probes/encode/clip_chunk.h"
#include "probes/encode/features.h"

namespace permafrost {
namespace generation_measures_test {

constexpr ClipShape kShape{4, 24, 24};

at::Tensor world_clips(std::int64_t first, std::int64_t n) {
  const synthetic::MixtureSource source(1 << 20, kShape);
  std::vector<std::int64_t> indices;
  for (std::int64_t i = 0; i < n; ++i) indices.push_back(first + i);
  std::vector<std::string> failures(indices.size());
  auto pixels = read_chunk(source, kShape, indices, 1, Views::shown, failures);
  return pixel_tensor(pixels.data(), n, kShape).clone();
}

Encoder small_encoder() {
  EncoderSpec spec;
  spec.width = 24;
  spec.depth = 1;
  spec.heads = 2;
  spec.frames = 4;
  spec.height = spec.image_width = 24;
  return random_encoder(spec, 1);
}

constexpr std::int64_t kClips = 90;

GenerationClips with_samples(const at::Tensor& samples) {
  const at::Tensor real = world_clips(1000, kClips);
  return {.samples = samples,
          .real = real,
          .other = world_clips(2000, kClips),
          .kept = real.bitwise_and(0xFC),  // a space of 64 shades
          .train = world_clips(0, 60)};
}

// Of clips of the world, nothing tells them from others.
TEST(GenerationMeasures, RealClipsPassForReal) {
  const auto measures =
      measured_generation(small_encoder(), with_samples(world_clips(3000, kClips)), 2);
  EXPECT_EQ(measures.clips, kClips);
  EXPECT_EQ(measures.train, 60);
  EXPECT_GT(measures.other.frechet, 0);
  EXPECT_LT(measures.samples.frechet, 2 * measures.other.frechet);
  EXPECT_LT(measures.samples.spectrum.both.abs().max().item<double>(), 0.5);
  EXPECT_NEAR(measures.samples.motion, 1, 0.3);
  EXPECT_NEAR(measures.samples.nearest / measures.other.nearest, 1, 0.1);
  EXPECT_GT(measures.kept.frechet, 0);
  EXPECT_LT(measures.kept.frechet, measures.other.frechet);
}

// Each kind of failure shows in the number that is there for it.
TEST(GenerationMeasures, TellWhatIsWrong) {
  const Encoder encoder = small_encoder();
  const at::Tensor good = world_clips(3000, kClips);
  const auto measured = [&](const at::Tensor& samples) {
    return measured_generation(encoder, with_samples(samples), 2);
  };
  const auto frozen = measured(good.slice(1, 0, 1).expand_as(good).contiguous());
  EXPECT_EQ(frozen.samples.motion, 0);
  EXPECT_LT(frozen.samples.spectrum.time[2].item<double>(), -5);
  const auto learned_by_heart =
      measured(world_clips(0, 60).repeat({2, 1, 1, 1, 1}).slice(0, 0, kClips));
  EXPECT_EQ(learned_by_heart.samples.nearest, 0);
  EXPECT_GT(learned_by_heart.other.nearest, 10);
  const auto one_clip = measured(good.slice(0, 0, 1).expand_as(good).contiguous());
  EXPECT_GT(one_clip.samples.frechet, 5 * one_clip.other.frechet);
  const at::Tensor blurred =
      at::avg_pool3d(good.permute({0, 4, 1, 2, 3}).to(at::kFloat), {1, 3, 3}, {1, 1, 1}, {0, 1, 1})
          .permute({0, 2, 3, 4, 1})
          .to(at::kByte);
  const at::Tensor space = measured(blurred.contiguous()).samples.spectrum.space;
  EXPECT_LT(space[3].item<double>(), -1);
  EXPECT_GT(space[0].item<double>(), -0.5);
}

TEST(GenerationMeasures, ThreadsChangeNothing) {
  const GenerationClips clips = with_samples(world_clips(3000, kClips));
  EXPECT_EQ(to_json(measured_generation(small_encoder(), clips, 1)),
            to_json(measured_generation(small_encoder(), clips, 3)));
}

TEST(GenerationMeasures, FeaturesAreMeansOverTokens) {
  const Encoder encoder = small_encoder();
  const at::Tensor clips = world_clips(0, 20);
  const at::Tensor expected = encode_pixels(encoder, clips).mean(1);
  EXPECT_LT(largest_difference(mean_features(encoder, clips, 2), expected), 1e-5);
}

TEST(GenerationMeasures, AreATableOfFiveRowsAndJson) {
  const auto measures =
      measured_generation(small_encoder(), with_samples(world_clips(3000, kClips)), 2);
  const std::string text = text_of(measures);
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 2 + 5) << text;
  EXPECT_TRUE(contains(text, "nearest of 60 training clips")) << text;
  const Json json = to_json(measures);
  EXPECT_EQ(json.at("clips"), kClips);
  EXPECT_EQ(json.at("samples").at("log_power_space").size(), 4U);
  EXPECT_EQ(json.at("real").at("log_power_time_space").at(2).size(), 4U);
  for (const char* whose : {"samples", "real", "real_in_space"})
    EXPECT_TRUE(json.at(whose).at("frechet_distance").is_number()) << whose;
}

// Images have no motion: that is said, not 0 or 1.
TEST(GenerationMeasures, OfOneFrameHaveNoMotion) {
  EncoderSpec spec = small_encoder().spec;
  spec.tubelet = 1;
  const auto first = [](const at::Tensor& clips) { return clips.slice(1, 0, 1).contiguous(); };
  GenerationClips clips = with_samples(world_clips(3000, kClips));
  for (at::Tensor* set : {&clips.samples, &clips.real, &clips.other, &clips.kept, &clips.train})
    *set = first(*set);
  const auto measures = measured_generation(random_encoder(spec, 1), clips, 1);
  EXPECT_TRUE(to_json(measures).at("samples").at("frame_difference_ratio").is_null());
  EXPECT_TRUE(contains(text_of(measures), "squared difference of frames, ratio | - | - | - |"));
}

}  // namespace generation_measures_test
}  // namespace permafrost
