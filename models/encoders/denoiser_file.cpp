// SPDX-License-Identifier: Apache-2.0
#include "models/encoders/denoiser_file.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>
#include <cstdio>

#include "common/error.h"
#include "common/json/json_fields.h"
#include "common/nearest_name.h"
#include "models/encoders/strict_tensors.h"
#include "models/network/denoiser/fold.h"

namespace permafrost {
namespace fs = std::filesystem;
namespace {

// The shape of the patch embedding in files.
std::vector<std::int64_t> shape_of_patches(const EncoderSpec& network) {
  return {network.width, 3, network.tubelet, network.patch, network.patch};
}

// A weight as the file has it.
at::Tensor written(const std::string& name, const at::Tensor& weight) {
  const at::Tensor here = weight.detach().to(at::kCPU);
  return stays_float32(name) ? here : here.to(at::kBFloat16);
}

constexpr const char* kPatchEmbedding = "encoder.patch_embed.proj.weight";

}  // namespace

DenoiserWeights as_written(const DenoiserWeights& weights) {
  DenoiserWeights rounded = weights;
  visit(rounded,
        [](const std::string& name, at::Tensor& t) { t = written(name, t).to(at::kFloat); });
  if (weights.pos_embed.defined()) rounded.pos_embed = weights.pos_embed.detach().to(at::kCPU);
  return rounded;
}

NamedTensors denoiser_tensors(const Denoiser& denoiser) {
  NamedTensors tensors;
  DenoiserWeights weights = denoiser.weights;
  visit(weights, [&](const std::string& name, at::Tensor& t) {
    tensors.emplace_back("encoder." + name, written(name, t));
    if (tensors.back().first == kPatchEmbedding)
      tensors.back().second =
          tensors.back().second.reshape(shape_of_patches(denoiser.spec.network));
  });
  PatchSpace space = denoiser.space;
  visit(space, [&](const std::string& name, at::Tensor& t) {
    tensors.emplace_back("space." + name, t.detach().to(at::kCPU));
  });
  return tensors;
}

std::map<std::string, std::string> denoiser_metadata(const Denoiser& denoiser) {
  return {{"format", kDenoiserFormat},
          {"spec", to_json(denoiser.spec.network).dump()},
          {"parametrisation", name_among(kParametrisations, denoiser.spec.parametrisation)},
          {"time_scale", Json(denoiser.spec.time_scale).dump()},
          {"space", name_among(kSpaces, kind_of(denoiser.space))}};
}

bool is_denoiser(const Checkpoint& checkpoint) {
  const auto format = checkpoint.metadata.find("format");
  return format != checkpoint.metadata.end() &&
         format->second.rfind("permafrost.denoiser.", 0) == 0;
}

namespace {

// Values along an axis of a matrix that is there; 0 where there is none.
int size_of(const StrictTensors& tensors, const std::string& name, std::size_t axis) {
  const auto shape = tensors.shape_of(name);
  return shape.size() == 2 ? static_cast<int>(std::min<std::int64_t>(shape[axis], 1 << 20)) : 0;
}

double number_of(const std::string& text, const std::string& where, const char* field) {
  const Json json = parse_json(text, where + ": " + field);
  if (!json.is_number() || !(json.get<double>() > 0))
    throw InputError(where, field, "a number above 0", text);
  return json.get<double>();
}

}  // namespace

DenoiserReading read_denoiser(const Checkpoint& checkpoint) {
  const std::string& where = checkpoint.path;
  const auto meta = [&](const char* key) {
    const auto it = checkpoint.metadata.find(key);
    if (it == checkpoint.metadata.end())
      throw InputError(where, std::string("metadata ") + key, "a value", "none");
    return it->second;
  };
  if (meta("format") != kDenoiserFormat)
    throw InputError(where, "metadata format", quoted(kDenoiserFormat), quoted(meta("format")));
  DenoiserReading reading{.name = fs::path(where).stem().string(), .source = where};
  DenoiserSpec& spec = reading.denoiser.spec;
  spec.network = read_encoder_spec(parse_json(meta("spec"), where + ": spec"), where + ": spec");
  require_denoiser_network(spec.network, where + ": spec");
  SpaceKind kind = SpaceKind::pca;
  const Json names{{"parametrisation", meta("parametrisation")}, {"space", meta("space")}};
  JsonObject named(names, where);
  const FieldReader read(named);
  read.named(true, "parametrisation", spec.parametrisation, kParametrisations);
  read.named(true, "space", kind, kSpaces);
  spec.time_scale = number_of(meta("time_scale"), where, "time_scale");
  if (const auto it = checkpoint.metadata.find("provenance"); it != checkpoint.metadata.end())
    reading.provenance = parse_json(it->second, where + ": provenance");

  StrictTensors tensors(checkpoint.entries.at(0).tensors, reading.fates);
  const int values = spec.network.patch_values();
  spec.frequencies = std::max(2, size_of(tensors, "encoder.t_embedder.mlp.0.weight", 1));
  spec.outputs = kind == SpaceKind::pixel
                     ? values
                     : std::clamp(size_of(tensors, "space.components", 0), 1, values);
  DenoiserWeights& weights = reading.denoiser.weights;
  weights = make_denoiser(spec, Init::none, 0);
  visit(weights, [&](const std::string& name, at::Tensor& t) {
    const std::string stored = "encoder." + name;
    const auto shape =
        stored == kPatchEmbedding ? shape_of_patches(spec.network) : std::vector<std::int64_t>();
    tensors.take(stored, t, shape);
  });
  reading.denoiser.space = unmeasured_space(kind, spec.outputs, values);
  visit(reading.denoiser.space,
        [&](const std::string& name, at::Tensor& t) { tensors.take("space." + name, t); });
  tensors.leave();
  if (complaint_of(reading.fates).empty())
    reading.sha256 = hash_of(denoiser_tensors(reading.denoiser));
  return reading;
}

DenoiserReading load_denoiser_file(const fs::path& path) {
  const Checkpoint checkpoint = open_checkpoint(path);
  if (!is_denoiser(checkpoint)) {
    const auto format = checkpoint.metadata.find("format");
    throw InputError(path.string(), "metadata format", quoted(kDenoiserFormat),
                     format == checkpoint.metadata.end() ? "none" : quoted(format->second),
                     "pretraining with objective \"denoise\" leaves denoiser.safetensors");
  }
  require_intact(checkpoint);
  DenoiserReading reading = read_denoiser(checkpoint);
  const std::string complaint = complaint_of(reading.fates);
  if (!complaint.empty())
    throw InputError(path.string(), "tensors", "exactly those of its spec", complaint,
                     "permafrost inspect lists each");
  return reading;
}

fs::path denoiser_path(const std::string& name) {
  std::error_code ignored;
  const fs::path in_zoo = zoo_folder() / (name + kDenoiserEnd);
  if (fs::is_regular_file(in_zoo, ignored)) return in_zoo;
  return fs::exists(name, ignored) ? fs::path(name) : fs::path();
}

std::vector<std::string> zoo_denoiser_names() { return zoo_names_before(kDenoiserEnd); }

DenoiserReading load_denoiser(const std::string& name, const std::string& flag) {
  const fs::path path = denoiser_path(name);
  if (!path.empty()) {
    DenoiserReading reading = load_denoiser_file(path);
    if (path == fs::path(name)) return reading;
    reading.name = name;
    reading.source = "zoo denoiser";
    return reading;
  }
  const auto names = zoo_denoiser_names();
  throw InputError(flag, "",
                   std::string("a denoiser of the zoo") +
                       (names.empty() ? std::string() : " (" + joined(names) + ")") +
                       " or a denoiser.safetensors",
                   quoted(name),
                   names.empty() ? "" : "nearest name: " + quoted(nearest_name(name, names)));
}

std::string text_of(const FrozenName& name) {
  return c10::str(name.denoiser, " at ", Json(name.at.tau).dump(), ", ", name.at.blocks, " blocks",
                  name.at.noised ? ", noised" : "");
}

std::optional<FrozenName> frozen_name(const std::string& text) {
  const auto cut = text.rfind(" at ");
  if (cut == std::string::npos) return std::nullopt;
  FrozenName name{.denoiser = text.substr(0, cut)};
  const int found =
      std::sscanf(text.c_str() + cut, " at %lf, %d blocks", &name.at.tau, &name.at.blocks);
  name.at.noised = text.ends_with(", noised");
  if (found != 2 || text_of(name) != text) return std::nullopt;
  return name;
}

Encoder encoder_at(const DenoiserReading& reading, FrozenAt at, const std::string& where) {
  const Denoiser& denoiser = reading.denoiser;
  if (at.blocks == 0) at.blocks = denoiser.spec.network.depth;
  FoldedEncoder made = folded(denoiser.weights, denoiser.spec, at.tau, at.blocks, where);
  if (at.noised && denoiser.spec.parametrisation != Parametrisation::flow)
    throw InputError(where, "noised", "a denoiser of parametrisation \"flow\"", "\"eps\"");
  if (at.noised && !(at.tau > 0))
    throw InputError(where, "noised", "a noise level above 0", c10::str(at.tau));
  Encoder encoder;
  encoder.name = text_of({reading.name, at});
  encoder.source = reading.source;
  encoder.spec = std::move(made.spec);
  encoder.weights = std::move(made.weights);
  if (at.noised) {
    encoder.spec.input_noise = at.tau;
    if (kind_of(denoiser.space) == SpaceKind::pca)
      encoder.spec.noise_components = denoiser.spec.outputs;
    encoder.weights.noise_space = denoiser.space;
    encoder.weights.noise_space.variances = at::Tensor();
  }
  encoder.provenance = {{"denoiser", reading.provenance},
                        {"denoiser_sha256", reading.sha256},
                        {"time", at.tau},
                        {"blocks", at.blocks}};
  if (at.noised) encoder.provenance["noised"] = true;
  encoder.sha256 = hash_of(encoder);
  return encoder;
}

}  // namespace permafrost
