// SPDX-License-Identifier: Apache-2.0
#include "models/network/denoiser/noised_predictor.h"

#include <ATen/ATen.h>

namespace permafrost {

void visit(NoisedPredictorWeights& weights, const TensorVisitor& visitor) {
  visit(weights.predictor, visitor);
  visit(weights.noised_embed, "noised_embed", visitor);
  visit(weights.time1, "t_embedder.mlp.0", visitor);
  visit(weights.time2, "t_embedder.mlp.2", visitor);
}

void visit_tables(NoisedPredictorWeights& weights, const TensorVisitor& visitor) {
  visit_tables(weights.predictor, visitor);
}

NoisedPredictorWeights make_noised_predictor(const PredictorSpec& spec, const EncoderSpec& encoder,
                                             int frequencies, Init init, std::uint64_t seed) {
  RandomStream stream({.seed = seed, .purpose = "noised_predictor.init"});
  NoisedPredictorWeights weights;
  weights.predictor = make_predictor(spec, encoder, 0, init, seed);
  weights.noised_embed = make_linear(spec.outputs, spec.width, init, stream);
  weights.time1 = make_linear(frequencies, spec.width, init, stream);
  weights.time2 = make_linear(spec.width, spec.width, init, stream);
  return weights;
}

at::Tensor predict_noised(const NoisedPredictorWeights& weights, const PredictorSpec& spec,
                          double norm_eps, const at::Tensor& z, const at::Tensor& context,
                          const at::Tensor& target, const at::Tensor& x, const at::Tensor& times) {
  const at::Tensor time = time_embedding(weights.time1, weights.time2, times).unsqueeze(1);
  return predict_from(weights.predictor, spec, norm_eps, z, context, target,
                      apply_linear(weights.noised_embed, x) + time);
}

}  // namespace permafrost
