// SPDX-License-Identifier: Apache-2.0
#pragma once

// Released classification heads, forward only: what `permafrost evaluate` puts on an encoder's
// tokens. Plain differentiable tensor code; heads that we train are in head.h.
//
//   attentive   a learned query cross-attends to the layer-normed tokens (no output projection),
//               residual, MLP block, linear (V-JEPA, Bardes et al. 2024, released code). Deeper
//               heads add ordinary blocks: V-JEPA 1 to the query after the cross attention,
//               V-JEPA 2 to the tokens before it.
//   mean_pool   mean over the tokens, layer norm, linear (VideoMAE)
//
//   const at::Tensor logits = classify(head.weights, head.spec, tokens);   // [B,N,D] -> [B,C]
#include <ATen/core/Tensor.h>

#include <string>
#include <vector>

#include "common/json/json_object.h"
#include "models/network/layers/block.h"
#include "probes/heads/head.h"

namespace permafrost {

// Where the extra blocks of a deep attentive head act.
enum class BlocksActOn { query, tokens };

struct ClassifierSpec {
  HeadKind kind = HeadKind::attentive;
  int width = 1024;  // D of the tokens
  int classes = 400;
  double norm_eps = 1e-5;  // official heads; Hugging Face's V-JEPA 2: the encoder's
  // attentive
  int heads = 16;
  int hidden = 4096;  // of the MLPs
  int blocks = 0;     // beside the cross attention: depth - 1
  BlocksActOn blocks_act_on = BlocksActOn::tokens;
  // mean_pool
  bool pool_norm = true;  // a layer norm between mean and linear
  // mean_pool, and attentive with blocks on the tokens: tokens to zero mean and unit deviation
  // first, as head.h does.
  bool normalise_tokens = false;
};

struct ClassifierWeights {
  at::Tensor query;          // [1,1,D]
  NormWeights norm1, norm2;  // of the tokens, of the query after the cross attention
  LinearWeights q, kv;       // [D,D], [2D,D] keys first
  LinearWeights fc1, fc2;
  std::vector<BlockWeights> blocks;
  NormWeights pool_norm;
  LinearWeights linear;  // [C,D]
};

// Visits the tensors that such a head has, by V-JEPA's names ("pooler.query_tokens" ...,
// "linear.weight"; the mean's norm is "fc_norm").
void visit(ClassifierWeights& weights, const ClassifierSpec& spec, const TensorVisitor& visitor);

// The shapes alone: tensors of the meta device, which hold no memory.
ClassifierWeights classifier_shapes(const ClassifierSpec& spec);

ClassifierWeights to_device(const ClassifierWeights& weights, const ClassifierSpec& spec,
                            const at::Device& device);

// Logits [B,C] of tokens [B,N,D], the encoder's output after its final norm.
at::Tensor classify(const ClassifierWeights& weights, const ClassifierSpec& spec,
                    const at::Tensor& tokens);

// Where the query of an attentive head looks: [B,heads,N], each row sums to 1. Throws Error for a
// head of another kind.
at::Tensor query_attention(const ClassifierWeights& weights, const ClassifierSpec& spec,
                           const at::Tensor& tokens);

// Throws InputError for unknown keys, sizes below 1 and heads that do not share the width.
ClassifierSpec read_classifier_spec(const Json& json, const std::string& where);
Json to_json(const ClassifierSpec& spec);

// A head that we trained (candidate 0 of it), as a classifier with the same logits up to rounding:
// a linear one as mean_pool, its batch norm folded into the linear layer. Throws Error for knn,
// which has nothing to write down.
ClassifierSpec classifier_spec_of(const HeadSpec& spec);
ClassifierWeights classifier_weights_of(const HeadWeights& weights, const HeadSpec& spec);

}  // namespace permafrost
