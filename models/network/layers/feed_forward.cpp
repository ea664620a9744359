// SPDX-License-Identifier: Apache-2.0
#include "models/network/layers/feed_forward.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "common/error.h"
#include "models/network/layers/experts.h"

namespace permafrost {
namespace {

// ---- gelu

FeedForwardWeights make_gelu(const FeedForwardSpec& spec, std::int64_t width, Init init,
                             RandomStream& stream) {
  FeedForwardWeights weights;
  weights.fc1 = make_linear(width, spec.hidden(width), init, stream);
  weights.fc2 = make_linear(spec.hidden(width), width, init, stream);
  return weights;
}

at::Tensor apply_gelu(const FeedForwardWeights& weights, const FeedForwardSpec& /*spec*/,
                      const at::Tensor& x, BlockTrace* /*trace*/) {
  return apply_linear(weights.fc2, apply_linear_and_gelu(weights.fc1, x));
}

double gelu_flops(const FeedForwardSpec& spec, double tokens, double width) {
  const auto hidden = static_cast<double>(spec.hidden(static_cast<std::int64_t>(width)));
  return 2 * linear_flops(tokens, width, hidden);
}

// ---- gelu_tanh: weights and sizes of gelu

at::Tensor apply_gelu_tanh(const FeedForwardWeights& weights, const FeedForwardSpec& /*spec*/,
                           const at::Tensor& x, BlockTrace* /*trace*/) {
  return apply_linear(weights.fc2, at::gelu(apply_linear(weights.fc1, x), "tanh"));
}

// ---- swiglu

FeedForwardWeights make_swiglu(const FeedForwardSpec& spec, std::int64_t width, Init init,
                               RandomStream& stream) {
  FeedForwardWeights weights;
  weights.fc1 = make_linear(width, 2 * spec.hidden(width), init, stream);
  weights.fc2 = make_linear(spec.hidden(width), width, init, stream);
  return weights;
}

at::Tensor apply_swiglu(const FeedForwardWeights& weights, const FeedForwardSpec& /*spec*/,
                        const at::Tensor& x, BlockTrace* /*trace*/) {
  const auto halves = apply_linear(weights.fc1, x).chunk(2, -1);
  return apply_linear(weights.fc2, at::silu(halves[0]) * halves[1]);
}

// Gate and value are two layers.
double swiglu_flops(const FeedForwardSpec& spec, double tokens, double width) {
  const auto hidden = static_cast<double>(spec.hidden(static_cast<std::int64_t>(width)));
  return 3 * linear_flops(tokens, width, hidden);
}

// ----

std::vector<FeedForwardKind>& kinds() {
  static std::vector<FeedForwardKind> all{
      {.name = kGelu, .make = make_gelu, .apply = apply_gelu, .flops = gelu_flops},
      {.name = kGeluTanh, .make = make_gelu, .apply = apply_gelu_tanh, .flops = gelu_flops},
      {.name = kSwiglu, .make = make_swiglu, .apply = apply_swiglu, .flops = swiglu_flops},
  };
  return all;
}

const FeedForwardKind* find(const std::string& name) {
  const auto it = std::find_if(kinds().begin(), kinds().end(),
                               [&](const FeedForwardKind& kind) { return kind.name == name; });
  return it == kinds().end() ? nullptr : &*it;
}

}  // namespace

const FeedForwardKind& feed_forward_kind(const std::string& name) {
  if (const FeedForwardKind* kind = find(name)) return *kind;
  throw Error("there is no feed-forward layer of kind " + quoted(name));
}

std::vector<std::string> feed_forward_names() {
  std::vector<std::string> names;
  for (const auto& kind : kinds()) names.push_back(kind.name);
  return names;
}

void register_feed_forward(const FeedForwardKind& kind) {
  if (find(kind.name) != nullptr)
    throw Error("there is a feed-forward layer of kind " + quoted(kind.name) + " already");
  kinds().push_back(kind);
}

namespace {

const FeedForwardKind& kind_of(const FeedForwardSpec& spec) {
  static const FeedForwardKind experts = mixture_of_experts();
  return spec.routing.experts > 0 ? experts : feed_forward_kind(spec.kind);
}

}  // namespace

void visit(FeedForwardWeights& weights, const std::string& prefix, const TensorVisitor& visitor) {
  const bool experts = weights.gate.defined();  // a visitor may take it away
  const std::string layers = experts ? prefix + ".experts" : prefix;
  if (experts) visitor(prefix + ".gate.weight", weights.gate);
  visit(weights.fc1, layers + ".fc1", visitor);
  visit(weights.fc2, layers + ".fc2", visitor);
}

FeedForwardWeights make_feed_forward(const FeedForwardSpec& spec, std::int64_t width, Init init,
                                     RandomStream& stream) {
  return kind_of(spec).make(spec, width, init, stream);
}

at::Tensor apply_feed_forward(const FeedForwardWeights& weights, const FeedForwardSpec& spec,
                              const at::Tensor& x, BlockTrace* trace) {
  return kind_of(spec).apply(weights, spec, x, trace);
}

double feed_forward_flops(const FeedForwardSpec& spec, double tokens, double width) {
  return kind_of(spec).flops(spec, tokens, width);
}

std::int64_t feed_forward_parameters(const FeedForwardSpec& spec, std::int64_t width) {
  RandomStream unused({});
  FeedForwardWeights shapes = make_feed_forward(spec, width, Init::none, unused);
  std::int64_t count = 0;
  visit(shapes, "", [&](const std::string&, at::Tensor& tensor) { count += tensor.numel(); });
  return count;
}

std::int64_t active_parameters(const FeedForwardSpec& spec, std::int64_t width) {
  if (spec.routing.experts == 0) return feed_forward_parameters(spec, width);
  FeedForwardSpec one = spec;
  one.routing = {};
  return spec.routing.experts * width + spec.routing.chosen * feed_forward_parameters(one, width);
}

FeedForwardSpec read_feed_forward(JsonObject& object) {
  FeedForwardSpec spec;
  spec.ratio = object.number("mlp_ratio", spec.ratio, 0.25, 16);
  spec.kind = object.choice("ffn", feed_forward_names(), spec.kind);
  spec.width = static_cast<int>(object.integer("ffn_width", spec.width, 0, 65536));
  return spec;
}

void write_feed_forward(const FeedForwardSpec& spec, Json& json) {
  json["mlp_ratio"] = spec.ratio;
  if (spec.kind != FeedForwardSpec().kind) json["ffn"] = spec.kind;
  if (spec.width > 0) json["ffn_width"] = spec.width;
}

}  // namespace permafrost
