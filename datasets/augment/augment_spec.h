// SPDX-License-Identifier: Apache-2.0
#pragma once

// What is done to the clips that a probe trains on, as data. Evaluation never augments.
//
//   const AugmentSpec spec = read_augment_spec("crop", "suite.json:/augmentation");
//   {"protocol": "crop", "flip": 0, "crop_area": [0.3, 1]}      // a protocol with changes
//
// | protocol | clip place | crop | flip | operations | erasing | source |
// |---|---|---|---|---|---|---|
// | none | even | that of evaluation | – | – | – | |
// | crop | random | 0.08-1 of the area, ratio 3/4-4/3 | 0.5 | – | – | V-JEPA paper, Table 9 (video)
// | | released | random | the same | – | rand-m7-n4-mstd0.5-inc1 | 0.25 | facebookresearch/jepa,
// evals | | pretraining | random | 0.3-1, ratio 0.75-1.35 | 0.5 | – | – | facebookresearch/jepa,
// configs |
#include <string>
#include <vector>

#include "common/json/json_object.h"
#include "datasets/augment/crop_box.h"
#include "datasets/augment/erasing.h"
#include "datasets/augment/rand_augment.h"

namespace permafrost {

struct AugmentSpec {
  std::string protocol = "none";  // the name that it started from
  bool random_clip = false;       // videos: the clip is at a random place of its temporal segment
  bool crop = false;              // random resized crop by crop_rule
  CropRule crop_rule;
  double flip = 0;  // probability of a left-right mirror; none where the task is directional
  RandAugmentRule rand_augment;
  ErasingRule erasing;

  // Whether a training view is anything but the clip that evaluation sees.
  bool active() const;
  bool operator==(const AugmentSpec&) const = default;
};

std::vector<std::string> augment_protocols();

// A protocol's name, or an object with a "protocol" (default "none") and the fields that are other:
// "random_clip", "crop" (booleans), "crop_area", "crop_ratio" ([least, most]), "flip"
// (probability), "rand_augment" (text), "erasing" (probability). Throws InputError naming `where`
// and the field.
AugmentSpec read_augment_spec(const Json& json, const std::string& where);

// All fields, whatever the protocol: what belongs into the key of a result.
Json to_json(const AugmentSpec& spec);

}  // namespace permafrost
