// SPDX-License-Identifier: Apache-2.0
#pragma once

// A small denoiser whose gates are open, and pixels for it. Tests only.
#include "models/network/denoiser/denoiser.h"
#include "models/testing/test_support.h"

namespace permafrost::toy {

inline DenoiserSpec denoiser_spec(Parametrisation parametrisation = Parametrisation::flow) {
  DenoiserSpec spec;
  spec.network.width = 24;
  spec.network.depth = 3;
  spec.network.heads = 4;
  spec.network.patch = 4;
  spec.network.frames = 4;
  spec.network.height = spec.network.image_width = 8;
  spec.parametrisation = parametrisation;
  spec.outputs = 5;
  return spec;
}

inline DenoiserWeights denoiser(const DenoiserSpec& spec) {
  DenoiserWeights weights = make_denoiser(spec, Init::xavier, 1);
  RandomStream stream({.seed = 1, .purpose = "test.denoiser"});
  visit(weights,
        [&](const std::string&, at::Tensor& t) { t = t + normal_tensor(t.sizes(), 0.05, stream); });
  return weights;
}

// Patches float32 [2,N,values] of clips for the spec.
inline at::Tensor denoiser_patches(const DenoiserSpec& spec) {
  RandomStream stream({.seed = 2, .purpose = "test.denoiser"});
  return normal_tensor({2, spec.network.tokens(), spec.network.patch_values()}, 1, stream);
}

}  // namespace permafrost::toy
