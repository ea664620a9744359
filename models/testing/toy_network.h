// SPDX-License-Identifier: Apache-2.0
#pragma once

// The toy network of the golden values: encoder (D 24, 2 blocks, grid 2x2x2) and predictor with
// closed-form weights. Tests only.
#include "models/network/predictor.h"
#include "models/network/vit.h"
#include "models/testing/test_support.h"

namespace permafrost::toy {

inline NormWeights norm(std::int64_t width, double weight_phase, double bias_phase) {
  return {fill({width}, weight_phase, 0.1) + 1, fill({width}, bias_phase, 0.05)};
}

inline LinearWeights linear(std::int64_t out, std::int64_t in, double weight_phase,
                            double bias_phase) {
  return {fill({out, in}, weight_phase, 0.2), fill({out}, bias_phase, 0.05)};
}

inline BlockWeights block(std::int64_t width, double k) {
  BlockWeights b;
  b.norm1 = norm(width, k + 0.1, k + 0.2);
  b.qkv = linear(3 * width, width, k + 0.3, k + 0.4);
  b.proj = linear(width, width, k + 0.5, k + 0.6);
  b.norm2 = norm(width, k + 0.7, k + 0.8);
  b.mlp.fc1 = linear(4 * width, width, k + 0.9, k + 1.0);
  b.mlp.fc2 = {fill({width, 4 * width}, k + 1.1, 0.1), fill({width}, k + 1.2, 0.05)};
  return b;
}

inline EncoderSpec encoder_spec() {
  EncoderSpec spec;
  spec.width = 24;
  spec.depth = 2;
  spec.heads = 4;
  spec.patch = 4;
  spec.frames = 4;
  spec.height = spec.image_width = 8;
  return spec;
}

inline VitWeights encoder() {
  VitWeights weights = make_vit(encoder_spec(), Init::normal, 0);
  weights.patch_embed = {fill({24, 96}, 5, 0.1), fill({24}, 6, 0.05)};
  weights.blocks = {block(24, 10), block(24, 20)};
  weights.norm = norm(24, 7, 8);
  return weights;
}

inline at::Tensor patches() {
  return patchify_normalised(fill({2, 3, 4, 8, 8}, 0, 1), encoder_spec());
}

inline at::Tensor indices(std::vector<std::int64_t> values) {
  return at::tensor(at::ArrayRef<std::int64_t>(values), at::kLong).view({2, -1});
}
inline at::Tensor context() { return indices({0, 3, 5, 1, 2, 6}); }
inline at::Tensor target() { return indices({1, 2, 4, 6, 0, 3, 5, 7}); }

inline PredictorSpec predictor_spec() {
  return {.width = 12, .depth = 1, .heads = 4, .outputs = 24};
}

inline PredictorWeights predictor() {
  PredictorWeights weights = make_predictor(predictor_spec(), encoder_spec(), 1, Init::normal, 0);
  weights.embed = linear(12, 24, 30, 31);
  weights.mask_tokens = {fill({1, 1, 12}, 32, 0.3)};
  weights.blocks = {block(12, 40)};
  weights.norm = norm(12, 33, 34);
  weights.proj = linear(24, 12, 35, 36);
  return weights;
}

}  // namespace permafrost::toy
