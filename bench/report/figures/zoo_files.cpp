// SPDX-License-Identifier: Apache-2.0
#include "bench/report/figures/zoo_files.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <sstream>

#include "bench/report/results/json_fields.h"
#include "common/error.h"
#include "common/files/files.h"
#include "models/encoders/denoiser_file.h"

namespace permafrost {
namespace {

// Of an encoder that was made of a denoiser of the zoo.
std::optional<FrozenName> denoiser_of(const EncoderIdentity& encoder) {
  return encoder.source == "zoo denoiser" ? frozen_name(encoder.name) : std::nullopt;
}

bool is_in_zoo(const EncoderIdentity& encoder) {
  const auto frozen = denoiser_of(encoder);
  const auto names = frozen ? zoo_denoiser_names() : zoo_names();
  return std::find(names.begin(), names.end(), frozen ? frozen->denoiser : encoder.name) !=
         names.end();
}

Encoder opened(const EncoderIdentity& encoder) {
  if (const auto frozen = denoiser_of(encoder))
    return encoder_at(load_denoiser(frozen->denoiser, "report"), frozen->at, "report");
  return load_encoder(encoder.name, "report");
}

}  // namespace

std::string zoo_name_of(const EncoderIdentity& encoder) {
  const auto frozen = denoiser_of(encoder);
  return frozen ? frozen->denoiser : encoder.name;
}

std::optional<Encoder> zoo_encoder(const Record& record, std::string& why_not) {
  why_not.clear();
  if (!is_in_zoo(record.encoder)) {
    why_not = "it is not in the zoo";
    return std::nullopt;
  }
  try {
    Encoder encoder = opened(record.encoder);
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
                     .gradient_norm = number_in(json, json.contains("gradient_norm_denoiser")
                                                          ? "gradient_norm_denoiser"
                                                          : "gradient_norm_encoder"),
                     .predicts = json.contains("momentum")           ? Predicts::features
                                 : json.contains("loss_noise_00_25") ? Predicts::noise
                                                                     : Predicts::pixels});
  }
  return lines;
}

std::optional<PretrainConfig> pretraining_of(const Encoder& encoder) {
  Json provenance = encoder.provenance;
  if (provenance.is_object() && provenance.contains("denoiser"))
    provenance = Json(provenance["denoiser"]);
  if (!provenance.is_object() || !provenance.contains("config")) return std::nullopt;
  try {
    return read_pretrain_config(provenance["config"], encoder.name);
  } catch (const InputError&) {
    return std::nullopt;
  }
}

}  // namespace permafrost
