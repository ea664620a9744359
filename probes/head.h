// SPDX-License-Identifier: Apache-2.0
#pragma once

// Probe heads: several candidates of one architecture side by side, trained in one pass.
//
// Every weight carries a leading dimension L, one slice a candidate. The attentive head is the
// reference's (V-JEPA, Bardes et al. 2024, released code): a learned query cross-attends to
// layer-normed tokens, no output projection, residual, MLP block, linear. It is evaluated in an
// order that makes candidates cheap: with one query, the key product q'(W x + b) is (W'q)'x up to a
// constant that the softmax removes, and the value product commutes with the weighted mean, so that
// tokens are multiplied by L*heads vectors instead of L matrices.
#include <ATen/core/Tensor.h>

#include <cstdint>
#include <string>

#include "models/weights.h"

namespace permafrost {

enum class HeadKind { attentive, mean_pool };

struct HeadSpec {
  HeadKind kind = HeadKind::attentive;
  int width = 96;  // D of the tokens
  int heads = 3;
  int classes = 8;
  double mlp_ratio = 4.0;
};

struct HeadWeights {
  at::Tensor query;                                 // [L,1,D]
  at::Tensor norm1_weight, norm1_bias;              // [L,D]
  at::Tensor q_weight, q_bias, kv_weight, kv_bias;  // [L,D,D] [L,D] [L,2D,D] [L,2D]
  at::Tensor norm2_weight, norm2_bias;              // [L,D]
  at::Tensor fc1_weight, fc1_bias, fc2_weight, fc2_bias;
  at::Tensor linear_weight, linear_bias;  // [L,C,D] [L,C]
};

// Visits the tensors that the kind has, by the reference's names.
void visit(HeadWeights& weights, HeadKind kind, const TensorVisitor& visitor);

// L candidates with the same start: N(0, s^2) linears and query with s = 0.02 * sqrt(1024 / D),
// which is the reference's 0.02 at the width it was made for; fc2 divided by sqrt(2). Throws
// InputError where the heads do not share the width.
HeadWeights make_head(const HeadSpec& spec, int candidates, std::uint64_t seed);

// Tokens [B,N,D] to zero mean and unit deviation over D (eps 1e-5): the part of the head's first
// norm that has no weights, so that it can be computed once and kept.
at::Tensor standardised(const at::Tensor& tokens);

// Logits [L,B,C] of standardised tokens [B,N,D].
at::Tensor head_logits(const HeadWeights& weights, const HeadSpec& spec, const at::Tensor& tokens);

// Candidate `index` alone, L = 1, detached.
HeadWeights candidate(HeadWeights& weights, HeadKind kind, int index);

const char* name_of(HeadKind kind);
HeadKind head_named(const std::string& name, const std::string& where);

}  // namespace permafrost
