// SPDX-License-Identifier: Apache-2.0
#include "models/pretraining/objectives/objective.h"

#include <ATen/record_function.h>
#include <torch/types.h>

namespace permafrost {

at::Tensor normalised_features(const at::Tensor& features) {
  return at::layer_norm(features, {features.size(-1)}, {}, {}, 1e-5);
}

at::Tensor normalised_pixels(const at::Tensor& patches) {
  const auto b = patches.size(0), n = patches.size(1), values = patches.size(2);
  const at::Tensor channels = patches.view({b, n, 3, values / 3});
  const at::Tensor mean = channels.mean(-1, true);
  const at::Tensor deviation = channels.var(-1, true, true).sqrt();
  return ((channels - mean) / (deviation + 1e-6)).view({b, n, values});
}

at::Tensor regression_loss(const at::Tensor& prediction, const at::Tensor& target,
                           double exponent) {
  const at::Tensor error = prediction - target;
  if (exponent == 1.0) return error.abs().mean();
  if (exponent == 2.0) return error.square().mean() / 2;
  return error.abs().pow(exponent).mean() / exponent;
}

at::Tensor prediction_loss(const VitWeights& encoder, const EncoderSpec& spec,
                           const PredictorWeights& predictor, const PredictorSpec& predictor_spec,
                           const at::Tensor& patches, const at::Tensor& targets,
                           const std::vector<Mask>& masks, double exponent) {
  at::Tensor total;
  for (std::size_t m = 0; m < masks.size(); ++m) {
    const Mask& mask = masks[m];
    at::Tensor z, predicted;
    {
      RECORD_USER_SCOPE("context");
      z = encode(encoder, spec, patches, mask.context);
    }
    {
      RECORD_USER_SCOPE("predictor");
      predicted = predict(predictor, predictor_spec, spec.norm_eps, z, mask.context, mask.target,
                          static_cast<int>(m));
    }
    RECORD_USER_SCOPE("loss");
    const at::Tensor loss =
        regression_loss(predicted, gather_tokens(targets, mask.target), exponent);
    total = total.defined() ? total + loss : loss;
  }
  return total / static_cast<double>(masks.size());
}

}  // namespace permafrost
