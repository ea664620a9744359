// SPDX-License-Identifier: Apache-2.0
#include "bench/haystack/films.h"

#include <cmath>

#include "bench/haystack/clip_pools.h"
#include "bench/haystack/needle_videos.h"
#include "common/files/csv.h"
#include "common/files/files.h"
#include "datasets/clips/long_video.h"
#include "models/testing/test_support.h"

namespace permafrost {
namespace films_test {
namespace fs = std::filesystem;

HaystackSpec small_spec() {
  HaystackSpec spec;
  spec.needles = 16;
  spec.hay = 24;
  spec.train_needles = 16;
  spec.train_hay = 16;
  spec.films = 3;
  spec.film_minutes = 1;  // 15 clips of 4 frames
  return spec;
}

Encoder small_encoder(int side = 24) {
  EncoderSpec spec;
  spec.width = 32;
  spec.depth = 1;
  spec.heads = 2;
  spec.frames = 4;
  spec.height = spec.image_width = side;
  return random_encoder(spec, 1);
}

class Films : public testing::Test {
 protected:
  void SetUp() override {
#ifndef PERMAFROST_FFMPEG
    GTEST_SKIP() << "built without FFmpeg";
#endif
  }
  TestFolder folder_;
};

double mean_difference(const std::uint8_t* a, const std::uint8_t* b, std::size_t count) {
  double sum = 0;
  for (std::size_t i = 0; i < count; ++i) sum += std::abs(a[i] - b[i]);
  return sum / static_cast<double>(count);
}

TEST_F(Films, ShowTheirNeedlesWhereTheListSaysSo) {
  const HaystackSpec spec = small_spec();
  const ClipShape shape{4, 24, 24};
  FilmFolder folder(folder_ / "films");
  const auto& paths = folder.films(spec, shape);
  ASSERT_EQ(paths.size(), 3U);
  const auto rows = parse_csv(read_file(folder_ / "films/4x24x24/films.csv"));
  ASSERT_EQ(rows.size(), 4U);
  EXPECT_EQ(rows[0], (std::vector<std::string>{"file", "needles", "first_frames"}));
  const auto needles = pool_source(spec, true, synthetic::Split::test, shape);
  for (std::size_t k = 0; k < 3; ++k) {
    EXPECT_EQ(paths[k].filename(), rows[k + 1][0]);
    EXPECT_EQ(rows[k + 1][1], synthetic::class_names(spec.needle)[k]);
    const std::int64_t first = std::stoll(rows[k + 1][2]);
    const Clip needle = needles.read(static_cast<std::int64_t>(k), 0, 1).clip;
    std::int64_t frames = 0;
    const LongVideo film = long_video_of_file(paths[k].string(), {.height = 24, .width = 24}, 1);
    film.show([&](std::int64_t number, const std::uint8_t* pixels) {
      ++frames;
      const double far =
          mean_difference(pixels, needle.frame(static_cast<int>(number % 4)), needle.frame_bytes());
      if (number >= first && number < first + 4)
        EXPECT_LT(far, 14) << number;
      else
        EXPECT_GT(far, 14) << number;
    });
    EXPECT_EQ(frames, 60);
    EXPECT_NEAR(film.fps, 1, 1e-6);
  }
}

TEST_F(Films, HoldAllNeedlesOfACount) {
  HaystackSpec spec = small_spec();
  spec.task = NeedleTask::count;
  FilmFolder folder(folder_ / "films");
  folder.films(spec, {4, 24, 24});
  const auto rows = parse_csv(read_file(folder_ / "films/4x24x24/films.csv"));
  for (std::size_t k = 0; k < 3; ++k)
    EXPECT_EQ(std::count(rows[k + 1][2].begin(), rows[k + 1][2].end(), ' '),
              static_cast<std::ptrdiff_t>(k));
}

TEST_F(Films, AreWrittenOnceAndAskedAboutClipByClip) {
  const HaystackSpec spec = small_spec();
  const Encoder encoder = small_encoder();
  const at::Tensor pool = encode_pools(spec, encoder).test;
  FilmFolder folder(folder_ / "films");
  std::vector<at::Tensor> seen;
  const auto keep = [&](const at::Tensor& tokens) {
    seen.push_back(tokens);
    return 0;
  };
  const HaystackFilms films = ask_about_films(spec, encoder, folder, pool, keep);
  ASSERT_EQ(seen.size(), 6U);
  for (std::size_t k = 0; k < 3; ++k) {
    const at::Tensor &before = seen[2 * k], &after = seen[2 * k + 1];
    ASSERT_EQ(before.sizes().vec(), (std::vector<std::int64_t>{15, pool.size(1), 32}));
    // Coding moves a clip by less than what parts it from all others.
    const at::Tensor distances =
        at::cdist(after.flatten(1), at::cat({before, pool}).flatten(1)).narrow(1, 0, 15);
    for (std::int64_t clip = 0; clip < 15; ++clip)
      EXPECT_EQ(distances[clip].min().item<float>(), distances[clip][clip].item<float>());
  }
  EXPECT_EQ(films.frames, 60);
  EXPECT_GT(films.token_change, 0.001);
  EXPECT_LT(films.token_change, 0.7);
  EXPECT_EQ(films.other_answers, 0);
  // Film 0 has a needle of class 0, which is what is always answered.
  EXPECT_EQ(films.decoded.scores, (std::vector<double>{100, 0, 0}));
  EXPECT_EQ(films.decoded.tokens, 15 * pool.size(1));
  const auto written = fs::last_write_time(folder_ / "films/4x24x24/film-000.mp4");
  ask_about_films(spec, encoder, folder, pool, keep);
  EXPECT_EQ(fs::last_write_time(folder_ / "films/4x24x24/film-000.mp4"), written);
}

TEST(FilmsOfAHaystack, RefuseOddSidesAndMoreThanThereAreNeedles) {
  HaystackSpec spec = small_spec();
  spec.films = 17;
  const std::string many = input_error_of([&] { run_haystack(spec, small_encoder(), 0); });
  EXPECT_TRUE(contains(many, "--films: expected at most as many as --needles, 16, found 17"))
      << many;
  spec.films = 3;
  EncoderSpec odd = small_encoder().spec;
  odd.patch = 5;
  odd.height = odd.image_width = 25;
  const std::string refusal =
      input_error_of([&] { run_haystack(spec, random_encoder(odd, 1), 0); });
  EXPECT_TRUE(contains(refusal, "--films: random-init: expected clips with even sides")) << refusal;
  EXPECT_TRUE(contains(refusal, "found 25x25")) << refusal;
}

TEST(FilmsOfAHaystack, DifferencesArePairedByFilm) {
  HaystackFilms films;
  films.rendered.scores.assign(40, 100.0);
  films.decoded.scores.assign(40, 100.0);
  EXPECT_EQ(films.difference_ci95().low, 0);
  EXPECT_EQ(films.difference_ci95().high, 0);
  for (std::size_t k = 0; k < 20; ++k) films.decoded.scores[k] = 0;
  EXPECT_LT(films.difference_ci95().high, -25);
}

}  // namespace films_test
}  // namespace permafrost
