// SPDX-License-Identifier: Apache-2.0
#include "bench/run/work_estimate.h"

#include <algorithm>

#include "bench/machines/machine.h"
#include "models/network/layers/block.h"
#include "models/network/vit.h"

namespace permafrost {

Work reading_work(const EncoderSpec& spec, TaskKind kind, double clips) {
  const auto bytes = static_cast<double>(spec.clip_shape().bytes());
  if (kind == TaskKind::manifest) return {.clips = clips, .decoded_bytes = clips * bytes};
  return {.pixels = clips * bytes / 3};
}

Work encoding_work(const EncoderSpec& spec, double clips) {
  const double tokens = spec.tokens();
  return {.frozen_flops = clips * (embedding_flops(spec, tokens) + blocks_flops(spec, tokens))};
}

double probed_tokens(const EncoderSpec& spec, const Task& task) {
  return task.source->has_boxes() ? spec.grid_t() : spec.tokens();
}

Work probe_work(const EncoderSpec& spec, const ProbeProtocol& protocol, double tokens,
                double samples) {
  const double width = spec.width;
  const auto candidates = static_cast<double>(candidates_of(protocol).size());
  if (sees_the_mean_alone(protocol.head))
    return {.head_flops = samples * (candidates * width * 60 + tokens * width)};
  // Of a token: scores and weighted sum, and their gradients, for every head of every candidate;
  // it is also picked and turned around. Of a sample: the value product and the MLP, three times.
  const double attention = tokens * width * (8 * candidates * protocol.heads + 10);
  const double rest = candidates * width * width * 54;
  const double blocks = candidates * (protocol.depth - 1) * 3 * block_flops(tokens, width);
  return {.head_flops = samples * (attention + rest + blocks)};
}

Work finetune_work(const EncoderSpec& spec, double samples) {
  const double tokens = spec.tokens();
  // Nobody asks for the gradient of pixels.
  return {.tuned_flops =
              samples * (2 * embedding_flops(spec, tokens) + 3 * blocks_flops(spec, tokens))};
}

double core_milliseconds(const Work& work) { return 1e3 * seconds(reference_core(), work); }

namespace {

double parameters_of(const EncoderSpec& spec) {
  const double width = spec.width;
  double parameters = spec.depth * 4 * width * width;
  for (int i = 0; i < spec.depth; ++i) {
    const FeedForwardSpec layer = spec.feed_forward_of(i);
    const int copies = layer.routing.experts > 0 ? layer.routing.experts : 1;
    const int matrices = layer.kind.starts_with(kGelu) ? 2 : 3;  // of swiglu with its gate
    parameters += copies * matrices * width * static_cast<double>(layer.hidden(spec.width));
  }
  return parameters;
}

}  // namespace

double finetune_bytes(const EncoderSpec& spec, const FinetuneProtocol& protocol,
                      int shards_at_once) {
  const double width = spec.width, depth = spec.depth;
  double activations = depth * 10 * width;
  // A block keeps some 10 tensors of the width of a token and 2 of the hidden layer.
  for (int i = 0; i < spec.depth; ++i) {
    const FeedForwardSpec layer = spec.feed_forward_of(i);
    const auto hidden = static_cast<double>(layer.hidden(spec.width));
    const bool experts = layer.routing.experts > 0;
    activations += (experts ? layer.routing.chosen : 1) * 2 * hidden;
  }
  activations *= static_cast<double>(protocol.batch) * spec.tokens();
  activations *= std::min(1.0, static_cast<double>(shards_at_once) / protocol.gradient_shards);
  return sizeof(float) * (4 * parameters_of(spec) + activations);
}

double weight_bytes(const EncoderSpec& spec) { return sizeof(float) * parameters_of(spec); }

}  // namespace permafrost
