// SPDX-License-Identifier: Apache-2.0
#include "models/pretraining/run_folder.h"

#include <torch/types.h>

#include <cmath>

#include "common/error.h"
#include "common/files/files.h"
#include "models/encoders/checkpoints/safetensors.h"
#include "models/encoders/encoder.h"

namespace permafrost {
namespace {

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

// The log so far; empty where there is no checkpoint.
std::string read_checkpoint(TrainerState& state, const Json& config,
                            const std::filesystem::path& out) {
  const auto path = out / "checkpoint.safetensors";
  if (!std::filesystem::exists(path)) return {};
  const SafetensorsFile file = read_safetensors(path);
  const auto meta = [&](const char* key) {
    const auto it = file.metadata.find(key);
    if (it == file.metadata.end()) throw InputError(path.string(), key, "a metadata value", "none");
    return it->second;
  };
  require_same_config(parse_json(meta("config"), path.string()), config, path.string());
  const at::NoGradGuard no_grad;
  for (const auto& [name, tensor] : tensors_of(*state.learner)) {
    const at::Tensor& found = file.tensor(name, path.string());
    if (!found.sizes().equals(tensor.sizes()))
      throw InputError(path.string(), name, c10::str(tensor.sizes()), c10::str(found.sizes()));
    tensor.copy_(found);
  }
  state.step = std::stoll(meta("step"));
  state.optimiser.restore(file.tensors, state.step);
  return meta("log");
}

Json provenance_of(const PretrainConfig& config, const Json& config_json,
                   const std::string& exported, const Json& missing) {
  Json json = {{"config", config_json},
               {"steps", config.steps},
               {"clips", config.steps * config.batch},
               {"export", exported}};
  if (!missing.is_null()) json["missing_files"] = missing;
  return json;
}

// The first line of the log where missing files are left out; empty else.
std::string missing_line(const Json& missing) {
  if (missing.is_null()) return "";
  return OrderedJson{{"event", "missing_files"}, {"lists", missing}}.dump(
             -1, ' ', false, OrderedJson::error_handler_t::replace) +
         "\n";
}

// The log of a run that goes on must tell of the same files: with others, its clips would be
// others.
std::string begun_log(const std::string& log, const std::string& line,
                      const std::filesystem::path& out) {
  if (log.empty()) return line;
  if (!log.starts_with(line))
    throw InputError((out / "checkpoint.safetensors").string(), "missing_files",
                     log.substr(0, log.find('\n')), line.substr(0, line.find('\n')),
                     "files of its lists have come or gone since this run began");
  return log;
}

}  // namespace

std::string RunFolder::resume(TrainerState& state) const {
  return begun_log(read_checkpoint(state, json_, out_), missing_line(missing_), out_);
}

void RunFolder::write_config() const {
  write_file_atomically(out_ / "config.json", json_.dump(2) + "\n");
}

void RunFolder::write_checkpoint(TrainerState& state, const std::string& log) const {
  NamedTensors all = tensors_of(*state.learner);
  for (auto& named : state.optimiser.state()) all.push_back(std::move(named));
  write_safetensors(out_ / "checkpoint.safetensors", all,
                    {{"format", "permafrost.checkpoint.1"},
                     {"step", std::to_string(state.step)},
                     {"config", json_.dump()},
                     {"log", log}});
  write_file_atomically(out_ / "log.jsonl", log);
}

void RunFolder::write_encoder(const TrainerState& state, const std::string& log,
                              bool bfloat16) const {
  // Again, for a kill between the last checkpoint and its log.
  write_config();
  write_file_atomically(out_ / "log.jsonl", log);
  const ExportedEncoder exported = state.learner->exported();
  VitWeights final = to_device(exported.weights, at::kCPU);
  save_encoder(out_ / "encoder.safetensors", final, exported.spec,
               provenance_of(config_, json_, exported.name, missing_), bfloat16);
}

std::string log_line(const PretrainConfig& config, std::int64_t step, const StepReport& report,
                     double clips_per_second) {
  OrderedJson line;
  line["step"] = step;
  line["clips"] = step * config.batch;
  line["loss"] = report.loss;
  line["learning_rate"] = config.learning_rate.at(step);
  line["weight_decay"] = config.weight_decay.at(step);
  for (const auto& [name, number] : report.figures) line[name] = number;
  for (const auto& [name, norm] : report.gradient_norms) line["gradient_norm_" + name] = norm;
  line["clips_per_second"] = std::round(clips_per_second * 10) / 10;
  return line.dump() + "\n";
}

}  // namespace permafrost
