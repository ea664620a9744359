// SPDX-License-Identifier: Apache-2.0
#include "models/network/encoder_spec.h"

#include <algorithm>
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
  visit.when(!spec.ffn_widths.empty(), "ffn_widths", spec.ffn_widths, 1, 65536);
  const bool routed = spec.routing.experts > 0;
  visit.when(routed, "experts", spec.routing.experts, 0, 1024);
  visit.when(routed, "experts_chosen", spec.routing.chosen, 1, 1024);
  visit.when(spec.expert_width > 0, "expert_width", spec.expert_width, 0, 65536);
  visit.when(routed, "expert_blocks", spec.expert_blocks, 0, 255);
  visit.when(spec.routing.capacity > 0, "expert_capacity", spec.routing.capacity, 0, 1024);
  visit.when(!spec.routing.renormalised, "gates_renormalised", spec.routing.renormalised);
  visit.when(spec.registers > 0, "registers", spec.registers, 0, 1024);
  visit.when(spec.layer_scale, "layer_scale", spec.layer_scale);
  visit.when(!spec.final_norm, "final_norm", spec.final_norm);
  visit.when(spec.per_frame, "per_frame", spec.per_frame);
  visit.when(spec.input_noise > 0, "input_noise", spec.input_noise, 0, 1);
  visit.when(spec.noise_components > 0, "noise_components", spec.noise_components, 0, 1 << 20);
}

void check_experts(const EncoderSpec& spec, const std::string& where) {
  const int experts = spec.routing.experts, chosen = spec.routing.chosen;
  if (experts == 0) {
    for (const auto& [key, set] : {std::pair("expert_blocks", !spec.expert_blocks.empty()),
                                   {"expert_width", spec.expert_width > 0},
                                   {"expert_capacity", spec.routing.capacity > 0}})
      if (set) throw InputError(where, key, "no such key without experts", "one");
    return;
  }
  if (chosen > experts)
    throw InputError(where, "experts_chosen", "at most experts (" + std::to_string(experts) + ")",
                     std::to_string(chosen));
  if (spec.expert_blocks.empty())
    throw InputError(where, "expert_blocks", "the numbers of the blocks that have experts, from 0",
                     "none");
  int before = -1;
  for (const int block : spec.expert_blocks) {
    if (block >= spec.depth)
      throw InputError(where, "expert_blocks",
                       "numbers below depth (" + std::to_string(spec.depth) + ")",
                       std::to_string(block));
    if (block <= before)
      throw InputError(where, "expert_blocks", "numbers in order, each once",
                       std::to_string(block) + " after " + std::to_string(before));
    before = block;
  }
  if (spec.expert_width > 0) return;
  for (const int block : spec.expert_blocks) {
    EncoderSpec dense = spec;
    dense.routing = {};
    const auto hidden = static_cast<int>(dense.feed_forward_of(block).hidden(spec.width));
    if (hidden % chosen != 0)
      throw InputError(where, "expert_width",
                       "a width, as experts_chosen (" + std::to_string(chosen) +
                           ") does not divide the block's (" + std::to_string(hidden) + ")",
                       "none");
  }
}

void check_blocks(const EncoderSpec& spec, const std::string& where) {
  if (!spec.ffn_widths.empty() && static_cast<int>(spec.ffn_widths.size()) != spec.depth)
    throw InputError(where, "ffn_widths", std::to_string(spec.depth) + " widths, one a block",
                     std::to_string(spec.ffn_widths.size()));
  if (!spec.ffn_widths.empty() && spec.feed_forward.width > 0)
    throw InputError(where, "ffn_width", "no such key beside ffn_widths", "one");
  if (spec.routing.experts > 0 && spec.per_frame)
    throw InputError(where, "experts", "0 where frames are seen one by one",
                     std::to_string(spec.routing.experts));
  if (spec.routing.experts > 0 && spec.extra_tokens() > 0)
    throw InputError(where, "experts", "0 with a class token",
                     std::to_string(spec.routing.experts));
  check_experts(spec, where);
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
  check_blocks(spec, where);
  for (const double d : spec.deviation)
    if (d <= 0) throw InputError(where, "deviation", "numbers above 0", std::to_string(d));
}

}  // namespace

const std::vector<std::string>& family_names() {
  static const std::vector<std::string> names{"vjepa",   "vjepa2", "videomae",
                                              "vit_mae", "ijepa",  "dinov2"};
  return names;
}

int EncoderSpec::hidden() const {
  const auto usual = static_cast<int>(feed_forward.hidden(width));
  return ffn_widths.empty() ? usual : *std::max_element(ffn_widths.begin(), ffn_widths.end());
}

bool EncoderSpec::has_experts(int block) const {
  return routing.experts > 0 &&
         std::find(expert_blocks.begin(), expert_blocks.end(), block) != expert_blocks.end();
}

FeedForwardSpec EncoderSpec::feed_forward_of(int block) const {
  FeedForwardSpec own = feed_forward;
  if (!ffn_widths.empty()) own.width = ffn_widths.at(static_cast<std::size_t>(block));
  if (!has_experts(block)) return own;
  own.width =
      expert_width > 0 ? expert_width : static_cast<int>(own.hidden(width)) / routing.chosen;
  own.routing = routing;
  return own;
}

EncoderSpec shortened(const EncoderSpec& spec, int blocks) {
  EncoderSpec out = spec;
  out.depth = blocks;
  if (!out.ffn_widths.empty()) out.ffn_widths.resize(static_cast<std::size_t>(blocks));
  std::erase_if(out.expert_blocks, [&](int block) { return block >= blocks; });
  if (out.expert_blocks.empty()) {
    out.routing = {};
    out.expert_width = 0;
  }
  return out;
}

std::int64_t feed_forward_parameters(const EncoderSpec& spec) {
  std::int64_t count = 0;
  for (int i = 0; i < spec.depth; ++i)
    count += feed_forward_parameters(spec.feed_forward_of(i), spec.width);
  return count;
}

std::int64_t active_feed_forward_parameters(const EncoderSpec& spec) {
  std::int64_t count = 0;
  for (int i = 0; i < spec.depth; ++i)
    count += active_parameters(spec.feed_forward_of(i), spec.width);
  return count;
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
