// SPDX-License-Identifier: Apache-2.0
#pragma once

// The video vision transformer: one implementation for every family; EncoderSpec says what differs.
#include <cstdint>

#include "models/network/denoiser/patch_space.h"
#include "models/network/encoder_spec.h"
#include "models/network/layers/block.h"

namespace permafrost {

struct VitWeights {
  LinearWeights patch_embed;   // weight [D, 3*tubelet*P*P] (file shape [D,3,tubelet,P,P]), bias [D]
  at::Tensor cls_token;        // [1,1,D]; undefined where there is none
  at::Tensor register_tokens;  // [1,R,D]; undefined where there are none
  at::Tensor pos_embed;        // [1,rows,D], see Positions; undefined for rope_3d
  bool pos_is_weight = false;  // the table is the file's own, not computed
  std::vector<BlockWeights> blocks;
  NormWeights norm;  // undefined tensors where there is no final norm
  // In which noise is mixed into clips (EncoderSpec::input_noise), without variances; undefined
  // tensors where there is none.
  PatchSpace noise_space;
};

enum class Tokens { patch, all };

// Visits every tensor that a file must hold (not a computed pos_embed), in file order.
void visit(VitWeights& weights, const TensorVisitor& visitor);
// Visits what is computed, and so in no file: "pos_embed", where there is such a table.
void visit_tables(VitWeights& weights, const TensorVisitor& visitor);
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

// Back from patches float32 [B,N,values] to pixels uint8 [B,T,H,W,3]: rounded to the nearest, and
// what is darker or brighter than a pixel can be is cut.
at::Tensor pixels_of(const at::Tensor& patches, const EncoderSpec& spec);

// Rows `indices` int64 [B,K] of x [B,N,D] -> [B,K,D].
at::Tensor gather_tokens(const at::Tensor& x, const at::Tensor& indices);
// The same of one table [1,N,D] for all samples.
at::Tensor table_rows(const at::Tensor& table, const at::Tensor& indices);

// Features [B,K,D] of the patch tokens after the final norm. With `kept` [B,K], only those tokens
// are embedded and seen; an undefined tensor keeps all. An encoder of images sees every frame by
// itself; their tokens stand one frame after the other. With Tokens::all, class and register tokens
// stand before the patch tokens (of every frame). Throws InputError for `kept` of an encoder of
// images. `trace` is told what the blocks have to tell besides.
at::Tensor encode(const VitWeights& weights, const EncoderSpec& spec, const at::Tensor& patches,
                  const at::Tensor& kept = {}, Tokens tokens = Tokens::patch,
                  BlockTrace* trace = nullptr);

// As encode() without mask, for fine-tuning with stochastic depth: `branches` [depth,2,B], see
// apply_block; undefined: encode().
at::Tensor encode_with_branches(const VitWeights& weights, const EncoderSpec& spec,
                                const at::Tensor& patches, const at::Tensor& branches);

// As encode() without mask, but returns the normed output of each block in `layers` (0-based).
std::vector<at::Tensor> encode_layers(const VitWeights& weights, const EncoderSpec& spec,
                                      const at::Tensor& patches, const std::vector<int>& layers,
                                      Tokens tokens = Tokens::patch);

// Floating-point operations of the forward pass on `tokens` tokens that all attend to each other:
// of the patch embedding, and of all blocks. Only matrix products and attention count; of experts,
// those that a token goes to.
double embedding_flops(const EncoderSpec& spec, double tokens);
double blocks_flops(const EncoderSpec& spec, double tokens);

// Torch view of raw pixels, which what writes to the tensor changes: no copy; `pixels` must
// outlive the tensor.
at::Tensor pixel_tensor(std::uint8_t* pixels, std::int64_t clips, const ClipShape& shape);

}  // namespace permafrost
