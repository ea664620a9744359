// SPDX-License-Identifier: Apache-2.0
#pragma once

// The denoiser of a parity fixture dit_tiny*.safetensors. Tests only.
#include "models/network/denoiser/denoiser.h"
#include "models/network/vit.h"
#include "models/testing/parity_support.h"

namespace permafrost {

struct DumpedDenoiser {
  DenoiserSpec spec;
  DenoiserWeights weights;

  DumpedDenoiser(const Dump& dump, Parametrisation parametrisation) {
    EncoderSpec& network = spec.network;
    network = dumped_spec(dump);
    network.height = dump.whole("height");
    network.image_width = dump.whole("width");
    network.norm_eps = dump.config.value("norm_eps", 1e-6);
    network.feed_forward.kind = dump.config.at("ffn").get<std::string>();
    spec.parametrisation = parametrisation;
    spec.time_scale = dump.config.at("time_scale").get<double>();
    spec.frequencies = dump.whole("frequency_embedding_size");
    spec.outputs = network.patch_values();
    weights = make_denoiser(spec, Init::xavier, 0);
    visit(weights,
          [&](const std::string& name, at::Tensor& t) { take(dump, "encoder." + name, t); });
  }
};

inline std::size_t gradients_in(const Dump& dump, const std::string& path) {
  return static_cast<std::size_t>(std::count_if(
      dump.tensors.begin(), dump.tensors.end(),
      [&](const auto& item) { return item.first.rfind("grad." + path + ".", 0) == 0; }));
}

}  // namespace permafrost
