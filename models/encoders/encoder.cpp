// SPDX-License-Identifier: Apache-2.0
#include "models/encoders/encoder.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "common/error.h"
#include "common/files/shared_folder.h"
#include "common/nearest_name.h"
#include "models/encoders/checkpoint_to_encoder.h"
#include "models/encoders/checkpoints/safetensors.h"
#include "models/network/position.h"

namespace permafrost {
namespace fs = std::filesystem;
Encoder load_encoder_file(const fs::path& path, const EncoderOptions& options) {
  EncoderReading reading = read_encoder(open_checkpoint(path), options);
  if (!reading.complete())
    throw InputError(path.string(), "tensors", "exactly those of its spec",
                     complaint_of(reading.fates), "permafrost inspect lists each");
  return std::move(reading.encoder);
}

Encoder at_size(const Encoder& encoder, const ClipShape& shape) {
  if (encoder.spec.clip_shape() == shape) return encoder;
  Encoder out = encoder;
  out.spec.frames = shape.frames;
  out.spec.height = shape.height;
  out.spec.image_width = shape.width;
  out.spec = read_encoder_spec(to_json(out.spec), encoder.name + " at another size");
  const auto grid = [](const EncoderSpec& spec) {
    return c10::str(spec.grid_t(), "x", spec.grid_h(), "x", spec.grid_w());
  };
  std::string how = "positions are computed for the new grid";
  const bool same_table = encoder.spec.per_frame && encoder.spec.grid_h() == out.spec.grid_h() &&
                          encoder.spec.grid_w() == out.spec.grid_w();
  if (same_table) {
    how = "every frame by itself";
  } else if (out.spec.positions == Positions::sincos_3d ||
             out.spec.positions == Positions::learned) {
    out.weights.pos_embed = resized_positions(encoder.weights.pos_embed, encoder.spec, out.spec);
    out.weights.pos_is_weight = true;
    out.spec.positions = Positions::learned;
    how = "the position table is resized (" +
          to_json(out.spec).value("table_resize", std::string("trilinear")) + ")";
  } else {
    out.weights.pos_embed = make_positions(out.spec);
  }
  out.notes.push_back("made for a grid of " + grid(encoder.spec) + " tokens, used at " +
                      grid(out.spec) + ": " + how);
  out.sha256 = hash_of(out);
  return out;
}

namespace {
bool is_rounded(const std::string& name) {
  return !name.starts_with("noise_space.") && !stays_float32(name);
}
}  // namespace

VitWeights in_bfloat16(VitWeights weights) {
  const auto round = [](const std::string& name, at::Tensor& tensor) {
    if (is_rounded(name)) tensor = tensor.to(at::kBFloat16);
  };
  visit(weights, round);
  visit_tables(weights, round);
  return weights;
}

Encoder in_bfloat16(const Encoder& encoder) {
  Encoder out = encoder;
  out.weights = in_bfloat16(encoder.weights);
  out.sha256 = hash_of(out);
  return out;
}

void save_encoder(const fs::path& path, VitWeights& weights, const EncoderSpec& spec,
                  const Json& provenance, bool bfloat16) {
  NamedTensors tensors = named_tensors(weights);
  require_finite(tensors, path.string());
  if (bfloat16)
    for (auto& [name, tensor] : tensors)
      if (is_rounded(name)) tensor = tensor.to(at::kBFloat16);
  write_safetensors(
      path, tensors,
      {{"format", kEncoderFormat},
       {"spec", to_json(spec).dump()},
       {"provenance", provenance.dump(-1, ' ', false, Json::error_handler_t::replace)}});
}

Encoder random_encoder(const EncoderSpec& spec, std::uint64_t seed) {
  Encoder encoder;
  encoder.name = "random-init";
  encoder.source = "random init, seed " + std::to_string(seed);
  encoder.spec = spec;
  encoder.spec.input_noise = encoder.spec.noise_components = 0;  // of a denoiser that was trained
  encoder.weights = make_vit(encoder.spec, Init::xavier, seed);
  encoder.sha256 = hash_of(encoder);
  return encoder;
}

Encoder pixel_encoder(const EncoderSpec& like, bool one_frame) {
  Encoder encoder;
  EncoderSpec& spec = encoder.spec;
  spec.patch = like.patch;
  spec.tubelet = one_frame ? 1 : like.tubelet;
  spec.frames = one_frame ? 1 : like.frames;
  spec.height = like.height;
  spec.image_width = like.image_width;
  spec.mean = like.mean;
  spec.deviation = like.deviation;
  spec.width = spec.patch_values();
  spec.depth = 0;
  spec.heads = 1;
  spec.final_norm = false;
  encoder.name = one_frame ? "one-frame" : "raw-pixels";
  encoder.source = one_frame ? "the pixels of the middle frame" : "the pixels of the clip";
  encoder.weights.patch_embed = {at::eye(spec.width), at::zeros({spec.width})};
  encoder.weights.pos_embed = make_positions(spec);
  encoder.sha256 = hash_of(encoder);
  return encoder;
}

std::string hash_of(const Encoder& encoder) {
  VitWeights weights = encoder.weights;
  return hash_of(named_tensors(weights));
}

void require_frozen(const Encoder& encoder) {
  if (hash_of(encoder) != encoder.sha256)
    throw Error(encoder.name + ": the frozen encoder's weights changed while it was measured");
}

fs::path zoo_folder() {
  return shared_folder("PERMAFROST_ZOO", "zoo", fs::path(PERMAFROST_SOURCE_DIR) / "models/zoo");
}

std::vector<std::string> zoo_names_before(const std::string& end) {
  std::vector<std::string> names;
  std::error_code ignored;
  const fs::path root = zoo_folder();
  for (auto it = fs::recursive_directory_iterator(root, ignored);
       it != fs::recursive_directory_iterator(); it.increment(ignored)) {
    const std::string file = it->path().filename().string();
    if (!file.ends_with(end) || file.size() == end.size()) continue;
    const std::string name = fs::relative(it->path(), root, ignored).string();
    names.push_back(name.substr(0, name.size() - end.size()));
  }
  std::sort(names.begin(), names.end());
  return names;
}

std::vector<std::string> zoo_names() {
  const std::string end = ".safetensors";
  std::vector<std::string> names = zoo_names_before(end);
  std::erase_if(names,
                [&](const std::string& name) { return (name + end).ends_with(kDenoiserEnd); });
  return names;
}

namespace {

std::string hint_for(const std::string& name, const std::vector<std::string>& names) {
  std::error_code ignored;
  if (fs::exists(zoo_folder() / (name + kDenoiserEnd), ignored))
    return "a denoiser has that name: permafrost convert --time TAU makes an encoder of it";
  return names.empty() ? "" : "nearest name: " + quoted(nearest_name(name, names));
}

InputError unknown_encoder(const std::string& name, const std::string& flag,
                           const std::vector<std::string>& of_suite) {
  constexpr std::size_t kNamesToRead = 8;
  auto names = zoo_names();
  const std::string listed = names.size() <= kNamesToRead
                                 ? joined(names)
                                 : "`permafrost inspect` lists " + std::to_string(names.size());
  names.insert(names.end(), of_suite.begin(), of_suite.end());
  return {flag, "",
          (of_suite.empty() ? "a zoo name" : "an encoder of the suite, a zoo name") +
              (listed.empty() ? std::string() : " (" + listed + ")") +
              ", a checkpoint or a Hugging Face folder",
          quoted(name), hint_for(name, names)};
}

}  // namespace

Encoder load_encoder(const std::string& name, const std::string& flag,
                     const EncoderOptions& options, const std::vector<std::string>& of_suite) {
  const fs::path in_zoo = zoo_folder() / (name + ".safetensors");
  std::error_code ignored;
  if (fs::is_regular_file(in_zoo, ignored)) {
    Encoder encoder = load_encoder_file(in_zoo, options);
    encoder.name = name;
    encoder.source = "zoo";
    return encoder;
  }
  if (fs::exists(name, ignored)) return load_encoder_file(name, options);
  throw unknown_encoder(name, flag, of_suite);
}

}  // namespace permafrost
