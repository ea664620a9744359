// SPDX-License-Identifier: Apache-2.0
#pragma once

// The narrow predictor: from context features and the places of masked tokens to what stands there.
#include "models/network/encoder_spec.h"
#include "models/network/layers/block.h"

namespace permafrost {

struct PredictorSpec {
  int width = 48;
  int depth = 3;
  int heads = 3;
  int outputs = 96;  // D of the encoder, or the values of a patch for pixel targets
  // Of the encoder's: with rope_3d, positions turn queries and keys over this grid.
  Positions positions = Positions::sincos_3d;
  int grid_h = 0, grid_w = 0;
};

struct PredictorWeights {
  LinearWeights embed;                  // D -> width
  std::vector<at::Tensor> mask_tokens;  // [1,1,width], one a mask configuration, start at zero
  at::Tensor pos_embed;                 // [1,N,width], fixed; undefined with rope_3d
  std::vector<BlockWeights> blocks;
  NormWeights norm;
  LinearWeights proj;  // width -> outputs
};

void visit(PredictorWeights& weights, const TensorVisitor& visitor);
// Visits what is computed, and so in no file: "predictor_pos_embed", where there is such a table.
void visit_tables(PredictorWeights& weights, const TensorVisitor& visitor);
NamedTensors named_tensors(PredictorWeights& weights);
PredictorWeights make_predictor(const PredictorSpec& spec, const EncoderSpec& encoder, int masks,
                                Init init, std::uint64_t seed);
PredictorWeights alias_of(const PredictorWeights& weights, bool requires_grad);
PredictorWeights to_device(const PredictorWeights& weights, const at::Device& device);

// z [B,Kc,D] at tokens context [B,Kc]; predictions [B,Ky,outputs] for tokens target [B,Ky], using
// mask token `mask`.
at::Tensor predict(const PredictorWeights& weights, const PredictorSpec& spec, double norm_eps,
                   const at::Tensor& z, const at::Tensor& context, const at::Tensor& target,
                   int mask);

// The same with tokens [B,Ky,width] of the caller's own, before positions, in the place of the mask
// token.
at::Tensor predict_from(const PredictorWeights& weights, const PredictorSpec& spec, double norm_eps,
                        const at::Tensor& z, const at::Tensor& context, const at::Tensor& target,
                        const at::Tensor& tokens);

}  // namespace permafrost
