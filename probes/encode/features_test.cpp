// SPDX-License-Identifier: Apache-2.0
#include "probes/encode/features.h"

#include <chrono>
#include <condition_variable>
#include <mutex>

#include "models/testing/test_support.h"
#include "probes/heads/head.h"
#include "probes/testing/test_clips.h"

namespace permafrost {
namespace features_test {

TEST(Features, HaveTheSameBitsForAnyNumberOfThreads) {
  const Encoder encoder = random_encoder(tiny_spec(), 1);
  const ColouredClips source(50, encoder.spec.clip_shape());
  const LabelledFeatures one = encode_source(encoder, source, {.clips = 1, .threads = 1});
  EXPECT_EQ(one.tokens.sizes(), (std::vector<std::int64_t>{50, 8, 16}));
  EXPECT_EQ(one.targets[4].label(), 1);
  EXPECT_EQ(one.failed(), 0);
  for (const int threads : {2, 7})
    EXPECT_TRUE(
        encode_source(encoder, source, {.clips = 1, .threads = threads}).tokens.equal(one.tokens));
}

TEST(Features, AreTheStandardisedFeaturesOfEachClip) {
  const Encoder encoder = random_encoder(tiny_spec(), 1);
  const ColouredClips source(20, encoder.spec.clip_shape());
  const LabelledFeatures features = encode_source(encoder, source, {.clips = 2, .threads = 1});
  ASSERT_EQ(features.tokens.size(1), 16);
  for (const std::int64_t i : {0, 17}) {
    for (int place = 0; place < 2; ++place) {
      Sample sample = source.read(i, place, 2);
      const at::Tensor alone = standardised(
          encode_pixels(encoder, pixel_tensor(sample.clip.pixels.data(), 1, sample.clip.shape)));
      EXPECT_LT(largest_difference(features.tokens[i].slice(0, 8 * place, 8 * place + 8), alone[0]),
                1e-5);
    }
  }
  EXPECT_LT(features.tokens.mean(2).abs().max().item<double>(), 1e-5);
}

TEST(Features, OfSeveralViewsComeFromOneReading) {
  const Encoder encoder = random_encoder(tiny_spec(), 1);
  const ThreeViews source(40, encoder.spec.clip_shape(), {7});
  const std::vector<std::int64_t> tested{3, 7, 20, 21, 39};
  const LabelledFeatures features =
      encode_source(encoder, source, {.clips = 2, .threads = 2, .batch = 4}, tested);
  EXPECT_EQ(source.reads(), 40);
  EXPECT_EQ(features.failed(), 1);
  EXPECT_EQ(features.failures[7], "clip/7: broken");
  const ColouredClips shown(40, encoder.spec.clip_shape(), {7});
  const LabelledFeatures plain = encode_source(encoder, shown, {.clips = 2});
  EXPECT_TRUE(plain.more_views.empty());
  for (std::int64_t i = 0; i < 40; ++i) {
    if (i == 7) continue;
    EXPECT_LT(largest_difference(features.tokens[i], plain.tokens[i]), 1e-5) << i;
  }
  ASSERT_EQ(features.more_views.size(), 2U);
  std::vector<std::string> failures;
  const auto views = encode_views(encoder, source, tested, {.clips = 2, .batch = 4}, failures);
  ASSERT_EQ(views.size(), 3U);
  EXPECT_EQ(failures[1], "clip/7: broken");
  for (std::size_t k = 0; k < tested.size(); ++k) {
    if (tested[k] == 7) continue;
    const auto row = static_cast<std::int64_t>(k);
    EXPECT_LT(largest_difference(views[1][row], features.tokens[tested[k]]), 1e-5);
    EXPECT_TRUE(features.more_views[0][row].equal(views[0][row]));
    EXPECT_TRUE(features.more_views[1][row].equal(views[2][row]));
    for (std::size_t v = 0; v < 3; ++v) {
      ClipSet set = source.read_all(tested[k], 2);
      Clip& clip = set.clips[2 * v];
      const at::Tensor alone =
          standardised(encode_pixels(encoder, pixel_tensor(clip.pixels.data(), 1, clip.shape)));
      EXPECT_LT(largest_difference(views[v][row].slice(0, 0, 8), alone[0]), 1e-5);
    }
  }
}

// A read ends when another is under way, or after a while.
class Sociable : public ColouredClips {
 public:
  using ColouredClips::ColouredClips;
  Sample read(std::int64_t index, int place, int places) const override {
    std::unique_lock lock(mutex_);
    ++begun_;
    changed_.notify_all();
    met_ = changed_.wait_for(lock, std::chrono::seconds(5), [&] { return begun_ > 1; }) && met_;
    lock.unlock();
    return ColouredClips::read(index, place, places);
  }
  bool met() const { return met_; }

 private:
  mutable std::mutex mutex_;
  mutable std::condition_variable changed_;
  mutable int begun_ = 0;
  mutable bool met_ = true;
};

TEST(Features, OneBatchIsReadByAllThreads) {
  const Encoder encoder = random_encoder(tiny_spec(), 1);
  const Sociable source(2, encoder.spec.clip_shape());
  std::vector<std::string> failures;
  const at::Tensor tokens =
      encode_samples(encoder, source, {1, 0}, {.threads = 2, .batch = 16}, failures);
  EXPECT_TRUE(source.met());
  const ColouredClips plain(2, encoder.spec.clip_shape());
  EXPECT_TRUE(tokens.equal(encode_samples(encoder, plain, {1, 0}, {.batch = 16}, failures)));
}

TEST(Features, ReportSamplesThatCouldNotBeRead) {
  const Encoder encoder = random_encoder(tiny_spec(), 1);
  const ColouredClips whole(40, encoder.spec.clip_shape());
  const ColouredClips source(40, encoder.spec.clip_shape(), {5, 33});
  const LabelledFeatures features = encode_source(encoder, source, {.clips = 1, .threads = 2});
  EXPECT_EQ(features.failed(), 2);
  EXPECT_EQ(features.failures[5], "clip/5: broken");
  EXPECT_EQ(features.failures[6], "");
  const at::Tensor expected = encode_source(encoder, whole, {.clips = 1, .threads = 1}).tokens;
  for (std::int64_t i = 0; i < 40; ++i) {
    if (i == 5 || i == 33) continue;
    EXPECT_TRUE(features.tokens[i].equal(expected[i])) << i;
  }
}

TEST(Features, LeaveTheEncoderAsItWas) {
  const Encoder encoder = random_encoder(tiny_spec(), 1);
  const std::string before = hash_of(encoder);
  const LabelledFeatures features = encode_source(
      encoder, ColouredClips(20, encoder.spec.clip_shape()), {.clips = 1, .threads = 2});
  EXPECT_EQ(hash_of(encoder), before);
  EXPECT_FALSE(features.tokens.requires_grad());
}

TEST(Features, RefuseAnEncoderThatChanged) {
  const Encoder encoder = random_encoder(tiny_spec(), 1);
  encoder.weights.norm.bias[3] += 1e-3;
  EXPECT_THROW(encode_source(encoder, ColouredClips(2, encoder.spec.clip_shape()),
                             {.clips = 1, .threads = 1}),
               Error);
}

TEST(Features, RefuseClipsOfAnotherShape) {
  const Encoder encoder = random_encoder(tiny_spec(), 1);
  try {
    encode_source(encoder, ColouredClips(2, {4, 16, 24}), {.clips = 1, .threads = 1});
    FAIL() << "took clips of another shape";
  } catch (const Error& error) {
    EXPECT_TRUE(contains(error.what(), "clip/0")) << error.what();
  }
}

TEST(Features, OfNothingAreEmpty) {
  const Encoder encoder = random_encoder(tiny_spec(), 1);
  const LabelledFeatures features = encode_source(
      encoder, ColouredClips(0, encoder.spec.clip_shape()), {.clips = 1, .threads = 2});
  EXPECT_EQ(features.tokens.size(0), 0);
  EXPECT_EQ(features.failed(), 0);
}

TEST(Features, BatchesChangeRoundingAlone) {
  const Encoder encoder = random_encoder(tiny_spec(), 1);
  const ColouredClips source(70, encoder.spec.clip_shape());
  const at::Tensor tokens = encode_source(encoder, source, {}).tokens;
  for (const std::int64_t batch : {1, 7, 64})
    EXPECT_LT(largest_difference(encode_source(encoder, source, {.batch = batch}).tokens, tokens),
              1e-5)
        << batch;
}

}  // namespace features_test
}  // namespace permafrost
