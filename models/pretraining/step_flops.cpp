// SPDX-License-Identifier: Apache-2.0
#include "models/pretraining/step_flops.h"

#include <torch/types.h>

namespace permafrost {
namespace {

constexpr double kForwardAndBackward = 3, kForwardAndHalfBackward = 2;

double linear_flops(double tokens, double in, double out) { return 2 * tokens * in * out; }

double encoder_blocks(const EncoderSpec& spec, double tokens) {
  return spec.depth * block_flops(tokens, spec.width, spec.hidden(), spec.ffn);
}

}  // namespace

double block_flops(double tokens, double width, double hidden, Ffn ffn) {
  const double projections = linear_flops(tokens, width, 4 * width);  // queries, keys, values, out
  const double attention = 2 * linear_flops(tokens, width, tokens);   // scores, and their mixture
  const double layers = ffn == Ffn::swiglu ? 3 : 2;
  return projections + attention + layers * linear_flops(tokens, width, hidden);
}

StepFlops step_flops(const PretrainConfig& config, const std::vector<Mask>& masks) {
  const EncoderSpec& spec = config.encoder;
  const PredictorSpec& predictor = config.predictor;
  StepFlops flops;
  for (const auto& mask : masks) {
    const auto samples = static_cast<double>(mask.context.size(0));
    const auto seen = static_cast<double>(mask.context.size(1));
    const auto asked = static_cast<double>(mask.target.size(1));
    flops.context +=
        samples * (kForwardAndHalfBackward * linear_flops(seen, spec.patch_values(), spec.width) +
                   kForwardAndBackward * encoder_blocks(spec, seen));
    flops.predictor +=
        samples * kForwardAndBackward *
        (linear_flops(seen, spec.width, predictor.width) +
         predictor.depth * block_flops(seen + asked, predictor.width, 4.0 * predictor.width) +
         linear_flops(asked, predictor.width, predictor.outputs));
  }
  if (config.objective == Objective::vjepa && !masks.empty())
    flops.teacher = static_cast<double>(masks[0].context.size(0)) *
                    (linear_flops(spec.tokens(), spec.patch_values(), spec.width) +
                     encoder_blocks(spec, spec.tokens()));
  return flops;
}

}  // namespace permafrost
