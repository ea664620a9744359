// SPDX-License-Identifier: Apache-2.0
#include "probes/heads/head.h"

#include <ATen/ATen.h>

#include <cmath>

#include "common/error.h"
#include "common/random.h"

namespace permafrost {

void visit(HeadWeights& w, HeadKind kind, const TensorVisitor& visitor) {
  if (kind == HeadKind::attentive) {
    const std::string block = "pooler.cross_attention_block.";
    visitor("pooler.query_tokens", w.query);
    visitor(block + "norm1.weight", w.norm1_weight);
    visitor(block + "norm1.bias", w.norm1_bias);
    visitor(block + "xattn.q.weight", w.q_weight);
    visitor(block + "xattn.q.bias", w.q_bias);
    visitor(block + "xattn.kv.weight", w.kv_weight);
    visitor(block + "xattn.kv.bias", w.kv_bias);
    visitor(block + "norm2.weight", w.norm2_weight);
    visitor(block + "norm2.bias", w.norm2_bias);
    visitor(block + "mlp.fc1.weight", w.fc1_weight);
    visitor(block + "mlp.fc1.bias", w.fc1_bias);
    visitor(block + "mlp.fc2.weight", w.fc2_weight);
    visitor(block + "mlp.fc2.bias", w.fc2_bias);
    for (std::size_t i = 0; i < w.blocks.size(); ++i)
      visit(w.blocks[i], "pooler.blocks." + std::to_string(i), visitor);
  }
  visitor("linear.weight", w.linear_weight);
  visitor("linear.bias", w.linear_bias);
}

HeadWeights to_device(const HeadWeights& weights, HeadKind kind, const at::Device& device) {
  HeadWeights moved = weights;
  visit(moved, kind, [&](const std::string&, at::Tensor& t) { t = t.detach().to(device); });
  for (at::Tensor* t : {&moved.running_mean, &moved.running_variance})
    if (t->defined()) *t = t->to(device);
  return moved;
}

HeadWeights make_head(const HeadSpec& spec, int candidates, std::uint64_t seed) {
  if (spec.kind == HeadKind::attentive && spec.width % spec.heads != 0)
    throw InputError("probe head", "heads", "a divisor of the width " + std::to_string(spec.width),
                     std::to_string(spec.heads));
  RandomStream stream({.seed = seed, .purpose = "head.init"});
  const auto d = static_cast<std::int64_t>(spec.width), l = static_cast<std::int64_t>(candidates);
  const auto hidden = static_cast<std::int64_t>(spec.width * spec.mlp_ratio);
  // The reference's 0.02 belongs to width 1024; the gain of a layer goes with sqrt(width).
  const double base = 0.02 * std::sqrt(1024.0 / spec.width);
  const auto drawn = [&](at::IntArrayRef shape, double scale = 1.0) {
    const at::Tensor one = normal_tensor(shape, base * scale, stream);
    std::vector<std::int64_t> sizes{l};
    sizes.insert(sizes.end(), shape.begin(), shape.end());
    return one.unsqueeze(0).expand(sizes).contiguous();
  };
  const auto filled = [&](std::int64_t size, double value) { return at::full({l, size}, value); };
  HeadWeights w;
  if (spec.kind == HeadKind::attentive) {
    w.query = drawn({1, d});
    w.norm1_weight = filled(d, 1);
    w.norm1_bias = filled(d, 0);
    w.q_weight = drawn({d, d});
    w.q_bias = filled(d, 0);
    w.kv_weight = drawn({2 * d, d});
    w.kv_bias = filled(2 * d, 0);
    w.norm2_weight = filled(d, 1);
    w.norm2_bias = filled(d, 0);
    w.fc1_weight = drawn({hidden, d});
    w.fc1_bias = filled(hidden, 0);
    w.fc2_weight = drawn({d, hidden}, 1.0 / std::sqrt(2.0));
    w.fc2_bias = filled(d, 0);
  }
  const bool normed = spec.kind == HeadKind::linear;
  w.linear_weight = drawn({spec.classes, d}, normed ? 0.01 / base : 1.0);
  w.linear_bias = filled(spec.classes, 0);
  if (normed) {
    w.running_mean = at::zeros({d});
    w.running_variance = at::ones({d});
  }
  for (int i = 0; i < spec.blocks; ++i) {
    // As in the encoder's reference: what a branch adds is divided by sqrt(2 * its place).
    const double branch = 1 / std::sqrt(2.0 * (i + 1));
    w.blocks.push_back({.norm1 = {filled(d, 1), filled(d, 0)},
                        .norm2 = {filled(d, 1), filled(d, 0)},
                        .qkv = {drawn({3 * d, d}), filled(3 * d, 0)},
                        .proj = {drawn({d, d}, branch), filled(d, 0)},
                        .mlp = {{drawn({hidden, d}), filled(hidden, 0)},
                                {drawn({d, hidden}, branch), filled(d, 0)}}});
  }
  return w;
}

at::Tensor standardised(const at::Tensor& tokens) {
  return at::layer_norm(tokens, {tokens.size(-1)}, {}, {}, 1e-5);
}

namespace {

// x [L,B,in] -> [L,B,out].
at::Tensor stacked_linear(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias) {
  return at::baddbmm(bias.unsqueeze(1), x, weight.transpose(1, 2));
}

// What the query takes from the tokens: [L,B,D].
at::Tensor cross_attention(const HeadWeights& w, const HeadSpec& spec, const at::Tensor& tokens) {
  const auto l = w.query.size(0), b = tokens.size(0), d = tokens.size(2);
  const auto h = static_cast<std::int64_t>(spec.heads), hd = d / h;
  const at::Tensor q = stacked_linear(w.query, w.q_weight, w.q_bias).view({l * h, 1, hd});
  const at::Tensor keys = w.kv_weight.slice(1, 0, d).reshape({l * h, hd, d});
  // Directions in token space, one a candidate and head, the first norm's weight folded in.
  const at::Tensor directions = at::bmm(q, keys).view({l, h, d}) * w.norm1_weight.unsqueeze(1) *
                                std::pow(static_cast<double>(hd), -0.5);
  const at::Tensor scores = at::matmul(tokens, directions.view({l * h, d}).t());  // [B,N,LH]
  const at::Tensor attention = at::softmax(scores, 1).transpose(1, 2);
  const at::Tensor means = at::bmm(attention, tokens)  // [B,LH,D]
                               .view({b, l, h, d})
                               .permute({1, 2, 0, 3});
  const at::Tensor normed =
      means * w.norm1_weight.view({l, 1, 1, d}) + w.norm1_bias.view({l, 1, 1, d});
  const at::Tensor values = w.kv_weight.slice(1, d, 2 * d).reshape({l * h, hd, d});
  const at::Tensor mixed = at::baddbmm(w.kv_bias.slice(1, d, 2 * d).reshape({l * h, 1, hd}),
                                       normed.reshape({l * h, b, d}), values.transpose(1, 2));
  return mixed.view({l, h, b, hd}).permute({0, 2, 1, 3}).reshape({l, b, d});
}

at::Tensor stacked_norm(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias) {
  return standardised(x) * weight.unsqueeze(1) + bias.unsqueeze(1);
}

// x [B,D], the same for all candidates -> [L,B,C].
at::Tensor shared_linear(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias) {
  return at::linear(x, weight.flatten(0, 1), bias.flatten())
      .view({x.size(0), weight.size(0), weight.size(1)})
      .transpose(0, 1);
}

at::Tensor attentive_logits(const HeadWeights& w, const HeadSpec& spec, const at::Tensor& tokens) {
  at::Tensor x = w.query + cross_attention(w, spec, tokens);
  const at::Tensor hidden = at::gelu(
      stacked_linear(stacked_norm(x, w.norm2_weight, w.norm2_bias), w.fc1_weight, w.fc1_bias));
  x = x + stacked_linear(hidden, w.fc2_weight, w.fc2_bias);
  return stacked_linear(x, w.linear_weight, w.linear_bias);
}

// Candidate by candidate: after the blocks each has tokens of its own.
at::Tensor deep_logits(const HeadWeights& w, const HeadSpec& spec, const at::Tensor& tokens) {
  std::vector<at::Tensor> logits;
  for (std::int64_t l = 0; l < w.query.size(0); ++l) {
    HeadWeights one = w;
    visit(one, HeadKind::attentive,
          [&](const std::string&, at::Tensor& tensor) { tensor = tensor.slice(0, l, l + 1); });
    at::Tensor x = tokens;
    for (auto& block : one.blocks) {
      visit(block, "", [](const std::string&, at::Tensor& tensor) { tensor = tensor.squeeze(0); });
      x = apply_block(block, x, {spec.heads, 1e-5});
    }
    logits.push_back(attentive_logits(one, spec, standardised(x)));
  }
  return at::cat(logits, 0);
}

constexpr double kNormEps = 1e-6;

at::Tensor batch_normed(const at::Tensor& x, const at::Tensor& mean, const at::Tensor& variance) {
  return (x - mean) * (variance + kNormEps).rsqrt();
}

}  // namespace

at::Tensor head_logits(const HeadWeights& w, const HeadSpec& spec, const at::Tensor& tokens) {
  if (spec.kind == HeadKind::mean_pool)
    return shared_linear(tokens.mean(1), w.linear_weight, w.linear_bias);
  if (spec.kind == HeadKind::linear)
    return shared_linear(batch_normed(tokens.mean(1), w.running_mean, w.running_variance),
                         w.linear_weight, w.linear_bias);
  return spec.blocks > 0 ? deep_logits(w, spec, tokens) : attentive_logits(w, spec, tokens);
}

at::Tensor training_means(HeadWeights& w, HeadKind kind, const at::Tensor& tokens) {
  constexpr double kMomentum = 0.1;
  const at::Tensor x = tokens.mean(1);
  if (kind != HeadKind::linear) return x;
  const at::Tensor mean = x.mean(0), variance = (x - mean).square().mean(0);
  const auto n = static_cast<double>(x.size(0));
  if (n > 1) {
    w.running_mean = w.running_mean * (1 - kMomentum) + mean * kMomentum;
    w.running_variance =
        w.running_variance * (1 - kMomentum) + variance * (kMomentum * n / (n - 1));
  }
  return batch_normed(x, mean, variance);
}

at::Tensor training_logits(HeadWeights& w, const HeadSpec& spec, const at::Tensor& tokens) {
  if (!sees_the_mean_alone(spec.kind)) return head_logits(w, spec, tokens);
  return shared_linear(training_means(w, spec.kind, tokens), w.linear_weight, w.linear_bias);
}

bool sees_the_mean_alone(HeadKind kind) { return kind != HeadKind::attentive; }

FoldedLinear folded_linear(const HeadWeights& w, HeadKind kind) {
  if (kind != HeadKind::linear) return {w.linear_weight, w.linear_bias};
  const at::Tensor weight = w.linear_weight * (w.running_variance + kNormEps).rsqrt();
  return {weight, w.linear_bias - at::matmul(weight, w.running_mean)};
}

HeadWeights candidate(HeadWeights& weights, HeadKind kind, int index) {
  HeadWeights one = weights;
  visit(one, kind, [&](const std::string&, at::Tensor& tensor) {
    tensor = tensor.detach().slice(0, index, index + 1).clone();
  });
  return one;
}

const char* name_of(HeadKind kind) {
  switch (kind) {
    case HeadKind::attentive:
      return "attentive";
    case HeadKind::mean_pool:
      return "mean_pool";
    case HeadKind::linear:
      return "linear";
    default:
      return "knn";
  }
}

HeadKind head_named(const std::string& name, const std::string& where) {
  for (const auto kind :
       {HeadKind::attentive, HeadKind::mean_pool, HeadKind::linear, HeadKind::knn})
    if (name == name_of(kind)) return kind;
  throw InputError(where, "head", "attentive, linear, mean_pool or knn", quoted(name));
}

}  // namespace permafrost
