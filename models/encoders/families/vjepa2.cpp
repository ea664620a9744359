// SPDX-License-Identifier: Apache-2.0
// V-JEPA 2, facebookresearch/vjepa2 and Hugging Face `vjepa2`: rotary positions.
#include <cmath>

#include "common/error.h"
#include "models/encoders/families/description.h"

namespace permafrost {
namespace {

bool is_vjepa2(const Evidence& evidence) {
  const Shapes& shapes = evidence.encoder;
  const bool video =
      has(shapes, "patch_embed.proj.weight") && shapes.at("patch_embed.proj.weight").size() == 5;
  return video && !has(shapes, "cls_token") && has(shapes, "blocks.0.attn.qkv.bias") &&
         (!has(shapes, "pos_embed") ||
          (evidence.predictor && !has(*evidence.predictor, "predictor_pos_embed")));
}

void describe_vjepa2(const Evidence& evidence, SpecDraft& draft) {
  describe_shapes(evidence, draft);
  draft.told["positions"] = "rope_3d";
  // The released ViT-g is built with 22 heads (giant_xformers).
  if (draft.told["width"] == 1408) draft.assumed["heads"] = 22;
  assume_size(evidence, 64, 256,
              "rotary positions fit any size: taken as made for 64 frames of 256x256 (ViT-g-384: "
              "write --spec vjepa2-vitg-384)",
              draft);
}

void describe_vjepa2_config(const Evidence& evidence, SpecDraft& draft) {
  describe_common_config(evidence, "crop_size", draft);
  const Json& ratio = evidence.config.value("mlp_ratio", Json(4.0));
  if (!ratio.is_number() || ratio <= 0 || ratio > 16)
    throw InputError(evidence.path + "/config.json", "mlp_ratio", "a number up to 16",
                     ratio.dump());
  draft.told["positions"] = "rope_3d";
  draft.told["ffn_width"] =
      static_cast<std::int64_t>(draft.told["width"].get<double>() * ratio.get<double>());
  draft.told["tubelet"] = config_number(evidence, "tubelet_size");
  draft.told["frames"] = config_number(evidence, "frames_per_clip");
}

Json write_vjepa2_config(const EncoderSpec& spec) {
  Json config = common_config(spec, "vjepa2", "VJEPA2Model", "crop_size");
  config["tubelet_size"] = spec.tubelet;
  config["frames_per_clip"] = spec.frames;
  // Readers cut width * ratio to a whole number: 56 * (244 / 56.0) must not become 243.
  double ratio = static_cast<double>(spec.hidden()) / spec.width;
  while (static_cast<int>(spec.width * ratio) < spec.hidden()) ratio = std::nextafter(ratio, 16.0);
  config["mlp_ratio"] = ratio;
  return config;
}

std::vector<NameRule> huggingface_vjepa2_rules() {
  std::vector<NameRule> rules;
  const std::string layer = "encoder.layer.{}.", block = "blocks.{}.";
  add_pair(rules, "encoder.embeddings.patch_embeddings.proj", "patch_embed.proj");
  for (const char* part : {"norm1", "norm2", "mlp.fc1", "mlp.fc2"})
    add_pair(rules, layer + part, block + part);
  add_query_key_value(rules, layer + "attention.");
  add_pair(rules, layer + "attention.proj", block + "attn.proj");
  add_pair(rules, "encoder.layernorm", "norm");
  return rules;
}

}  // namespace

Family vjepa2_family() {
  Family family;
  family.name = "vjepa2";
  family.title = "V-JEPA 2";
  family.original = {original_prefixes(), original_rules(), {"pos_embed"}};
  // The table that released files still carry is not used.
  std::erase_if(family.original.rules,
                [](const NameRule& rule) { return rule.file == "pos_embed"; });
  family.huggingface = {
      {"vjepa2."}, huggingface_vjepa2_rules(), {"predictor.*", "pooler.*", "classifier.*"}};
  family.model_types = {"vjepa2"};
  family.recognises = is_vjepa2;
  family.describe_original = describe_vjepa2;
  family.describe_config = describe_vjepa2_config;
  family.write_config = write_vjepa2_config;
  return family;
}

}  // namespace permafrost
