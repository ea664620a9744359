// SPDX-License-Identifier: Apache-2.0
#include "probes/heads/classifier.h"

#include <ATen/ATen.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "common/error.h"

namespace permafrost {

void visit(ClassifierWeights& w, const ClassifierSpec& spec, const TensorVisitor& visitor) {
  if (spec.kind == HeadKind::attentive) {
    const std::string cross = "pooler.cross_attention_block";
    visitor("pooler.query_tokens", w.query);
    visit(w.norm1, cross + ".norm1", visitor);
    visit(w.q, cross + ".xattn.q", visitor);
    visit(w.kv, cross + ".xattn.kv", visitor);
    visit(w.norm2, cross + ".norm2", visitor);
    visit(w.fc1, cross + ".mlp.fc1", visitor);
    visit(w.fc2, cross + ".mlp.fc2", visitor);
    for (std::size_t i = 0; i < w.blocks.size(); ++i)
      visit(w.blocks[i], "pooler.blocks." + std::to_string(i), visitor);
  } else if (spec.pool_norm) {
    visit(w.pool_norm, "fc_norm", visitor);
  }
  visit(w.linear, "linear", visitor);
}

ClassifierWeights classifier_shapes(const ClassifierSpec& spec) {
  const std::int64_t d = spec.width, hidden = spec.hidden;
  const auto shape = [](at::IntArrayRef sizes) {
    return at::empty(sizes, at::TensorOptions().device(at::kMeta).dtype(at::kFloat));
  };
  const auto norm = [&] { return NormWeights{shape({d}), shape({d})}; };
  const auto linear = [&](std::int64_t out, std::int64_t in) {
    return LinearWeights{shape({out, in}), shape({out})};
  };
  ClassifierWeights w;
  w.linear = linear(spec.classes, d);
  if (spec.kind == HeadKind::mean_pool) {
    if (spec.pool_norm) w.pool_norm = norm();
    return w;
  }
  w.query = shape({1, 1, d});
  w.norm1 = norm();
  w.norm2 = norm();
  w.q = linear(d, d);
  w.kv = linear(2 * d, d);
  w.fc1 = linear(hidden, d);
  w.fc2 = linear(d, hidden);
  for (int i = 0; i < spec.blocks; ++i)
    w.blocks.push_back({.norm1 = norm(),
                        .norm2 = norm(),
                        .qkv = linear(3 * d, d),
                        .proj = linear(d, d),
                        .mlp = {linear(hidden, d), linear(d, hidden)}});
  return w;
}

ClassifierWeights to_device(const ClassifierWeights& weights, const ClassifierSpec& spec,
                            const at::Device& device) {
  ClassifierWeights moved = weights;
  visit(moved, spec, [&](const std::string&, at::Tensor& tensor) { tensor = tensor.to(device); });
  return moved;
}

namespace {

at::Tensor through_blocks(const ClassifierWeights& w, const ClassifierSpec& spec, at::Tensor x) {
  for (const auto& block : w.blocks) x = apply_block(block, x, {spec.heads, spec.norm_eps});
  return x;
}

// [B,n,D] -> [B,heads,n,D/heads].
at::Tensor split_heads(const at::Tensor& x, std::int64_t heads) {
  return x.view({x.size(0), x.size(1), heads, x.size(2) / heads}).transpose(1, 2);
}

// What the query takes from the tokens [B,N,D]: [B,1,D]. The query itself is not normalised.
at::Tensor cross_attention(const ClassifierWeights& w, const ClassifierSpec& spec,
                           const at::Tensor& query, const at::Tensor& tokens) {
  const auto pair = apply_linear(w.kv, apply_norm(w.norm1, tokens, spec.norm_eps)).chunk(2, -1);
  const at::Tensor mixed = at::scaled_dot_product_attention(
      split_heads(apply_linear(w.q, query), spec.heads), split_heads(pair[0], spec.heads),
      split_heads(pair[1], spec.heads));
  return mixed.transpose(1, 2).reshape(query.sizes());
}

at::Tensor seen_by_query(const ClassifierWeights& w, const ClassifierSpec& spec,
                         const at::Tensor& tokens) {
  const at::Tensor given = spec.normalise_tokens ? standardised(tokens) : tokens;
  return spec.blocks_act_on == BlocksActOn::tokens ? through_blocks(w, spec, given) : given;
}

at::Tensor pooled_by_attention(const ClassifierWeights& w, const ClassifierSpec& spec,
                               const at::Tensor& tokens) {
  const bool on_tokens = spec.blocks_act_on == BlocksActOn::tokens;
  const at::Tensor seen = seen_by_query(w, spec, tokens);
  const at::Tensor query = w.query.expand({tokens.size(0), 1, tokens.size(2)});
  at::Tensor x = query + cross_attention(w, spec, query, seen);
  const at::Tensor hidden = at::gelu(apply_linear(w.fc1, apply_norm(w.norm2, x, spec.norm_eps)));
  x = x + apply_linear(w.fc2, hidden);
  return (on_tokens ? x : through_blocks(w, spec, x)).squeeze(1);
}

}  // namespace

at::Tensor query_attention(const ClassifierWeights& w, const ClassifierSpec& spec,
                           const at::Tensor& tokens) {
  if (spec.kind != HeadKind::attentive)
    throw Error(std::string("a ") + name_of(spec.kind) + " head has no query that attends");
  const at::Tensor normed = apply_norm(w.norm1, seen_by_query(w, spec, tokens), spec.norm_eps);
  const at::Tensor keys = split_heads(apply_linear(w.kv, normed).chunk(2, -1)[0], spec.heads);
  const at::Tensor query = split_heads(apply_linear(w.q, w.query), spec.heads);
  const double scale = std::pow(static_cast<double>(spec.width / spec.heads), -0.5);
  return at::softmax(at::matmul(keys, query.transpose(2, 3)).squeeze(3) * scale, 2);
}

at::Tensor classify(const ClassifierWeights& w, const ClassifierSpec& spec,
                    const at::Tensor& tokens) {
  if (spec.kind == HeadKind::attentive)
    return apply_linear(w.linear, pooled_by_attention(w, spec, tokens));
  const at::Tensor mean = (spec.normalise_tokens ? standardised(tokens) : tokens).mean(1);
  return apply_linear(w.linear,
                      spec.pool_norm ? apply_norm(w.pool_norm, mean, spec.norm_eps) : mean);
}

ClassifierSpec read_classifier_spec(const Json& json, const std::string& where) {
  constexpr int kMost = 1 << 20;
  JsonObject object(json, where);
  const auto size = [&](const char* key, int low) {
    return static_cast<int>(object.integer(key, {}, low, kMost));
  };
  ClassifierSpec spec;
  spec.kind = head_named(object.choice("kind", {"attentive", "mean_pool"}), where);
  spec.width = size("width", 1);
  spec.classes = size("classes", 1);
  spec.norm_eps = object.number("norm_eps", {}, 0, 1);
  if (spec.kind == HeadKind::attentive) {
    spec.heads = size("heads", 1);
    spec.hidden = size("hidden", 1);
    spec.blocks = static_cast<int>(object.integer("blocks", {}, 0, 1000));
    spec.blocks_act_on = object.choice("blocks_act_on", {"query", "tokens"}) == "query"
                             ? BlocksActOn::query
                             : BlocksActOn::tokens;
    spec.normalise_tokens = object.boolean("normalise_tokens", false);
    if (spec.width % spec.heads != 0)
      throw InputError(where, "heads", "a divisor of the width " + std::to_string(spec.width),
                       std::to_string(spec.heads));
  } else {
    spec.pool_norm = object.boolean("pool_norm");
    spec.normalise_tokens = object.boolean("normalise_tokens");
  }
  object.finish();
  return spec;
}

Json to_json(const ClassifierSpec& spec) {
  Json json{{"kind", name_of(spec.kind)},
            {"width", spec.width},
            {"classes", spec.classes},
            {"norm_eps", spec.norm_eps}};
  if (spec.kind == HeadKind::attentive) {
    json["heads"] = spec.heads;
    json["hidden"] = spec.hidden;
    json["blocks"] = spec.blocks;
    json["blocks_act_on"] = spec.blocks_act_on == BlocksActOn::query ? "query" : "tokens";
    if (spec.normalise_tokens) json["normalise_tokens"] = true;
  } else {
    json["pool_norm"] = spec.pool_norm;
    json["normalise_tokens"] = spec.normalise_tokens;
  }
  return json;
}

ClassifierSpec classifier_spec_of(const HeadSpec& spec) {
  if (spec.kind == HeadKind::knn) throw Error("a knn head has no weights that could be written");
  const bool attentive = spec.kind == HeadKind::attentive;
  return {.kind = attentive ? HeadKind::attentive : HeadKind::mean_pool,
          .width = spec.width,
          .classes = spec.classes,
          .norm_eps = 1e-5,
          .heads = spec.heads,
          .hidden = static_cast<int>(spec.width * spec.mlp_ratio),
          .blocks = spec.blocks,
          .pool_norm = false,
          // Of a head without blocks it is the first half of its own norm.
          .normalise_tokens = !attentive || spec.blocks > 0};
}

ClassifierWeights classifier_weights_of(const HeadWeights& w, const HeadSpec& spec) {
  const auto first = [](const at::Tensor& stacked) { return stacked.detach()[0].clone(); };
  ClassifierWeights out;
  const FoldedLinear linear = folded_linear(w, spec.kind);
  out.linear = {first(linear.weight), first(linear.bias)};
  if (spec.kind != HeadKind::attentive) return out;
  out.query = first(w.query).unsqueeze(0);
  out.norm1 = {first(w.norm1_weight), first(w.norm1_bias)};
  out.q = {first(w.q_weight), first(w.q_bias)};
  out.kv = {first(w.kv_weight), first(w.kv_bias)};
  out.norm2 = {first(w.norm2_weight), first(w.norm2_bias)};
  out.fc1 = {first(w.fc1_weight), first(w.fc1_bias)};
  out.fc2 = {first(w.fc2_weight), first(w.fc2_bias)};
  out.blocks = w.blocks;
  for (auto& block : out.blocks)
    visit(block, "", [&](const std::string&, at::Tensor& tensor) { tensor = first(tensor); });
  return out;
}

}  // namespace permafrost
