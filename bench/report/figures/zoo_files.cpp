// SPDX-License-Identifier: Apache-2.0
#include "bench/report/figures/zoo_files.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <sstream>

#include "bench/report/results/json_fields.h"
#include "common/error.h"
#include "common/files/files.h"

namespace permafrost {
std::optional<Encoder> zoo_encoder(const Record& record, std::string& why_not) {
  why_not.clear();
  const auto names = zoo_names();
  if (std::find(names.begin(), names.end(), record.encoder.name) == names.end()) {
    why_not = "it is not in the zoo";
    return std::nullopt;
  }
  try {
    Encoder encoder = load_encoder(record.encoder.name, "report");
    if (encoder.sha256 == record.encoder.sha256) return encoder;
    why_not = "the zoo now has other weights under that name";
  } catch (const InputError& error) {
    why_not = error.what();
  }
  return std::nullopt;
}

std::vector<LogLine> read_training_log(const std::string& zoo_name) {
  std::vector<LogLine> lines;
  const auto path = zoo_folder() / (zoo_name + ".log.jsonl");
  std::error_code ignored;
  if (!std::filesystem::is_regular_file(path, ignored)) return lines;
  std::istringstream text(read_file(path));
  for (std::string line; std::getline(text, line);) {
    const Json json = Json::parse(line, nullptr, false);
    if (!json.is_object() || !number_in(json, "step")) continue;
    lines.push_back({.step = *number_in(json, "step"),
                     .loss = number_in(json, "loss"),
                     .feature_deviation = number_in(json, "feature_deviation"),
                     .feature_rank = number_in(json, "feature_rank"),
                     .gradient_norm = number_in(json, "gradient_norm_encoder"),
                     .predicts_features = json.contains("momentum")});
  }
  return lines;
}

std::optional<PretrainConfig> pretraining_of(const Encoder& encoder) {
  if (!encoder.provenance.is_object() || !encoder.provenance.contains("config"))
    return std::nullopt;
  try {
    return read_pretrain_config(encoder.provenance["config"], encoder.name);
  } catch (const InputError&) {
    return std::nullopt;
  }
}

}  // namespace permafrost
