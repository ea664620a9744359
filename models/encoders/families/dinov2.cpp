// SPDX-License-Identifier: Apache-2.0
// DINOv2 (Oquab et al. 2023; registers: Darcet et al. 2023), facebookresearch/dinov2 and Hugging
// Face `dinov2`, `dinov2_with_registers`: class token, layer scale, GELU or SwiGLU.
#include "common/error.h"
#include "models/encoders/families/description.h"

namespace permafrost {
namespace {

bool is_dinov2(const Evidence& evidence) {
  return has(evidence.encoder, "cls_token") && has(evidence.encoder, "blocks.0.ls1.gamma");
}

void describe_dinov2(const Evidence& evidence, SpecDraft& draft) {
  // The authors resize the tables of the two kinds differently.
  const bool registers = has(evidence.encoder, "register_tokens");
  describe_image(evidence, registers ? "bicubic_antialias" : "bicubic_offset", draft);
}

// Of the SwiGLU that the authors build for a hidden width: two thirds, in steps of 8.
std::int64_t swiglu_width(std::int64_t hidden) { return (hidden * 2 / 3 + 7) / 8 * 8; }

void describe_dinov2_config(const Evidence& evidence, SpecDraft& draft) {
  const bool registers = evidence.config.value("model_type", "") == "dinov2_with_registers";
  describe_image_config(evidence, registers ? "bicubic_antialias" : "bicubic", draft);
  const bool swiglu = config_flag(evidence, "use_swiglu_ffn", false);
  const std::int64_t hidden =
      config_number(evidence, "hidden_size") * config_number(evidence, "mlp_ratio", 4);
  draft.told["ffn"] = swiglu ? kSwiglu : kGelu;
  draft.told["ffn_width"] = swiglu ? swiglu_width(hidden) : hidden;
  draft.told["layer_scale"] = true;
  draft.told["class_token"] = true;
  draft.told["registers"] = registers ? config_number(evidence, "num_register_tokens", 4) : 0;
}

Json write_dinov2_config(const EncoderSpec& spec) {
  const bool registers = spec.registers > 0, swiglu = spec.feed_forward.kind == kSwiglu;
  Json config = registers ? common_config(spec, "dinov2_with_registers", "Dinov2WithRegistersModel",
                                          "image_size")
                          : common_config(spec, "dinov2", "Dinov2Model", "image_size");
  // The file says a whole ratio; of a SwiGLU block, before the two thirds.
  int ratio = 1;
  while (ratio < 16 && (swiglu ? swiglu_width(std::int64_t{spec.width} * ratio)
                               : std::int64_t{spec.width} * ratio) < spec.hidden())
    ++ratio;
  if ((swiglu ? swiglu_width(std::int64_t{spec.width} * ratio)
              : std::int64_t{spec.width} * ratio) != spec.hidden())
    throw InputError("convert", "ffn_width", "what a whole mlp_ratio gives",
                     std::to_string(spec.hidden()));
  config["mlp_ratio"] = ratio;
  config["use_swiglu_ffn"] = swiglu;
  config["layerscale_value"] = 1.0;
  if (registers)
    config["num_register_tokens"] = spec.registers;
  else
    config["use_mask_token"] = false;
  return config;
}

std::vector<NameRule> huggingface_dinov2_rules() {
  std::vector<NameRule> rules{{"embeddings.register_tokens", "register_tokens"}};
  for (const auto& rule : huggingface_vit_rules())
    if (rule.ours.find("norm") == std::string::npos && rule.ours.find("mlp") == std::string::npos)
      rules.push_back(rule);
  const std::string layer = "encoder.layer.{}.", block = "blocks.{}.";
  add_pair(rules, layer + "norm1", block + "norm1");
  add_pair(rules, layer + "norm2", block + "norm2");
  add_pair(rules, layer + "mlp.fc1", block + "mlp.fc1", kGelu);
  add_pair(rules, layer + "mlp.fc2", block + "mlp.fc2", kGelu);
  add_pair(rules, layer + "mlp.weights_in", block + "mlp.fc1", kSwiglu);
  add_pair(rules, layer + "mlp.weights_out", block + "mlp.fc2", kSwiglu);
  rules.push_back({layer + "layer_scale1.lambda1", block + "ls1.gamma"});
  rules.push_back({layer + "layer_scale2.lambda1", block + "ls2.gamma"});
  add_pair(rules, "layernorm", "norm");
  return rules;
}

}  // namespace

Family dinov2_family() {
  Family family;
  family.name = "dinov2";
  family.title = "DINOv2";
  family.original = {original_prefixes(),
                     original_rules(),
                     {"mask_token", "head.*", "dino_head.*", "ibot_head.*"}};
  family.huggingface = {{"dinov2_with_registers.", "dinov2."},
                        huggingface_dinov2_rules(),
                        {"embeddings.mask_token", "classifier.*"}};
  family.model_types = {"dinov2", "dinov2_with_registers"};
  family.recognises = is_dinov2;
  family.describe_original = describe_dinov2;
  family.describe_config = describe_dinov2_config;
  family.write_config = write_dinov2_config;
  return family;
}

}  // namespace permafrost
