// SPDX-License-Identifier: Apache-2.0
#include "models/cpu_block.h"

#include <torch/csrc/autograd/custom_function.h>
#include <torch/types.h>

namespace permafrost {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

// The order in which weights go in and gradients come out.
enum Weight {
  norm1,
  bias1,
  qkv,
  qkv_bias,
  proj,
  proj_bias,
  norm2,
  bias2,
  fc1,
  fc1_bias,
  fc2,
  fc2_bias,
  kWeights
};

// x W^T + b over rows; the bias after the product, see apply_linear.
at::Tensor product(const at::Tensor& rows, const at::Tensor& weight, const at::Tensor& bias) {
  return at::mm(rows, weight.t()).add_(bias);
}

struct Heads {
  at::Tensor q, k, v;  // [B,heads,N,D/heads] views; q of the tokens from `first` on
};

Heads heads_of(const at::Tensor& qkv, std::int64_t b, std::int64_t n, std::int64_t heads,
               std::int64_t first) {
  const auto parts = qkv.view({b, n, 3, heads, -1}).unbind(2);
  return {parts[0].slice(1, first, n).transpose(1, 2), parts[1].transpose(1, 2),
          parts[2].transpose(1, 2)};
}

// The rows of the tokens from `first` on, of all rows.
at::Tensor asked_rows(const at::Tensor& rows, std::int64_t b, std::int64_t n, std::int64_t first) {
  if (first == 0) return rows;
  return rows.view({b, n, -1}).slice(1, first, n).reshape({b * (n - first), -1});
}

class Block : public torch::autograd::Function<Block> {
 public:
  static at::Tensor forward(AutogradContext* ctx, const at::Tensor& x, at::TensorList w,
                            std::int64_t heads, double eps, std::int64_t first) {
    const auto b = x.size(0), n = x.size(1), d = x.size(2);
    const at::Tensor rows = x.reshape({b * n, d});
    const auto [seen, mean1, rstd1] = at::native_layer_norm(rows, {d}, w[norm1], w[bias1], eps);
    const at::Tensor qkv_rows = product(seen, w[qkv], w[qkv_bias]);
    const Heads h = heads_of(qkv_rows, b, n, heads, first);
    const auto [mixed, sums] =
        at::_scaled_dot_product_flash_attention_for_cpu(h.q, h.k, h.v, 0.0, false);
    const at::Tensor mixed_rows = mixed.transpose(1, 2).reshape({b * (n - first), d});
    const at::Tensor attended =
        product(mixed_rows, w[proj], w[proj_bias]).add_(asked_rows(rows, b, n, first));
    const auto [fed, mean2, rstd2] = at::native_layer_norm(attended, {d}, w[norm2], w[bias2], eps);
    const at::Tensor hidden = product(fed, w[fc1], w[fc1_bias]);
    const at::Tensor active = at::gelu(hidden);
    ctx->saved_data["sizes"] = std::vector<std::int64_t>{b, n, heads, first};
    variable_list saved(w.begin(), w.end());
    for (const auto& t : {rows, seen, mean1, rstd1, qkv_rows, mixed, sums, mixed_rows, attended,
                          fed, mean2, rstd2, hidden, active})
      saved.push_back(t);
    ctx->save_for_backward(saved);
    return product(active, w[fc2], w[fc2_bias]).add_(attended).view({b, n - first, d});
  }

  static variable_list backward(AutogradContext* ctx, const variable_list& output) {
    const auto sizes = ctx->saved_data["sizes"].toIntVector();
    const auto b = sizes[0], n = sizes[1], heads = sizes[2], first = sizes[3];
    const variable_list w = ctx->get_saved_variables();
    const at::Tensor* s = w.data() + kWeights;
    const at::Tensor &rows = s[0], &seen = s[1], &qkv_rows = s[4], &mixed = s[5], &attended = s[8],
                     &fed = s[9], &hidden = s[12];
    const auto d = rows.size(1);
    variable_list g(kWeights);
    const auto back = [&](const at::Tensor& gradient, Weight weight, const at::Tensor& input) {
      g[weight] = at::mm(gradient.t(), input);
      g[weight + 1] = gradient.sum(0);
      return at::mm(gradient, w[weight]);
    };
    const at::Tensor out = output[0].reshape({b * (n - first), d});
    const at::Tensor to_hidden = at::gelu_backward(back(out, fc2, s[13]), hidden);
    at::Tensor residual;
    std::tie(residual, g[norm2], g[bias2]) =
        at::native_layer_norm_backward(back(to_hidden, fc1, fed), attended, {d}, s[10], s[11],
                                       w[norm2], w[bias2], {true, true, true});
    residual.add_(out);
    const at::Tensor to_mixed =
        back(residual, proj, s[7]).view({b, n - first, heads, -1}).transpose(1, 2);
    const Heads h = heads_of(qkv_rows, b, n, heads, first);
    const auto [q, k, v] = at::_scaled_dot_product_flash_attention_for_cpu_backward(
        to_mixed, h.q, h.k, h.v, mixed, s[6], 0.0, false);
    at::Tensor to_qkv = at::empty_like(qkv_rows);
    const auto parts = to_qkv.view({b, n, 3, heads, -1}).unbind(2);
    if (first > 0) parts[0].slice(1, 0, first).zero_();
    parts[0].slice(1, first, n).copy_(q.transpose(1, 2));
    parts[1].copy_(k.transpose(1, 2));
    parts[2].copy_(v.transpose(1, 2));
    at::Tensor to_x;
    std::tie(to_x, g[norm1], g[bias1]) = at::native_layer_norm_backward(
        back(to_qkv, qkv, seen), rows, {d}, s[2], s[3], w[norm1], w[bias1], {true, true, true});
    to_x = to_x.view({b, n, d});
    to_x.slice(1, first, n).add_(residual.view({b, n - first, d}));
    variable_list gradients{to_x};
    gradients.insert(gradients.end(), g.begin(), g.end());
    gradients.resize(gradients.size() + 3);  // none for heads, eps and first
    return gradients;
  }
};

}  // namespace

bool suits_cpu_block(const BlockWeights& weights, const at::Tensor& x, const BlockSpec& spec) {
  return x.is_cpu() && x.scalar_type() == at::kFloat && at::GradMode::is_enabled() &&
         weights.qkv.weight.requires_grad() && weights.qkv.weight.scalar_type() == at::kFloat &&
         weights.qkv.bias.defined() && spec.ffn == Ffn::gelu && !weights.scale1.defined() &&
         !weights.scale2.defined();
}

at::Tensor block_on_cpu(const BlockWeights& weights, const at::Tensor& x, const BlockSpec& spec,
                        std::int64_t first) {
  const auto& [n1, n2, qkv_, proj_, fc1_, fc2_, s1, s2] = weights;
  const variable_list all{n1.weight, n1.bias, qkv_.weight, qkv_.bias, proj_.weight, proj_.bias,
                          n2.weight, n2.bias, fc1_.weight, fc1_.bias, fc2_.weight,  fc2_.bias};
  // As a TensorList: autograd does not look into vectors.
  return Block::apply(x, at::TensorList(all), std::int64_t{spec.heads}, spec.eps, first);
}

}  // namespace permafrost
