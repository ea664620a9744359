// SPDX-License-Identifier: Apache-2.0
#pragma once

// Weights of transformers as plain structs of tensors, visited by name.
//
// Names and shapes are those of the reference implementation's state dictionaries
// (`blocks.0.attn.qkv.weight` [3D,D] ...), so that a checkpoint is a list of these and nothing
// else.
#include <ATen/core/Tensor.h>

#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "common/random.h"

namespace permafrost {

struct LinearWeights {
  at::Tensor weight, bias;  // [out,in], [out]
};

struct NormWeights {
  at::Tensor weight, bias;  // [D], [D]
};

struct BlockWeights {
  NormWeights norm1, norm2;
  LinearWeights qkv, proj;
  LinearWeights fc1, fc2;     // of a swiglu block [2H,D] (gate first) and [D,H]
  at::Tensor scale1, scale2;  // [D], layer scale of the two branches; undefined where there is none
};

enum class Ffn { gelu, swiglu };

// What a block is, apart from its weights.
struct BlockSpec {
  int heads = 1;
  double eps = 1e-6;
  Ffn ffn = Ffn::gelu;
};

struct Rotation;  // models/network/rope.h

using NamedTensors = std::vector<std::pair<std::string, at::Tensor>>;
std::vector<at::Tensor> values_of(const NamedTensors& tensors);
using TensorVisitor = std::function<void(const std::string& name, at::Tensor& tensor)>;

void visit(LinearWeights& weights, const std::string& prefix, const TensorVisitor& visitor);
void visit(NormWeights& weights, const std::string& prefix, const TensorVisitor& visitor);
// Visits the tensors that are defined.
void visit(BlockWeights& weights, const std::string& prefix, const TensorVisitor& visitor);

// How fresh weights are drawn. `xavier` scales with fan-in and fan-out (needed at small widths),
// `normal` is the reference's N(0, 0.02^2), made for widths of 384 and more, `none` gives
// linear weights a shape and no memory, for a file's to take their place.
enum class Init { xavier, normal, none };

LinearWeights make_linear(std::int64_t in, std::int64_t out, Init init, RandomStream& stream);
NormWeights make_norm(std::int64_t width);
// `hidden` is the width between the linear layers (of a swiglu block: after the gate).
BlockWeights make_block(std::int64_t width, std::int64_t hidden, Init init, RandomStream& stream,
                        Ffn ffn = Ffn::gelu);
at::Tensor normal_tensor(at::IntArrayRef shape, double deviation, RandomStream& stream);

// x [B,N,D] through one pre-norm block: x + s1*Attn(LN1 x), then x + s2*FFN(LN2 x), where the FFN
// is fc2(gelu(fc1 x)) with the exact GELU or fc2(silu(a) * b) with [a,b] = fc1 x. `rotation` turns
// queries and keys; null where positions are added to the tokens. `branches` [2,B] multiplies what
// attention and FFN add, a number a sample (stochastic depth); undefined: 1. Of the result, tokens
// from number `first` on: those before it are attended to, and nothing else is computed for them.
at::Tensor apply_block(const BlockWeights& weights, const at::Tensor& x, const BlockSpec& spec,
                       const Rotation* rotation = nullptr, const at::Tensor& branches = {},
                       std::int64_t first = 0);
at::Tensor apply_norm(const NormWeights& weights, const at::Tensor& x, double eps);
at::Tensor apply_linear(const LinearWeights& weights, const at::Tensor& x);

// While one lives, apply_linear() of this thread adds biases after the product where that is
// faster, on a CPU: LibTorch copies them into the result first, which the product then reads again.
// Last bits differ, so it is for pretraining; features and everything on record are made without.
class BiasAfterProduct {
 public:
  BiasAfterProduct();
  ~BiasAfterProduct();
  BiasAfterProduct(const BiasAfterProduct&) = delete;
  BiasAfterProduct& operator=(const BiasAfterProduct&) = delete;
};

// "3 of 128 values are not finite numbers"; empty where all are.
std::string not_finite_text(const at::Tensor& tensor);

// SHA-256 over names, shapes and values (as little-endian bytes of their dtype), in visiting order.
std::string hash_of(const NamedTensors& tensors);

}  // namespace permafrost
