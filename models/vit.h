// SPDX-License-Identifier: Apache-2.0
#pragma once

// The video vision transformer: one implementation for every family; EncoderSpec says what differs.
#include <cstdint>

#include "models/encoder_spec.h"
#include "models/weights.h"

namespace permafrost {

struct VitWeights {
  LinearWeights patch_embed;  // weight [D, 3*tubelet*P*P] (file shape [D,3,tubelet,P,P]), bias [D]
  at::Tensor pos_embed;       // [1,N,D], fixed
  std::vector<BlockWeights> blocks;
  NormWeights norm;
};

// Visits every trained tensor (not pos_embed), in file order.
void visit(VitWeights& weights, const TensorVisitor& visitor);
NamedTensors named_tensors(VitWeights& weights);

VitWeights make_vit(const EncoderSpec& spec, Init init, std::uint64_t seed);

// The same storage behind fresh autograd leaves: one for each thread that computes gradients.
VitWeights alias_of(const VitWeights& weights, bool requires_grad);
VitWeights clone_of(const VitWeights& weights);
VitWeights to_device(const VitWeights& weights, const at::Device& device);

// Pixels uint8 [B,T,H,W,3] to normalised patches float32 [B,N,3*tubelet*P*P]; the values of a patch
// are ordered (channel, frame, row, column), tokens (t*Hg + h)*Wg + w.
at::Tensor patchify(const at::Tensor& pixels, const EncoderSpec& spec);

// The same for clips float32 [B,3,T,H,W] that are normalised already.
at::Tensor patchify_normalised(const at::Tensor& clips, const EncoderSpec& spec);

// Rows `indices` int64 [B,K] of x [B,N,D] -> [B,K,D].
at::Tensor gather_tokens(const at::Tensor& x, const at::Tensor& indices);

// Features [B,K,D] after the final norm. With `kept` [B,K], only those tokens are embedded and
// seen; an undefined tensor keeps all.
at::Tensor encode(const VitWeights& weights, const EncoderSpec& spec, const at::Tensor& patches,
                  const at::Tensor& kept = {});

// As encode() without mask, but returns the normed output of each block in `layers` (0-based).
std::vector<at::Tensor> encode_layers(const VitWeights& weights, const EncoderSpec& spec,
                                      const at::Tensor& patches, const std::vector<int>& layers);

// Torch view of raw pixels: no copy; `pixels` must outlive the tensor.
at::Tensor pixel_tensor(const std::uint8_t* pixels, std::int64_t clips, const ClipShape& shape);

}  // namespace permafrost
