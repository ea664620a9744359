// SPDX-License-Identifier: Apache-2.0
// Image MAE (He et al. 2022), facebookresearch/mae and Hugging Face `vit_mae`: a class token and a
// table that the file holds.
#include "models/encoders/families/description.h"

namespace permafrost {
namespace {

bool is_vit_mae(const Evidence& evidence) {
  const Shapes& shapes = evidence.encoder;
  return has(shapes, "cls_token") && has(shapes, "pos_embed") &&
         !has(shapes, "blocks.0.ls1.gamma") && has(shapes, "blocks.0.attn.qkv.bias");
}

void describe_vit_mae(const Evidence& evidence, SpecDraft& draft) {
  describe_image(evidence, "bicubic", draft);
  if (evidence.user.contains("mean") && evidence.user.contains("deviation")) return;
  draft.notes.emplace_back(
      "a plain ViT, read as image MAE: pixels are normalised with ImageNet's mean and deviation; "
      "if it was trained otherwise, as timm's augreg, write --spec '{\"mean\": [0.5, 0.5, 0.5], "
      "\"deviation\": [0.5, 0.5, 0.5]}'");
}

void describe_vit_mae_config(const Evidence& evidence, SpecDraft& draft) {
  describe_image_config(evidence, "bicubic", draft);
  draft.told["ffn_width"] = config_number(evidence, "intermediate_size");
  draft.told["class_token"] = true;
}

Json write_vit_mae_config(const EncoderSpec& spec) {
  Json config = common_config(spec, "vit_mae", "ViTMAEModel", "image_size");
  config["intermediate_size"] = spec.hidden();
  // The model drops patches at random in every forward pass unless this is 0.
  config["mask_ratio"] = 0.0;
  return config;
}

}  // namespace

Family vit_mae_family() {
  Family family;
  family.name = "vit_mae";
  family.title = "image MAE";
  family.original = {
      original_prefixes(), original_rules(), {"decoder*", "mask_token", "head.*", "fc_norm.*"}};
  family.huggingface = {{"vit."}, huggingface_vit_rules(), {"decoder.*"}};
  family.model_types = {"vit_mae"};
  family.recognises = is_vit_mae;
  family.describe_original = describe_vit_mae;
  family.describe_config = describe_vit_mae_config;
  family.write_config = write_vit_mae_config;
  return family;
}

}  // namespace permafrost
