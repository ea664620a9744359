// SPDX-License-Identifier: Apache-2.0
#include "models/encoder_spec.h"

#include <nlohmann/json.hpp>

#include "common/error.h"

namespace permafrost {
namespace {

std::array<double, 3> read_channels(JsonObject& object, const std::string& key,
                                    const std::array<double, 3>& fallback,
                                    const std::string& where) {
  const auto values = object.numbers(key, std::vector<double>(fallback.begin(), fallback.end()));
  if (values.size() != 3)
    throw InputError(where, key, "three numbers", std::to_string(values.size()));
  return {values[0], values[1], values[2]};
}

void require_divisible(int whole, int part, const std::string& where, const std::string& field) {
  if (whole % part != 0)
    throw InputError(where, field, "a multiple of " + std::to_string(part), std::to_string(whole));
}

}  // namespace

EncoderSpec read_encoder_spec(const Json& json, const std::string& where) {
  JsonObject object(json, where);
  EncoderSpec spec;
  const auto size = [&](const char* key, int fallback, int high) {
    return static_cast<int>(object.integer(key, fallback, 1, high));
  };
  spec.family = object.choice("family", {"vjepa"}, spec.family);
  spec.width = size("width", spec.width, 16384);
  spec.depth = size("depth", spec.depth, 256);
  spec.heads = size("heads", spec.heads, 256);
  spec.mlp_ratio = object.number("mlp_ratio", spec.mlp_ratio, 0.25, 16);
  spec.patch = size("patch", spec.patch, 256);
  spec.tubelet = size("tubelet", spec.tubelet, 64);
  spec.frames = size("frames", spec.frames, 1024);
  spec.height = size("height", spec.height, 4096);
  spec.image_width = size("image_width", spec.image_width, 4096);
  spec.uniform_power = object.boolean("uniform_power", spec.uniform_power);
  spec.norm_eps = object.number("norm_eps", spec.norm_eps, 0, 1);
  spec.mean = read_channels(object, "mean", spec.mean, where);
  spec.deviation = read_channels(object, "deviation", spec.deviation, where);
  object.finish();
  require_divisible(spec.width, spec.heads, where, "width");
  require_divisible(spec.width, spec.uniform_power ? 2 : 8, where, "width");
  require_divisible(spec.frames, spec.tubelet, where, "frames");
  require_divisible(spec.height, spec.patch, where, "height");
  require_divisible(spec.image_width, spec.patch, where, "image_width");
  for (const double d : spec.deviation)
    if (d <= 0) throw InputError(where, "deviation", "numbers above 0", std::to_string(d));
  return spec;
}

Json to_json(const EncoderSpec& spec) {
  return {{"family", spec.family},
          {"width", spec.width},
          {"depth", spec.depth},
          {"heads", spec.heads},
          {"mlp_ratio", spec.mlp_ratio},
          {"patch", spec.patch},
          {"tubelet", spec.tubelet},
          {"frames", spec.frames},
          {"height", spec.height},
          {"image_width", spec.image_width},
          {"uniform_power", spec.uniform_power},
          {"norm_eps", spec.norm_eps},
          {"mean", spec.mean},
          {"deviation", spec.deviation}};
}

}  // namespace permafrost
