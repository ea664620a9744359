// SPDX-License-Identifier: Apache-2.0
#include "models/network/encoder_spec.h"

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

template <typename Value>
struct Named {
  const char* name;
  Value value;
};

constexpr Named<Positions> kPositions[] = {{"sincos_3d", Positions::sincos_3d},
                                           {"sincos_1d", Positions::sincos_1d},
                                           {"learned", Positions::learned},
                                           {"rope_3d", Positions::rope_3d}};
constexpr Named<TableResize> kResizes[] = {{"trilinear", TableResize::trilinear},
                                           {"bicubic", TableResize::bicubic},
                                           {"bicubic_offset", TableResize::bicubic_offset},
                                           {"bicubic_antialias", TableResize::bicubic_antialias}};

template <typename Value, std::size_t N>
std::string name_of(const Named<Value> (&values)[N], Value value) {
  for (const auto& named : values)
    if (named.value == value) return named.name;
  throw Error("an encoder's spec holds a value without a name");
}

template <typename Value, std::size_t N>
Value read_named(JsonObject& object, const char* key, const Named<Value> (&values)[N],
                 Value fallback) {
  std::vector<std::string> names;
  for (const auto& named : values) names.emplace_back(named.name);
  const std::string name = object.choice(key, names, name_of(values, fallback));
  for (const auto& named : values)
    if (name == named.name) return named.value;
  return fallback;
}

void read_architecture(JsonObject& object, EncoderSpec& spec) {
  spec.positions = read_named(object, "positions", kPositions, spec.positions);
  spec.table_resize = read_named(object, "table_resize", kResizes, spec.table_resize);
  spec.class_token = object.boolean("class_token", spec.class_token);
  spec.registers = static_cast<int>(object.integer("registers", spec.registers, 0, 1024));
  spec.layer_scale = object.boolean("layer_scale", spec.layer_scale);
  spec.feed_forward = read_feed_forward(object);
  spec.final_norm = object.boolean("final_norm", spec.final_norm);
  spec.per_frame = object.boolean("per_frame", spec.per_frame);
}

void check(const EncoderSpec& spec, const std::string& where) {
  require_divisible(spec.width, spec.heads, where, "width");
  if (spec.positions == Positions::sincos_3d)
    require_divisible(spec.width, spec.uniform_power ? 2 : 8, where, "width");
  if (spec.positions == Positions::rope_3d)
    require_divisible(spec.width / spec.heads, 2, where, "width / heads");
  require_divisible(spec.frames, spec.tubelet, where, "frames");
  require_divisible(spec.height, spec.patch, where, "height");
  require_divisible(spec.image_width, spec.patch, where, "image_width");
  constexpr double kMostTableValues = 1 << 28;  // a gigabyte of positions
  const double values = 1.0 * spec.grid_t() * spec.grid_h() * spec.grid_w() * spec.width;
  if (values > kMostTableValues)
    throw InputError(where, "frames, height, image_width, width",
                     "at most 2^28 values in a position table", std::to_string(values));
  if (spec.per_frame && spec.tubelet != 1)
    throw InputError(where, "tubelet", "1 where frames are seen one by one",
                     std::to_string(spec.tubelet));
  if (spec.per_frame && spec.positions != Positions::learned)
    throw InputError(where, "positions", "\"learned\" where frames are seen one by one",
                     quoted(name_of(kPositions, spec.positions)));
  if (spec.registers > 0 && !spec.class_token)
    throw InputError(where, "registers", "0 without a class token", std::to_string(spec.registers));
  for (const double d : spec.deviation)
    if (d <= 0) throw InputError(where, "deviation", "numbers above 0", std::to_string(d));
}

}  // namespace

const std::vector<std::string>& family_names() {
  static const std::vector<std::string> names{"vjepa",   "vjepa2", "videomae",
                                              "vit_mae", "ijepa",  "dinov2"};
  return names;
}

EncoderSpec read_encoder_spec(const Json& json, const std::string& where) {
  JsonObject object(json, where);
  EncoderSpec spec;
  const auto size = [&](const char* key, int fallback, int high) {
    return static_cast<int>(object.integer(key, fallback, 1, high));
  };
  spec.family = object.choice("family", family_names(), spec.family);
  spec.width = size("width", spec.width, 16384);
  spec.depth = size("depth", spec.depth, 256);
  spec.heads = size("heads", spec.heads, 256);
  spec.patch = size("patch", spec.patch, 256);
  spec.tubelet = size("tubelet", spec.tubelet, 64);
  spec.frames = size("frames", spec.frames, 1024);
  spec.height = size("height", spec.height, 4096);
  spec.image_width = size("image_width", spec.image_width, 4096);
  spec.uniform_power = object.boolean("uniform_power", spec.uniform_power);
  spec.norm_eps = object.number("norm_eps", spec.norm_eps, 0, 1);
  spec.mean = read_channels(object, "mean", spec.mean, where);
  spec.deviation = read_channels(object, "deviation", spec.deviation, where);
  read_architecture(object, spec);
  object.finish();
  check(spec, where);
  return spec;
}

Json to_json(const EncoderSpec& spec) {
  Json json{{"family", spec.family},
            {"width", spec.width},
            {"depth", spec.depth},
            {"heads", spec.heads},
            {"patch", spec.patch},
            {"tubelet", spec.tubelet},
            {"frames", spec.frames},
            {"height", spec.height},
            {"image_width", spec.image_width},
            {"uniform_power", spec.uniform_power},
            {"norm_eps", spec.norm_eps},
            {"mean", spec.mean},
            {"deviation", spec.deviation}};
  const EncoderSpec usual;
  if (spec.positions != usual.positions) json["positions"] = name_of(kPositions, spec.positions);
  if (spec.table_resize != usual.table_resize)
    json["table_resize"] = name_of(kResizes, spec.table_resize);
  if (spec.class_token) json["class_token"] = true;
  if (spec.registers > 0) json["registers"] = spec.registers;
  if (spec.layer_scale) json["layer_scale"] = true;
  write_feed_forward(spec.feed_forward, json);
  if (!spec.final_norm) json["final_norm"] = false;
  if (spec.per_frame) json["per_frame"] = true;
  return json;
}

}  // namespace permafrost
