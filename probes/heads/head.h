// SPDX-License-Identifier: Apache-2.0
#pragma once

// Probe heads: several candidates of one architecture side by side, trained in one pass.
//
//   attentive   a learned query over the tokens (V-JEPA), see below
//   mean_pool   mean of the tokens, linear layer
//   linear      mean of the tokens, batch norm without affine part (eps 1e-6), linear layer: the
//               linear probe of MAE (He et al. 2022, section A.1). In training the batch's
//               statistics, at test running ones (momentum 0.1)
//   knn         nothing is trained: see nearest_neighbours.h
//
// All of them see standardised tokens: every token has zero mean and unit deviation over D, since
// that is what is kept of an encoder. For the attentive head it is the first half of its own norm;
// for the other three it is part of the protocol, and the encoder's last norm without its affine
// part where that norm comes last.
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

#include "models/network/layers/block.h"

namespace permafrost {

enum class HeadKind { attentive, mean_pool, linear, knn };

struct HeadSpec {
  HeadKind kind = HeadKind::attentive;
  int width = 96;  // D of the tokens
  int heads = 3;
  int classes = 8;
  double mlp_ratio = 4.0;
  // attentive: ordinary blocks that the tokens pass before the query looks at them (V-JEPA 2: 3).
  // Every candidate then has tokens of its own, and costs as much as one alone.
  int blocks = 0;
};

struct HeadWeights {
  at::Tensor query;                                 // [L,1,D]
  at::Tensor norm1_weight, norm1_bias;              // [L,D]
  at::Tensor q_weight, q_bias, kv_weight, kv_bias;  // [L,D,D] [L,D] [L,2D,D] [L,2D]
  at::Tensor norm2_weight, norm2_bias;              // [L,D]
  at::Tensor fc1_weight, fc1_bias, fc2_weight, fc2_bias;
  std::vector<BlockWeights> blocks;       // with a leading dimension L
  at::Tensor linear_weight, linear_bias;  // [L,C,D] [L,C]
  // linear: running statistics [D] of the mean token; the same for all candidates, no parameters
  // and not visited.
  at::Tensor running_mean, running_variance;
};

// Visits the parameters that the kind has, by the reference's names.
void visit(HeadWeights& weights, HeadKind kind, const TensorVisitor& visitor);

HeadWeights to_device(const HeadWeights& weights, HeadKind kind, const at::Device& device);

// L candidates with the same start: N(0, s^2) linears and query with s = 0.02 * sqrt(1024 / D),
// which is the reference's 0.02 at the width it was made for; fc2 divided by sqrt(2). The linear
// kind starts at N(0, 0.01^2) as in MAE. Throws InputError where the heads do not share the width.
HeadWeights make_head(const HeadSpec& spec, int candidates, std::uint64_t seed);

// Tokens [B,N,D] to zero mean and unit deviation over D (eps 1e-5): the part of the head's first
// norm that has no weights, so that it can be computed once and kept.
at::Tensor standardised(const at::Tensor& tokens);

// Logits [L,B,C] of standardised tokens [B,N,D]; not for knn.
at::Tensor head_logits(const HeadWeights& weights, const HeadSpec& spec, const at::Tensor& tokens);

// The same while training: the linear kind takes the batch's statistics and moves the running ones
// (those of a batch of one sample say nothing and are left out).
at::Tensor training_logits(HeadWeights& weights, const HeadSpec& spec, const at::Tensor& tokens);

// What the linear layer of mean_pool and linear sees in training, [B,D]: training_logits without
// that layer.
at::Tensor training_means(HeadWeights& weights, HeadKind kind, const at::Tensor& tokens);

// Does the kind look at the mean of the tokens alone? It may then be computed once: [n,1,D].
bool sees_the_mean_alone(HeadKind kind);

// Candidate `index` alone, L = 1, detached.
HeadWeights candidate(HeadWeights& weights, HeadKind kind, int index);

// Linear layer (weight [L,C,D], bias [L,C]) that takes the mean token as it is: the linear kind's
// norm with its running statistics is folded in, which is exact at test time.
struct FoldedLinear {
  at::Tensor weight, bias;
};
FoldedLinear folded_linear(const HeadWeights& weights, HeadKind kind);

const char* name_of(HeadKind kind);
HeadKind head_named(const std::string& name, const std::string& where);

}  // namespace permafrost
