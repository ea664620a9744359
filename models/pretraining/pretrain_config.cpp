// SPDX-License-Identifier: Apache-2.0
#include "models/pretraining/pretrain_config.h"

#include <filesystem>
#include <nlohmann/json.hpp>

#include "common/error.h"
#include "datasets/synthetic/scene.h"

namespace permafrost {
namespace {

void read_schedules(PretrainConfig& config, JsonObject& parent) {
  const auto length =
      static_cast<std::int64_t>(config.schedule_scale * static_cast<double>(config.steps));
  config.learning_rate.length = config.weight_decay.length = length;
  if (const Json* json = parent.child("learning_rate")) {
    JsonObject object(*json, parent.where("learning_rate"));
    config.learning_rate.start = object.number("start", config.learning_rate.start, 0, 10);
    config.learning_rate.peak = object.number("peak", config.learning_rate.peak, 0, 10);
    config.learning_rate.final = object.number("final", config.learning_rate.final, 0, 10);
    config.learning_rate.warmup = object.integer("warmup", 0, 0);
    object.finish();
  }
  if (const Json* json = parent.child("weight_decay")) {
    JsonObject object(*json, parent.where("weight_decay"));
    config.weight_decay.start = object.number("start", config.weight_decay.start, 0, 10);
    config.weight_decay.final = object.number("final", config.weight_decay.final, 0, 10);
    object.finish();
  }
}

// "moe": {"balance": 0.01, "z": 0.001}, of an encoder with experts.
RouterLosses read_router_losses(JsonObject& parent, const EncoderSpec& encoder) {
  const Json* json = parent.child("moe");
  if (encoder.routing.experts == 0) {
    if (json != nullptr)
      throw InputError(parent.where("moe"), "", "no such key with an encoder without experts",
                       "one");
    return {};
  }
  RouterLosses losses{.balance = 0.01, .z = 0.001};
  if (json == nullptr) return losses;
  JsonObject object(*json, parent.where("moe"));
  losses.balance = object.number("balance", losses.balance, 0, 100);
  losses.z = object.number("z", losses.z, 0, 100);
  object.finish();
  return losses;
}

// [{"manifest": "k400.csv", "weight": 0.335}, ...] with the other fields of a list.
void read_weighted_lists(PretrainConfig& config, const Json& json, const std::string& where,
                         const std::filesystem::path& folder) {
  if (!json.is_array() || json.empty())
    throw InputError(where, "", "a list of lists with weights", json.type_name());
  for (std::size_t k = 0; k < json.size(); ++k) {
    const std::string here = where + "/" + std::to_string(k);
    if (!json[k].is_object()) throw InputError(here, "", "an object", json[k].type_name());
    Json list = json[k];
    WeightedList weighted;
    weighted.weight = JsonObject(json[k], here).number("weight", 1, 1e-9, 1e9);
    list.erase("weight");
    weighted.list = read_list_spec(list, here);
    weighted.list.manifest = (folder / weighted.list.manifest).string();
    if (!weighted.list.root.empty()) weighted.list.root = (folder / weighted.list.root).string();
    config.real_lists.push_back(std::move(weighted));
  }
}

void read_real_clips(PretrainConfig& config, JsonObject& parent,
                     const std::filesystem::path& folder) {
  const Json* json = parent.child("real_clips");
  if (json == nullptr) return;
  JsonObject object(*json, parent.where("real_clips"));
  const Json* lists = object.child("lists");
  if (lists != nullptr)
    read_weighted_lists(config, *lists, object.where("lists"), folder);
  else
    config.real_manifest = (folder / object.text("manifest")).string();
  config.real_missing_counted =
      object.choice("missing_files", {"refuse", "count"}, "refuse") == "count";
  config.real_share = object.number("share", 0.5, 0, 1);
  config.real_frame_step = object.integer("frame_step", 4, 1, 1000);
  object.finish();
}

}  // namespace

bool is_logged(const PretrainConfig& config, std::int64_t step) {
  return step % config.log_every == 0 || step == config.steps;
}

bool is_kept(const PretrainConfig& config, std::int64_t step) {
  return step % config.checkpoint_every == 0 || step == config.steps;
}

PretrainConfig read_pretrain_config(const Json& json, const std::string& where,
                                    const std::filesystem::path& data) {
  JsonObject object(json, where);
  PretrainConfig config;
  config.name = object.text("name", std::filesystem::path(where).stem().string());
  object.skip("comment");
  config.seed = static_cast<std::uint64_t>(object.integer("seed", 1, 0));
  if (const Json* spec = object.child("encoder"))
    config.encoder = read_encoder_spec(*spec, object.where("encoder"));
  if (config.encoder.input_noise > 0)
    throw InputError(object.where("encoder"), "input_noise", "0 in pretraining", "more");
  const std::string objective = read_objective_name(object);
  config.batch = static_cast<int>(object.integer("batch", config.batch, 1, 65536));
  config.steps = object.integer("steps", config.steps, 1);
  config.schedule_scale = object.number("schedule_scale", config.schedule_scale, 1, 100);
  config.precision = read_precision(object, {Precision::float32, Precision::bfloat16});
  config.distinct_clips = object.integer("distinct_clips", 0, 0);
  config.world_version =
      static_cast<int>(object.integer("world_version", 1, 1, synthetic::kNewestWorld));
  config.clip_grad = object.number("clip_grad", config.clip_grad, 0, 1e9);
  config.init = object.choice("init", {"xavier", "normal"}, "xavier") == "xavier" ? Init::xavier
                                                                                  : Init::normal;
  config.gradient_shards =
      static_cast<int>(object.integer("gradient_shards", config.gradient_shards, 1, 1024));
  config.log_every = object.integer("log_every", config.log_every, 1);
  config.checkpoint_every = object.integer("checkpoint_every", config.checkpoint_every, 1);
  read_schedules(config, object);
  config.objective = read_objective(objective, object,
                                    {.where = where,
                                     .encoder = config.encoder,
                                     .init = config.init,
                                     .seed = config.seed,
                                     .batch = config.batch,
                                     .schedule_length = config.learning_rate.length,
                                     .router = read_router_losses(object, config.encoder)});
  read_real_clips(config, object, data.empty() ? std::filesystem::path(where).parent_path() : data);
  object.finish();
  if (config.batch % config.gradient_shards != 0)
    throw InputError(
        where, "batch",
        "a multiple of gradient_shards (" + std::to_string(config.gradient_shards) + ")",
        std::to_string(config.batch));
  if (config.encoder.width != 0 && config.learning_rate.warmup >= config.learning_rate.length)
    throw InputError(
        where, "learning_rate.warmup",
        "fewer steps than the schedule's " + std::to_string(config.learning_rate.length),
        std::to_string(config.learning_rate.warmup));
  return config;
}

}  // namespace permafrost
