// SPDX-License-Identifier: Apache-2.0
#pragma once

// The feed-forward half of a block, in its kinds: all that is known of a kind is here and in
// feed_forward.cpp. A new one is a function that computes, one that draws weights, one that counts,
// and a line in the table there.
#include <cstdint>
#include <string>
#include <vector>

#include "common/json/json_object.h"
#include "models/network/layers/block_trace.h"
#include "models/network/layers/linear.h"
#include "models/network/layers/routing.h"

namespace permafrost {

inline constexpr const char* kGelu = "gelu";  // fc2(gelu(fc1 x)), the exact GELU
// The same with tanh(sqrt(2/pi) (x + 0.044715 x^3)) for the error function: released diffusion
// transformers.
inline constexpr const char* kGeluTanh = "gelu_tanh";
inline constexpr const char* kSwiglu = "swiglu";  // fc2(silu(a) * b) with [a,b] = fc1 x

struct FeedForwardSpec {
  std::string kind = kGelu;
  int width = 0;       // between the linear layers (of swiglu: after the gate); 0: from the ratio
  double ratio = 4.0;  // of that width to the block's
  // Of a layer of experts (experts.h), whose kind and width are then those above; else none.
  RoutingSpec routing = {};
  std::int64_t hidden(std::int64_t block_width) const {
    return width > 0 ? width : static_cast<std::int64_t>(static_cast<double>(block_width) * ratio);
  }
};

struct FeedForwardWeights {
  LinearWeights fc1, fc2;  // [H,D] and [D,H]; of swiglu [2H,D] (gate first) and [D,H]
  // [E,D], the router of experts, whose fc1 and fc2 are [E,H,D] and [E,D,H] with biases [E,H] and
  // [E,D]; undefined where there are none.
  at::Tensor gate;
};

struct FeedForwardKind {
  std::string name;
  FeedForwardWeights (*make)(const FeedForwardSpec& spec, std::int64_t width, Init init,
                             RandomStream& stream) = nullptr;
  // x [B,N,D], the norm before it applied already; `trace` may be null.
  at::Tensor (*apply)(const FeedForwardWeights& weights, const FeedForwardSpec& spec,
                      const at::Tensor& x, BlockTrace* trace) = nullptr;
  // Of the forward pass on `tokens` tokens.
  double (*flops)(const FeedForwardSpec& spec, double tokens, double width) = nullptr;
};

// Throws Error for a kind that nobody has.
const FeedForwardKind& feed_forward_kind(const std::string& name);
std::vector<std::string> feed_forward_names();
// One more, for programs that bring their own; before any spec is read. Throws Error where the name
// is taken.
void register_feed_forward(const FeedForwardKind& kind);

void visit(FeedForwardWeights& weights, const std::string& prefix, const TensorVisitor& visitor);
FeedForwardWeights make_feed_forward(const FeedForwardSpec& spec, std::int64_t width, Init init,
                                     RandomStream& stream);
at::Tensor apply_feed_forward(const FeedForwardWeights& weights, const FeedForwardSpec& spec,
                              const at::Tensor& x, BlockTrace* trace = nullptr);
double feed_forward_flops(const FeedForwardSpec& spec, double tokens, double width);
std::int64_t feed_forward_parameters(const FeedForwardSpec& spec, std::int64_t width);
// Those that a token meets: of experts, the router and the chosen ones.
std::int64_t active_parameters(const FeedForwardSpec& spec, std::int64_t width);

// The fields "mlp_ratio", "ffn" and "ffn_width" of an encoder's spec.
FeedForwardSpec read_feed_forward(JsonObject& object);
// What is not usual, and the ratio.
void write_feed_forward(const FeedForwardSpec& spec, Json& json);

}  // namespace permafrost
