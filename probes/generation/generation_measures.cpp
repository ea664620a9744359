// SPDX-License-Identifier: Apache-2.0
#include "probes/generation/generation_measures.h"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include <algorithm>
#include <cmath>
#include <cstdio>

#include "common/error.h"
#include "common/machine/parallel.h"
#include "probes/encode/features.h"
#include "probes/generation/frechet_distance.h"

namespace permafrost {
namespace {

ClipShape shape_of_clips(const at::Tensor& clips) {
  return {static_cast<int>(clips.size(1)), static_cast<int>(clips.size(2)),
          static_cast<int>(clips.size(3))};
}

// One set of clips, as far as it is compared with others.
struct ClipSummary {
  GaussianFit features;
  BandPower power;
  double difference = 0;
};

ClipSummary summary_of(const Encoder& encoder, const at::Tensor& clips, int threads) {
  return {.features = gaussian_of(mean_features(encoder, clips, threads)),
          .power = band_power(clips, threads),
          .difference = frame_difference(clips)};
}

double median_nearest(const at::Tensor& clips, const at::Tensor& train, int threads) {
  return nearest_clips(clips, train, threads).distance.median().item<double>();
}

GenerationNumbers numbers_of(const ClipSummary& clips, const ClipSummary& real, double nearest) {
  return {.frechet = frechet_distance(clips.features, real.features),
          .spectrum = spectrum_ratio(clips.power, real.power),
          .motion = clips.difference / real.difference,
          .nearest = nearest};
}

Json number_of(double value) { return std::isfinite(value) ? Json(value) : Json(nullptr); }

Json numbers_of_row(const at::Tensor& row) {
  Json numbers = Json::array();
  for (std::int64_t i = 0; i < row.size(0); ++i)
    numbers.push_back(number_of(row[i].item<double>()));
  return numbers;
}

Json to_json(const GenerationNumbers& numbers) {
  Json both = Json::array();
  for (int t = 0; t < kTimeBands; ++t) both.push_back(numbers_of_row(numbers.spectrum.both[t]));
  return {{"frechet_distance", number_of(numbers.frechet)},
          {"log_power_space", numbers_of_row(numbers.spectrum.space)},
          {"log_power_time", numbers_of_row(numbers.spectrum.time)},
          {"log_power_time_space", both},
          {"frame_difference_ratio", number_of(numbers.motion)},
          {"nearest_training_clip", number_of(numbers.nearest)}};
}

std::string figure_of(double value, const char* format) {
  if (!std::isfinite(value)) return "-";
  char text[32];
  std::snprintf(text, sizeof text, format, value);
  return text;
}

std::string figures_of(const at::Tensor& row) {
  std::string text;
  for (std::int64_t i = 0; i < row.size(0); ++i)
    text += (i > 0 ? " " : "") + figure_of(row[i].item<double>(), "%+.2f");
  return text;
}

}  // namespace

at::Tensor mean_features(const Encoder& encoder, const at::Tensor& clips, int threads) {
  constexpr std::int64_t kBatch = 16;
  const Encoder sized = at_size(encoder, shape_of_clips(clips));
  const auto n = clips.size(0);
  at::Tensor features = at::empty({n, sized.spec.width}, at::kFloat);
  parallel_for((n + kBatch - 1) / kBatch, threads, [&](std::int64_t part) {
    const at::NoGradGuard no_grad;
    const std::int64_t begin = part * kBatch, end = std::min(n, begin + kBatch);
    features.slice(0, begin, end).copy_(encode_pixels(sized, clips.slice(0, begin, end)).mean(1));
  });
  return features;
}

GenerationMeasures measured_generation(const Encoder& encoder, const GenerationClips& clips,
                                       int threads) {
  const ClipSummary samples = summary_of(encoder, clips.samples, threads);
  const ClipSummary real = summary_of(encoder, clips.real, threads);
  const ClipSummary other = summary_of(encoder, clips.other, threads);
  const ClipSummary kept = summary_of(encoder, clips.kept, threads);
  return {.encoder = encoder.name,
          .clips = clips.samples.size(0),
          .train = clips.train.size(0),
          .samples = numbers_of(samples, real, median_nearest(clips.samples, clips.train, threads)),
          .other = numbers_of(other, real, median_nearest(clips.real, clips.train, threads)),
          .kept = numbers_of(kept, real, median_nearest(clips.kept, clips.train, threads))};
}

Json to_json(const GenerationMeasures& measures) {
  return {{"encoder", measures.encoder},      {"clips", measures.clips},
          {"training_clips", measures.train}, {"samples", to_json(measures.samples)},
          {"real", to_json(measures.other)},  {"real_in_space", to_json(measures.kept)}};
}

std::string text_of(const GenerationMeasures& measures) {
  const std::string n = std::to_string(measures.clips);
  std::string text = "| measure, " + n + " against " + n +
                     " real clips | samples | real clips | real, in its space |\n" +
                     "|---|---:|---:|---:|\n";
  const auto add = [&](const std::string& what, const auto& figure) {
    text += "| " + what;
    for (const GenerationNumbers* numbers : {&measures.samples, &measures.other, &measures.kept})
      text += " | " + figure(*numbers);
    text += " |\n";
  };
  add("Frechet distance of features of " + measures.encoder,
      [](const GenerationNumbers& x) { return figure_of(x.frechet, "%.4g"); });
  add("power over space, log ratio, coarse to fine",
      [](const GenerationNumbers& x) { return figures_of(x.spectrum.space); });
  add("power over time, log ratio, still to fast",
      [](const GenerationNumbers& x) { return figures_of(x.spectrum.time); });
  add("squared difference of frames, ratio",
      [](const GenerationNumbers& x) { return figure_of(x.motion, "%.3f"); });
  add("distance to the nearest of " + std::to_string(measures.train) + " training clips",
      [](const GenerationNumbers& x) { return figure_of(x.nearest, "%.2f"); });
  return text;
}

}  // namespace permafrost
