// SPDX-License-Identifier: Apache-2.0
#include "bench/run/work_estimate.h"

namespace permafrost {

// Measured on one core of the development machine: about 40 Gflop/s in matrix products, 25 ns to
// render a pixel, 20 ms to decode a clip of a short video.
double encode_work(const EncoderSpec& spec, TaskKind kind, std::int64_t clips) {
  const double flops = blocks_flops(spec, spec.tokens());
  const double pixels = static_cast<double>(spec.clip_shape().bytes()) / 3;
  return static_cast<double>(clips) *
         (flops / 4e7 + (kind == TaskKind::manifest ? 20 : pixels * 2.5e-5));
}

double probe_work(const EncoderSpec& spec, const ProbeProtocol& protocol, int clips,
                  std::int64_t samples) {
  const double width = spec.width, tokens = static_cast<double>(spec.tokens()) * clips;
  const auto candidates = static_cast<double>(candidates_of(protocol).size());
  if (sees_the_mean_alone(protocol.head))
    return static_cast<double>(samples) * (candidates * width * 60 / 2e7 + 1e-3);
  const double attention = tokens * width * candidates * protocol.heads * 12;
  const double rest = candidates * width * width * 60;
  return static_cast<double>(samples) * ((attention + rest) / 2e7 + tokens * width * 5e-7);
}

double finetune_work(const EncoderSpec& spec, TaskKind kind, std::int64_t samples) {
  return 4 * encode_work(spec, kind, samples);
}

double finetune_bytes(const EncoderSpec& spec, const FinetuneProtocol& protocol) {
  const double width = spec.width, depth = spec.depth;
  double parameters = depth * 4 * width * width, activations = depth * 10 * width;
  // A block keeps some 10 tensors of the width of a token and 2 of the hidden layer.
  for (int i = 0; i < spec.depth; ++i) {
    const FeedForwardSpec layer = spec.feed_forward_of(i);
    const auto hidden = static_cast<double>(layer.hidden(spec.width));
    const bool experts = layer.routing.experts > 0;
    parameters += (experts ? layer.routing.experts : 1) * 3 * width * hidden;
    activations += (experts ? layer.routing.chosen : 1) * 2 * hidden;
  }
  activations *= static_cast<double>(protocol.batch) * spec.tokens();
  return sizeof(float) * (4 * parameters + activations);
}

}  // namespace permafrost
