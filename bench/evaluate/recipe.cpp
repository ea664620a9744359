// SPDX-License-Identifier: Apache-2.0
#include "bench/evaluate/recipe.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "common/error.h"
#include "common/nearest_name.h"
#include "datasets/frames/transform.h"

namespace permafrost {
namespace {

// Resolutions with the published accuracies of ViT-L and ViT-H at 224, ViT-H at 384.
Recipe vjepa(const char* name, int classes, bool images, int clips, int views,
             const double (&top1)[3]) {
  return {.name = name,
          .classes = classes,
          .images = images,
          .frames = {16},
          .clips = clips,
          .views = views,
          .resolutions = {224, 384},
          .published = {{1024, 224, top1[0]}, {1280, 224, top1[1]}, {1280, 384, top1[2]}}};
}

Recipe vjepa2(const char* name, int classes, std::vector<int> frames, int step, int clips,
              int views, std::vector<PublishedAccuracy> published = {}) {
  return {.name = name,
          .family = RecipeFamily::vjepa2,
          .classes = classes,
          .frames = std::move(frames),
          .frame_step = step,
          .clips = clips,
          .views = views,
          .resolutions = {256, 384},
          .published = std::move(published)};
}

Recipe multilevel(Recipe recipe) {
  recipe.multilevel = true;
  return recipe;
}

Recipe of_images(Recipe recipe) {
  recipe.images = true;
  return recipe;
}

Recipe videomae(const char* name, int classes, int step, int clips) {
  return {.name = name,
          .family = RecipeFamily::videomae,
          .classes = classes,
          .frames = {16},
          .frame_step = step,
          .clips = clips,
          .views = 3,
          .resolutions = {224}};
}

std::vector<Recipe> all_recipes() {
  return {
      vjepa("k400_16x8x3", 400, false, 8, 3, {80.8, 82.0, 81.9}),
      vjepa("ssv2_16x2x3", 174, false, 2, 3, {69.5, 71.4, 72.2}),
      vjepa("in1k", 1000, true, 1, 1, {74.8, 75.9, 77.4}),
      vjepa("places205", 205, true, 1, 1, {60.3, 61.7, 62.8}),
      vjepa("inat21", 10000, true, 1, 1, {67.8, 67.9, 72.6}),
      vjepa2("vjepa2_ssv2_16x2x3", 174, {16}, 4, 2, 3, {{1024, 256, 73.7}}),
      vjepa2("vjepa2_ssv2_64x2x3", 174, {64}, 2, 2, 3, {{1408, 384, 77.3}}),
      vjepa2("vjepa2_k400_16x8x3", 400, {16}, 4, 8, 3),
      vjepa2("coin_16x8x3", 180, {16}, 4, 8, 3),
      multilevel(
          vjepa2("diving48_32x4x3", 48, {32}, 2, 4, 3, {{1024, 256, 89.0}, {1408, 384, 90.2}})),
      multilevel(vjepa2("jester_32x4x3", 27, {32}, 2, 4, 3)),
      of_images(vjepa2("vjepa2_in1k", 1000, {16, 18}, 1, 1, 1)),
      videomae("videomae_k400_16x5x3", 400, 4, 5),
      videomae("videomae_ssv2_16x2x3", 174, 0, 2),
  };
}

RecipeFamily family_of(const ClassifierSpec& head) {
  if (head.kind == HeadKind::mean_pool) return RecipeFamily::videomae;
  const bool deep = head.blocks > 0 && head.blocks_act_on == BlocksActOn::tokens;
  return deep ? RecipeFamily::vjepa2 : RecipeFamily::vjepa;
}

bool holds(const std::vector<int>& values, int value) {
  return std::find(values.begin(), values.end(), value) != values.end();
}

}  // namespace

const std::vector<Recipe>& recipes() {
  static const std::vector<Recipe> all = all_recipes();
  return all;
}

const Recipe& recipe_named(const std::string& name) {
  std::vector<std::string> names;
  for (const auto& recipe : recipes()) {
    if (recipe.name == name) return recipe;
    names.push_back(recipe.name);
  }
  throw InputError("--recipe", "", "one of " + joined(names), quoted(name),
                   "nearest: " + nearest_name(name, names));
}

const Recipe* recipe_for(const ClassifierSpec& head, const EncoderSpec& encoder) {
  const Recipe* best = nullptr;
  int most = -1;
  for (const auto& recipe : recipes()) {
    if (recipe.classes != head.classes) continue;
    // Released encoders of one file were measured with other numbers of frames than their own.
    const int fit = (recipe.family == family_of(head) ? 4 : 0) +
                    (published_accuracy(recipe, {}, encoder) ? 2 : 0) +
                    (holds(recipe.frames, encoder.frames) ? 1 : 0);
    if (fit > most) best = &recipe;
    most = std::max(most, fit);
  }
  return best;
}

std::vector<int> published_layers(int depth) {
  if (depth == 24) return {17, 19, 21, 23};
  if (depth == 40) return {24, 29, 34, 39};
  return {};
}

int short_side_of(const Recipe& recipe, int views, int crop) {
  return views > 1 || recipe.family == RecipeFamily::videomae ? crop : evaluation_short_side(crop);
}

std::string source_of(const Recipe& recipe) {
  switch (recipe.family) {
    case RecipeFamily::vjepa:
      return "V-JEPA (Bardes et al. 2024), released evaluation code";
    case RecipeFamily::vjepa2:
      return "V-JEPA 2 (Assran et al. 2025), released evaluation code";
    case RecipeFamily::videomae:
      return "VideoMAE (Tong et al. 2022), released test code";
  }
  return "";
}

ClipShape shape_of(const EvaluationProtocol& protocol, const EncoderSpec& encoder) {
  if (protocol.resolution == 0) return {protocol.frames, encoder.height, encoder.image_width};
  return {protocol.frames, protocol.resolution, protocol.resolution};
}

std::optional<double> published_accuracy(const Recipe& recipe, const EvaluationProtocol& protocol,
                                         const EncoderSpec& encoder) {
  for (const auto& published : recipe.published)
    if (published.width == encoder.width &&
        published.resolution == shape_of(protocol, encoder).height)
      return published.value;
  return {};
}

Json to_json(const EvaluationProtocol& p) {
  return {{"frames", p.frames},
          {"resolution", p.resolution},
          {"frame_step", p.frame_step},
          {"clips", p.clips},
          {"attend_across_clips", p.attend_across_clips},
          {"views", p.views},
          {"short_side", p.short_side},
          {"antialias", p.antialias},
          {"layers", p.layers}};
}

namespace {

EvaluationProtocol read_protocol(const Json& json, const EncoderSpec& encoder) {
  JsonObject object(json, "--set");
  const auto count = [&](const char* key, int low, int high) {
    return static_cast<int>(object.integer(key, {}, low, high));
  };
  EvaluationProtocol p;
  p.frames = count("frames", 1, 4096);
  p.resolution = count("resolution", 0, 1 << 14);
  p.frame_step = count("frame_step", 1, 1000);
  p.clips = count("clips", 1, 64);
  p.attend_across_clips = object.boolean("attend_across_clips");
  p.views = count("views", 1, 64);
  p.short_side = count("short_side", 0, 1 << 16);
  p.antialias = object.boolean("antialias");
  for (const auto layer : object.integers("layers")) {
    if (layer < 0 || layer >= encoder.depth)
      throw InputError("--set", "layers", "blocks 0 to " + std::to_string(encoder.depth - 1),
                       std::to_string(layer));
    p.layers.push_back(static_cast<int>(layer));
  }
  object.finish();
  return p;
}

}  // namespace

EvaluationProtocol evaluation_protocol(const Recipe* recipe, const TaskSpec& task,
                                       const EncoderSpec& encoder,
                                       const std::vector<std::string>& set) {
  EvaluationProtocol base{
      .frames = encoder.frames, .frame_step = task.frame_step, .clips = task.clips};
  if (recipe != nullptr) {
    if (!holds(recipe->frames, encoder.frames)) base.frames = recipe->frames.front();
    // Frames evenly over a whole video are not a step; the task's stands in.
    if (recipe->frame_step > 0) base.frame_step = recipe->frame_step;
    base.clips = recipe->clips;
    base.views = recipe->views;
    base.antialias = recipe->images;
    base.attend_across_clips = recipe->family != RecipeFamily::videomae;
    if (recipe->multilevel) base.layers = published_layers(encoder.depth);
  }
  Json json = to_json(base);
  json["short_side"] = -1;
  for (const auto& assignment : set) set_json(json, assignment);
  const bool chosen = json["short_side"] != -1;
  if (!chosen) json["short_side"] = 0;
  EvaluationProtocol protocol = read_protocol(json, encoder);
  const ClipShape shape = shape_of(protocol, encoder);
  const int crop = std::min(shape.height, shape.width);
  if (!chosen && recipe != nullptr)
    protocol.short_side = short_side_of(*recipe, protocol.views, crop);
  if (protocol.short_side == crop) protocol.short_side = 0;
  if (task.kind == TaskKind::synthetic && (protocol.views > 1 || protocol.clips > 1))
    throw InputError("--set", protocol.views > 1 ? "views" : "clips",
                     "1 for task " + task.name + ", which is drawn and not cut out of videos",
                     std::to_string(std::max(protocol.views, protocol.clips)));
  return protocol;
}

}  // namespace permafrost
