// SPDX-License-Identifier: Apache-2.0
// I-JEPA (Assran et al. 2023), facebookresearch/ijepa and Hugging Face `ijepa`: an image ViT
// without class token and a table that the file holds.
#include "models/encoders/families/description.h"

namespace permafrost {
namespace {

bool is_ijepa(const Evidence& evidence) {
  const Shapes& shapes = evidence.encoder;
  return !has(shapes, "cls_token") && has(shapes, "pos_embed") &&
         has(shapes, "patch_embed.proj.weight") && shapes.at("patch_embed.proj.weight").size() == 4;
}

void describe_ijepa(const Evidence& evidence, SpecDraft& draft) {
  describe_image(evidence, "bicubic", draft);
}

void describe_ijepa_config(const Evidence& evidence, SpecDraft& draft) {
  describe_image_config(evidence, "bicubic", draft);
  draft.told["ffn_width"] = config_number(evidence, "intermediate_size");
}

Json write_ijepa_config(const EncoderSpec& spec) {
  Json config = common_config(spec, "ijepa", "IJepaModel", "image_size");
  config["intermediate_size"] = spec.hidden();
  return config;
}

}  // namespace

Family ijepa_family() {
  Family family;
  family.name = "ijepa";
  family.title = "I-JEPA";
  family.original = {original_prefixes(), original_rules(), {}};
  family.huggingface = {
      {"ijepa."}, huggingface_vit_rules(), {"embeddings.mask_token", "pooler.*", "classifier.*"}};
  family.model_types = {"ijepa"};
  family.recognises = is_ijepa;
  family.describe_original = describe_ijepa;
  family.describe_config = describe_ijepa_config;
  family.write_config = write_ijepa_config;
  return family;
}

}  // namespace permafrost
