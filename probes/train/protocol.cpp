// SPDX-License-Identifier: Apache-2.0
#include "probes/train/protocol.h"

#include <nlohmann/json.hpp>

#include "common/error.h"

namespace permafrost {
namespace {

std::vector<int> read_neighbours(JsonObject& object, const std::vector<int>& fallback) {
  std::vector<int> neighbours;
  for (const auto k : object.integers("neighbours", {{fallback.begin(), fallback.end()}})) {
    if (k < 1 || k > 1'000'000)
      throw InputError(object.where("neighbours"), "", "numbers from 1 to 1000000",
                       std::to_string(k));
    neighbours.push_back(static_cast<int>(k));
  }
  if (neighbours.empty())
    throw InputError(object.where("neighbours"), "", "at least one number", "none");
  return neighbours;
}

AugmentSpec read_augmentation(JsonObject& object) {
  const Json* json = object.child("augmentation");
  return json == nullptr ? AugmentSpec() : read_augment_spec(*json, object.where("augmentation"));
}

// A number, or "online": 0.
int read_training_views(JsonObject& object) {
  const Json* json = object.child("training_views");
  if (json == nullptr) return 1;
  if (json->is_string() && json->get<std::string>() == "online") return 0;
  if (json->is_number_integer() && json->get<std::int64_t>() >= 1 &&
      json->get<std::int64_t>() <= 1000)
    return json->get<int>();
  throw InputError(object.where("training_views"), "",
                   "a whole number from 1 to 1000 or \"online\"", json->dump());
}

TestView read_test_view(JsonObject& object) {
  TestView test;
  test.views = static_cast<int>(object.integer("views", test.views, 1, 64));
  test.short_side = static_cast<int>(object.integer("short_side", test.short_side, 0, 8192));
  return test;
}

void add_test_view(Json& json, const TestView& test) {
  if (test.views > 1) json["views"] = test.views;
  if (test.short_side > 0) json["short_side"] = test.short_side;
}

}  // namespace

ProbeProtocol read_probe_protocol(const Json& json, const std::string& where) {
  JsonObject object(json, where);
  ProbeProtocol p;
  object.skip("comment");
  p.head = head_named(object.text("head", name_of(p.head)), where);
  p.heads = static_cast<int>(object.integer("heads", p.heads, 1, 256));
  p.depth = static_cast<int>(object.integer("depth", p.depth, 1, 64));
  p.epochs = static_cast<int>(object.integer("epochs", p.epochs, 1, 100000));
  p.batch = static_cast<int>(object.integer("batch", p.batch, 1, 65536));
  p.learning_rates = object.numbers("learning_rates", p.learning_rates);
  p.weight_decay = object.number("weight_decay", p.weight_decay, 0, 10);
  p.weight_decays = object.numbers("weight_decays", p.weight_decays);
  p.clip_grad = object.number("clip_grad", p.clip_grad, 0, 1e9);
  p.held_out = object.number("held_out", p.held_out, 0.01, 0.9);
  p.clips = static_cast<int>(object.integer("clips", p.clips, 1, 64));
  p.neighbours = read_neighbours(object, p.neighbours);
  p.label_fraction = object.number("label_fraction", p.label_fraction, 0, 1);
  p.augmentation = read_augmentation(object);
  p.training_views = read_training_views(object);
  p.test = read_test_view(object);
  object.finish();
  if (p.training_views != 1 && !p.augmentation.active())
    throw InputError(where, "training_views", "1 without an augmentation, as all would be the same",
                     p.training_views == 0 ? "online" : std::to_string(p.training_views));
  if (p.head == HeadKind::knn && p.augmentation.active())
    throw InputError(where, "augmentation",
                     "none for a knn head, whose bank is the clips themselves",
                     quoted(p.augmentation.protocol));
  if (!(p.label_fraction > 0))
    throw InputError(where, "label_fraction", "a share above 0", std::to_string(p.label_fraction));
  if (p.depth > 1 && p.head != HeadKind::attentive)
    throw InputError(where, "depth", "1 for a head of kind " + std::string(name_of(p.head)),
                     std::to_string(p.depth));
  for (const double decay : p.weight_decays)
    if (!(decay >= 0 && decay <= 10))
      throw InputError(where, "weight_decays", "numbers from 0 to 10", std::to_string(decay));
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
  p.label_smoothing = object.number("label_smoothing", p.label_smoothing, 0, 0.99);
  p.mixing.mixup = object.number("mixup", p.mixing.mixup, 0, 2);
  p.mixing.cutmix = object.number("cutmix", p.mixing.cutmix, 0, 2);
  p.mixing.probability = object.number("mix_probability", p.mixing.probability, 0, 1);
  p.mixing.switch_share = object.number("mix_switch", p.mixing.switch_share, 0, 1);
  p.drop_path = object.number("drop_path", p.drop_path, 0, 0.9);
  p.augmentation = read_augmentation(object);
  p.clips = static_cast<int>(object.integer("clips", p.clips, 1, 64));
  p.test = read_test_view(object);
  object.finish();
  return p;
}

Json to_json(const ProbeProtocol& p) {
  Json json{{"head", name_of(p.head)}, {"held_out", p.held_out}, {"clips", p.clips}};
  if (p.label_fraction < 1) json["label_fraction"] = p.label_fraction;
  if (p.augmentation.active()) {
    json["augmentation"] = to_json(p.augmentation);
    json["training_views"] = p.training_views == 0 ? Json("online") : Json(p.training_views);
  }
  add_test_view(json, p.test);
  if (p.head == HeadKind::knn) {
    json["neighbours"] = p.neighbours;
    return json;
  }
  json["heads"] = p.heads;
  if (p.depth > 1) json["depth"] = p.depth;
  json["epochs"] = p.epochs;
  json["batch"] = p.batch;
  json["learning_rates"] = p.learning_rates;
  json["clip_grad"] = p.clip_grad;
  if (p.weight_decays.empty())
    json["weight_decay"] = p.weight_decay;
  else
    json["weight_decays"] = p.weight_decays;
  return json;
}

std::vector<ProbeCandidate> candidates_of(const ProbeProtocol& p) {
  std::vector<ProbeCandidate> candidates;
  if (p.head == HeadKind::knn) {
    for (const int k : p.neighbours) candidates.push_back({.neighbours = k});
    return candidates;
  }
  const auto decays =
      p.weight_decays.empty() ? std::vector<double>{p.weight_decay} : p.weight_decays;
  for (const double decay : decays)
    for (const double rate : p.learning_rates)
      candidates.push_back({.learning_rate = rate, .weight_decay = decay});
  return candidates;
}

int passes_of(const ProbeProtocol& p) { return p.head == HeadKind::knn ? 1 : p.epochs; }

Json to_json(const FinetuneProtocol& p) {
  Json json{{"heads", p.heads},
            {"epochs", p.epochs},
            {"batch", p.batch},
            {"learning_rate", p.learning_rate},
            {"layer_decay", p.layer_decay},
            {"weight_decay", p.weight_decay},
            {"warmup_share", p.warmup_share},
            {"clip_grad", p.clip_grad},
            {"gradient_shards", p.gradient_shards}};
  if (p.label_smoothing > 0) json["label_smoothing"] = p.label_smoothing;
  if (p.mixing.on()) {
    json["mixup"] = p.mixing.mixup;
    json["cutmix"] = p.mixing.cutmix;
    json["mix_probability"] = p.mixing.probability;
    json["mix_switch"] = p.mixing.switch_share;
  }
  if (p.drop_path > 0) json["drop_path"] = p.drop_path;
  if (p.augmentation.active()) json["augmentation"] = to_json(p.augmentation);
  if (p.clips > 1) json["clips"] = p.clips;
  add_test_view(json, p.test);
  return json;
}

}  // namespace permafrost
