// SPDX-License-Identifier: Apache-2.0
#include "probes/encode/long_features.h"

#include <algorithm>

#include "models/testing/test_support.h"
#include "probes/encode/features.h"
#include "probes/testing/test_clips.h"

namespace permafrost {
namespace long_features_test {

const synthetic::SceneName kScene{synthetic::SyntheticTask::motion, synthetic::Split::test, 0};

// Scenes of 4 frames, as long as a clip of the tiny encoder.
LongVideo film(std::int64_t frames) { return long_video_of_world(kScene, {4, 16, 16}, frames); }

at::Tensor frames_of(const LongVideo& video) {
  std::vector<std::uint8_t> pixels;
  video.show([&](std::int64_t, const std::uint8_t* frame) {
    pixels.insert(pixels.end(), frame, frame + video.height * video.width * 3);
  });
  return at::tensor(at::ArrayRef<std::uint8_t>(pixels), at::kByte)
      .view({-1, video.height, video.width, 3});
}

struct Seen {
  LongVideoSeen seen;
  at::Tensor features;
  std::vector<std::int64_t> frames;
};

Seen windows_of(const Encoder& encoder, const LongVideo& video, const WindowOptions& options) {
  std::vector<at::Tensor> parts;
  Seen all;
  all.seen = encode_windows(encoder, video, options, [&](const WindowFeatures& part) {
    parts.push_back(part.features);
    all.frames.insert(all.frames.end(), part.frames.begin(), part.frames.end());
  });
  all.features = at::cat(parts);
  return all;
}

// Of the windows that begin at these frames, each by itself.
at::Tensor expected_at(const Encoder& encoder, const LongVideo& video,
                       const std::vector<std::int64_t>& begins) {
  const at::Tensor frames = frames_of(video);
  std::vector<at::Tensor> parts;
  for (const auto begin : begins)
    parts.push_back(encode_pixels(
        encoder, frames.slice(0, begin, begin + encoder.spec.frames).unsqueeze(0).contiguous()));
  return at::cat(parts);
}

TEST(LongFeatures, WindowsAreClipsThatTheEncoderSeesByThemselves) {
  const Encoder encoder = random_encoder(tiny_spec(), 1);
  struct Case {
    std::int64_t frames;
    int stride;
    std::vector<std::int64_t> begins;
  };
  // The last window ends with the last frame where windows leave no gaps.
  for (const auto& c : {Case{12, 4, {0, 4, 8}}, Case{13, 4, {0, 4, 8, 9}}, Case{9, 2, {0, 2, 4, 5}},
                        Case{4, 4, {0}}, Case{15, 6, {0, 6}}, Case{5, 1, {0, 1}}}) {
    SCOPED_TRACE(c.frames);
    const Seen all = windows_of(encoder, film(c.frames), {.stride = c.stride});
    EXPECT_EQ(all.seen.frames, c.frames);
    EXPECT_EQ(all.seen.windows, static_cast<std::int64_t>(c.begins.size()));
    EXPECT_LT(largest_difference(all.features, expected_at(encoder, film(c.frames), c.begins)),
              1e-5);
    ASSERT_EQ(all.frames.size(), 2 * c.begins.size());
    for (std::size_t k = 0; k < c.begins.size(); ++k) {
      EXPECT_EQ(all.frames[2 * k], c.begins[k]);
      EXPECT_EQ(all.frames[2 * k + 1], c.begins[k] + 2);
    }
  }
}

TEST(LongFeatures, ThreadsChangeNoBit) {
  const Encoder encoder = random_encoder(tiny_spec(), 1);
  const Seen one = windows_of(encoder, film(700), {.stride = 4, .threads = 1});
  const Seen three = windows_of(encoder, film(700), {.stride = 4, .threads = 3});
  EXPECT_EQ(one.seen.windows, 175);
  EXPECT_TRUE(one.features.equal(three.features));
  EXPECT_EQ(one.frames, three.frames);
}

TEST(LongFeatures, PoolingIsTheMeanOfTokens) {
  const Encoder encoder = random_encoder(tiny_spec(), 1);
  const at::Tensor all = windows_of(encoder, film(12), {.stride = 4}).features;
  const auto with = [&](Pooling pooling) {
    return windows_of(encoder, film(12), {.stride = 4, .pooling = pooling}).features;
  };
  EXPECT_TRUE(with(Pooling::window).equal(all.mean(1, true)));
  EXPECT_TRUE(with(Pooling::time_step).equal(all.unflatten(1, {2, 4}).mean(2)));
}

TEST(LongFeatures, OtherWindowsAreOfAnEncoderAtThatSize) {
  const Encoder encoder = at_size(random_encoder(tiny_spec(), 1), {8, 16, 16});
  const Seen all = windows_of(encoder, film(24), {.stride = 8});
  EXPECT_EQ(all.features.sizes().vec(), (std::vector<std::int64_t>{3, 16, 16}));
  EXPECT_LT(largest_difference(all.features, expected_at(encoder, film(24), {0, 8, 16})), 1e-5);
}

TEST(LongFeatures, RefusesAVideoThatIsShorterThanAWindow) {
  const Encoder encoder = random_encoder(tiny_spec(), 1);
  const std::string refusal = input_error_of([&] { windows_of(encoder, film(3), {.stride = 4}); });
  EXPECT_TRUE(contains(refusal, "at least a window of 4, found 3")) << refusal;
}

TEST(LongFeatures, WholeVideosAreOneClipOfThatLength) {
  for (const Positions positions : {Positions::sincos_3d, Positions::rope_3d}) {
    EncoderSpec spec = tiny_spec();
    spec.positions = positions;
    const Encoder encoder = random_encoder(spec, 1);
    // More frames than go into the first layer together, and one that fills no time step.
    std::vector<std::string> notes;
    const WindowFeatures whole = encode_whole(encoder, film(333), {}, notes);
    const Encoder at = at_size(encoder, {332, 16, 16});
    const at::Tensor pixels = frames_of(film(332)).unsqueeze(0);
    EXPECT_LT(largest_difference(whole.features, encode_pixels(at, pixels)), 2e-5);
    ASSERT_EQ(whole.frames.size(), 166U);
    EXPECT_EQ(whole.frames[165], 330);
    ASSERT_EQ(notes.size(), 2U);
    EXPECT_TRUE(contains(notes[0],
                         positions == Positions::rope_3d ? "are computed for" : "table is resized"))
        << notes[0];
    EXPECT_TRUE(contains(notes[1], "1 frames at the end")) << notes[1];
  }
}

TEST(LongFeatures, SaysHowMuchMemoryAWholeVideoTakesBeforeItTakesIt) {
  const Encoder encoder = random_encoder(tiny_spec(), 1);
  std::vector<std::string> notes;
  const auto whole = [&](LongVideo video, double most) {
    encode_whole(encoder, video, {.most_bytes = most}, notes);
  };
  const double enough = whole_bytes(encoder.spec, 400);
  whole(film(400), enough);
  for (const bool promised : {true, false}) {
    LongVideo video = film(402);
    int shown = 0;
    if (!promised) video.expected = 0;  // more frames than the file said
    video.show = [&shown, show = video.show](const FrameUse& use) {
      show([&](std::int64_t number, const std::uint8_t* pixels) {
        ++shown;
        use(number, pixels);
      });
    };
    const std::string refusal = input_error_of([&] { whole(video, enough); });
    EXPECT_TRUE(contains(refusal, "--window full: synthetic:motion: expected")) << refusal;
    EXPECT_TRUE(contains(refusal, promised ? "for 804 tokens at once" : "for 802 tokens at once"))
        << refusal;
    EXPECT_TRUE(contains(refusal, "--window 4 takes the same memory")) << refusal;
    EXPECT_EQ(shown, promised ? 0 : 401);
  }
}

}  // namespace long_features_test
}  // namespace permafrost
