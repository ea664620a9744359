// SPDX-License-Identifier: Apache-2.0
#pragma once

// A predictor that is given noised patches where others have mask tokens: from context features and
// the noised coordinates of masked patches to what stands there (DiffMAE, Wei et al. 2023). The
// encoder that made the features has seen neither noise nor time.
#include "models/network/denoiser/denoiser.h"
#include "models/network/predictor.h"

namespace permafrost {

struct NoisedPredictorWeights {
  PredictorWeights predictor;  // without mask tokens
  LinearWeights noised_embed;  // d -> width
  LinearWeights time1, time2;  // F -> width -> width, SiLU between; added to every noised token
};

void visit(NoisedPredictorWeights& weights, const TensorVisitor& visitor);
void visit_tables(NoisedPredictorWeights& weights, const TensorVisitor& visitor);

// For coordinates of `spec.outputs` values; F is `frequencies`.
NoisedPredictorWeights make_noised_predictor(const PredictorSpec& spec, const EncoderSpec& encoder,
                                             int frequencies, Init init, std::uint64_t seed);

// Predictions [B,Ky,d] for noised coordinates x [B,Ky,d] at tokens target [B,Ky], in the weights'
// dtype, as z [B,Kc,D] is, which stands at tokens context [B,Kc]; times float32 [B].
at::Tensor predict_noised(const NoisedPredictorWeights& weights, const PredictorSpec& spec,
                          double norm_eps, const at::Tensor& z, const at::Tensor& context,
                          const at::Tensor& target, const at::Tensor& x, const at::Tensor& times);

}  // namespace permafrost
