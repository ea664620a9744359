// SPDX-License-Identifier: Apache-2.0
#include "models/pretraining/objectives/noising/noised_clips.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <nlohmann/json.hpp>

#include "common/error.h"
#include "common/json/json_fields.h"

namespace permafrost {
namespace {

constexpr NamedValue<LevelSchedule> kLevelSchedules[] = {{"uniform", LevelSchedule::uniform},
                                                         {"lognormal", LevelSchedule::lognormal},
                                                         {"low", LevelSchedule::low}};

constexpr std::array<const char*, 4> kBins{"00_25", "25_50", "50_75", "75_100"};

void read_fields(DenoiseKeys& keys, JsonObject& object, const std::string& where, int values) {
  const FieldReader read(object);
  read.named(true, "space", keys.space, kSpaces);
  if (object.has("components") && keys.space == SpaceKind::pixel)
    throw InputError(where, "components", "no such key with space \"pixel\"", "one");
  read("components", keys.components, 1, values);
  read.named(true, "parametrisation", keys.parametrisation, kParametrisations);
  read.named(true, "schedule", keys.schedule, kLevelSchedules);
  read("ema", keys.ema, 0, 1);
  if (object.has("time_scale") && keys.parametrisation == Parametrisation::eps)
    throw InputError(where, "time_scale",
                     "no such key with parametrisation \"eps\", which is told steps", "one");
  read("time_scale", keys.time_scale, 1e-3, 1e6);
}

}  // namespace

DenoiseKeys read_denoise_keys(JsonObject& parent, const RunSetting& run,
                              const std::function<void(const FieldReader&)>& own) {
  DenoiseKeys keys;
  const int values = run.encoder.patch_values();
  if (const Json* json = parent.child("denoise")) {
    JsonObject object(*json, parent.where("denoise"));
    read_fields(keys, object, parent.where("denoise"), values);
    if (own) own(FieldReader(object));
    object.finish();
  }
  if (keys.space == SpaceKind::pca && keys.components > values)
    throw InputError(run.where, "denoise.components",
                     "at most " + std::to_string(values) + ", the values of a patch",
                     std::to_string(keys.components));
  return keys;
}

DenoiserSpec denoiser_spec_of(const DenoiseKeys& keys, const EncoderSpec& encoder) {
  DenoiserSpec spec{
      .network = encoder, .parametrisation = keys.parametrisation, .time_scale = keys.time_scale};
  spec.outputs = keys.space == SpaceKind::pca ? keys.components : encoder.patch_values();
  return spec;
}

NoiseLevel drawn_level(const DenoiserSpec& spec, LevelSchedule schedule, RandomStream& stream) {
  if (schedule == LevelSchedule::lognormal) {
    const double ratio = std::exp(static_cast<double>(stream.normal()));
    return level_at(spec, ratio / (1 + ratio));
  }
  double u = stream.uniform();
  if (schedule == LevelSchedule::low) u *= u;
  constexpr double kSteps = 1000;
  return spec.parametrisation == Parametrisation::flow
             ? level_at(spec, u)
             : level_of_step(static_cast<int>(u * kSteps));
}

DrawnNoise draw_noise(const DenoiserSpec& spec, LevelSchedule schedule, const RunSetting& run,
                      std::int64_t step) {
  const std::int64_t values = std::int64_t{spec.network.tokens()} * spec.outputs;
  std::vector<NoiseLevel> levels;
  const at::Tensor noise = at::empty({run.batch, spec.network.tokens(), spec.outputs}, at::kFloat);
  float* out = noise.data_ptr<float>();
  for (int i = 0; i < run.batch; ++i) {
    RandomStream stream({.seed = run.seed,
                         .purpose = "denoise",
                         .epoch = static_cast<std::uint64_t>(step),
                         .sample = static_cast<std::uint64_t>(i)});
    levels.push_back(drawn_level(spec, schedule, stream));
    std::generate_n(out, values, [&] { return stream.normal(); });
    out += values;
  }
  return {level_rows(levels), noise};
}

void note_by_noise(StepFigures& figures, const at::Tensor& levels, const at::Tensor& errors,
                   const at::Tensor& floors) {
  const auto count = static_cast<double>(kBins.size());
  const at::Tensor bin = (levels.select(1, 0) * count).floor().clamp(0, count - 1);
  for (const auto& [name, values] : {std::pair("loss_noise_", errors), {"floor_noise_", floors}})
    for (std::size_t k = 0; k < kBins.size(); ++k) {
      const at::Tensor in_bin = bin.eq(static_cast<double>(k)).to(at::kFloat);
      figures.add(std::string(name) + kBins[k], (values * in_bin).sum().item<double>(),
                  in_bin.sum().item<double>());
    }
}

}  // namespace permafrost
