// SPDX-License-Identifier: Apache-2.0
#include "models/pretraining/objectives/feature_target.h"

#include <ATen/ATen.h>

#include <nlohmann/json.hpp>

namespace permafrost {
namespace {

constexpr double kEps = 1e-5;

at::Tensor over_tokens(const at::Tensor& features) {
  const at::Tensor centred = features - features.mean(1, true);
  return centred * (centred.square().mean(1, true) + kEps).rsqrt();
}

}  // namespace

TargetSpec read_target(JsonObject& parent, int depth) {
  TargetSpec spec;
  const Json* json = parent.child("target");
  if (json == nullptr) return spec;
  JsonObject object(*json, parent.where("target"));
  spec.blocks = static_cast<int>(object.integer("blocks", spec.blocks, 1, depth));
  if (object.choice("normalisation", {"layer", "instance"}, "layer") == "instance")
    spec.normalisation = TargetNorm::instance;
  object.finish();
  return spec;
}

at::Tensor normalised_features(const at::Tensor& features) {
  return at::layer_norm(features, {features.size(-1)}, {}, {}, kEps);
}

at::Tensor mean_target(const std::vector<at::Tensor>& blocks, TargetNorm normalisation) {
  at::Tensor mean = normalised_features(blocks.front());
  if (blocks.size() == 1 && normalisation == TargetNorm::layer) return mean;
  for (std::size_t i = 1; i < blocks.size(); ++i) mean = mean + normalised_features(blocks[i]);
  mean = mean / static_cast<double>(blocks.size());
  return normalisation == TargetNorm::instance ? over_tokens(mean) : normalised_features(mean);
}

}  // namespace permafrost
