// SPDX-License-Identifier: Apache-2.0
#include "models/pretrain.h"

#include <torch/types.h>

#include <cmath>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>

#include "common/error.h"
#include "common/files.h"
#include "common/folder_lock.h"
#include "common/progress.h"
#include "common/stopwatch.h"
#include "datasets/loader.h"
#include "models/adamw.h"
#include "models/checkpoints/safetensors.h"
#include "models/encoder.h"
#include "models/gradient_shards.h"
#include "models/objective.h"

namespace permafrost {
namespace {

// Everything that a checkpoint holds.
struct State {
  VitWeights encoder, target;  // target: the EMA copy, not used for pixels
  PredictorWeights predictor;
  AdamW optimiser;
  std::int64_t step = 0;
  std::string log;  // lines so far: rewritten with the checkpoint, so both tell the same story
};

NamedTensors prefixed(const NamedTensors& tensors, const std::string& prefix) {
  NamedTensors out;
  for (const auto& [name, tensor] : tensors) out.emplace_back(prefix + name, tensor);
  return out;
}

void append(NamedTensors& to, const NamedTensors& from) {
  to.insert(to.end(), from.begin(), from.end());
}

NamedTensors tensors_of(State& state) {
  NamedTensors all = prefixed(named_tensors(state.encoder), "encoder.");
  append(all, prefixed(named_tensors(state.target), "target_encoder."));
  append(all, prefixed(named_tensors(state.predictor), "predictor."));
  return all;
}

State fresh_state(const PretrainConfig& config, const at::Device& device) {
  State state;
  state.encoder = to_device(make_vit(config.encoder, config.init, config.seed), device);
  state.target = clone_of(state.encoder);
  state.predictor = to_device(
      make_predictor(config.predictor, config.encoder,
                     static_cast<int>(config.masking.masks.size()), config.init, config.seed),
      device);
  state.optimiser.add(prefixed(named_tensors(state.encoder), "encoder."));
  state.optimiser.add(prefixed(named_tensors(state.predictor), "predictor."));
  return state;
}

void write_checkpoint(State& state, const Json& config, const std::filesystem::path& out) {
  NamedTensors all = tensors_of(state);
  append(all, state.optimiser.state());
  write_safetensors(out / "checkpoint.safetensors", all,
                    {{"format", "permafrost.checkpoint.1"},
                     {"step", std::to_string(state.step)},
                     {"config", config.dump()},
                     {"log", state.log}});
}

// The first key in which two configurations differ, as "key: expected a, found b".
void require_same_config(const Json& before, const Json& now, const std::string& where) {
  for (const auto& difference : Json::diff(before, now)) {
    const Json::json_pointer place(difference.at("path").get<std::string>());
    throw InputError(where, difference.at("path").get<std::string>(),
                     before.contains(place) ? before.at(place).dump() : "no such key",
                     now.contains(place) ? now.at(place).dump() : "no such key",
                     "this folder holds a run of another configuration; use another --out");
  }
}

bool read_checkpoint(State& state, const Json& config, const std::filesystem::path& out) {
  const auto path = out / "checkpoint.safetensors";
  if (!std::filesystem::exists(path)) return false;
  const SafetensorsFile file = read_safetensors(path);
  const auto meta = [&](const char* key) {
    const auto it = file.metadata.find(key);
    if (it == file.metadata.end()) throw InputError(path.string(), key, "a metadata value", "none");
    return it->second;
  };
  require_same_config(parse_json(meta("config"), path.string()), config, path.string());
  const at::NoGradGuard no_grad;
  for (auto& [name, tensor] : tensors_of(state)) {
    const at::Tensor& found = file.tensor(name, path.string());
    if (!found.sizes().equals(tensor.sizes()))
      throw InputError(path.string(), name, c10::str(tensor.sizes()), c10::str(found.sizes()));
    tensor.copy_(found);
  }
  state.step = std::stoll(meta("step"));
  state.optimiser.restore(file.tensors, state.step);
  state.log = meta("log");
  return true;
}

void update_target(State& state, double momentum) {
  const at::NoGradGuard no_grad;
  const NamedTensors slow = named_tensors(state.target), fast = named_tensors(state.encoder);
  for (std::size_t i = 0; i < slow.size(); ++i)
    at::Tensor(slow[i].second).mul_(momentum).add_(fast[i].second, 1.0 - momentum);
}

struct StepReport {
  double loss = 0, encoder_norm = 0, predictor_norm = 0;
  double feature_deviation = 0;  // mean over dimensions, over samples and tokens
  double sample_deviation = 0;   // the same at a fixed place: 0 when only the position is left
  double feature_rank = 0;       // see effective_rank
};

class Trainer {
 public:
  Trainer(const PretrainConfig& config, int threads, const at::Device& device)
      : config_(config), threads_(threads), device_(device), state_(fresh_state(config, device)) {}

  State& state() { return state_; }

  StepReport step(const Batch& batch) {
    const std::int64_t number = state_.step + 1;
    const auto masks =
        draw_masks(config_.masking,
                   {config_.encoder.grid_t(), config_.encoder.grid_h(), config_.encoder.grid_w()},
                   config_.batch, config_.seed, static_cast<std::uint64_t>(number));
    const bool watched = number % config_.log_every == 0 || number == config_.steps;
    StepReport report;
    const auto result = sharded_gradients(config_.gradient_shards, threads_, [&](int shard) {
      return forward(batch, masks, shard, shard == 0 && watched ? &report : nullptr);
    });
    report.loss = result.loss;
    apply(result.gradients, number, report);
    if (config_.objective == Objective::vjepa)
      update_target(state_, config_.momentum.at(state_.step));
    state_.step = number;
    return report;
  }

 private:
  ShardResult forward(const Batch& batch, const std::vector<Mask>& masks, int shard,
                      StepReport* report) {
    const std::int64_t size = config_.batch / config_.gradient_shards, first = shard * size;
    const auto clip_bytes = config_.encoder.clip_shape().bytes();
    const at::Tensor pixels =
        pixel_tensor(batch.pixels.data() + static_cast<std::size_t>(first) * clip_bytes, size,
                     config_.encoder.clip_shape())
            .to(device_);
    at::Tensor patches, targets;
    {
      const at::NoGradGuard no_grad;
      patches = patchify(pixels, config_.encoder);
      if (config_.objective == Objective::vjepa) {
        const at::Tensor features = encode(state_.target, config_.encoder, patches);
        if (report != nullptr) watch(features, *report);
        targets = normalised_features(features);
      } else {
        if (report != nullptr) watch(encode(state_.encoder, config_.encoder, patches), *report);
        targets = normalised_pixels(patches);
      }
    }
    std::vector<Mask> mine;
    for (const auto& mask : masks)
      mine.push_back({mask.context.slice(0, first, first + size).to(device_),
                      mask.target.slice(0, first, first + size).to(device_)});
    VitWeights encoder = alias_of(state_.encoder, true);
    PredictorWeights predictor = alias_of(state_.predictor, true);
    ShardResult result;
    result.loss = prediction_loss(encoder, config_.encoder, predictor, config_.predictor, patches,
                                  targets, mine, config_.loss_exponent) /
                  static_cast<double>(config_.gradient_shards);
    for (const auto& [name, tensor] : named_tensors(encoder)) result.leaves.push_back(tensor);
    for (const auto& [name, tensor] : named_tensors(predictor)) result.leaves.push_back(tensor);
    return result;
  }

  static void watch(const at::Tensor& features, StepReport& report) {
    report.feature_deviation = features.flatten(0, 1).std(0, true, false).mean().item<double>();
    report.sample_deviation = features.std(0, true, false).mean().item<double>();
    report.feature_rank = effective_rank(features.flatten(0, 1));
  }

  void apply(const std::vector<at::Tensor>& gradients, std::int64_t number, StepReport& report) {
    const auto split = static_cast<std::ptrdiff_t>(named_tensors(state_.encoder).size());
    const std::vector<at::Tensor> encoder(gradients.begin(), gradients.begin() + split);
    const std::vector<at::Tensor> predictor(gradients.begin() + split, gradients.end());
    const double limit = number > config_.learning_rate.warmup ? config_.clip_grad : 0.0;
    report.encoder_norm = clip_gradients(encoder, limit);
    report.predictor_norm = clip_gradients(predictor, limit);
    state_.optimiser.step(gradients, config_.learning_rate.at(number),
                          config_.weight_decay.at(number));
  }

  const PretrainConfig& config_;
  int threads_;
  at::Device device_;
  State state_;
};

std::string log_line(const PretrainConfig& config, std::int64_t step, const StepReport& report,
                     double clips_per_second) {
  OrderedJson line;
  line["step"] = step;
  line["clips"] = step * config.batch;
  line["loss"] = report.loss;
  line["learning_rate"] = config.learning_rate.at(step);
  line["weight_decay"] = config.weight_decay.at(step);
  if (config.objective == Objective::vjepa) {
    line["momentum"] = config.momentum.at(step - 1);
  }
  line["feature_deviation"] = report.feature_deviation;
  line["feature_deviation_at_place"] = report.sample_deviation;
  line["feature_rank"] = report.feature_rank;
  line["gradient_norm_encoder"] = report.encoder_norm;
  line["gradient_norm_predictor"] = report.predictor_norm;
  line["clips_per_second"] = std::round(clips_per_second * 10) / 10;
  return line.dump() + "\n";
}

void require_readable(const Batch& batch) {
  for (const auto& failure : batch.failures)
    if (!failure.empty())
      throw InputError("pretraining stream", "", "clips that can be read", failure,
                       "take the file out of the manifest");
}

Json provenance_of(const PretrainConfig& config, const Json& config_json) {
  return {{"config", config_json},
          {"steps", config.steps},
          {"clips", config.steps * config.batch},
          {"export", config.objective == Objective::vjepa ? "target_encoder" : "encoder"}};
}

}  // namespace

PretrainResult pretrain(const PretrainConfig& config, const Json& config_json,
                        const PretrainOptions& options) {
  require_writable_directory(options.out, "--out");
  const FolderLock lock(options.out, "--out");
  const at::Device device(options.device);
  const auto stream = pretraining_stream(config);
  Trainer trainer(config, options.threads, device);
  State& state = trainer.state();
  read_checkpoint(state, config_json, options.out);
  write_file_atomically(options.out / "config.json", config_json.dump(2) + "\n");

  const std::int64_t first = state.step;
  Loader loader(*stream,
                {.shape = config.encoder.clip_shape(),
                 .batch = config.batch,
                 .threads = std::max(1, options.threads / 2)},
                (config.steps - first) * config.batch,
                [&](std::int64_t i) { return first * config.batch + i; });
  Progress progress("pretrain " + config.name, (config.steps - first) * config.batch, "clips",
                    options.quiet);
  const Stopwatch watch;
  Stopwatch group_watch;
  std::int64_t group_first = first;
  PretrainResult result;
  for (Batch batch; state.step < config.steps && loader.next(batch);) {
    require_readable(batch);
    const StepReport report = trainer.step(batch);
    result.loss = report.loss;
    if (!std::isfinite(report.loss))
      throw Error("pretraining diverged: the loss at step " + std::to_string(state.step) +
                  " is not finite; lower learning_rate.peak");
    progress.advance(config.batch);
    if (state.step % config.log_every == 0 || state.step == config.steps) {
      const double rate =
          static_cast<double>((state.step - group_first) * config.batch) / group_watch.seconds();
      state.log += log_line(config, state.step, report, rate);
      progress.note("loss " + std::to_string(report.loss));
      group_watch = Stopwatch();
      group_first = state.step;
    }
    if (state.step % config.checkpoint_every == 0 || state.step == config.steps) {
      write_checkpoint(state, config_json, options.out);
      write_file_atomically(options.out / "log.jsonl", state.log);
    }
    if (options.stop_after > 0 && state.step - first >= options.stop_after) break;
  }
  result.steps = state.step;
  result.clips_per_second =
      static_cast<double>((state.step - first) * config.batch) / std::max(1e-9, watch.seconds());
  result.finished = state.step == config.steps;
  result.loader = loader.statistics();
  if (result.finished) {
    // Again, for a kill between the last checkpoint and its log.
    write_file_atomically(options.out / "log.jsonl", state.log);
    VitWeights final =
        to_device(config.objective == Objective::vjepa ? state.target : state.encoder, at::kCPU);
    save_encoder(options.out / "encoder.safetensors", final, config.encoder,
                 provenance_of(config, config_json), options.bfloat16);
  }
  return result;
}

}  // namespace permafrost
