// SPDX-License-Identifier: Apache-2.0
#pragma once

// Clips that a caller has as a tensor, and what an encoder says of them: behind `permafrost
// features` and the Python module.
//
//   const GivenClips clips = given_clips(tensor, "BTCHW", "clips.safetensors", "clip");
//   const GivenFeatures found = features_of(at_size(encoder, clips.shape), clips, {});
#include <ATen/core/Tensor.h>

#include <string>
#include <vector>

#include "models/encoders/encoder.h"

namespace permafrost {

// Raw pixels uint8 [B,T,H,W,3], or float32 [B,3,T,H,W] that is normalised already.
struct GivenClips {
  at::Tensor values;
  bool pixels = false;
  ClipShape shape;
};

// Orders of axes that given_clips() takes: BTCHW, BCTHW, BTHWC.
const std::vector<std::string>& clip_layouts();

// `tensor` in one of these orders: uint8 is raw pixels, floating point is taken as normalised. Four
// dimensions are images, clips of one frame, with the same axes but T. No copy where the order is
// that of GivenClips. Throws InputError(where, field) for other shapes, dtypes and layouts.
GivenClips given_clips(const at::Tensor& tensor, const std::string& layout,
                       const std::string& where, const std::string& field);

// A single frame, repeated where the encoder's tubelet has several.
GivenClips repeated_still(GivenClips clips, const EncoderSpec& spec);

struct FeatureRequest {
  std::vector<int> layers;  // also the normed outputs of these blocks, from 0
  Tokens tokens = Tokens::patch;
};

// Throws InputError(field) for blocks that the encoder does not have.
void require_layers(const EncoderSpec& spec, const std::vector<int>& layers,
                    const std::string& field);

struct GivenFeatures {
  at::Tensor features;             // float32 [B,N,D], after the final norm, where the weights are
  std::vector<at::Tensor> layers;  // the same of each block asked for
};

// `encoder` is at the size of the clips (at_size). Works with the threads that LibTorch is set to.
GivenFeatures features_of(const Encoder& encoder, const GivenClips& clips,
                          const FeatureRequest& request);

}  // namespace permafrost
