// SPDX-License-Identifier: Apache-2.0
#include "models/encoder.h"

#include <torch/types.h>

#include <algorithm>
#include <cstdlib>
#include <map>
#include <nlohmann/json.hpp>

#include "common/error.h"
#include "common/nearest_name.h"
#include "models/checkpoints/safetensors.h"
#include "models/position.h"

namespace permafrost {
namespace fs = std::filesystem;
namespace {

constexpr const char* kFormat = "permafrost.encoder.1";

// Copies file tensors into the encoder's, by name; collects everything that does not fit.
std::string fill_strictly(VitWeights& weights, const NamedTensors& found) {
  std::map<std::string, at::Tensor> left(found.begin(), found.end());
  std::vector<std::string> missing, mismatched, unexpected;
  visit(weights, [&](const std::string& name, at::Tensor& tensor) {
    const auto it = left.find(name);
    if (it == left.end()) {
      missing.push_back(name);
      return;
    }
    if (!it->second.sizes().equals(tensor.sizes()) || !it->second.is_floating_point())
      mismatched.push_back(c10::str(name, " (expected ", tensor.sizes(), ", found ",
                                    it->second.sizes(), " ", it->second.dtype().name(), ")"));
    else
      tensor = it->second.to(at::kFloat);
    left.erase(it);
  });
  for (const auto& [name, tensor] : left) unexpected.push_back(name);
  std::string report;
  const auto tell = [&](const char* what, const std::vector<std::string>& names) {
    if (names.empty()) return;
    const std::vector<std::string> first(
        names.begin(),
        names.begin() + std::min<std::ptrdiff_t>(5, static_cast<std::ptrdiff_t>(names.size())));
    report += (report.empty() ? "" : "; ") + std::to_string(names.size()) + " " + what + ": " +
              joined(first) + (names.size() > 5 ? ", ..." : "");
  };
  tell("missing", missing);
  tell("mismatched", mismatched);
  tell("unexpected", unexpected);
  return report;
}

}  // namespace

Encoder load_encoder_file(const fs::path& path) {
  const SafetensorsFile file = read_safetensors(path);
  const auto format = file.metadata.find("format");
  if (format == file.metadata.end() || format->second != kFormat)
    throw InputError(path.string(), "metadata format", quoted(kFormat),
                     format == file.metadata.end() ? "none" : quoted(format->second));
  const auto spec = file.metadata.find("spec");
  if (spec == file.metadata.end())
    throw InputError(path.string(), "metadata spec", "the encoder's spec", "none");
  Encoder encoder;
  encoder.name = path.stem().string();
  encoder.source = path.string();
  encoder.spec = read_encoder_spec(parse_json(spec->second, path.string() + ": spec"),
                                   path.string() + ": spec");
  encoder.weights = make_vit(encoder.spec, Init::none, 0);
  const std::string report = fill_strictly(encoder.weights, file.tensors);
  if (!report.empty())
    throw InputError(path.string(), "tensors", "exactly those of its spec", report);
  if (const auto it = file.metadata.find("provenance"); it != file.metadata.end())
    encoder.provenance = parse_json(it->second, path.string() + ": provenance");
  encoder.sha256 = hash_of(encoder);
  return encoder;
}

void save_encoder(const fs::path& path, VitWeights& weights, const EncoderSpec& spec,
                  const Json& provenance, bool bfloat16) {
  NamedTensors tensors = named_tensors(weights);
  if (bfloat16)
    for (auto& [name, tensor] : tensors) tensor = tensor.to(at::kBFloat16);
  write_safetensors(
      path, tensors,
      {{"format", kFormat}, {"spec", to_json(spec).dump()}, {"provenance", provenance.dump()}});
}

Encoder random_encoder(const EncoderSpec& spec, std::uint64_t seed) {
  Encoder encoder;
  encoder.name = "random-init";
  encoder.source = "random init, seed " + std::to_string(seed);
  encoder.spec = spec;
  encoder.weights = make_vit(spec, Init::xavier, seed);
  encoder.sha256 = hash_of(encoder);
  return encoder;
}

std::string hash_of(const Encoder& encoder) {
  VitWeights weights = encoder.weights;
  return hash_of(named_tensors(weights));
}

fs::path zoo_folder() {
  if (const char* set = std::getenv("PERMAFROST_ZOO")) return set;
  std::error_code ignored;
  const fs::path program = fs::read_symlink("/proc/self/exe", ignored);
  const fs::path installed = program.parent_path().parent_path() / "share/permafrost/zoo";
  if (!ignored && fs::is_directory(installed, ignored)) return installed;
  return fs::path(PERMAFROST_SOURCE_DIR) / "models/zoo";
}

std::vector<std::string> zoo_names() {
  std::vector<std::string> names;
  std::error_code ignored;
  const fs::path root = zoo_folder();
  for (auto it = fs::recursive_directory_iterator(root, ignored);
       it != fs::recursive_directory_iterator(); it.increment(ignored))
    if (it->path().extension() == ".safetensors")
      names.push_back(fs::relative(it->path(), root).replace_extension("").string());
  std::sort(names.begin(), names.end());
  return names;
}

Encoder load_encoder(const std::string& name, const std::string& flag) {
  const fs::path in_zoo = zoo_folder() / (name + ".safetensors");
  std::error_code ignored;
  if (fs::is_regular_file(in_zoo, ignored)) {
    Encoder encoder = load_encoder_file(in_zoo);
    encoder.name = name;
    encoder.source = "zoo";
    return encoder;
  }
  if (fs::is_regular_file(name, ignored)) return load_encoder_file(name);
  const auto names = zoo_names();
  throw InputError(flag, "", "a zoo name (" + joined(names) + ") or an encoder file", quoted(name),
                   "nearest name: " + quoted(nearest_name(name, names)));
}

}  // namespace permafrost
