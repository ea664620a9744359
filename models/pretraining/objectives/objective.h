// SPDX-License-Identifier: Apache-2.0
#pragma once

// What an encoder is pretrained with: features of a slow copy of itself, or pixels.
#include <vector>

#include "models/network/predictor.h"
#include "models/network/vit.h"
#include "models/pretraining/masking/masking.h"

namespace permafrost {

// Features as targets: layer norm over D without affine, eps 1e-5 (V-JEPA, released code).
at::Tensor normalised_features(const at::Tensor& features);

// Pixels as targets: every (token, channel) of patches [B,N,3*v] to zero mean and unit deviation,
// (x-m)/(sqrt(unbiased variance)+1e-6) (VideoMAE, Tong et al. 2022).
at::Tensor normalised_pixels(const at::Tensor& patches);

// mean |prediction - target|^e / e.
at::Tensor regression_loss(const at::Tensor& prediction, const at::Tensor& target, double exponent);

// The masked-prediction loss of one (part of a) batch: the mean over the masks, each mask averaged
// over its own samples, tokens and values. `targets` [B,N,outputs] are given for every token. Its
// parts are scopes "context", "predictor" and "loss" for whoever records them (Kineto,
// pretrain_bench).
at::Tensor prediction_loss(const VitWeights& encoder, const EncoderSpec& spec,
                           const PredictorWeights& predictor, const PredictorSpec& predictor_spec,
                           const at::Tensor& patches, const at::Tensor& targets,
                           const std::vector<Mask>& masks, double exponent);

}  // namespace permafrost
