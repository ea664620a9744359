// SPDX-License-Identifier: Apache-2.0
#include "probes/train/protocol.h"

#include <nlohmann/json.hpp>

#include "common/error.h"
#include "common/json/json_fields.h"

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

template <class Test, class Visitor>
void fields_of_test(Test& test, Visitor&& visit) {
  visit.when(test.views > 1, "views", test.views, 1, 64);
  visit.when(test.short_side > 0, "short_side", test.short_side, 0, 8192);
}

// All but head, neighbours, augmentation and its views. A knn head is not trained: what says how is
// read and not written.
template <class Protocol, class Visitor>
void fields_of_probe(Protocol& p, Visitor&& visit) {
  const bool trained = p.head != HeadKind::knn;
  visit("held_out", p.held_out, 0.01, 0.9);
  visit("clips", p.clips, 1, 64);
  visit.when(p.label_fraction < 1, "label_fraction", p.label_fraction, 0, 1);
  visit.when(trained, "heads", p.heads, 1, 256);
  visit.when(trained && p.depth > 1, "depth", p.depth, 1, 64);
  visit.when(trained, "epochs", p.epochs, 1, 100000);
  visit.when(trained, "batch", p.batch, 1, 65536);
  visit.when(trained, "learning_rates", p.learning_rates);
  visit.when(trained, "clip_grad", p.clip_grad, 0, 1e9);
  visit.when(trained && p.weight_decays.empty(), "weight_decay", p.weight_decay, 0, 10);
  visit.when(trained && !p.weight_decays.empty(), "weight_decays", p.weight_decays);
  fields_of_test(p.test, visit);
}

Precision read_encoder_precision(JsonObject& object) {
  return read_precision(object, {Precision::float32, Precision::bfloat16, Precision::tf32});
}
void write_encoder_precision(Precision precision, Json& json) {
  if (precision != Precision::float32) json["precision"] = name_of(precision);
}

// All but the augmentation.
template <class Protocol, class Visitor>
void fields_of_finetuning(Protocol& p, Visitor&& visit) {
  visit("heads", p.heads, 1, 256);
  visit("epochs", p.epochs, 1, 100000);
  visit("batch", p.batch, 1, 65536);
  visit("learning_rate", p.learning_rate, 1e-9, 10);
  visit("layer_decay", p.layer_decay, 0.01, 1);
  visit("weight_decay", p.weight_decay, 0, 10);
  visit("warmup_share", p.warmup_share, 0, 0.9);
  visit("clip_grad", p.clip_grad, 0, 1e9);
  visit("gradient_shards", p.gradient_shards, 1, 256);
  visit.when(p.label_smoothing > 0, "label_smoothing", p.label_smoothing, 0, 0.99);
  const bool mixed = p.mixing.on();
  visit.when(mixed, "mixup", p.mixing.mixup, 0, 2);
  visit.when(mixed, "cutmix", p.mixing.cutmix, 0, 2);
  visit.when(mixed, "mix_probability", p.mixing.probability, 0, 1);
  visit.when(mixed, "mix_switch", p.mixing.switch_share, 0, 1);
  visit.when(p.drop_path > 0, "drop_path", p.drop_path, 0, 0.9);
  visit.when(p.clips > 1, "clips", p.clips, 1, 64);
  fields_of_test(p.test, visit);
}

}  // namespace

ProbeProtocol read_probe_protocol(const Json& json, const std::string& where) {
  JsonObject object(json, where);
  ProbeProtocol p;
  object.skip("comment");
  p.head = head_named(object.text("head", name_of(p.head)), where);
  fields_of_probe(p, FieldReader(object));
  p.neighbours = read_neighbours(object, p.neighbours);
  p.augmentation = read_augmentation(object);
  p.training_views = read_training_views(object);
  p.precision = read_encoder_precision(object);
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
  fields_of_finetuning(p, FieldReader(object));
  p.augmentation = read_augmentation(object);
  p.precision = read_encoder_precision(object);
  object.finish();
  return p;
}

Json to_json(const ProbeProtocol& p) {
  Json json{{"head", name_of(p.head)}};
  fields_of_probe(p, FieldWriter(json));
  if (p.head == HeadKind::knn) json["neighbours"] = p.neighbours;
  write_encoder_precision(p.precision, json);
  if (!p.augmentation.active()) return json;
  json["augmentation"] = to_json(p.augmentation);
  json["training_views"] = p.training_views == 0 ? Json("online") : Json(p.training_views);
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
  Json json;
  fields_of_finetuning(p, FieldWriter(json));
  write_encoder_precision(p.precision, json);
  if (p.augmentation.active()) json["augmentation"] = to_json(p.augmentation);
  return json;
}

}  // namespace permafrost
