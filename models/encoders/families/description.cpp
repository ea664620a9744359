// SPDX-License-Identifier: Apache-2.0
#include "models/encoders/families/description.h"

#include <cmath>

#include "common/error.h"

namespace permafrost {

void add_pair(std::vector<NameRule>& rules, const std::string& file, const std::string& ours,
              const std::string& ffn) {
  for (const char* part : {".weight", ".bias"})
    rules.push_back({file + part, ours + part, Piece::whole, ffn});
}

void add_query_key_value(std::vector<NameRule>& rules, const std::string& attention) {
  for (const auto& [name, piece] : {std::pair{"query", Piece::query}, std::pair{"key", Piece::key},
                                    std::pair{"value", Piece::value}})
    for (const char* part : {".weight", ".bias"})
      rules.push_back({attention + name + part, std::string("blocks.{}.attn.qkv") + part, piece});
}

std::vector<NameRule> original_rules() {
  std::vector<NameRule> rules;
  for (const char* name : {"cls_token", "register_tokens", "pos_embed"})
    rules.push_back({name, name});
  add_pair(rules, "patch_embed.proj", "patch_embed.proj");
  for (const char* part : {"norm1", "attn.qkv", "attn.proj", "norm2"}) {
    const std::string name = std::string("blocks.{}.") + part;
    add_pair(rules, name, name);
  }
  for (const char* kind : {kGelu, kGeluTanh})
    for (const char* layer : {"blocks.{}.mlp.fc1", "blocks.{}.mlp.fc2"})
      add_pair(rules, layer, layer, kind);
  add_pair(rules, "blocks.{}.mlp.w12", "blocks.{}.mlp.fc1", kSwiglu);
  add_pair(rules, "blocks.{}.mlp.w3", "blocks.{}.mlp.fc2", kSwiglu);
  rules.push_back({"blocks.{}.ls1.gamma", "blocks.{}.ls1.gamma"});
  rules.push_back({"blocks.{}.ls2.gamma", "blocks.{}.ls2.gamma"});
  add_pair(rules, "norm", "norm");
  return rules;
}

const std::vector<std::string>& original_prefixes() {
  // Left by wrappers of the mask list, and by trainers.
  static const std::vector<std::string> prefixes{"backbone.", "model.", "encoder."};
  return prefixes;
}

std::vector<NameRule> huggingface_vit_rules() {
  std::vector<NameRule> rules{{"embeddings.cls_token", "cls_token"},
                              {"embeddings.position_embeddings", "pos_embed"}};
  const std::string layer = "encoder.layer.{}.", block = "blocks.{}.";
  add_pair(rules, "embeddings.patch_embeddings.projection", "patch_embed.proj");
  add_pair(rules, layer + "layernorm_before", block + "norm1");
  add_query_key_value(rules, layer + "attention.attention.");
  add_pair(rules, layer + "attention.output.dense", block + "attn.proj");
  add_pair(rules, layer + "layernorm_after", block + "norm2");
  add_pair(rules, layer + "intermediate.dense", block + "mlp.fc1");
  add_pair(rules, layer + "output.dense", block + "mlp.fc2");
  add_pair(rules, "layernorm", "norm");
  return rules;
}

bool has(const Shapes& shapes, const std::string& name) { return shapes.count(name) > 0; }

const std::vector<std::int64_t>& shape_of(const Evidence& evidence, const std::string& name,
                                          std::size_t rank) {
  const auto it = evidence.encoder.find(name);
  if (it == evidence.encoder.end())
    throw InputError(evidence.path, name, "a tensor of this name", "none");
  if (it->second.size() != rank)
    throw InputError(evidence.path, name, std::to_string(rank) + " dimensions",
                     std::to_string(it->second.size()));
  return it->second;
}

int known_heads(std::int64_t width) {
  static const std::map<std::int64_t, int> heads{{192, 3},   {384, 6},   {768, 12},  {1024, 16},
                                                 {1280, 16}, {1408, 16}, {1536, 24}, {1664, 16}};
  const auto it = heads.find(width);
  return it == heads.end() ? 0 : it->second;
}

namespace {

std::int64_t count_blocks(const Shapes& shapes) {
  std::int64_t count = 0;
  while (count < 4096 && has(shapes, "blocks." + std::to_string(count) + ".norm1.weight")) ++count;
  return count;
}

}  // namespace

void describe_shapes(const Evidence& evidence, SpecDraft& draft) {
  const Shapes& shapes = evidence.encoder;
  const bool video =
      has(shapes, "patch_embed.proj.weight") && shapes.at("patch_embed.proj.weight").size() == 5;
  const auto& patch = shape_of(evidence, "patch_embed.proj.weight", video ? 5 : 4);
  if (patch.back() != patch[patch.size() - 2] || patch[1] != 3)
    throw InputError(evidence.path, "patch_embed.proj.weight",
                     "square patches of three channels, [D,3,tubelet,P,P] or [D,3,P,P]",
                     Json(patch).dump());
  Json& told = draft.told;
  told["width"] = patch[0];
  told["patch"] = patch.back();
  told["tubelet"] = video ? patch[2] : 1;
  told["depth"] = count_blocks(shapes);
  told["per_frame"] = !video;
  told["class_token"] = has(shapes, "cls_token");
  told["registers"] =
      has(shapes, "register_tokens") ? shape_of(evidence, "register_tokens", 3)[1] : 0;
  told["layer_scale"] = has(shapes, "blocks.0.ls1.gamma");
  told["final_norm"] = has(shapes, "norm.weight");
  const bool swiglu = has(shapes, "blocks.0.mlp.w12.weight");
  told["ffn"] = swiglu ? kSwiglu : kGelu;
  told["ffn_width"] = swiglu ? shape_of(evidence, "blocks.0.mlp.w3.weight", 2)[1]
                             : shape_of(evidence, "blocks.0.mlp.fc1.weight", 2)[0];
  if (told["depth"] == 0)
    throw InputError(evidence.path, "blocks.0.norm1.weight", "a tensor of this name", "none");
  if (const int heads = known_heads(patch[0]); heads > 0) draft.assumed["heads"] = heads;
  draft.assumed["frames"] = video ? 16 : 1;
}

void describe_image(const Evidence& evidence, const char* table_resize, SpecDraft& draft) {
  describe_shapes(evidence, draft);
  draft.told["positions"] = "learned";
  draft.told["table_resize"] = table_resize;
  const auto rows = shape_of(evidence, "pos_embed", 3)[1] - (draft.told["class_token"] ? 1 : 0);
  const auto side = std::llround(std::sqrt(static_cast<double>(std::max<std::int64_t>(0, rows))));
  if (side < 1 || side * side != rows)
    throw InputError(evidence.path, "pos_embed", "rows of a square grid", std::to_string(rows));
  draft.told["height"] = draft.told["image_width"] = side * draft.told["patch"].get<std::int64_t>();
}

void assume_size(const Evidence& evidence, int frames, int side, const std::string& note,
                 SpecDraft& draft) {
  draft.assumed["frames"] = frames;
  draft.assumed["height"] = draft.assumed["image_width"] = side;
  for (const char* field : {"frames", "height", "image_width"})
    if (!evidence.user.contains(field)) return draft.notes.push_back(note);
}

namespace {

const Json& config_value(const Evidence& evidence, const char* key) {
  if (!evidence.config.is_object() || !evidence.config.contains(key))
    throw InputError(evidence.path + "/config.json", key, "a value", "none");
  return evidence.config.at(key);
}

// `value` is what stands at `key`, or a part of it.
std::int64_t whole_number(const Json& value, const Evidence& evidence, const char* key) {
  if (!value.is_number_integer() || value < 0 || value > 1'000'000)
    throw InputError(evidence.path + "/config.json", key, "a whole number up to 1000000",
                     value.dump());
  return value.get<std::int64_t>();
}

}  // namespace

std::int64_t config_number(const Evidence& evidence, const char* key,
                           std::optional<std::int64_t> fallback) {
  if (fallback && !evidence.config.contains(key)) return *fallback;
  return whole_number(config_value(evidence, key), evidence, key);
}

bool config_flag(const Evidence& evidence, const char* key, bool fallback) {
  if (!evidence.config.contains(key)) return fallback;
  const Json& value = evidence.config.at(key);
  if (!value.is_boolean())
    throw InputError(evidence.path + "/config.json", key, "true or false", value.dump());
  return value.get<bool>();
}

namespace {

// One number, or height and width.
void tell_size(const Evidence& evidence, const char* key, Json& told) {
  const Json& size = config_value(evidence, key);
  const bool pair = size.is_array() && size.size() == 2;
  told["height"] = whole_number(pair ? size[0] : size, evidence, key);
  told["image_width"] = whole_number(pair ? size[1] : size, evidence, key);
}

}  // namespace

void describe_common_config(const Evidence& evidence, const char* size_key, SpecDraft& draft) {
  const std::string where = evidence.path + "/config.json";
  const auto number = [&](const char* key) { return config_number(evidence, key); };
  Json& told = draft.told;
  told["width"] = number("hidden_size");
  told["depth"] = number("num_hidden_layers");
  told["heads"] = number("num_attention_heads");
  told["patch"] = number("patch_size");
  tell_size(evidence, size_key, told);
  const Json& eps = config_value(evidence, "layer_norm_eps");
  if (!eps.is_number() || eps < 0 || eps > 1)
    throw InputError(where, "layer_norm_eps", "a number from 0 to 1", eps.dump());
  told["norm_eps"] = eps;
  const Json& act = config_value(evidence, "hidden_act");
  if (act != "gelu") throw InputError(where, "hidden_act", "\"gelu\"", act.dump());
  for (const char* channels : {"num_channels", "in_chans"})
    if (config_number(evidence, channels, 3) != 3)
      throw InputError(where, channels, "3", evidence.config.at(channels).dump());
  if (!config_flag(evidence, "qkv_bias", true))
    throw InputError(where, "qkv_bias", "true", "false");
}

void describe_image_config(const Evidence& evidence, const char* table_resize, SpecDraft& draft) {
  describe_common_config(evidence, "image_size", draft);
  draft.told["positions"] = "learned";
  draft.told["table_resize"] = table_resize;
  draft.told["tubelet"] = 1;
  draft.told["per_frame"] = true;
  draft.assumed["frames"] = 1;
}

Json common_config(const EncoderSpec& spec, const std::string& model_type,
                   const std::string& architecture, const char* size_key) {
  if (spec.height != spec.image_width)
    throw InputError("convert", "size", "a square input for Hugging Face's " + model_type,
                     std::to_string(spec.height) + "x" + std::to_string(spec.image_width));
  return {{"model_type", model_type},
          {"architectures", {architecture}},
          {"dtype", "float32"},
          {"hidden_act", "gelu"},
          {"hidden_size", spec.width},
          {"num_hidden_layers", spec.depth},
          {"num_attention_heads", spec.heads},
          {"patch_size", spec.patch},
          {size_key, spec.height},
          {"layer_norm_eps", spec.norm_eps},
          {"qkv_bias", true}};
}

}  // namespace permafrost
