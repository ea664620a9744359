// SPDX-License-Identifier: Apache-2.0
#include "datasets/augment/augment_spec.h"

#include <nlohmann/json.hpp>

#include "common/error.h"
#include "common/json/json_fields.h"
#include "common/nearest_name.h"

namespace permafrost {
namespace {

AugmentSpec protocol_named(const std::string& name, const std::string& where) {
  AugmentSpec spec{.protocol = name};
  if (name == "none") return spec;
  spec.random_clip = spec.crop = true;
  if (name == "crop") {
    spec.flip = 0.5;
  } else if (name == "released") {
    spec.rand_augment.operations = 4;
    spec.erasing.probability = 0.25;
  } else if (name == "pretraining") {
    spec.flip = 0.5;
    spec.crop_rule = {0.3, 1.0, 0.75, 1.35};
  } else {
    throw InputError(where, "", "one of " + joined(augment_protocols()), quoted(name),
                     "nearest: " + nearest_name(name, augment_protocols()));
  }
  return spec;
}

// All but the protocol, the crop's ranges and rand_augment's text.
template <class Spec, class Visitor>
void fields_of(Spec& spec, Visitor&& visit) {
  visit("random_clip", spec.random_clip);
  visit("crop", spec.crop);
  visit("flip", spec.flip, 0, 1);
  visit("erasing", spec.erasing.probability, 0, 1);
}

void read_range(JsonObject& object, const std::string& key, double most, double& low,
                double& high) {
  const auto range = object.numbers(key, std::vector<double>{low, high});
  if (range.size() != 2 || !(range[0] > 0 && range[0] <= range[1] && range[1] <= most))
    throw InputError(object.where(key), "", "[least, most] with 0 < least <= most",
                     std::to_string(range.size()) + " numbers or others",
                     most <= 1 ? "shares of the picture: at most 1" : "");
  low = range[0];
  high = range[1];
}

}  // namespace

bool AugmentSpec::active() const {
  return random_clip || crop || flip > 0 || rand_augment.operations > 0 || erasing.probability > 0;
}

std::vector<std::string> augment_protocols() { return {"none", "crop", "released", "pretraining"}; }

AugmentSpec read_augment_spec(const Json& json, const std::string& where) {
  if (json.is_string()) return protocol_named(json.get<std::string>(), where);
  JsonObject object(json, where);
  AugmentSpec spec = protocol_named(object.text("protocol", "none"), object.where("protocol"));
  fields_of(spec, FieldReader(object));
  read_range(object, "crop_area", 1, spec.crop_rule.least_area, spec.crop_rule.most_area);
  read_range(object, "crop_ratio", 100, spec.crop_rule.least_ratio, spec.crop_rule.most_ratio);
  spec.rand_augment = parse_rand_augment(object.text("rand_augment", to_text(spec.rand_augment)),
                                         object.where("rand_augment"));
  object.finish();
  return spec;
}

Json to_json(const AugmentSpec& spec) {
  Json json = {{"protocol", spec.protocol},
               {"crop_area", {spec.crop_rule.least_area, spec.crop_rule.most_area}},
               {"crop_ratio", {spec.crop_rule.least_ratio, spec.crop_rule.most_ratio}},
               {"rand_augment", to_text(spec.rand_augment)}};
  fields_of(spec, FieldWriter(json));
  return json;
}

}  // namespace permafrost
