// SPDX-License-Identifier: Apache-2.0
#include "probes/heads/fused_head.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>

#include "common/error.h"
#include "models/kernels/kernels.h"

namespace permafrost {
namespace {

// Tokens of a block with their transposed copy: 256 KB, a part of a core's second cache.
constexpr std::int64_t kBlockValues = 1 << 15;

std::int64_t padded(std::int64_t count) {
  return (count + kMostLanes - 1) / kMostLanes * kMostLanes;
}

// Candidate `l` of a weight.
float* of(const at::Tensor& weight, std::int64_t l) {
  return weight.data_ptr<float>() + l * (weight.numel() / weight.size(0));
}

}  // namespace

float* FusedHead::Room::of(std::int64_t count) {
  if (!tensor_.defined() || tensor_.numel() < count) tensor_ = at::empty({count}, at::kFloat);
  return tensor_.data_ptr<float>();
}

bool FusedHead::handles(const HeadSpec& spec, const at::Tensor& tokens) {
  return spec.kind == HeadKind::attentive && spec.blocks == 0 && tokens.is_cpu() &&
         tokens.scalar_type() == at::kFloat;
}

FusedHead::FusedHead(const HeadSpec& spec, std::int64_t candidates)
    : l_(candidates),
      h_(spec.heads),
      d_(spec.width),
      hd_(spec.width / spec.heads),
      hidden_(static_cast<std::int64_t>(spec.width * spec.mlp_ratio)),
      c_(spec.classes) {}

at::Tensor FusedHead::logits(const HeadWeights& weights, const at::Tensor& tokens, bool trains) {
  if (tokens.dim() != 3 || tokens.size(2) != d_)
    throw Error("fused head: expected tokens [B,N," + std::to_string(d_) + "]");
  keeps_scores_ = true;
  TensorRows rows(tokens);
  size_for(rows.clips(), rows.tokens());
  point(weights);
  attend(rows, trains);
  return classified(weights);
}

at::Tensor FusedHead::logits(const HeadWeights& weights, TokenRows& tokens, bool trains) {
  if (tokens.width() != d_)
    throw Error("fused head: expected tokens of width " + std::to_string(d_));
  keeps_scores_ = false;
  size_for(tokens.clips(), tokens.tokens());
  point(weights);
  attend(tokens, trains);
  return classified(weights);
}

void FusedHead::size_for(std::int64_t clips, std::int64_t tokens) {
  b_ = clips;
  n_ = tokens;
  block_ = std::min(padded(n_), std::max(kMostLanes, kBlockValues / d_ / kMostLanes * kMostLanes));
  blocks_ = (n_ + block_ - 1) / block_;
}

at::Tensor FusedHead::classified(const HeadWeights& weights) {
  at::Tensor logits = at::empty({l_, b_, c_}, at::kFloat);
  for (std::int64_t l = 0; l < l_; ++l) classify(weights, l, of(logits, l));
  return logits;
}

at::Tensor FusedHead::directions(const HeadWeights& weights) {
  point(weights);
  return at::from_blob(directions_(), {l_ * h_, d_}, at::kFloat).clone();
}

at::Tensor FusedHead::logits_of_means(const HeadWeights& weights, const at::Tensor& means) {
  if (means.dim() != 3 || means.size(0) != l_ * h_ || means.size(2) != d_)
    throw Error("fused head: expected means [" + std::to_string(l_ * h_) + ",B," +
                std::to_string(d_) + "]");
  size_for(means.size(1), 2);
  const at::Tensor plain = means.to(at::kFloat).contiguous();
  std::copy_n(plain.const_data_ptr<float>(), plain.numel(), means_.of(plain.numel()));
  return classified(weights);
}

// The query's directions in token space, the first norm's weight folded in.
void FusedHead::point(const HeadWeights& w) {
  const Kernels& k = kernels();
  const auto scale = static_cast<float>(1 / std::sqrt(static_cast<double>(hd_)));
  queries_.of(l_ * d_);
  keyed_.of(l_ * d_ * h_);
  directions_.of(l_ * d_ * h_);
  for (std::int64_t l = 0; l < l_; ++l) {
    float* q = queries_() + l * d_;
    for (std::int64_t o = 0; o < d_; ++o)
      q[o] = of(w.q_bias, l)[o] + k.dot(of(w.q_weight, l) + o * d_, of(w.query, l), d_);
    for (std::int64_t h = 0; h < h_; ++h) {
      float* keyed = keyed_() + (l * h_ + h) * d_;
      float* direction = directions_() + (l * h_ + h) * d_;
      k.product({.rows = 1,
                 .columns = d_,
                 .depth = hd_,
                 .a = q + h * hd_,
                 .a_row = hd_,
                 .b = of(w.kv_weight, l) + h * hd_ * d_,
                 .b_row = d_,
                 .c = keyed,
                 .c_row = d_});
      std::copy_n(keyed, d_, direction);
      k.multiply(of(w.norm1_weight, l), d_, direction);
      k.scale(scale, d_, direction);
    }
  }
}

void FusedHead::attend(TokenRows& tokens, bool trains) {
  const std::int64_t kept = trains && keeps_scores_ ? b_ * blocks_ : 1, j = l_ * h_;
  scores_.of(kept * j * block_);
  block_scale_.of(b_ * blocks_ * j);
  if (trains && !keeps_scores_) block_largest_.of(b_ * blocks_ * j);
  largest_.of(j);
  sum_.of(j);
  means_.of(j * b_ * d_);
  transposed_.of(d_ * block_);
  for (std::int64_t b = 0; b < b_; ++b) look(tokens, b, trains);
}

// What all candidates take from one clip. The softmax is taken block by block: where a block has a
// larger score than those before, what was summed is scaled down.
void FusedHead::look(TokenRows& tokens, std::int64_t clip, bool trains) {
  const Kernels& k = kernels();
  const std::int64_t j = l_ * h_;
  float* means = means_() + clip * d_;
  float* scales = block_scale_() + clip * blocks_ * j;
  std::fill_n(largest_(), j, -std::numeric_limits<float>::infinity());
  std::fill_n(sum_(), j, 0.0F);
  for (std::int64_t block = 0; block < blocks_; ++block) {
    const std::int64_t count = std::min(block_, n_ - block * block_);
    const float* x = tokens.rows(clip, block * block_, count);
    float* scores =
        scores_() + (trains && keeps_scores_ ? (clip * blocks_ + block) * j * block_ : 0);
    k.transpose(x, d_, count, d_, transposed_(), block_);
    score(count, scores);
    k.softmax_block({.rows = j,
                     .count = count,
                     .scores = scores,
                     .scores_row = block_,
                     .largest = largest_(),
                     .sum = sum_(),
                     .weighted = means,
                     .weighted_row = b_ * d_,
                     .width = d_});
    std::copy_n(largest_(), j, scales + block * j);
    if (trains && !keeps_scores_)
      std::copy_n(largest_(), j, block_largest_() + (clip * blocks_ + block) * j);
    k.product({.rows = j,
               .columns = d_,
               .depth = count,
               .a = scores,
               .a_row = block_,
               .b = x,
               .b_row = d_,
               .c = means,
               .c_row = b_ * d_,
               .add = block > 0});
  }
  for (std::int64_t i = 0; i < j; ++i) {
    k.scale(1 / sum_()[i], d_, means + i * b_ * d_);
    for (std::int64_t block = 0; block < blocks_; ++block) {
      float& scale = scales[block * j + i];
      scale = std::exp(scale - largest_()[i]) / sum_()[i];
    }
  }
}

// Scores of the tokens of one block, which are in transposed_.
void FusedHead::score(std::int64_t count, float* scores) {
  kernels().product({.rows = l_ * h_,
                     .columns = padded(count),
                     .depth = d_,
                     .a = directions_(),
                     .a_row = d_,
                     .b = transposed_(),
                     .b_row = block_,
                     .c = scores,
                     .c_row = block_});
}

// The exponentials of a block as look() left them: against the largest score up to that block no
// score of it is larger.
void FusedHead::score_again(std::int64_t clip, std::int64_t block, std::int64_t count) {
  const std::int64_t j = l_ * h_;
  score(count, scores_());
  std::fill_n(sum_(), j, 0.0F);  // is not looked at
  kernels().softmax_block({.rows = j,
                           .count = count,
                           .scores = scores_(),
                           .scores_row = block_,
                           .largest = block_largest_() + (clip * blocks_ + block) * j,
                           .sum = sum_()});
}

// From what the query took to logits [B,C]: values, residual, norm, MLP, linear.
void FusedHead::classify(const HeadWeights& w, std::int64_t l, float* logits) {
  const Kernels& k = kernels();
  float* x = state_.of(l_ * b_ * d_) + l * b_ * d_;
  float* normed = normed_.of(l_ * b_ * d_) + l * b_ * d_;
  float* hidden = hidden_values_.of(l_ * b_ * hidden_) + l * b_ * hidden_;
  float* slopes = slopes_.of(l_ * b_ * hidden_) + l * b_ * hidden_;
  standardised_.of(l_ * b_ * d_);
  inverse_.of(l_ * b_);
  float* packed = packed_.of(
      std::max({hidden_ * padded(d_), d_ * padded(d_), d_ * padded(hidden_), d_ * padded(c_)}));
  float* bias = bias_.of(d_);
  // x W' added to `out`; W [outputs,inputs].
  const auto add_layer = [&](const float* in, std::int64_t inputs, const float* weight,
                             std::int64_t outputs, float* out) {
    const std::int64_t row = padded(outputs);
    k.transpose(weight, inputs, outputs, inputs, packed, row);
    k.product({.rows = b_,
               .columns = outputs,
               .depth = inputs,
               .a = in,
               .a_row = inputs,
               .b = packed,
               .b_row = row,
               .c = out,
               .c_row = outputs,
               .add = true});
  };
  // The first norm's weight and bias are folded into the values.
  const float* values = of(w.kv_weight, l) + d_ * d_;
  for (std::int64_t o = 0; o < d_; ++o)
    bias[o] = of(w.query, l)[o] + of(w.kv_bias, l)[d_ + o] +
              k.dot(values + o * d_, of(w.norm1_bias, l), d_);
  k.fill_rows(bias, b_, d_, x);
  k.transpose(values, d_, d_, d_, packed, padded(d_));
  for (std::int64_t i = 0; i < d_; ++i)
    k.scale(of(w.norm1_weight, l)[i], padded(d_), packed + i * padded(d_));
  for (std::int64_t h = 0; h < h_; ++h)
    k.product({.rows = b_,
               .columns = hd_,
               .depth = d_,
               .a = means_() + (l * h_ + h) * b_ * d_,
               .a_row = d_,
               .b = packed + h * hd_,
               .b_row = padded(d_),
               .c = x + h * hd_,
               .c_row = d_,
               .add = true});
  k.norm({.rows = b_,
          .width = d_,
          .weight = of(w.norm2_weight, l),
          .bias = of(w.norm2_bias, l),
          .standardised = standardised_() + l * b_ * d_,
          .inverse = inverse_() + l * b_},
         x, normed);
  std::fill_n(hidden, b_ * hidden_, 0.0F);
  add_layer(normed, d_, of(w.fc1_weight, l), hidden_, hidden);
  k.gelu(hidden, of(w.fc1_bias, l), b_, hidden_, slopes);
  for (std::int64_t b = 0; b < b_; ++b) k.add_scaled(1, of(w.fc2_bias, l), d_, x + b * d_);
  add_layer(hidden, hidden_, of(w.fc2_weight, l), d_, x);
  k.fill_rows(of(w.linear_bias, l), b_, c_, logits);
  add_layer(x, d_, of(w.linear_weight, l), c_, logits);
}

HeadWeights& FusedHead::gradients(const HeadWeights& weights, const at::Tensor& tokens,
                                  const at::Tensor& logits_gradient) {
  TensorRows rows(tokens);
  return gradients(weights, rows, logits_gradient);
}

HeadWeights& FusedHead::gradients(const HeadWeights& weights, TokenRows& tokens,
                                  const at::Tensor& logits_gradient) {
  const std::vector<bool> skipped = back_to_means(weights, logits_gradient);
  unattend(tokens, skipped);
  for (std::int64_t l = 0; l < l_; ++l) unpoint(weights, l);
  return gradients_;
}

at::Tensor FusedHead::means_gradient(const HeadWeights& weights,
                                     const at::Tensor& logits_gradient) {
  back_to_means(weights, logits_gradient);
  return at::from_blob(means_gradient_(), {l_ * h_, b_, d_}, at::kFloat).clone();
}

HeadWeights& FusedHead::gradients_of_directions(const HeadWeights& weights,
                                                const at::Tensor& directions_gradient) {
  const at::Tensor plain = directions_gradient.to(at::kFloat).contiguous();
  if (plain.numel() != l_ * h_ * d_) throw Error("fused head: a gradient of other directions");
  std::copy_n(plain.const_data_ptr<float>(), plain.numel(), directions_gradient_.of(plain.numel()));
  for (std::int64_t l = 0; l < l_; ++l) unpoint(weights, l);
  return gradients_;
}

HeadWeights& FusedHead::room_for_gradients(const HeadWeights& weights) {
  if (!gradients_.linear_weight.defined()) {
    gradients_ = weights;
    visit(gradients_, HeadKind::attentive, [](const std::string&, at::Tensor& tensor) {
      tensor = at::empty(tensor.sizes(), at::kFloat);
    });
  }
  return gradients_;
}

// To the gradient at the means, and those of all weights behind them. Which clips have no part.
std::vector<bool> FusedHead::back_to_means(const HeadWeights& weights,
                                           const at::Tensor& logits_gradient) {
  room_for_gradients(weights);
  const at::Tensor given = logits_gradient.contiguous();
  const at::Tensor parts = given.abs().amax(at::IntArrayRef{0, 2}).contiguous();
  std::vector<bool> skipped;
  for (std::int64_t b = 0; b < b_; ++b) skipped.push_back(parts.data_ptr<float>()[b] == 0);
  forget(skipped);
  const std::int64_t j = l_ * h_;
  means_gradient_.of(j * b_ * d_);
  for (std::int64_t l = 0; l < l_; ++l) {
    unclassify(weights, l, of(given, l));
    unmix(weights, l);
  }
  return skipped;
}

// Zeros in place of what was kept of clips without a part in the gradients: 0 * NaN is NaN.
void FusedHead::forget(const std::vector<bool>& skipped) {
  for (std::int64_t b = 0; b < b_; ++b) {
    if (!skipped[static_cast<std::size_t>(b)]) continue;
    for (std::int64_t i = 0; i < l_ * h_; ++i) std::fill_n(means_() + (i * b_ + b) * d_, d_, 0.0F);
    for (std::int64_t i = b; i < l_ * b_; i += b_) {
      inverse_()[i] = 0;
      for (const Room* room : {&state_, &standardised_, &normed_})
        std::fill_n((*room)() + i * d_, d_, 0.0F);
      for (const Room* room : {&hidden_values_, &slopes_})
        std::fill_n((*room)() + i * hidden_, hidden_, 0.0F);
    }
  }
}

// From the gradient at the logits to that at the state behind the cross attention.
void FusedHead::unclassify(const HeadWeights& w, std::int64_t l, const float* logits_gradient) {
  const Kernels& k = kernels();
  const std::int64_t at_d = l * b_ * d_, at_hidden = l * b_ * hidden_;
  float* dx = state_gradient_.of(b_ * d_);
  float* dh = hidden_gradient_.of(b_ * hidden_);
  float* dn = normed_gradient_.of(b_ * d_);
  // Of a layer with the gradient `out` [B,outputs] at its output: of its weight and bias, and at
  // its input.
  const auto unlayer = [&](const float* out, std::int64_t outputs, const float* in,
                           std::int64_t inputs, const at::Tensor& weight,
                           const at::Tensor& weight_gradient, const at::Tensor& bias_gradient,
                           float* in_gradient) {
    std::fill_n(of(bias_gradient, l), outputs, 0.0F);
    k.add_rows(out, b_, outputs, of(bias_gradient, l));
    k.product({.rows = outputs,
               .columns = inputs,
               .depth = b_,
               .a = out,
               .a_row = 1,
               .a_depth = outputs,
               .b = in,
               .b_row = inputs,
               .c = of(weight_gradient, l),
               .c_row = inputs});
    k.product({.rows = b_,
               .columns = inputs,
               .depth = outputs,
               .a = out,
               .a_row = outputs,
               .b = of(weight, l),
               .b_row = inputs,
               .c = in_gradient,
               .c_row = inputs});
  };
  HeadWeights& g = gradients_;
  unlayer(logits_gradient, c_, state_() + at_d, d_, w.linear_weight, g.linear_weight, g.linear_bias,
          dx);
  unlayer(dx, d_, hidden_values_() + at_hidden, hidden_, w.fc2_weight, g.fc2_weight, g.fc2_bias,
          dh);
  k.multiply(slopes_() + at_hidden, b_ * hidden_, dh);
  unlayer(dh, hidden_, normed_() + at_d, d_, w.fc1_weight, g.fc1_weight, g.fc1_bias, dn);
  std::fill_n(of(g.norm2_weight, l), d_, 0.0F);
  std::fill_n(of(g.norm2_bias, l), d_, 0.0F);
  k.norm_gradient({.rows = b_,
                   .width = d_,
                   .weight = of(w.norm2_weight, l),
                   .standardised = standardised_() + at_d,
                   .inverse = inverse_() + l * b_},
                  dn, dx, of(g.norm2_weight, l), of(g.norm2_bias, l));
}

// From there to the weighted means: values, the folded first norm, and the query as residual.
void FusedHead::unmix(const HeadWeights& w, std::int64_t l) {
  const Kernels& k = kernels();
  const float* dx = state_gradient_();
  const float* values = of(w.kv_weight, l) + d_ * d_;
  const float* norm_weight = of(w.norm1_weight, l);
  float* values_gradient = of(gradients_.kv_weight, l) + d_ * d_;
  float* bias_gradient = of(gradients_.kv_bias, l) + d_;
  float* norm_weight_gradient = of(gradients_.norm1_weight, l);
  std::fill_n(bias_gradient - d_, 2 * d_, 0.0F);  // a bias of the keys changes nothing
  k.add_rows(dx, b_, d_, bias_gradient);
  std::copy_n(bias_gradient, d_, of(gradients_.query, l));
  k.product({.rows = 1,
             .columns = d_,
             .depth = d_,
             .a = bias_gradient,
             .b = values,
             .b_row = d_,
             .c = of(gradients_.norm1_bias, l),
             .c_row = d_});
  for (std::int64_t h = 0; h < h_; ++h) {
    const std::int64_t at = (l * h_ + h) * b_ * d_;
    k.product({.rows = hd_,
               .columns = d_,
               .depth = b_,
               .a = dx + h * hd_,
               .a_row = 1,
               .a_depth = d_,
               .b = means_() + at,
               .b_row = d_,
               .c = values_gradient + h * hd_ * d_,
               .c_row = d_});
    k.product({.rows = b_,
               .columns = d_,
               .depth = hd_,
               .a = dx + h * hd_,
               .a_row = d_,
               .b = values + h * hd_ * d_,
               .b_row = d_,
               .c = means_gradient_() + at,
               .c_row = d_});
    for (std::int64_t b = 0; b < b_; ++b)
      k.multiply(norm_weight, d_, means_gradient_() + at + b * d_);
  }
  std::fill_n(norm_weight_gradient, d_, 0.0F);
  for (std::int64_t o = 0; o < d_; ++o) {
    float* row = values_gradient + o * d_;
    k.add_products(values + o * d_, row, d_, norm_weight_gradient);
    k.multiply(norm_weight, d_, row);
    k.add_scaled(bias_gradient[o], of(w.norm1_bias, l), d_, row);
  }
}

// From the weighted means to the directions: the softmax and the scores, clip by clip.
void FusedHead::unattend(TokenRows& tokens, const std::vector<bool>& skipped) {
  const Kernels& k = kernels();
  const std::int64_t j = l_ * h_;
  std::fill_n(directions_gradient_.of(j * d_), j * d_, 0.0F);
  if (n_ == 1) return;  // the weight of an only token is 1 whatever its score is
  float* gradient = scores_gradient_.of(j * block_);
  float* dots = dots_.of(j);
  for (std::int64_t b = 0; b < b_; ++b) {
    if (skipped[static_cast<std::size_t>(b)]) continue;
    // The mean over the tokens of the gradient at their weights.
    for (std::int64_t i = 0; i < j; ++i)
      dots[i] = k.dot(means_() + (i * b_ + b) * d_, means_gradient_() + (i * b_ + b) * d_, d_);
    for (std::int64_t block = 0; block < blocks_; ++block) {
      const std::int64_t count = std::min(block_, n_ - block * block_);
      const std::int64_t at = (b * blocks_ + block) * j;
      const float* x = tokens.rows(b, block * block_, count);
      k.transpose(x, d_, count, d_, transposed_(), block_);
      if (!keeps_scores_) score_again(b, block, count);
      const float* scores = scores_() + (keeps_scores_ ? at * block_ : 0);
      k.product({.rows = j,
                 .columns = padded(count),
                 .depth = d_,
                 .a = means_gradient_() + b * d_,
                 .a_row = b_ * d_,
                 .b = transposed_(),
                 .b_row = block_,
                 .c = gradient,
                 .c_row = block_});
      k.softmax_gradient(scores, block_scale_() + at, dots, gradient, j, block_, count);
      k.product({.rows = j,
                 .columns = d_,
                 .depth = count,
                 .a = gradient,
                 .a_row = block_,
                 .b = x,
                 .b_row = d_,
                 .c = directions_gradient_(),
                 .c_row = d_,
                 .add = true});
    }
  }
}

// From the directions to the query and the keys.
void FusedHead::unpoint(const HeadWeights& w, std::int64_t l) {
  const Kernels& k = kernels();
  const auto scale = static_cast<float>(1 / std::sqrt(static_cast<double>(hd_)));
  const float* q = queries_() + l * d_;
  float* query_gradient = of(gradients_.q_bias, l);
  for (std::int64_t h = 0; h < h_; ++h) {
    float* direction = directions_gradient_() + (l * h_ + h) * d_;
    k.scale(scale, d_, direction);
    k.add_products(keyed_() + (l * h_ + h) * d_, direction, d_, of(gradients_.norm1_weight, l));
    k.multiply(of(w.norm1_weight, l), d_, direction);  // now the gradient at keyed_
    for (std::int64_t i = h * hd_; i < (h + 1) * hd_; ++i)
      query_gradient[i] = k.dot(direction, of(w.kv_weight, l) + i * d_, d_);
    k.product({.rows = hd_,
               .columns = d_,
               .depth = 1,
               .a = q + h * hd_,
               .a_row = 1,
               .b = direction,
               .b_row = d_,
               .c = of(gradients_.kv_weight, l) + h * hd_ * d_,
               .c_row = d_});
  }
  k.product({.rows = d_,
             .columns = d_,
             .depth = 1,
             .a = query_gradient,
             .a_row = 1,
             .b = of(w.query, l),
             .b_row = d_,
             .c = of(gradients_.q_weight, l),
             .c_row = d_});
  k.product({.rows = 1,
             .columns = d_,
             .depth = d_,
             .a = query_gradient,
             .b = of(w.q_weight, l),
             .b_row = d_,
             .c = of(gradients_.query, l),
             .c_row = d_,
             .add = true});
}

}  // namespace permafrost
