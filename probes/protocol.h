// SPDX-License-Identifier: Apache-2.0
#pragma once

// How a probe is trained and how an encoder is fine-tuned, as data.
#include <cstdint>
#include <string>
#include <vector>

#include "common/json_object.h"
#include "probes/head.h"

namespace permafrost {

// AdamW, cosine learning rate to 0, cosine weight decay to 1e-6, gradient clip a candidate.
struct ProbeProtocol {
  HeadKind head = HeadKind::attentive;
  int heads = 3;
  int epochs = 20;
  int batch = 64;
  std::vector<double> learning_rates{1e-3, 3e-3};  // one candidate each, all in one pass
  double weight_decay = 0.01;
  double clip_grad = 1.0;
  double held_out = 0.1;  // share of the training split on which the candidate is chosen
  int clips = 1;          // temporal segments a sample, their tokens attended together
};

struct FinetuneProtocol {
  int heads = 3;
  int epochs = 4;
  int batch = 32;
  double learning_rate = 1e-3;
  double layer_decay = 0.75;  // learning rate of block i: decay^(depth-i), of the embedding: last
  double weight_decay = 0.05;
  double warmup_share = 0.1;  // of all steps
  double clip_grad = 1.0;
  int gradient_shards = 4;
};

ProbeProtocol read_probe_protocol(const Json& json, const std::string& where);
FinetuneProtocol read_finetune_protocol(const Json& json, const std::string& where);
Json to_json(const ProbeProtocol& protocol);
Json to_json(const FinetuneProtocol& protocol);

}  // namespace permafrost
