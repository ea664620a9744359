// SPDX-License-Identifier: Apache-2.0
#include "models/encoders/input_noise.h"

#include <ATen/ATen.h>

#include <algorithm>

#include "common/error.h"
#include "common/files/hash.h"

namespace permafrost {

std::vector<ClipOrigin> counted_origins(std::int64_t clips) {
  std::vector<ClipOrigin> origins(static_cast<std::size_t>(clips));
  for (std::size_t i = 0; i < origins.size(); ++i) origins[i].sample = i;
  return origins;
}

at::Tensor with_input_noise(const VitWeights& weights, const EncoderSpec& spec,
                            const at::Tensor& patches, const std::string& task,
                            const std::vector<ClipOrigin>& origins) {
  if (spec.input_noise <= 0) return patches;
  if (static_cast<std::int64_t>(origins.size()) != patches.size(0))
    throw Error("input noise: " + std::to_string(origins.size()) + " origins for " +
                std::to_string(patches.size(0)) + " clips");
  constexpr int kHexDigits = 16, kBase = 16;
  const std::uint64_t seed = std::stoull(sha256_of(task).substr(0, kHexDigits), nullptr, kBase);
  const at::Tensor x = to_coordinates(weights.noise_space, patches);
  const at::Tensor noise = at::empty(x.sizes(), at::kFloat);
  float* out = noise.data_ptr<float>();
  const std::int64_t values = x.size(1) * x.size(2);
  for (const auto& origin : origins) {
    RandomStream stream({.seed = seed,
                         .purpose = "encoder.input_noise",
                         .epoch = origin.clip,
                         .sample = origin.sample});
    std::generate_n(out, values, [&] { return stream.normal(); });
    out += values;
  }
  return to_patches(weights.noise_space,
                    (1 - spec.input_noise) * x + spec.input_noise * noise.to(x.device()));
}

}  // namespace permafrost
