// SPDX-License-Identifier: Apache-2.0
#include "bench/haystack/haystack_run.h"

#include <nlohmann/json.hpp>

#include "bench/haystack/clip_pools.h"
#include "bench/haystack/haystack_figures.h"
#include "bench/haystack/needle_videos.h"
#include "bench/report/figures/standalone.h"
#include "common/files/files.h"
#include "datasets/rendered/video_writer.h"
#include "models/testing/test_support.h"

namespace permafrost {
namespace haystack_run_test {

// 4 frames of 24x24, 18 tokens a clip.
Encoder small_encoder() {
  EncoderSpec spec;
  spec.width = 32;
  spec.depth = 1;
  spec.heads = 2;
  spec.frames = 4;
  spec.height = spec.image_width = 24;
  return random_encoder(spec, 1);
}

HaystackSpec small_spec() {
  HaystackSpec spec;
  spec.needle = synthetic::NeedleKind::glyph;
  spec.lengths = {126, 1260, 12600};
  spec.train_lengths = {126, 1260};
  spec.needles = 40;
  spec.hay = 64;
  spec.train_needles = 160;
  spec.train_hay = 64;
  spec.batch = 32;
  spec.step_hay = 24;
  spec.training.steps = 30;
  return spec;
}

const HaystackReading& reading_of(const HaystackResult& result, const std::string& name) {
  for (const auto& reading : result.readings)
    if (reading.name == name) return reading;
  throw Error("no reading " + name);
}

TEST(Haystack, AsksAboutEveryNeedleAtEveryDepthAndLength) {
  HaystackSpec spec = small_spec();
  spec.full_lengths = {126};
  spec.full_videos = 16;
  spec.full_train_videos = 32;
  const HaystackResult result = run_haystack(spec, small_encoder(), 0);
  EXPECT_EQ(result.clip_tokens, 18);
  EXPECT_DOUBLE_EQ(result.chance, 12.5);
  EXPECT_LT(result.lookup_error, 1e-6);
  EXPECT_EQ(result.lookup_tokens, 12600);
  EXPECT_EQ(result.inputs.size(), 4U);
  ASSERT_EQ(result.readings.size(), 6U);
  for (std::size_t k = 0; k < 5; ++k) {
    const HaystackReading& reading = result.readings[k];
    SCOPED_TRACE(reading.name);
    ASSERT_EQ(reading.lengths.size(), 3U);
    EXPECT_EQ(reading.lengths[2].clips, 700);
    for (const auto& length : reading.lengths) {
      EXPECT_EQ(length.asked, std::vector<int>(10, 40));
      EXPECT_EQ(length.scores.size(), 40U);
      double right = 0;
      for (const int count : length.right) right += count;
      EXPECT_NEAR(length.accuracy(), right / 4, 1e-9);  // percent of 400
    }
    ASSERT_TRUE(reading.alone.has_value());
    ASSERT_EQ(reading.without.size(), 3U);
    // Labels take turns, so an answer that does not look is right once in eight.
    EXPECT_NEAR(reading.without[2].accuracy(), 12.5, 15);
  }
  const HaystackReading& full = reading_of(result, "full attention");
  EXPECT_EQ(full.lengths.at(0).tokens, 126);
  EXPECT_EQ(full.lengths.at(0).scores.size(), 16U);
  ASSERT_TRUE(result.dilution.has_value());
  EXPECT_EQ(result.dilution->gaps.size(), 2U);
}

HaystackLength length_of(std::int64_t tokens, double accuracy) {
  return {.tokens = tokens, .clips = tokens / 18, .scores = {accuracy}};
}

TEST(Haystack, SaysWhereRecallHasFallenHalfWay) {
  HaystackReading reading{.name = "attention"};
  EXPECT_EQ(half_of_the_recall(reading, 10), std::nullopt);  // nothing to compare with
  reading.alone = length_of(100, 90);
  reading.lengths = {length_of(1000, 88), length_of(10000, 70)};
  EXPECT_EQ(half_of_the_recall(reading, 10), std::nullopt);  // does not fall below 50
  // From 70 to 30: half way on the logarithmic axis.
  reading.lengths.push_back(length_of(1000000, 30));
  EXPECT_NEAR(half_of_the_recall(reading, 10).value(), 100000, 1);
  // Below at once, from the needle alone.
  reading.lengths = {length_of(10000, 10)};
  EXPECT_NEAR(half_of_the_recall(reading, 10).value(), 1000, 1e-6);
  // The weight on n tokens that stand out by a gap of 0 is half among as many others.
  EXPECT_DOUBLE_EQ(half_of_the_weight(0, 144), 288);
  EXPECT_NEAR(half_of_the_weight(8.85, 144), 1e6, 1e4);
}

TEST(Haystack, ThreadsChangeNoNumberAndFilesSayAll) {
  for (const NeedleTask task : {NeedleTask::needle, NeedleTask::needle_time, NeedleTask::count}) {
    HaystackDocument document{.spec = small_spec()};
    document.spec.task = task;
    document.spec.training.steps = 5;
    std::vector<std::string> csv;
    for (const int threads : {1, 3}) {
      document.spec.training.threads = threads;
      document.results = {run_haystack(document.spec, small_encoder(), 0)};
      csv.push_back(haystack_csv(document));
    }
    EXPECT_EQ(csv[0], csv[1]);
    EXPECT_EQ(contains(csv[0], "clips counted one by one"), task == NeedleTask::count);
    document.costs = {{"a", "8", "none", 100, 1800, 1, 2, 3e8},
                      {"a", "8", "none", 1000, 18000, 10, 20, 3e8}};
    const Json json = to_json(document);
    EXPECT_EQ(json.at("format"), "permafrost.haystack.1");
    EXPECT_EQ(json.at("results")[0].at("encoder_sha256"), small_encoder().sha256);
    EXPECT_EQ(json.at("results")[0].at("readings")[0].at("lengths").size(), 3U);
    const std::string table = haystack_table(document);
    EXPECT_TRUE(contains(table, " 12,600 |")) << table;
    EXPECT_TRUE(contains(table, " 1.00 |")) << table;  // the slope of the costs
    EXPECT_EQ(contains(table, "Gemini"), task == NeedleTask::needle);
    for (const Figure& figure : {haystack_grid(document), haystack_curves(document)}) {
      const std::string svg = standalone_svg(figure);
      EXPECT_EQ(svg.rfind("<svg xmlns=\"http://www.w3.org/2000/svg\"", 0), 0U);
      EXPECT_TRUE(contains(svg, "random-init")) << figure.title;
    }
  }
}

// An hour at one frame a second has 3,600 frames; this one has 100.
TEST(Haystack, AVideoFileOfTheSameClipsHasTheTokensThatAreLookedUp) {
#ifndef PERMAFROST_FFMPEG
  GTEST_SKIP() << "built without FFmpeg";
#endif
  const HaystackSpec spec = small_spec();
  const Encoder encoder = small_encoder();
  const ClipShape shape = encoder.spec.clip_shape();
  const auto hay = pool_source(spec, false, synthetic::Split::test, shape);
  const auto needles = pool_source(spec, true, synthetic::Split::test, shape);
  constexpr std::int64_t kClips = 25, kVideo = 3;
  const std::int64_t needle_at = needle_place(spec, kVideo, kClips, 6);
  const ClipPools pools = encode_pools(spec, encoder);
  Clip film(ClipShape{static_cast<int>(kClips) * 4, 24, 24});
  std::vector<at::Tensor> expected;
  for (std::int64_t place = 0; place < kClips; ++place) {
    const std::int64_t index = hay_at(spec.training.seed, kVideo, place, spec.hay);
    const bool is_needle = place == needle_at;
    const Clip clip = (is_needle ? needles.read(kVideo, 0, 1) : hay.read(index, 0, 1)).clip;
    std::copy(clip.pixels.begin(), clip.pixels.end(), film.frame(4 * static_cast<int>(place)));
    expected.push_back(pools.test[is_needle ? spec.hay + kVideo : index]);
  }
  const TestFolder folder;
  const std::string path = (folder / "film.mp4").string();
  write_file_atomically(path, encode_video(film, {.fps = 1}));
  std::vector<at::Tensor> seen;
  encode_windows(encoder, long_video_of_file(path, {.height = 24, .width = 24}, 1), {.stride = 4},
                 [&](const WindowFeatures& part) { seen.push_back(standardised(part.features)); });
  EXPECT_LT(largest_difference(at::cat(seen), at::stack(expected)), 1e-5);
  // The counts say the same of the video.
  const at::Tensor counts = TestVideos(spec, kClips).at_depth(6).videos.counts[kVideo][0];
  EXPECT_EQ(counts[spec.hay + kVideo].item<double>(), 1);
  EXPECT_EQ(counts.sum().item<double>(), kClips);
}

TEST(Haystack, RefusesWhatMakesNoSenseAndWhatDoesNotFit) {
  HaystackSpec spec = small_spec();
  const auto refusal = [&] {
    return input_error_of([&] { run_haystack(spec, small_encoder(), 1e6); });
  };
  EXPECT_TRUE(contains(refusal(), "pools of clips: random-init: expected")) << refusal();
  EXPECT_TRUE(contains(refusal(), "--memory")) << refusal();
  spec.needles = 12;
  EXPECT_TRUE(contains(refusal(), "--needles: expected a multiple of 8")) << refusal();
  spec = small_spec();
  spec.lengths = {10, 10};
  EXPECT_TRUE(contains(refusal(), "--lengths")) << refusal();
  spec = small_spec();
  spec.full_lengths = {126};
  spec.task = NeedleTask::count;
  EXPECT_TRUE(contains(refusal(), "--full: expected none with --task count")) << refusal();
  spec.full_lengths = {};
  spec.train_hay = 3;
  EXPECT_TRUE(contains(refusal(), "--train-hay: expected at least 4")) << refusal();
}

TEST(Haystack, CostsAreLinesOfTheFeaturesCommand) {
  const TestFolder folder;
  const std::string good =
      R"({"encoder":"a","window":"8","pool":"none","frames":80,"kept_tokens":9,"seconds":1,)"
      R"("core_seconds":2,"peak_memory_bytes":3.0,"more":1})";
  write_file_atomically(folder / "c", good + "\n\n" + good + "\n{\"a\":1}\n");
  const std::string refusal = input_error_of([&] { read_costs((folder / "c").string()); });
  EXPECT_TRUE(contains(refusal, "c:4: expected a line that permafrost features")) << refusal;
  write_file_atomically(folder / "c", good + "\n");
  EXPECT_EQ(read_costs((folder / "c").string()).at(0).frames, 80);
  EXPECT_EQ(tokens_text(10000080), "10,000,080");
  EXPECT_EQ(tokens_text(999), "999");
}

}  // namespace haystack_run_test
}  // namespace permafrost
