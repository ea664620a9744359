// SPDX-License-Identifier: Apache-2.0
// Masking strategies from JSON.
#include <nlohmann/json.hpp>

#include "common/error.h"
#include "models/pretraining/masking/masking.h"

namespace permafrost {
namespace {

void read_range(JsonObject& object, const char* key, double high, double (&range)[2]) {
  const auto ends = object.numbers(key, {{range[0], range[1]}});
  if (ends.size() != 2 || !(ends[0] > 0 && ends[0] <= ends[1] && ends[1] <= high))
    throw InputError(object.where(key), "",
                     "two numbers above 0, the lower first, up to " + Json(high).dump(),
                     Json(ends).dump());
  range[0] = ends[0];
  range[1] = ends[1];
}

MaskConfig read_mask(const Json& json, const std::string& where) {
  JsonObject object(json, where);
  MaskConfig mask;
  if (object.choice("kind", {"blocks", "random_tube"}, "blocks") == "random_tube") {
    mask.kind = MaskConfig::Kind::random_tube;
    mask.ratio = object.number("ratio", mask.ratio, 0.001, 0.999);
  } else {
    mask.num_blocks = static_cast<int>(object.integer("num_blocks", mask.num_blocks, 1, 1000));
    read_range(object, "spatial_scale", 1, mask.spatial_scale);
    read_range(object, "temporal_scale", 1, mask.temporal_scale);
    read_range(object, "aspect_ratio", 100, mask.aspect_ratio);
    mask.max_temporal_keep = object.number("max_temporal_keep", mask.max_temporal_keep, 0.001, 1);
    mask.max_keep = static_cast<int>(object.integer("max_keep", mask.max_keep, 0, 1 << 30));
  }
  object.finish();
  return mask;
}

}  // namespace

MaskStrategy read_mask_strategy(const Json& json, const std::string& where) {
  if (json.is_string()) return mask_strategy(json.get<std::string>(), where);
  MaskStrategy strategy{.name = "custom"};
  const Json* list = &json;
  if (json.is_object()) {
    JsonObject object(json, where);
    strategy.name = object.text("name", strategy.name);
    list = object.child("masks");
    object.finish();
  }
  if (list == nullptr || !list->is_array() || list->empty())
    throw InputError(where, "masking", "a name or a list of at least one mask",
                     list == nullptr ? "no key \"masks\"" : "something else");
  for (std::size_t i = 0; i < list->size(); ++i)
    strategy.masks.push_back(read_mask((*list)[i], where + "/masks/" + std::to_string(i)));
  return strategy;
}

MaskStrategy mask_strategy_of(const std::string& text, const std::string& where) {
  if (text.find_first_of("{[") != 0) return mask_strategy(text, where);
  return read_mask_strategy(parse_json(text, where), where);
}

}  // namespace permafrost
