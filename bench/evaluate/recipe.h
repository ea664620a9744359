// SPDX-License-Identifier: Apache-2.0
#pragma once

// How the papers measured their released heads, and how a run departs from that.
//
// A recipe is what the released evaluation code does (its configurations and defaults), which is
// what the heads were trained with; where a paper's own table says otherwise, the code counts.
#include <optional>
#include <string>
#include <vector>

#include "common/json/json_object.h"
#include "datasets/tasks/task.h"
#include "models/network/encoder_spec.h"
#include "probes/heads/classifier.h"

namespace permafrost {

enum class RecipeFamily { vjepa, vjepa2, videomae };

// A published top-1 accuracy of a released head, percent.
struct PublishedAccuracy {
  int width = 0, resolution = 0;  // which encoder
  double value = 0;
};

struct Recipe {
  std::string name;
  RecipeFamily family = RecipeFamily::vjepa;
  int classes = 0;
  bool images = false;  // still images, repeated to the clip's length
  std::vector<int> frames;
  int frame_step = 4;  // 0: frames evenly over the whole video
  int clips = 1, views = 1;
  std::vector<int> resolutions;
  bool multilevel = false;  // four layers of the encoder instead of the last
  std::vector<PublishedAccuracy> published;
};

const std::vector<Recipe>& recipes();

// Throws InputError naming --recipe and the nearest name.
const Recipe& recipe_named(const std::string& name);

// The recipe for a head of so many classes: of its own family first, then one that was published
// for such an encoder, then by its number of frames; a null pointer where there is none.
const Recipe* recipe_for(const ClassifierSpec& head, const EncoderSpec& encoder);

std::string source_of(const Recipe& recipe);

// The blocks that V-JEPA 2's multi-level probes attend to, of an encoder of `depth`; none are
// published for other depths than 24 and 40.
std::vector<int> published_layers(int depth);

// Before a crop of `crop`: with one view V-JEPA keeps a margin around it, with several the crop is
// the short side, as it always is in VideoMAE.
int short_side_of(const Recipe& recipe, int views, int crop);

// What of the protocol can be chosen.
struct EvaluationProtocol {
  int frames = 16;     // of a clip
  int resolution = 0;  // side of the square crop; 0: the encoder's height and width
  int frame_step = 4;
  int clips = 1;
  bool attend_across_clips = true;  // false: each clip classified, probabilities averaged
  int views = 1;
  int short_side = 0;  // before the crop; 0: the crop's own
  bool antialias = true;
  std::vector<int> layers;  // none: the last
};

// The recipe's protocol (without recipe: the task's clips, shown as `probe` shows them) at the
// encoder's resolution and, unless the recipe has other ones, number of frames; changed by
// "key=value" texts. Throws InputError for unknown keys and values out of range, and for more than
// one view or clip of a synthetic task.
EvaluationProtocol evaluation_protocol(const Recipe* recipe, const TaskSpec& task,
                                       const EncoderSpec& encoder,
                                       const std::vector<std::string>& set);
Json to_json(const EvaluationProtocol& protocol);

// The clips that the encoder is shown.
ClipShape shape_of(const EvaluationProtocol& protocol, const EncoderSpec& encoder);

std::optional<double> published_accuracy(const Recipe& recipe, const EvaluationProtocol& protocol,
                                         const EncoderSpec& encoder);

// One line of the comparison. `paper` is empty where there is no recipe.
struct ProtocolField {
  std::string name, paper, run;
  bool departs() const { return !paper.empty() && paper != run; }
};
std::vector<ProtocolField> protocol_fields(const Recipe* recipe, const EvaluationProtocol& protocol,
                                           const TaskSpec& task, const EncoderSpec& encoder,
                                           const ClassifierSpec& head);

}  // namespace permafrost
