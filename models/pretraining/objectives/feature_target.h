// SPDX-License-Identifier: Apache-2.0
#pragma once

// What "vjepa" predicts: features of the slow copy, brought to one scale.
#include <ATen/core/Tensor.h>

#include <vector>

#include "common/json/json_object.h"

namespace permafrost {

enum class TargetNorm {
  layer,    // every token over its channels (V-JEPA)
  instance  // every channel of a clip over the clip's tokens (data2vec, Baevski et al. 2022)
};

struct TargetSpec {
  // The target is the mean over the last so many blocks of their normed outputs, each normalised by
  // layer (data2vec). 1: the last block.
  int blocks = 1;
  TargetNorm normalisation = TargetNorm::layer;
  bool operator==(const TargetSpec&) const = default;
};

// "target": {"blocks": K, "normalisation": "layer" or "instance"} of an encoder of `depth` blocks.
// What is not given is as above. Throws InputError naming file and key.
TargetSpec read_target(JsonObject& parent, int depth);

// Layer norm over D without affine, eps 1e-5 (V-JEPA, released code).
at::Tensor normalised_features(const at::Tensor& features);

// The target [B,N,D] of float32 [B,N,D] of some blocks: normalised_features() of each, their mean,
// and that normalised once more; of one block by layer, normalised_features() of it.
//
// By instance every channel of a clip gets zero mean and unit variance (eps 1e-5) over its tokens.
// What all tokens of a clip have in common is then no part of the target. By layer it is, and a
// network can lower its loss by saying nothing else at any place.
at::Tensor mean_target(const std::vector<at::Tensor>& blocks,
                       TargetNorm normalisation = TargetNorm::layer);

}  // namespace permafrost
