// SPDX-License-Identifier: Apache-2.0
#include "models/pretraining/objectives/objective.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "common/error.h"
#include "common/nearest_name.h"
#include "models/pretraining/objectives/feature_prediction.h"
#include "models/pretraining/objectives/noising/denoising.h"
#include "models/pretraining/objectives/noising/diffusion_mae.h"
#include "models/pretraining/objectives/pixel_prediction.h"

namespace permafrost {
namespace {

std::vector<ObjectiveKind>& kinds() {
  static std::vector<ObjectiveKind> all{
      feature_prediction(),
      pixel_prediction(),
      denoising(),
      diffusion_mae(),
  };
  return all;
}

const ObjectiveKind* find(const std::string& name) {
  const auto it = std::find_if(kinds().begin(), kinds().end(),
                               [&](const ObjectiveKind& kind) { return kind.name == name; });
  return it == kinds().end() ? nullptr : &*it;
}

bool has_key(const ObjectiveKind& kind, const std::string& key) {
  return std::find(kind.keys.begin(), kind.keys.end(), key) != kind.keys.end();
}

std::string owners_of(const std::string& key) {
  std::vector<std::string> names;
  for (const auto& kind : kinds())
    if (has_key(kind, key)) names.push_back(quoted(kind.name));
  return joined(names);
}

// A key that means nothing here would be taken for one that does.
void refuse_keys_of_others(const ObjectiveKind& chosen, const JsonObject& object,
                           const RunSetting& run) {
  for (const auto& other : kinds())
    for (const auto& key : other.keys)
      if (object.has(key) && !has_key(chosen, key))
        throw InputError(run.where, key, "no such key with objective " + quoted(chosen.name), "one",
                         "it is a key of objective " + owners_of(key));
}

}  // namespace

const std::vector<ObjectiveKind>& objective_kinds() { return kinds(); }

void register_objective(const ObjectiveKind& kind) {
  if (find(kind.name) != nullptr)
    throw Error("there is an objective " + quoted(kind.name) + " already");
  kinds().push_back(kind);
}

std::string read_objective_name(JsonObject& object) {
  std::vector<std::string> names;
  for (const auto& kind : kinds()) names.push_back(kind.name);
  return object.choice("objective", names);
}

std::shared_ptr<const Objective> read_objective(const std::string& name, JsonObject& object,
                                                const RunSetting& run) {
  const ObjectiveKind* kind = find(name);
  if (kind == nullptr) throw Error("there is no objective " + quoted(name));
  if (run.encoder.routing.experts > 0 && !kind->experts)
    throw InputError(run.where, "encoder/experts", "0 with objective " + quoted(name),
                     std::to_string(run.encoder.routing.experts),
                     "it does not add the losses of routers");
  refuse_keys_of_others(*kind, object, run);
  return kind->read(object, run);
}

}  // namespace permafrost
