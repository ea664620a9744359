// SPDX-License-Identifier: Apache-2.0
// V-JEPA (Bardes et al. 2024), facebookresearch/jepa: a table of three sine-cosine axes, which the
// file holds. Hugging Face has no video architecture for it; folders of ours bring their own.
#include <cmath>

#include "common/error.h"
#include "models/encoders/families/description.h"

namespace permafrost {
namespace {

bool is_vjepa(const Evidence& evidence) {
  const Shapes& shapes = evidence.encoder;
  if (!has(shapes, "pos_embed") || has(shapes, "cls_token") ||
      !has(shapes, "patch_embed.proj.weight"))
    return false;
  // V-JEPA 2 files may carry an unused table; its predictor has none.
  const bool rotary = evidence.predictor && !has(*evidence.predictor, "predictor_pos_embed");
  return shapes.at("patch_embed.proj.weight").size() == 5 && !rotary;
}

void describe_vjepa(const Evidence& evidence, SpecDraft& draft) {
  describe_shapes(evidence, draft);
  const auto rows = shape_of(evidence, "pos_embed", 3)[1];
  const auto tubelet = draft.told["tubelet"].get<std::int64_t>();
  const auto patch = draft.told["patch"].get<std::int64_t>();
  const std::int64_t frames = evidence.user.value("frames", std::int64_t{16});
  const std::int64_t steps = std::max<std::int64_t>(1, frames / std::max<std::int64_t>(1, tubelet));
  const auto side = std::llround(std::sqrt(static_cast<double>(rows) / static_cast<double>(steps)));
  if (side * side * steps != rows && !evidence.user.contains("height"))
    throw InputError(evidence.path, "pos_embed",
                     std::to_string(frames) + " frames of square pictures in its rows",
                     std::to_string(rows) + " rows",
                     "write --spec '{\"frames\": T, \"height\": H, \"image_width\": W}'");
  draft.assumed["frames"] = frames;
  draft.assumed["height"] = draft.assumed["image_width"] = side * patch;
  draft.assumed["uniform_power"] = true;  // of all released encoders
  draft.told["positions"] = "sincos_3d";
  draft.notes.push_back("made for " + std::to_string(frames) + " frames of " +
                        std::to_string(side * patch) + "x" + std::to_string(side * patch) +
                        ", by the rows of pos_embed");
}

// A folder that `permafrost convert` wrote (models/encoders/huggingface/modeling_permafrost.py).
void describe_vjepa_config(const Evidence& evidence, SpecDraft& draft) {
  const std::string where = evidence.path + "/config.json";
  const auto number = [&](const char* key) { return config_number(evidence, key); };
  const Json size = evidence.config.value("image_size", Json());
  if (!size.is_array() || size.size() != 2 || !size[0].is_number_integer() ||
      !size[1].is_number_integer())
    throw InputError(where, "image_size", "[height, width]", size.dump());
  draft.told = {{"width", number("hidden_size")},
                {"depth", number("num_hidden_layers")},
                {"heads", number("num_attention_heads")},
                {"ffn_width", number("intermediate_size")},
                {"patch", number("patch_size")},
                {"tubelet", number("tubelet_size")},
                {"frames", number("num_frames")},
                {"height", size[0]},
                {"image_width", size[1]},
                {"layer_scale", config_flag(evidence, "layer_scale", false)},
                {"norm_eps", evidence.config.value("layer_norm_eps", Json(1e-6))}};
}

}  // namespace

Family vjepa_family() {
  Family family;
  family.name = "vjepa";
  family.title = "V-JEPA";
  family.original = {original_prefixes(), original_rules(), {}};
  family.huggingface = {{}, original_rules(), {}};
  family.model_types = {"permafrost_vjepa"};
  family.recognises = is_vjepa;
  family.describe_original = describe_vjepa;
  family.describe_config = describe_vjepa_config;
  return family;
}

}  // namespace permafrost
