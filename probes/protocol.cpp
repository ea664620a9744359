// SPDX-License-Identifier: Apache-2.0
#include "probes/protocol.h"

#include <nlohmann/json.hpp>

#include "common/error.h"

namespace permafrost {

ProbeProtocol read_probe_protocol(const Json& json, const std::string& where) {
  JsonObject object(json, where);
  ProbeProtocol p;
  object.skip("comment");
  p.head = head_named(object.text("head", name_of(p.head)), where);
  p.heads = static_cast<int>(object.integer("heads", p.heads, 1, 256));
  p.epochs = static_cast<int>(object.integer("epochs", p.epochs, 1, 100000));
  p.batch = static_cast<int>(object.integer("batch", p.batch, 1, 65536));
  p.learning_rates = object.numbers("learning_rates", p.learning_rates);
  p.weight_decay = object.number("weight_decay", p.weight_decay, 0, 10);
  p.clip_grad = object.number("clip_grad", p.clip_grad, 0, 1e9);
  p.held_out = object.number("held_out", p.held_out, 0.01, 0.9);
  p.clips = static_cast<int>(object.integer("clips", p.clips, 1, 64));
  object.finish();
  if (p.learning_rates.empty())
    throw InputError(where, "learning_rates", "at least one number", "none");
  for (const double rate : p.learning_rates)
    if (!(rate > 0))
      throw InputError(where, "learning_rates", "numbers above 0", std::to_string(rate));
  return p;
}

FinetuneProtocol read_finetune_protocol(const Json& json, const std::string& where) {
  JsonObject object(json, where);
  FinetuneProtocol p;
  object.skip("comment");
  p.heads = static_cast<int>(object.integer("heads", p.heads, 1, 256));
  p.epochs = static_cast<int>(object.integer("epochs", p.epochs, 1, 100000));
  p.batch = static_cast<int>(object.integer("batch", p.batch, 1, 65536));
  p.learning_rate = object.number("learning_rate", p.learning_rate, 1e-9, 10);
  p.layer_decay = object.number("layer_decay", p.layer_decay, 0.01, 1);
  p.weight_decay = object.number("weight_decay", p.weight_decay, 0, 10);
  p.warmup_share = object.number("warmup_share", p.warmup_share, 0, 0.9);
  p.clip_grad = object.number("clip_grad", p.clip_grad, 0, 1e9);
  p.gradient_shards =
      static_cast<int>(object.integer("gradient_shards", p.gradient_shards, 1, 256));
  object.finish();
  return p;
}

Json to_json(const ProbeProtocol& p) {
  return {{"head", name_of(p.head)},
          {"heads", p.heads},
          {"epochs", p.epochs},
          {"batch", p.batch},
          {"learning_rates", p.learning_rates},
          {"weight_decay", p.weight_decay},
          {"clip_grad", p.clip_grad},
          {"held_out", p.held_out},
          {"clips", p.clips}};
}

Json to_json(const FinetuneProtocol& p) {
  return {{"heads", p.heads},
          {"epochs", p.epochs},
          {"batch", p.batch},
          {"learning_rate", p.learning_rate},
          {"layer_decay", p.layer_decay},
          {"weight_decay", p.weight_decay},
          {"warmup_share", p.warmup_share},
          {"clip_grad", p.clip_grad},
          {"gradient_shards", p.gradient_shards}};
}

}  // namespace permafrost
