// SPDX-License-Identifier: Apache-2.0
#pragma once

// VideoMAE's decoder (Tong et al. 2022) and what it is trained to say: the pixels of masked tokens.
#include <utility>
#include <vector>

#include "models/encoders/checkpoints/checkpoint.h"
#include "models/network/encoder_spec.h"
#include "models/network/layers/block.h"

namespace permafrost {

struct VideoMaeDecoder {
  at::Tensor embed;       // [Dd,D], no bias
  at::Tensor mask_token;  // [1,1,Dd]
  at::Tensor positions;   // [1,N,Dd], sinusoid_positions
  std::vector<BlockWeights> blocks;
  NormWeights norm;
  LinearWeights head;  // Dd -> tubelet*P*P*3
  BlockSpec block;
  double norm_eps = 1e-6;          // of the norm after the blocks
  bool normalised_targets = true;  // norm_pix_loss
};

// From Hugging Face's VideoMAEForPreTraining or the authors' pretraining file. `heads` where the
// file does not tell (the authors'). Throws InputError naming what is missing.
VideoMaeDecoder read_videomae_decoder(const Checkpoint& checkpoint, const EncoderSpec& encoder,
                                      int heads = 0);

// bool [B,N], true for masked tokens, the same number in every row: kept [B,K] and masked [B,M]
// indices, ascending. Throws InputError where the numbers differ.
std::pair<at::Tensor, at::Tensor> indices_of_mask(const at::Tensor& masked);

// z [B,K,D] of the kept tokens -> predicted values [B,M,tubelet*P*P*3] of the masked ones.
at::Tensor reconstruct(const VideoMaeDecoder& decoder, const at::Tensor& z, const at::Tensor& kept,
                       const at::Tensor& masked);

// What is to be predicted for every token: pixels in 0..1 [B,N,tubelet*P*P*3], ordered (frame, row,
// column, channel); `normalised`: every (token, channel) to (v-m)/(sqrt(unbiased variance)+1e-6).
// `clips` [B,3,T,H,W] are normalised by the spec's mean and deviation.
at::Tensor videomae_targets(const at::Tensor& clips, const EncoderSpec& spec, bool normalised);

}  // namespace permafrost
