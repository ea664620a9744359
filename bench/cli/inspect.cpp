// SPDX-License-Identifier: Apache-2.0
// permafrost inspect: what is in the zoo, or in one file.
#include <torch/types.h>

#include <cstdio>
#include <nlohmann/json.hpp>

#include "bench/cli/options.h"
#include "models/checkpoints/safetensors.h"
#include "models/encoder.h"

namespace permafrost {
namespace {

std::int64_t parameters_of(Encoder& encoder) {
  std::int64_t count = 0;
  visit(encoder.weights, [&](const std::string&, at::Tensor& t) { count += t.numel(); });
  return count;
}

Json summary_of(Encoder& encoder) {
  return {{"name", encoder.name},
          {"sha256", encoder.sha256},
          {"source", encoder.source},
          {"spec", to_json(encoder.spec)},
          {"parameters", parameters_of(encoder)},
          {"provenance", encoder.provenance}};
}

int list_zoo(const CommonOptions& common) {
  Json all = Json::array();
  for (const auto& name : zoo_names()) {
    Encoder encoder = load_encoder(name, "zoo");
    const Json one = summary_of(encoder);
    all.push_back(one);
    if (!common.json)
      std::printf("%-26s %8lld parameters  %s\n", name.c_str(),
                  static_cast<long long>(parameters_of(encoder)),
                  encoder.sha256.substr(0, 16).c_str());
  }
  if (common.json) std::printf("%s\n", all.dump(2).c_str());
  if (!common.json && all.empty()) std::printf("no encoders in %s\n", zoo_folder().c_str());
  return 0;
}

// A file that is no encoder of ours: its tensors and metadata as they are.
int describe_tensors(const CommonOptions& common, const std::string& path) {
  const SafetensorsFile file = read_safetensors(path);
  Json tensors = Json::object();
  for (const auto& [name, tensor] : file.tensors) {
    tensors[name] = {{"shape", tensor.sizes().vec()},
                     {"dtype", std::string(tensor.dtype().name())}};
    if (!common.json)
      std::printf("%-56s %s %s\n", name.c_str(), c10::str(tensor.sizes()).c_str(),
                  std::string(tensor.dtype().name()).c_str());
  }
  if (common.json)
    std::printf("%s\n", Json{{"metadata", file.metadata}, {"tensors", tensors}}.dump(2).c_str());
  return 0;
}

}  // namespace

int run(const CommonOptions& common, const InspectCommand& command) {
  if (command.path.empty()) return list_zoo(common);
  std::error_code ignored;
  if (std::filesystem::is_regular_file(command.path, ignored)) {
    const SafetensorsFile file = read_safetensors(command.path);
    const auto format = file.metadata.find("format");
    if (format == file.metadata.end() || format->second.rfind("permafrost.encoder.", 0) != 0)
      return describe_tensors(common, command.path);
  }
  Encoder encoder = load_encoder(command.path, "permafrost inspect");
  const Json summary = summary_of(encoder);
  if (common.json) {
    std::printf("%s\n", summary.dump(2).c_str());
    return 0;
  }
  std::printf("name        %s\nsource      %s\nsha256      %s\nparameters  %lld\nspec        %s\n",
              encoder.name.c_str(), encoder.source.c_str(), encoder.sha256.c_str(),
              static_cast<long long>(parameters_of(encoder)), to_json(encoder.spec).dump().c_str());
  visit(encoder.weights, [](const std::string& name, at::Tensor& tensor) {
    std::printf("  used  %-28s %s\n", name.c_str(), c10::str(tensor.sizes()).c_str());
  });
  if (!encoder.provenance.is_null())
    std::printf("made by     %s\n", encoder.provenance.dump().c_str());
  return 0;
}

}  // namespace permafrost
