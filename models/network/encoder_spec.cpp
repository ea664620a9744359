// SPDX-License-Identifier: Apache-2.0
#include "models/network/encoder_spec.h"

#include <nlohmann/json.hpp>

#include "common/error.h"
#include "common/json/json_fields.h"

namespace permafrost {
namespace {

void require_divisible(int whole, int part, const std::string& where, const std::string& field) {
  if (whole % part != 0)
    throw InputError(where, field, "a multiple of " + std::to_string(part), std::to_string(whole));
}

constexpr NamedValue<Positions> kPositions[] = {{"sincos_3d", Positions::sincos_3d},
                                                {"sincos_1d", Positions::sincos_1d},
                                                {"learned", Positions::learned},
                                                {"rope_3d", Positions::rope_3d}};
constexpr NamedValue<TableResize> kResizes[] = {
    {"trilinear", TableResize::trilinear},
    {"bicubic", TableResize::bicubic},
    {"bicubic_offset", TableResize::bicubic_offset},
    {"bicubic_antialias", TableResize::bicubic_antialias}};

// All but the feed-forward layer, whose kinds have fields of their own. What came after the first
// families is written only where it has another value than the usual one: identities of older
// records stay.
template <class Spec, class Visitor>
void fields_of_spec(Spec& spec, Visitor&& visit) {
  const EncoderSpec usual;
  visit.choice("family", spec.family, family_names());
  visit("width", spec.width, 1, 16384);
  visit("depth", spec.depth, 1, 256);
  visit("heads", spec.heads, 1, 256);
  visit("patch", spec.patch, 1, 256);
  visit("tubelet", spec.tubelet, 1, 64);
  visit("frames", spec.frames, 1, 1 << 24);
  visit("height", spec.height, 1, 4096);
  visit("image_width", spec.image_width, 1, 4096);
  visit("uniform_power", spec.uniform_power);
  visit("norm_eps", spec.norm_eps, 0, 1);
  visit("mean", spec.mean);
  visit("deviation", spec.deviation);
  visit.named(spec.positions != usual.positions, "positions", spec.positions, kPositions);
  visit.named(spec.table_resize != usual.table_resize, "table_resize", spec.table_resize, kResizes);
  visit.when(spec.class_token, "class_token", spec.class_token);
  visit.when(spec.registers > 0, "registers", spec.registers, 0, 1024);
  visit.when(spec.layer_scale, "layer_scale", spec.layer_scale);
  visit.when(!spec.final_norm, "final_norm", spec.final_norm);
  visit.when(spec.per_frame, "per_frame", spec.per_frame);
  visit.when(spec.input_noise > 0, "input_noise", spec.input_noise, 0, 1);
  visit.when(spec.noise_components > 0, "noise_components", spec.noise_components, 0, 1 << 20);
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
                     quoted(name_among(kPositions, spec.positions)));
  if (spec.registers > 0 && !spec.class_token)
    throw InputError(where, "registers", "0 without a class token", std::to_string(spec.registers));
  if (spec.noise_components > 0 && !(spec.input_noise > 0))
    throw InputError(where, "noise_components", "0 without input_noise",
                     std::to_string(spec.noise_components));
  if (spec.noise_components > spec.patch_values())
    throw InputError(where, "noise_components",
                     "at most " + std::to_string(spec.patch_values()) + ", the values of a patch",
                     std::to_string(spec.noise_components));
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
  fields_of_spec(spec, FieldReader(object));
  spec.feed_forward = read_feed_forward(object);
  object.finish();
  check(spec, where);
  return spec;
}

Json to_json(const EncoderSpec& spec) {
  Json json;
  fields_of_spec(spec, FieldWriter(json));
  write_feed_forward(spec.feed_forward, json);
  return json;
}

}  // namespace permafrost
