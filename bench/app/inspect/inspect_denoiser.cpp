// SPDX-License-Identifier: Apache-2.0
#include "bench/app/inspect/inspect_denoiser.h"

#include <ATen/ATen.h>

#include <cstdio>

namespace permafrost {
namespace {

std::int64_t weights_in(const DenoiserReading& reading) {
  DenoiserWeights weights = reading.denoiser.weights;
  std::int64_t count = 0;
  visit(weights, [&](const std::string&, at::Tensor& t) { count += t.numel(); });
  return count;
}

Json description_of(const DenoiserReading& reading) {
  const DenoiserSpec& spec = reading.denoiser.spec;
  return {{"name", reading.name},
          {"source", reading.source},
          {"kind", "denoiser"},
          {"spec", to_json(spec.network)},
          {"parametrisation", name_among(kParametrisations, spec.parametrisation)},
          {"time_scale", spec.time_scale},
          {"space", name_among(kSpaces, kind_of(reading.denoiser.space))},
          {"values_a_token", spec.outputs},
          {"sha256", reading.sha256},
          {"parameters", weights_in(reading)},
          {"provenance", reading.provenance}};
}

Json json_of(const std::vector<TensorFate>& fates) {
  Json json = Json::array();
  for (const auto& fate : fates)
    json.push_back({{"name", fate.name}, {"fate", name_of(fate.fate)}, {"note", fate.note}});
  return json;
}

void print_fates(const std::vector<TensorFate>& fates) {
  for (const auto& fate : fates)
    std::printf("  %-12s  %-60s %s\n", name_of(fate.fate), fate.name.c_str(), fate.note.c_str());
}

}  // namespace

int inspect_dit(const CommonOptions& common, const Checkpoint& file, const StateDict& entry) {
  const DitReading reading = read_dit(file, entry);
  const std::string complaint = complaint_of(reading.fates);
  if (common.json) {
    Json json = reading.description;
    json["source"] = file.path;
    json["kind"] = "diffusion transformer";
    json["entry"] = reading.entry;
    json["complete"] = complaint.empty();
    json["tensors"] = json_of(reading.fates);
    std::printf("%s\n", json_text(json, 2).c_str());
    return complaint.empty() ? 0 : 1;
  }
  std::printf("file        %s (%s)\n", file.path.c_str(), name_of(file.container));
  std::printf("network     a diffusion transformer (DiT)%s%s\n",
              reading.entry.empty() ? "" : ", of entry ", reading.entry.c_str());
  std::printf("sizes       %s\n", reading.description.dump().c_str());
  print_fates(reading.fates);
  std::printf("no encoder: it sees %s channels of a latent and no clips\n",
              reading.description.at("channels").dump().c_str());
  if (!complaint.empty()) std::printf("NOT USABLE  %s\n", complaint.c_str());
  return complaint.empty() ? 0 : 1;
}

int inspect_denoiser(const CommonOptions& common, const Checkpoint& file) {
  require_intact(file);
  const DenoiserReading reading = read_denoiser(file);
  const std::string complaint = complaint_of(reading.fates);
  Json json = description_of(reading);
  if (common.json) {
    json["complete"] = complaint.empty();
    json["tensors"] = json_of(reading.fates);
    std::printf("%s\n", json_text(json, 2).c_str());
    return complaint.empty() ? 0 : 1;
  }
  std::printf("file        %s (%s)\n", file.path.c_str(), name_of(file.container));
  std::printf("denoiser    %s, %s, %d values a token in space %s\n", reading.name.c_str(),
              json.at("parametrisation").get<std::string>().c_str(), reading.denoiser.spec.outputs,
              json.at("space").get<std::string>().c_str());
  std::printf("spec        %s\n", json.at("spec").dump().c_str());
  if (complaint.empty())
    std::printf("sha256      %s\nparameters  %lld\n", reading.sha256.c_str(),
                static_cast<long long>(weights_in(reading)));
  print_fates(reading.fates);
  if (!reading.provenance.is_null())
    std::printf("made by     %s\n", reading.provenance.dump().c_str());
  if (!complaint.empty()) std::printf("NOT USABLE  %s\n", complaint.c_str());
  return complaint.empty() ? 0 : 1;
}

void list_zoo_denoisers(const CommonOptions& common, int widest, Json& all) {
  for (const auto& name : zoo_denoiser_names()) {
    const DenoiserReading reading = load_denoiser(name, "zoo");
    all.push_back(description_of(reading));
    if (!common.json)
      std::printf("%-*s %8lld parameters  %s  denoiser\n", widest, name.c_str(),
                  static_cast<long long>(weights_in(reading)),
                  reading.sha256.substr(0, 16).c_str());
  }
}

}  // namespace permafrost
