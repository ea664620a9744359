// SPDX-License-Identifier: Apache-2.0
#pragma once

// A denoiser: the blocks of the vision transformer under a condition, the noise level of the clip.
// The layout is that of a diffusion transformer without class labels (Peebles and Xie 2023,
// "adaLN-Zero"): a small network makes a vector of the time, and of that vector every block draws
// shifts, scales and gates of its own.
//
//   at::Tensor v = denoise(denoiser.weights, denoiser.spec, denoiser.space, x, times);
//   x = x - step * v;                                       // a sampler; noise.h has the levels
#include <cstdint>
#include <vector>

#include "common/json/json_fields.h"
#include "models/network/denoiser/patch_space.h"
#include "models/network/encoder_spec.h"
#include "models/network/layers/block.h"

namespace permafrost {

// What the network says of a noised clip x = signal*x0 + noise*e (noise.h).
enum class Parametrisation {
  flow,  // the velocity e - x0, on the straight path from x0 to e
  eps    // the noise e, on DDPM's path of 1000 steps
};
inline constexpr NamedValue<Parametrisation> kParametrisations[] = {{"flow", Parametrisation::flow},
                                                                    {"eps", Parametrisation::eps}};

struct DenoiserSpec {
  // Blocks, patches, positions and pixels. Positions are computed ones; there is no class token, no
  // layer scale, and its final norm is not looked at.
  EncoderSpec network;
  Parametrisation parametrisation = Parametrisation::flow;
  double time_scale = 1000;  // flow: the network is told time_scale * tau; eps: the step 0..999
  int frequencies = 256;     // F, values of the sinusoid
  int outputs = 0;           // d, values a token that are predicted: coordinates of the space
};

struct DenoiserBlockWeights {
  LinearWeights qkv, proj;
  FeedForwardWeights mlp;
  LinearWeights modulation;  // [6D,D]: shift1, scale1, gate1, shift2, scale2, gate2
};

struct DenoiserWeights {
  LinearWeights patch_embed;   // weight [D, 3*tubelet*P*P], bias [D]
  at::Tensor pos_embed;        // [1,N,D], computed; undefined for rope_3d
  LinearWeights time1, time2;  // F -> D -> D, SiLU between
  std::vector<DenoiserBlockWeights> blocks;
  LinearWeights final_modulation;  // [2D,D]: shift, scale
  LinearWeights final;             // D -> d
};

// Weights with all that says what they mean.
struct Denoiser {
  DenoiserSpec spec;
  DenoiserWeights weights;
  PatchSpace space;
};

// Every tensor that a file must hold, in file order, by the names of the released networks but for
// "patch_embed.proj".
void visit(DenoiserWeights& weights, const TensorVisitor& visitor);
// What is computed, and so in no file: "pos_embed".
void visit_tables(DenoiserWeights& weights, const TensorVisitor& visitor);
NamedTensors named_tensors(DenoiserWeights& weights);
DenoiserWeights clone_of(const DenoiserWeights& weights);

// Throws InputError naming `where` and the field of the network that a denoiser cannot have.
void require_denoiser_network(const EncoderSpec& network, const std::string& where);

// The start of a training: gates and the last layer are 0, so that every block passes its input on
// and the answer is 0. The time network is N(0, 0.02^2), as in the released code.
DenoiserWeights make_denoiser(const DenoiserSpec& spec, Init init, std::uint64_t seed);

// [cos(t w_k), sin(t w_k)] with w_k = 10000^(-k/(F/2)), float32 [B,F] of times float32 [B]; an odd
// F ends with a 0.
at::Tensor time_sinusoid(const at::Tensor& times, std::int64_t frequencies);
// What two layers F -> D -> D with SiLU between make of the sinusoid of times float32 [B]: [B,D],
// in the layers' dtype.
at::Tensor time_embedding(const LinearWeights& first, const LinearWeights& second,
                          const at::Tensor& times);
// The condition [B,D] of these times, before its SiLU, in the weights' dtype.
at::Tensor condition_of(const DenoiserWeights& weights, const at::Tensor& times);
// What a condition makes of a layer [nD,D]: n tensors [B,1,D].
std::vector<at::Tensor> modulation_of(const LinearWeights& layer, const at::Tensor& condition);

struct DenoiserCall {
  BlockTrace* trace = nullptr;                // is told what the blocks have to tell
  std::vector<at::Tensor>* states = nullptr;  // is given the stream [B,N,D] after every block
};

// The network's answer [B,N,d] for patches [B,N,values] (as encode() takes them) at times float32
// [B], in the weights' dtype.
at::Tensor apply_denoiser(const DenoiserWeights& weights, const DenoiserSpec& spec,
                          const at::Tensor& patches, const at::Tensor& times,
                          const DenoiserCall& call = {});

// The same for coordinates x [B,N,d] of the space, float32 whatever the weights' dtype: velocity or
// noise, by the parametrisation.
at::Tensor denoise(const DenoiserWeights& weights, const DenoiserSpec& spec,
                   const PatchSpace& space, const at::Tensor& x, const at::Tensor& times,
                   const DenoiserCall& call = {});

// The stream after the last block [B,N,D], normed without weights: what a frozen encoder of all
// blocks says (fold.h).
at::Tensor denoiser_features(const DenoiserWeights& weights, const DenoiserSpec& spec,
                             const at::Tensor& patches, const at::Tensor& times,
                             BlockTrace* trace = nullptr);

// Floating-point operations of a forward pass on a clip: of the patch embedding, and of all else.
double denoiser_embedding_flops(const DenoiserSpec& spec);
double denoiser_flops(const DenoiserSpec& spec);

}  // namespace permafrost
