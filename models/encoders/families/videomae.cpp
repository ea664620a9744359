// SPDX-License-Identifier: Apache-2.0
// VideoMAE (Tong et al. 2022), MCG-NJU/VideoMAE and Hugging Face `videomae`: a computed table over
// the token index, biases for queries and values alone, and no final norm in fine-tuned models.
#include "models/encoders/families/description.h"

namespace permafrost {
namespace {

bool is_videomae(const Evidence& evidence) {
  return has(evidence.encoder, "blocks.0.attn.q_bias") && !has(evidence.encoder, "cls_token");
}

void describe_videomae(const Evidence& evidence, SpecDraft& draft) {
  describe_shapes(evidence, draft);
  draft.told["positions"] = "sincos_1d";
  draft.told["layer_scale"] = has(evidence.encoder, "blocks.0.gamma_1");
  assume_size(evidence, 16, 224,
              "the file does not tell the input size: taken as 16 frames of 224x224", draft);
}

void describe_videomae_config(const Evidence& evidence, SpecDraft& draft) {
  describe_common_config(evidence, "image_size", draft);
  draft.told["positions"] = "sincos_1d";
  draft.told["ffn_width"] = config_number(evidence, "intermediate_size");
  draft.told["tubelet"] = config_number(evidence, "tubelet_size");
  draft.told["frames"] = config_number(evidence, "num_frames");
  // With mean pooling the model ends without a norm; the classifier's fc_norm is the head's.
  draft.told["final_norm"] = !config_flag(evidence, "use_mean_pooling", true);
}

Json write_videomae_config(const EncoderSpec& spec) {
  Json config = common_config(spec, "videomae", "VideoMAEModel", "image_size");
  config["intermediate_size"] = spec.hidden();
  config["tubelet_size"] = spec.tubelet;
  config["num_frames"] = spec.frames;
  config["use_mean_pooling"] = !spec.final_norm;
  return config;
}

// Only queries and values have biases.
void add_bias_rules(std::vector<NameRule>& rules, const std::string& file) {
  std::vector<NameRule> first{{file + "q_bias", "blocks.{}.attn.qkv.bias", Piece::query},
                              {file + "v_bias", "blocks.{}.attn.qkv.bias", Piece::value}};
  rules.insert(rules.begin(), first.begin(), first.end());
}

}  // namespace

Family videomae_family() {
  Family family;
  family.name = "videomae";
  family.title = "VideoMAE";
  family.original = {original_prefixes(),
                     original_rules(),
                     {"decoder.*", "encoder_to_decoder.*", "mask_token", "head.*", "fc_norm.*"}};
  add_bias_rules(family.original.rules, "blocks.{}.attn.");
  family.original.rules.push_back({"blocks.{}.gamma_1", "blocks.{}.ls1.gamma"});
  family.original.rules.push_back({"blocks.{}.gamma_2", "blocks.{}.ls2.gamma"});
  family.huggingface = {
      {"videomae."},
      huggingface_vit_rules(),
      {"decoder.*", "encoder_to_decoder.*", "mask_token", "classifier.*", "fc_norm.*"}};
  add_bias_rules(family.huggingface.rules, "encoder.layer.{}.attention.attention.");
  family.model_types = {"videomae"};
  family.zero_key_bias = true;
  family.recognises = is_videomae;
  family.describe_original = describe_videomae;
  family.describe_config = describe_videomae_config;
  family.write_config = write_videomae_config;
  return family;
}

}  // namespace permafrost
