// SPDX-License-Identifier: Apache-2.0
#include "probes/encode/given_clips.h"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include <algorithm>

#include "common/error.h"
#include "common/nearest_name.h"
#include "models/encoders/input_noise.h"

namespace permafrost {
namespace {

std::string expected_text(const std::string& layout) {
  const std::string clips = layout == "BTCHW"   ? "[B,T,3,H,W]"
                            : layout == "BCTHW" ? "[B,3,T,H,W]"
                                                : "[B,T,H,W,3]";
  return "clips " + clips + " (layout " + layout + ") or images " +
         (layout == "BTHWC" ? "[B,H,W,3]" : "[B,3,H,W]");
}

}  // namespace

const std::vector<std::string>& clip_layouts() {
  static const std::vector<std::string> layouts{"BTCHW", "BCTHW", "BTHWC"};
  return layouts;
}

GivenClips given_clips(const at::Tensor& tensor, const std::string& layout,
                       const std::string& where, const std::string& field) {
  const auto& layouts = clip_layouts();
  if (std::find(layouts.begin(), layouts.end(), layout) == layouts.end())
    throw InputError(where, "layout", joined(layouts), quoted(layout));
  at::Tensor clips = tensor;  // to [B,3,T,H,W]
  if (layout == "BTHWC") {
    if (clips.dim() == 4) clips = clips.unsqueeze(1);
    if (clips.dim() == 5) clips = clips.permute({0, 4, 1, 2, 3});
  } else if (clips.dim() == 4) {
    clips = clips.unsqueeze(2);
  } else if (clips.dim() == 5 && layout == "BTCHW") {
    clips = clips.transpose(1, 2);
  }
  if (clips.dim() != 5 || clips.size(1) != 3 || clips.numel() == 0)
    throw InputError(where, field, expected_text(layout), c10::str(tensor.sizes()));
  GivenClips given;
  given.shape = {static_cast<int>(clips.size(2)), static_cast<int>(clips.size(3)),
                 static_cast<int>(clips.size(4))};
  given.pixels = clips.scalar_type() == at::kByte;
  if (!given.pixels && !clips.is_floating_point())
    throw InputError(where, field, "uint8 pixels or floating-point values",
                     std::string(tensor.dtype().name()));
  given.values = given.pixels ? clips.permute({0, 2, 3, 4, 1}).contiguous() : clips.to(at::kFloat);
  return given;
}

GivenClips repeated_still(GivenClips clips, const EncoderSpec& spec) {
  if (clips.shape.frames != 1 || spec.tubelet == 1) return clips;
  clips.shape.frames = spec.frames;
  std::vector<std::int64_t> times{1, 1, 1, 1, 1};
  times[clips.pixels ? 1 : 2] = spec.frames;
  clips.values = clips.values.repeat(times);
  return clips;
}

void require_layers(const EncoderSpec& spec, const std::vector<int>& layers,
                    const std::string& field) {
  for (const int layer : layers)
    if (layer < 0 || layer >= spec.depth)
      throw InputError(field, "", "blocks 0 to " + std::to_string(spec.depth - 1),
                       std::to_string(layer));
}

GivenFeatures features_of(const Encoder& encoder, const GivenClips& clips,
                          const FeatureRequest& request) {
  const at::NoGradGuard no_grad;
  const at::Device device = encoder.weights.patch_embed.weight.device();
  const at::Tensor patches = (clips.pixels ? patchify(clips.values, encoder.spec)
                                           : patchify_normalised(clips.values, encoder.spec))
                                 .to(device);
  const at::Tensor seen = with_input_noise(encoder.weights, encoder.spec, patches, "",
                                           counted_origins(patches.size(0)));
  GivenFeatures found;
  found.features = encode(encoder.weights, encoder.spec, seen, {}, request.tokens);
  if (!request.layers.empty())
    found.layers =
        encode_layers(encoder.weights, encoder.spec, seen, request.layers, request.tokens);
  return found;
}

}  // namespace permafrost
