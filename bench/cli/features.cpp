// SPDX-License-Identifier: Apache-2.0
// permafrost features: tokens of one video, image or tensor under one encoder.
#include <torch/types.h>

#include <cstdio>
#include <nlohmann/json.hpp>

#include "bench/cli/options.h"
#include "bench/device.h"
#include "common/error.h"
#include "datasets/video/source.h"
#include "models/checkpoints/safetensors.h"
#include "models/encoder.h"

namespace permafrost {
namespace {

bool ends_with(const std::string& text, const std::string& end) {
  return text.size() >= end.size() && text.compare(text.size() - end.size(), end.size(), end) == 0;
}

// Patches [B,N,P] of the tensor in a safetensors file: uint8 is raw pixels, floating point is taken
// as normalised already.
at::Tensor patches_of_tensor(const FeaturesCommand& command, const EncoderSpec& spec) {
  const SafetensorsFile file = read_safetensors(command.input);
  if (command.key.empty() && file.tensors.size() != 1)
    throw InputError("--key", "",
                     "the name of one of " + std::to_string(file.tensors.size()) + " tensors in " +
                         command.input,
                     "none");
  at::Tensor clip =
      command.key.empty() ? file.tensors[0].second : file.tensor(command.key, command.input);
  const std::string expected =
      command.layout == "BTCHW"
          ? c10::str("[B,", spec.frames, ",3,", spec.height, ",", spec.image_width, "]")
          : c10::str("[B,3,", spec.frames, ",", spec.height, ",", spec.image_width, "]");
  if (clip.dim() == 5 && command.layout == "BTCHW") clip = clip.transpose(1, 2);
  if (clip.dim() != 5 || clip.size(1) != 3 || clip.size(2) != spec.frames ||
      clip.size(3) != spec.height || clip.size(4) != spec.image_width)
    throw InputError(command.input, command.key, expected + " (--layout " + command.layout + ")",
                     c10::str(command.key.empty() ? file.tensors[0].second.sizes()
                                                  : file.tensor(command.key, "").sizes()));
  if (clip.scalar_type() == at::kByte)
    return patchify(clip.permute({0, 2, 3, 4, 1}).contiguous(), spec);
  if (!clip.is_floating_point())
    throw InputError(command.input, command.key, "uint8 pixels or floating-point values",
                     clip.dtype().name().data());
  return patchify_normalised(clip.to(at::kFloat), spec);
}

at::Tensor patches_of_file(const FeaturesCommand& command, const EncoderSpec& spec) {
  const Clip clip = read_clip_file(command.input, spec.clip_shape(), command.frame_step);
  return patchify(pixel_tensor(clip.pixels.data(), 1, clip.shape), spec);
}

}  // namespace

int run(const CommonOptions& common, const FeaturesCommand& command) {
  Encoder encoder = load_encoder(command.encoder, "--encoder");
  for (const int layer : command.layers)
    if (layer < 0 || layer >= encoder.spec.depth)
      throw InputError("--layers", "", "blocks 0 to " + std::to_string(encoder.spec.depth - 1),
                       std::to_string(layer));
  const at::Device device(chosen_device(common.device));
  encoder.weights = to_device(encoder.weights, device);
  const at::NoGradGuard no_grad;
  const at::Tensor patches =
      (ends_with(command.input, ".safetensors") ? patches_of_tensor(command, encoder.spec)
                                                : patches_of_file(command, encoder.spec))
          .to(device);
  NamedTensors out{{"features", encode(encoder.weights, encoder.spec, patches)}};
  if (!command.layers.empty()) {
    const auto layers = encode_layers(encoder.weights, encoder.spec, patches, command.layers);
    for (std::size_t i = 0; i < layers.size(); ++i)
      out.emplace_back("features.layer." + std::to_string(command.layers[i]), layers[i]);
  }
  write_safetensors(command.output, out,
                    {{"format", "permafrost.features.1"},
                     {"encoder", encoder.name},
                     {"encoder_sha256", encoder.sha256},
                     {"spec", to_json(encoder.spec).dump()},
                     {"input", command.input}});
  const at::Tensor& features = out[0].second;
  if (common.json) {
    const Json result{{"output", command.output},
                      {"encoder", encoder.name},
                      {"encoder_sha256", encoder.sha256},
                      {"shape", features.sizes().vec()}};
    std::printf("%s\n", result.dump().c_str());
  } else {
    std::printf("%s: features %s float32 from %s\n", command.output.c_str(),
                c10::str(features.sizes()).c_str(), command.input.c_str());
  }
  return 0;
}

}  // namespace permafrost
