// SPDX-License-Identifier: Apache-2.0
#include "models/pretraining/run_folder.h"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include <charconv>
#include <cmath>
#include <system_error>

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

std::uint64_t whole_number(const std::string& text, const std::string& where, const char* key) {
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size())
    throw InputError(where, key, "a whole number", quoted(text));
  return number;
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

// A run that goes on must see the same files: with others, its clips would be others.
void require_same_files(const std::string& before, const std::string& now,
                        const std::string& where) {
  if (before == now) return;
  const auto line = [](const std::string& text) { return text.substr(0, text.find('\n')); };
  throw InputError(where, "missing_files", line(before), line(now),
                   "files of its lists have come or gone since this run began");
}

}  // namespace

RunFolder::RunFolder(std::filesystem::path out, const PretrainConfig& config,
                     const Json& config_json, const Json& missing)
    : out_(std::move(out)),
      checkpoint_(out_ / "checkpoint.safetensors"),
      config_(config),
      json_(config_json),
      missing_(missing),
      log_(out_ / "log.jsonl"),
      first_lines_(missing_line(missing)) {}

void RunFolder::resume(TrainerState& state) {
  if (std::filesystem::exists(checkpoint_)) read_checkpoint(state);
}

void RunFolder::read_checkpoint(TrainerState& state) {
  const std::string where = checkpoint_.string();
  const SafetensorsFile file = read_safetensors(checkpoint_);
  const auto meta = [&](const char* key) {
    const auto it = file.metadata.find(key);
    if (it == file.metadata.end()) throw InputError(where, key, "a metadata value", "none");
    return it->second;
  };
  require_same_config(parse_json(meta("config"), where), json_, where);
  if (const auto log = file.metadata.find("log"); log != file.metadata.end()) {
    // The first form of checkpoints held all lines.
    const bool same = first_lines_.empty() || log->second.starts_with(first_lines_);
    if (!log->second.empty() && !same) require_same_files(log->second, first_lines_, where);
    if (!log->second.empty()) first_lines_ = log->second;
  } else {
    require_same_files(meta("missing_files"), first_lines_, where);
    mark_ = {.bytes = whole_number(meta("log_bytes"), where, "log_bytes"),
             .sha256 = meta("log_sha256")};
    log_.require(*mark_);
  }
  const at::NoGradGuard no_grad;
  for (const auto& [name, tensor] : tensors_of(*state.learner)) {
    const at::Tensor& found = file.tensor(name, where);
    if (!found.sizes().equals(tensor.sizes()))
      throw InputError(where, name, c10::str(tensor.sizes()), c10::str(found.sizes()));
    tensor.copy_(found);
  }
  state.step = static_cast<std::int64_t>(whole_number(meta("step"), where, "step"));
  state.optimiser.restore(file.tensors, state.step);
}

void RunFolder::begin() {
  if (has_begun_) return;
  write_file_atomically(out_ / "config.json", json_.dump(2) + "\n");
  if (mark_)
    log_.go_on(*mark_, first_lines_);
  else
    log_.begin(first_lines_);
  has_begun_ = true;
}

void RunFolder::write_checkpoint(TrainerState& state) {
  const LogMark mark = log_.mark();
  NamedTensors all = tensors_of(*state.learner);
  for (auto& named : state.optimiser.state()) all.push_back(std::move(named));
  write_safetensors(checkpoint_, all,
                    {{"format", "permafrost.checkpoint.2"},
                     {"step", std::to_string(state.step)},
                     {"config", json_.dump()},
                     {"missing_files", missing_line(missing_)},
                     {"log_bytes", std::to_string(mark.bytes)},
                     {"log_sha256", mark.sha256}});
}

void RunFolder::write_encoder(const TrainerState& state, bool bfloat16) {
  begin();  // nothing was done in this call where the last checkpoint is of the last step
  log_.mark();
  const ExportedEncoder exported = state.learner->exported();
  Json provenance = provenance_of(config_, json_, exported.name, missing_);
  provenance.update(told_);
  for (ExportedFile& file : state.learner->files()) {
    require_finite(file.tensors, (out_ / file.name).string());
    file.metadata["provenance"] = provenance.dump(-1, ' ', false, Json::error_handler_t::replace);
    write_safetensors(out_ / file.name, file.tensors, file.metadata);
  }
  VitWeights final = to_device(exported.weights, at::kCPU);
  save_encoder(out_ / "encoder.safetensors", final, exported.spec, provenance, bfloat16);
}

OrderedJson log_entry(const PretrainConfig& config, std::int64_t step, const StepReport& report,
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
  return line;
}

}  // namespace permafrost
