// SPDX-License-Identifier: Apache-2.0
#include "probes/generation/clip_statistics.h"

#include <numbers>

#include "common/random.h"
#include "models/testing/test_support.h"

namespace permafrost {
namespace clip_statistics_test {

at::Tensor noise_clips(std::int64_t n, at::IntArrayRef shape, int contrast, std::uint64_t seed) {
  RandomStream stream({.seed = seed, .purpose = "test"});
  at::Tensor clips = at::empty({n, shape[0], shape[1], shape[2], 3}, at::kByte);
  for (std::int64_t i = 0; i < clips.numel(); ++i)
    clips.data_ptr<std::uint8_t>()[i] = static_cast<std::uint8_t>(
        128 - contrast +
        static_cast<int>(stream.integer(2 * static_cast<std::uint32_t>(contrast))));
  return clips;
}

// A wave of so many cycles over the clip's frames and columns.
at::Tensor wave_clip(int over_time, int over_width, double amplitude = 100) {
  at::Tensor clip = at::empty({1, 8, 16, 16, 3}, at::kByte);
  auto cells = clip.accessor<std::uint8_t, 5>();
  for (int t = 0; t < 8; ++t)
    for (int y = 0; y < 16; ++y)
      for (int x = 0; x < 16; ++x)
        for (int c = 0; c < 3; ++c)
          cells[0][t][y][x][c] = static_cast<std::uint8_t>(std::lround(
              128 + amplitude * std::cos(2 * std::numbers::pi *
                                         (over_time * t / 8.0 + over_width * x / 16.0))));
  return clip;
}

TEST(BandPower, PutsAWaveIntoItsBand) {
  const struct {
    int over_time, over_width, time_band, space_band;
  } waves[] = {{0, 1, 0, 1}, {0, 3, 0, 2}, {0, 6, 0, 3}, {2, 0, 1, 0}, {2, 1, 1, 1}, {3, 8, 2, 3}};
  for (const auto& wave : waves) {
    const BandPower power = band_power(wave_clip(wave.over_time, wave.over_width));
    const double share =
        (power.sum[wave.time_band][wave.space_band] / power.sum.sum()).item<double>();
    EXPECT_GT(share, 0.999) << wave.over_time << " " << wave.over_width;
  }
}

// Parseval: all bands together hold the variance of the values within clips.
TEST(BandPower, SumsToTheVariance) {
  const at::Tensor clips = noise_clips(20, {4, 10, 6}, 90, 1);
  const BandPower power = band_power(clips);
  const at::Tensor values = clips.to(at::kDouble) / 255;
  const double expected = (values - values.mean({1, 2, 3}, true)).square().sum().item<double>();
  EXPECT_NEAR(power.sum.sum().item<double>() / expected, 1, 1e-5);
  EXPECT_EQ(power.count.sum().item<double>(), 20 * 3 * (4 * 10 * 6 - 1));
}

TEST(BandPower, ThreadsChangeNothing) {
  const at::Tensor clips = noise_clips(50, {4, 8, 8}, 90, 1);
  EXPECT_TRUE(band_power(clips, 3).sum.equal(band_power(clips, 1).sum));
}

TEST(SpectrumRatio, IsTheLogarithmOfTheContrastSquared) {
  const at::Tensor strong = noise_clips(200, {8, 20, 20}, 100, 1);
  const at::Tensor weak = noise_clips(200, {8, 20, 20}, 50, 2);
  const SpectrumRatio ratio = spectrum_ratio(band_power(strong), band_power(weak));
  EXPECT_LT(largest_difference(ratio.both, at::full({3, 4}, std::log(4.0))), 0.15);
  EXPECT_LT(largest_difference(ratio.space, at::full({4}, std::log(4.0))), 0.05);
  EXPECT_LT(largest_difference(ratio.time, at::full({3}, std::log(4.0))), 0.05);
}

// What blurs takes fine detail, what freezes takes fast change.
TEST(SpectrumRatio, ShowsWhereClipsDiffer) {
  const at::Tensor real = at::cat({wave_clip(0, 6), wave_clip(3, 1), wave_clip(1, 1)});
  const at::Tensor blurred = at::cat({wave_clip(0, 6, 20), wave_clip(3, 1), wave_clip(1, 1)});
  const at::Tensor slow = at::cat({wave_clip(0, 6), wave_clip(3, 1, 20), wave_clip(1, 1)});
  const SpectrumRatio blur = spectrum_ratio(band_power(blurred), band_power(real));
  EXPECT_NEAR(blur.space[3].item<double>(), std::log(0.04), 0.05);
  EXPECT_NEAR(blur.space[1].item<double>(), 0, 1e-3);
  const SpectrumRatio freeze = spectrum_ratio(band_power(slow), band_power(real));
  EXPECT_NEAR(freeze.time[2].item<double>(), std::log(0.04), 0.05);
  EXPECT_NEAR(freeze.time[1].item<double>(), 0, 1e-3);
}

TEST(SpectrumRatio, HasNoFigureForFrequenciesThatClipsDoNotHave) {
  const BandPower power = band_power(noise_clips(4, {2, 16, 16}, 90, 1));
  const at::Tensor time = spectrum_ratio(power, power).time;
  EXPECT_EQ(time[0].item<double>(), 0);
  EXPECT_TRUE(std::isnan(time[1].item<double>()));
  EXPECT_EQ(time[2].item<double>(), 0);
}

TEST(FrameDifference, IsTheMeanSquaredChange) {
  at::Tensor clips = at::full({2, 3, 4, 4, 3}, 100, at::kByte);
  EXPECT_EQ(frame_difference(clips), 0);
  clips[0][1] = 151;  // 0.2 brighter, and back
  EXPECT_NEAR(frame_difference(clips), 0.04 / 2, 1e-6);
  EXPECT_TRUE(std::isnan(frame_difference(clips.slice(1, 0, 1))));
}

TEST(NearestClips, FindsTheNearestAndItsDistance) {
  const at::Tensor among = noise_clips(40, {2, 6, 6}, 100, 1);
  at::Tensor clips = among.index_select(0, at::tensor({std::int64_t{33}, std::int64_t{2}})).clone();
  clips[1] += 3;  // of values far from 255
  const NearestClips nearest = nearest_clips(clips, among);
  EXPECT_EQ(nearest.index[0].item<std::int64_t>(), 33);
  EXPECT_EQ(nearest.distance[0].item<double>(), 0);
  EXPECT_EQ(nearest.index[1].item<std::int64_t>(), 2);
  EXPECT_NEAR(nearest.distance[1].item<double>(), 3, 1e-9);
}

TEST(NearestClips, AgreesWithAllDistances) {
  const at::Tensor clips = noise_clips(35, {2, 6, 6}, 100, 1);
  const at::Tensor among = noise_clips(50, {2, 6, 6}, 100, 2);
  const at::Tensor all =
      (clips.flatten(1).to(at::kDouble).unsqueeze(1) - among.flatten(1).to(at::kDouble))
          .square()
          .mean(2)
          .sqrt();
  const NearestClips nearest = nearest_clips(clips, among, 3);
  EXPECT_TRUE(nearest.index.equal(all.argmin(1)));
  EXPECT_LT(largest_difference(nearest.distance, all.amin(1)), 1e-9);
}

}  // namespace clip_statistics_test
}  // namespace permafrost
