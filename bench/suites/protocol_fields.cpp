// SPDX-License-Identifier: Apache-2.0
// What the paper did beside what a run does, line by line.
#include <algorithm>
#include <nlohmann/json.hpp>

#include "bench/evaluate/recipe.h"
#include "common/nearest_name.h"

namespace permafrost {
namespace {

std::string listed(const std::vector<int>& values, const char* separator) {
  std::vector<std::string> texts;
  for (const int value : values) texts.push_back(std::to_string(value));
  return joined(texts, separator);
}

std::string layers_text(const std::vector<int>& layers) {
  return layers.empty() ? "the last" : "blocks " + listed(layers, ", ");
}

std::string square_text(const ClipShape& shape) {
  return shape.height == shape.width
             ? std::to_string(shape.height)
             : std::to_string(shape.height) + "x" + std::to_string(shape.width);
}

std::string resize_text(bool antialias) {
  return antialias ? "bilinear on uint8, area averages where it shrinks by more than 2"
                   : "bilinear on uint8, no antialiasing";
}

std::string normalisation_text(const EncoderSpec& spec) {
  Json values = Json::array();
  for (const auto& numbers : {spec.mean, spec.deviation}) values.push_back(numbers);
  std::string text = values.dump();
  std::replace(text.begin(), text.end(), ',', ' ');
  return text.substr(1, text.size() - 2);
}

// One of several accepted values is no departure; the paper's column then shows it alone.
std::string accepted(const std::vector<int>& values, int found) {
  return std::find(values.begin(), values.end(), found) != values.end() ? std::to_string(found)
                                                                        : listed(values, " or ");
}

// The paper's text of a field; nothing where there is no recipe.
struct Fields {
  const Recipe* recipe;
  std::vector<ProtocolField> rows;
  void add(const std::string& name, const std::string& run, const std::string& paper) {
    rows.push_back({name, recipe == nullptr ? "" : paper, run});
  }
};

void add_cutting(Fields& fields, const Recipe& paper, const EvaluationProtocol& run,
                 const ClipShape& shape) {
  const int crop = std::min(shape.height, shape.width);
  fields.add("frames", std::to_string(shape.frames), accepted(paper.frames, shape.frames));
  if (paper.images) {
    fields.add("input", "a still image is repeated", "a still image is repeated");
  } else {
    fields.add("frame step", std::to_string(run.frame_step),
               paper.frame_step > 0 ? std::to_string(paper.frame_step) : "evenly over the video");
    fields.add("clips", std::to_string(run.clips), std::to_string(paper.clips));
    const auto joined_text = [](bool joined) {
      return joined ? "attended together" : "classified one by one";
    };
    fields.add("clips of a view", joined_text(run.attend_across_clips),
               joined_text(paper.family != RecipeFamily::videomae));
    fields.add("start of a clip", "earliest in its part of the video",
               paper.family == RecipeFamily::videomae ? "evenly over the video"
                                                      : "random in its part of the video");
  }
  fields.add("views", std::to_string(run.views), std::to_string(paper.views));
  fields.add("resolution", square_text(shape), accepted(paper.resolutions, shape.height));
  fields.add("short side", std::to_string(run.short_side > 0 ? run.short_side : crop),
             std::to_string(short_side_of(paper, paper.views, crop)));
  fields.add("resizing", resize_text(run.antialias),
             paper.images ? "bilinear of PIL, antialiased" : resize_text(false));
}

void add_head(Fields& fields, const Recipe& paper, const EncoderSpec& encoder,
              const ClassifierSpec& head) {
  const auto pooling = [](bool attentive) {
    return attentive ? "attentive probe" : "linear on the mean";
  };
  const auto eps_text = [](double eps) { return Json(eps).dump(); };
  const bool attentive = head.kind == HeadKind::attentive;
  fields.add("classes", std::to_string(head.classes), std::to_string(paper.classes));
  fields.add("head", pooling(attentive), pooling(paper.family != RecipeFamily::videomae));
  if (attentive) {
    const bool deep = paper.family == RecipeFamily::vjepa2;
    fields.add("depth of the head", std::to_string(head.blocks + 1), deep ? "4" : "1");
    // Of V-JEPA 1 those of the encoder, whatever its paper says.
    fields.add("attention heads of the head", std::to_string(head.heads),
               std::to_string(deep ? 16 : encoder.heads));
  }
  fields.add("norm eps of the head", eps_text(head.norm_eps),
             eps_text(paper.family == RecipeFamily::videomae ? 1e-6 : 1e-5));
}

}  // namespace

std::vector<ProtocolField> protocol_fields(const Recipe* recipe, const EvaluationProtocol& protocol,
                                           const TaskSpec& task, const EncoderSpec& encoder,
                                           const ClassifierSpec& head) {
  Fields fields{recipe, {}};
  const Recipe paper = recipe != nullptr ? *recipe : Recipe{};
  const ClipShape shape = shape_of(protocol, encoder);
  if (task.kind == TaskKind::synthetic) {
    fields.add("frames", std::to_string(shape.frames), "");
    fields.add("resolution", square_text(shape), "");
  } else {
    add_cutting(fields, paper, protocol, shape);
  }
  add_head(fields, paper, encoder, head);
  fields.add("flip", "off", "off");
  fields.add("normalisation", normalisation_text(encoder), normalisation_text(EncoderSpec{}));
  const auto published = published_layers(encoder.depth);
  fields.add("layers", layers_text(protocol.layers),
             paper.multilevel && published.empty()
                 ? "four"
                 : layers_text(paper.multilevel ? published : std::vector<int>{}));
  fields.add("merging of views", "mean of probabilities", "mean of probabilities");
  fields.add("precision", "float32", "float16 autocast");
  fields.add("accuracy", "correct / n, each sample once",
             paper.family == RecipeFamily::videomae ? "correct / n, each sample once"
                                                    : "mean of batches, shuffled and padded");
  fields.add("unreadable clip", "counted as wrong", "another clip in its place");
  return fields.rows;
}

}  // namespace permafrost
